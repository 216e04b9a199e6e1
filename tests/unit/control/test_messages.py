"""Bytes to messages to motions: running status, 14 bits, pedals, clock; nonsense is counted."""

import mido
import pytest

from rtspec.control.midi.messages import Control, HeldNotes, MidiClock, MidiEvent, MidiParser, MotionReader
from rtspec.errors import InvalidValue


def on(note, velocity=64, channel=0):
    return mido.Message("note_on", note=note, velocity=velocity, channel=channel)


def cc(number, value, channel=0):
    return mido.Message("control_change", control=number, value=value, channel=channel)


EVERY_KIND = [
    on(60),
    mido.Message("note_off", note=60, velocity=3),
    cc(7, 100, 3),
    mido.Message("polytouch", note=60, value=9),
    mido.Message("aftertouch", value=77),
    mido.Message("program_change", program=5),
    mido.Message("pitchwheel", pitch=-8192),
    mido.Message("sysex", data=(1, 2, 3)),
    mido.Message("quarter_frame", frame_type=1, frame_value=2),
    mido.Message("songpos", pos=300),
    mido.Message("song_select", song=4),
    mido.Message("tune_request"),
    *(mido.Message(kind) for kind in ("clock", "start", "continue", "stop", "active_sensing", "reset")),
]


def test_every_kind_of_message_comes_through_whole_and_one_byte_at_a_time():
    data = [byte for message in EVERY_KIND for byte in message.bytes()]
    assert MidiParser().feed(data) == EVERY_KIND
    parser = MidiParser()
    assert [m for byte in data for m in parser.feed([byte])] == EVERY_KIND
    assert parser.garbage == 0


def test_running_status_goes_on_until_another_status():
    parser = MidiParser()
    assert parser.feed([0x90, 60, 64, 62, 65, 0x80, 60, 0, 62, 0]) == [
        on(60, 64),
        on(62, 65),
        *(mido.Message("note_off", note=n, velocity=0) for n in (60, 62)),
    ]
    assert parser.garbage == 0


def test_running_status_holds_over_calls_that_bring_whole_messages():
    parser = MidiParser()
    assert parser.feed_message([0xB0, 1, 2]) == [cc(1, 2)]
    assert parser.feed_message([1, 3]) == [cc(1, 3)]


def test_real_time_bytes_inside_a_message_leave_it_whole():
    parser = MidiParser()
    assert parser.feed([0x90, 0xF8, 60, 0xFA, 64]) == [mido.Message("clock"), mido.Message("start"), on(60, 64)]
    assert parser.feed([0xF0, 1, 0xF8, 2, 0xF7]) == [mido.Message("clock"), mido.Message("sysex", data=(1, 2))]


@pytest.mark.parametrize(
    "data, garbage", [([1, 2, 3], 3), ([0xF7], 1), ([0xF4, 5], 2), ([0x90, 60], 1), ([0xF0, 1, 2], 3), ([300, -1], 2)]
)
def test_what_makes_no_message_is_counted(data, garbage):
    parser = MidiParser()
    assert parser.feed_message(data) == []
    assert parser.garbage == garbage
    assert parser.feed_message(on(60).bytes()) == [on(60)], "the next message is heard"


def test_a_cut_message_does_not_leak_into_the_next_call():
    parser = MidiParser()
    parser.feed_message([0x90, 60])
    assert parser.feed_message([0xB0, 1, 2]) == [cc(1, 2)]


# Motions --------------------------------------------------------------------------------------------------------------


def positions(messages, control):
    reader = MotionReader()
    return [m.position for message in messages for m in reader.read(message) if m.control == Control.parse(control)]


def test_each_control_runs_from_0_to_1():
    assert positions([cc(74, 0), cc(74, 127)], "cc 74") == [0, 1]
    bends = [mido.Message("pitchwheel", pitch=p) for p in (-8192, 0, 8191)]
    assert positions(bends, "bend") == [0, 0.5, 1]
    assert positions([mido.Message("aftertouch", value=127)], "pressure") == [1]
    assert positions([mido.Message("polytouch", note=61, value=127)], "poly 61") == [1]
    assert positions([on(36, 127), on(36, 0), mido.Message("note_off", note=36, velocity=90)], "note 36") == [1, 0, 0]


