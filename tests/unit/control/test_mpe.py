"""MPE zones: what an instrument hears that knows channels and bend ranges alone."""

import random

import mido
import pytest

from rtspec.control.midi.messages import MidiParser
from rtspec.control.midi.mpe import MpeZones


def cc(channel, control, value):
    return mido.Message("control_change", channel=channel - 1, control=control, value=value)


def rpn(channel, number, value):
    return [cc(channel, 101, 0), cc(channel, 100, number), cc(channel, 6, value)]


def bend(channel, pitch):
    return mido.Message("pitchwheel", channel=channel - 1, pitch=pitch)


class Ear:
    """An instrument of plain channels: the bend of each in semitones, by RPN 0 and bends alone, and what else came."""

    def __init__(self, *zones):
        self.zones, self.others = MpeZones(), []
        self.range, self.bend, self.parameter = [2.0] * 17, [0.0] * 17, [0x3FFF] * 17
        for channel, count in zones:
            self.hear(*rpn(channel, 6, count))

    def hear(self, *messages):
        for message in (made for m in messages for made in self.zones.feed(m)):
            c = message.channel + 1
            if message.type == "pitchwheel":
                self.bend[c] = message.pitch / (8192 if message.pitch < 0 else 8191)
            elif message.type == "control_change" and message.control in (100, 101):
                shift = 7 * (message.control == 101)
                self.parameter[c] = self.parameter[c] & ~(127 << shift) | message.value << shift
            elif message.type == "control_change" and message.control == 6 and self.parameter[c] == 0:
                self.range[c] = float(min(message.value, 96))
            else:
                self.others.append(message)

    def semitones(self, channel):
        return self.bend[channel] * self.range[channel]


def test_without_a_zone_everything_passes_as_it_came():
    zones = MpeZones()
    sent = [bend(3, 100), cc(1, 64, 127), mido.Message("aftertouch", value=3), *rpn(2, 0, 12), mido.Message("clock")]
    assert [made for message in sent for made in zones.feed(message)] == sent


def test_a_members_bend_is_48_semitones_and_the_masters_2_and_they_add_up():
    ear = Ear((1, 5))
    assert ear.zones.members == {1: [2, 3, 4, 5, 6]}
    ear.hear(bend(2, 4096))
    assert ear.semitones(2) == pytest.approx(24, abs=0.01) and ear.semitones(3) == 0
    ear.hear(bend(1, 8191))
    assert ear.semitones(1) == pytest.approx(2) and ear.semitones(7) == 0
    assert ear.semitones(2) == pytest.approx(26, abs=0.01) and ear.semitones(3) == pytest.approx(2, abs=0.01)
    ear.hear(bend(2, -8192))
    assert ear.semitones(2) == pytest.approx(-46, abs=0.01)


def test_a_range_set_on_one_member_is_that_of_all():
    ear = Ear((1, 3))
    ear.hear(bend(3, 8191), *rpn(2, 0, 24), *rpn(1, 0, 12), bend(1, -8192))
    assert ear.semitones(3) == pytest.approx(12, abs=0.01) and ear.semitones(2) == pytest.approx(-12, abs=0.01)


def test_pressure_brightness_and_pedal_of_the_master_reach_every_member():
    ear = Ear((16, 2))
    assert ear.zones.members == {16: [15, 14]}
    ear.others.clear()
    ear.hear(cc(16, 74, 9), mido.Message("aftertouch", channel=15, value=5), cc(14, 74, 3), cc(16, 123, 0))
    assert [(m.channel + 1, m.type, getattr(m, "control", None)) for m in ear.others] == [
        *((c, "control_change", 74) for c in (16, 15, 14)),
        *((c, "aftertouch", None) for c in (16, 15, 14)),
        (14, "control_change", 74),
        *((c, "control_change", 123) for c in (16, 15, 14)),
    ]


@pytest.mark.parametrize("number", [1, 2, 5, 7, 10, 11, 32, 64, 65, 66, 67, 72, 73, 75, 91, 93, 120, 121, 123])
def test_whatever_means_something_to_every_channel_reaches_the_members_from_the_master(number):
    ear = Ear((1, 3))
    ear.others.clear()
    ear.hear(cc(1, number, 100), cc(2, number, 5), mido.Message("program_change", program=19))
    told = [(m.channel + 1, m.type) for m in ear.others if m.type == "program_change" or m.control == number]
    assert told == [*((c, "control_change") for c in (1, 2, 3, 4, 2)), *((c, "program_change") for c in (1, 2, 3, 4))]