def test_two_halves_make_14_bits_without_going_back_between_them():
    found = positions([cc(1, 0), cc(33, 127), cc(1, 1), cc(33, 0), cc(1, 127), cc(33, 127)], "cc14 1")
    assert found == [0, 127 / 16383, 128 / 16383, 1]


def test_a_controller_without_a_fine_half_still_moves_as_cc14():
    assert positions([cc(1, 0), cc(1, 127)], "cc14 1") == [0, 1]


def test_halves_of_different_channels_are_not_mixed():
    assert positions([cc(1, 64, channel=0), cc(33, 127, channel=1)], "cc14 1") == [64 / 127]


@pytest.mark.parametrize("text", ["cc 0", "cc 127", "cc14 31", "note 60", "poly 1", "bend", "pressure"])
def test_controls_are_read_as_they_are_written(text):
    assert str(Control.parse(text)) == text


@pytest.mark.parametrize(
    "text, why",
    [
        ("knob 1", "'knob' is not known; choose one of cc"),
        ("cc 128", "128 must be a whole number from 0 to 127"),
        ("cc14 32", "from 0 to 31"),
        ("cc", "needs a number"),
        ("cc -1", "needs a number"),
        ("cc 1.5", "needs a number"),
        ("cc 99999999999999999999", "needs a number"),
        ("bend 1", "has no number"),
        ("", "is not known"),
    ],
)
def test_what_is_no_control_is_refused(text, why):
    with pytest.raises(InvalidValue, match=why):
        Control.parse(text)


# Notes and clock ------------------------------------------------------------------------------------------------------


def held(*messages):
    notes = HeldNotes()
    for message in messages:
        notes.feed(message)
    return list(notes.sounding)


def test_a_key_sounds_until_it_is_released_or_struck_with_velocity_0():
    assert held(on(60), on(62), mido.Message("note_off", note=60)) == [(1, 62)]
    assert held(on(60), on(60, 0)) == []


def test_the_pedal_holds_what_is_released_and_nothing_that_is_down_stops_with_it():
    down, up = cc(64, 127), cc(64, 0)
    assert held(on(60), down, on(60, 0)) == [(1, 60)]
    assert held(on(60), on(62), down, on(60, 0), up) == [(1, 62)]
    assert held(down, on(60), on(60, 0), on(60), up) == [(1, 60)], "struck again and still down"
    assert held(on(60, channel=1), cc(64, 127), on(60, 0, channel=1)) == [], "the pedal of another channel"


def test_all_notes_off_waits_for_the_pedal_and_all_sound_off_does_not():
    assert held(on(60), on(62, channel=1), cc(123, 0)) == [(2, 62)]
    assert held(on(60), cc(64, 127), cc(123, 0)) == [(1, 60)]
    assert held(on(60), cc(64, 127), cc(123, 0), cc(64, 0)) == []
    assert held(on(60), cc(64, 127), cc(120, 0)) == []
    assert held(on(60), cc(64, 127), on(60, 0), cc(121, 0)) == []
    assert held(on(60), mido.Message("reset")) == []


def test_the_clock_says_tempo_and_place():
    clock = MidiClock()
    assert clock.tempo_bpm is None
    clock.feed(MidiEvent(0.0, mido.Message("start")))
    for tick in range(49):
        clock.feed(MidiEvent(tick * 60 / 120 / 24, mido.Message("clock")))
    assert clock.tempo_bpm == pytest.approx(120)
    assert clock.beats == 49 / 24 and clock.running
    clock.feed(MidiEvent(2.0, mido.Message("stop")))
    clock.feed(MidiEvent(2.1, mido.Message("clock")))
    assert clock.beats == 49 / 24 and not clock.running
    clock.feed(MidiEvent(2.2, mido.Message("songpos", pos=8)))
    assert clock.beats == 2