def test_a_knob_of_the_players_own_and_parameters_stay_with_the_master():
    ear = Ear((1, 3))
    ear.others.clear()
    ear.hear(cc(1, 21, 100), *rpn(1, 1, 70))
    assert {m.channel for m in ear.others} == {0}


def test_cents_and_steps_of_a_members_range_are_heard():
    ear = Ear((1, 3))
    ear.hear(*rpn(2, 0, 12), cc(2, 38, 50), *(cc(3, n, 0) for n in (101, 100)), cc(3, 96, 0), bend(4, 8191))
    assert ear.semitones(4) == pytest.approx(12.51, abs=0.01)


def test_controllers_at_rest_leave_a_member_where_its_master_bends_it():
    ear = Ear((1, 3))
    ear.hear(bend(2, 8191), bend(1, -8192), cc(2, 121, 0), bend(3, 0))
    assert ear.semitones(2) == pytest.approx(-2, abs=0.01)
    ear.hear(cc(1, 121, 0), bend(3, 0))
    assert ear.semitones(2) == ear.semitones(3) == 0


def test_a_zone_of_no_members_takes_no_channels():
    ear = Ear((1, 15), (16, 0))
    assert ear.zones.members == {1: list(range(2, 17))}
    ear.hear(*rpn(3, 0, 24), *rpn(16, 6, 0), bend(16, 8191))
    assert ear.semitones(16) == pytest.approx(24, abs=0.01)


def test_a_zone_leaves_the_ranges_of_the_other_alone():
    ear = Ear((1, 5), (16, 5))
    ear.hear(*rpn(2, 0, 24), *rpn(16, 6, 3), bend(3, 8191))
    assert ear.semitones(3) == pytest.approx(24, abs=0.01)


def test_data_bytes_go_where_they_were_going_before_the_instrument_was_told_a_range():
    ear = Ear((1, 3))
    ear.hear(*(cc(2, n, v) for n, v in ((101, 0), (100, 2))), *rpn(3, 0, 12), cc(2, 6, 70))
    assert ear.parameter[2] == 2 and ear.range[2] == 14


def test_notes_keep_their_channels():
    ear = Ear((1, 15))
    notes = [mido.Message("note_on", channel=c, note=60 + c, velocity=99) for c in range(16)]
    ear.others.clear()
    ear.hear(*notes)
    assert ear.others == notes


def test_of_two_zones_that_overlap_the_newer_one_takes_the_channels():
    ear = Ear((1, 10), (16, 8))
    assert ear.zones.members == {1: [2, 3, 4, 5, 6, 7], 16: [15, 14, 13, 12, 11, 10, 9, 8]}
    ear.hear(*rpn(1, 6, 15))
    assert ear.zones.members == {1: list(range(2, 17))}
    ear.hear(*rpn(1, 6, 0), bend(2, 8191))
    assert ear.zones.members == {} and ear.semitones(2) == pytest.approx(2)


def test_other_parameters_and_unregistered_ones_set_up_nothing():
    ear = Ear()
    ear.hear(cc(1, 99, 0), cc(1, 98, 6), cc(1, 6, 5), *rpn(2, 6, 5), *rpn(1, 1, 5))
    assert ear.zones.members == {}


def test_a_reset_ends_all_zones():
    zones = MpeZones()
    for message in rpn(1, 6, 4):
        zones.feed(message)
    assert zones.feed(mido.Message("reset")) == [mido.Message("reset")] and zones.members == {}


def test_random_messages_raise_nothing_and_bends_stay_in_range():
    rng, parser, ear = random.Random(3), MidiParser(), Ear((1, 7))
    numbers = [0, 1, 2, 6, 6, 6, 12, 48, 64, 74, 96, 98, 100, 100, 101, 101, 123, 127]
    for _ in range(20_000):
        data = [rng.choice([0xB0, 0xBF, 0xE0, 0xD0, 0x90]) | rng.choice([0, 0, 1, 2, 15]), *rng.choices(numbers, k=2)]
        ear.hear(*parser.feed(data))
    assert all(abs(ear.semitones(c)) <= 96 for c in range(1, 17))
    members = [c for found in ear.zones.members.values() for c in found]
    assert len(members) == len(set(members)) and not set(members) & set(ear.zones.members)
