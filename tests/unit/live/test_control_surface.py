"""What comes in from controllers reaches parameters, presets and instruments of a stream, each in its own way."""

import sys
import time

import mido
import pytest
from control_toys import chain
from pythonosc.osc_message_builder import OscMessageBuilder

from rtspec.control.controlled import Controlled
from rtspec.control.midi.messages import MidiEvent
from rtspec.control.modulation import Matrix
from rtspec.control.presets import capture
from rtspec.errors import InvalidValue
from rtspec.live.controllers import SWITCH_S, Controllers
from rtspec.live.options import Control


class Keyboard(Controlled):
    """A plugin that is played."""

    accepts_midi = True
    parameters = None


class MpeKeyboard(Keyboard):
    @property
    def reads_zones(self):
        return True


class Stream:
    """Keeps what a stream would be told; `room` says whether its queue has any."""

    def __init__(self, room=True):
        self.room, self.moved, self.played = room, [], []

    def set(self, parameter, value, time_s=None):
        self.moved.append((parameter.name, value, time_s))
        return self.room

    def send(self, message, time_s=None, processor=None):
        self.played.append((message, time_s, processor))
        return True

    def control(self, message, time_s=None):
        """For modulation, of which there is none here."""


@pytest.fixture
def told():
    return []


class Toys(list):
    """A chain that has routes, as a board has."""

    def __init__(self, plugins):
        super().__init__(plugins)
        self.modulation = Matrix(self)


@pytest.fixture
def toys():
    return Toys([*chain(), Keyboard()])


@pytest.fixture
def stream():
    return Stream()


@pytest.fixture
def make(toys, stream, told, tmp_path):
    made = []

    def opened(**options):
        made.append(Controllers(toys, stream, Control(osc_port=0, presets=tmp_path, **options), told.append))
        made[-1].open()
        return made[-1]

    yield opened
    for controllers in made:
        controllers.close()


def cc(number, value, channel=1):
    return mido.Message("control_change", channel=channel - 1, control=number, value=value)


def mapped(controllers):
    """Listen as a MIDI input would, without a port."""
    from rtspec.control.mapping import MidiMap

    controllers.midi_map = MidiMap(controllers.directory)
    controllers.midi_map.write = controllers._write
    return controllers


def until(condition):
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    assert condition()


def osc(controllers, address, *arguments):
    """What is answered to a message."""
    sent, server = [], controllers.osc
    server._send = lambda to, where, found: sent.append((where, *found))
    builder = OscMessageBuilder(address=address)
    for argument in arguments:
        builder.add_arg(argument)
    server.receive(builder.build().dgram, ("127.0.0.1", 9))
    return sent


def test_a_controller_moves_its_parameter_at_its_time(make, stream, toys):
    mapped(make()).feed(MidiEvent(12.5, cc(1, 127)))
    assert stream.moved == [("morph", 1.0, 12.5)]
    assert toys[0].parameters["morph"].value == 0.25  # the engine will store it


def test_untimed_or_without_room_a_controller_moves_its_parameter_at_once(make, stream, toys):
    stream.room = False
    mapped(make()).feed(MidiEvent(12.5, cc(1, 127)))
    assert toys[0].parameters["morph"].value == 1.0
    mapped(make(midi_timed=False)).feed(MidiEvent(13.0, cc(1, 0)))
    assert toys[0].parameters["morph"].value == 0.0 and len(stream.moved) == 1


def test_notes_go_to_instruments_with_their_time(make, stream, toys):
    note = mido.Message("note_on", note=60, velocity=90)
    make().feed(MidiEvent(3.0, note))
    assert stream.played == [(note, 3.0, toys[-1])]


def test_only_instruments_that_read_mpe_themselves_get_it_raw(make, stream, toys):
    toys.append(MpeKeyboard())
    controllers = make()
    for message in (cc(101, 0), cc(100, 6), cc(6, 2), mido.Message("pitchwheel", channel=0, pitch=8191)):
        controllers.feed(MidiEvent(0.0, message))
    raw = [message for message, _, plugin in stream.played if plugin is toys[-1]]
    plain = [message for message, _, plugin in stream.played if plugin is toys[-2]]
    assert len(raw) == 4 and raw[-1].pitch == 8191
    assert [m.channel for m in plain if m.type == "pitchwheel"][-3:] == [0, 1, 2]


def test_what_a_vanished_port_held_is_let_go_on_every_channel(make, stream):
    make().silence()
    let_go = {(m.channel, m.control) for m, time_s, _ in stream.played if m.value == 0 and time_s is None}
    assert let_go == {(channel, control) for channel in range(16) for control in (64, 66, 123)}


def test_a_program_change_loads_the_preset_of_that_program_and_can_be_undone(make, toys, told):
    controllers = make()
    toys[0].parameters["morph"].value = 0.75
    controllers.bank.save("Bright", program=5)
    toys[0].parameters["morph"].value = 0.0
    controllers.feed(MidiEvent(0.0, mido.Message("program_change", program=5)))
    until(lambda: told[-1:] == ["preset 'Bright'"])
    assert toys[0].parameters["morph"].value == 0.75
    controllers.history.undo()
    assert toys[0].parameters["morph"].value == 0.0
    controllers.feed(MidiEvent(0.0, mido.Message("program_change", program=6)))
    until(lambda: told[-1] == "no preset has MIDI program 6; save one with it")


def test_factory_presets_have_programs_from_100(make, toys, told):
    controllers = make()
    controllers.feed(MidiEvent(0.0, mido.Message("program_change", program=101)))
    until(lambda: told[-1:] == ["preset 'Dry'"])
    assert toys[0].parameters["mix"].value == 0.0


def test_a_damaged_preset_is_told_in_one_line_and_changes_nothing(make, toys, told, tmp_path):
    controllers = make()
    controllers.bank.save("Bad", program=7)
    path = tmp_path / "Bad.json"
    path.write_text(path.read_text().replace("0.25", "1e300"))
    controllers.feed(MidiEvent(0.0, mido.Message("program_change", program=7)))
    until(lambda: "no preset has MIDI program 7" in told[-1])
    assert "must be a number" in osc(controllers, "/rtspec/preset", "Bad")[0][1]
    assert toys[0].parameters["morph"].value == 0.25


def test_osc_lists_loads_and_takes_back_presets(make, toys):
    controllers = make()
    controllers.bank.save("Mine", program=3)
    listed = osc(controllers, "/rtspec/preset/list")
    assert listed[0] == ("/rtspec/preset/name", "Mine", 3) and ("/rtspec/preset/name", "Dry", 101) in listed
    assert listed[-1] == ("/rtspec/preset/end", len(listed) - 1)
    assert osc(controllers, "/rtspec/preset", "Dry") == [] and toys[0].parameters["mix"].value == 0.0
    assert osc(controllers, "/rtspec/undo") == [("/rtspec/undo", 1)] and toys[0].parameters["mix"].value == 1.0
    assert osc(controllers, "/rtspec/redo") == [("/rtspec/redo", 1)] and toys[0].parameters["mix"].value == 0.0
    assert osc(controllers, "/rtspec/redo") == [("/rtspec/redo", 0)]


@pytest.mark.parametrize("pressed, released", [(1.0, 0.0), (1, 0), (True, False), (127.0, 0.0)])
def test_a_button_that_tells_its_release_too_acts_once(make, toys, pressed, released):
    controllers, moves = make(), []
    toys[0].parameters["mix"].value = 0.5
    for value in (0.4, 0.3):
        controllers.history.remember()
        toys[0].parameters["mix"].value = value
    for sent in (pressed, released):
        osc(controllers, "/rtspec/undo", sent)
        moves.append(toys[0].parameters["mix"].value)
    assert moves == [0.4, 0.4]
    for sent in (pressed, released):
        osc(controllers, "/rtspec/preset/Dry", sent)
        moves.append(toys[0].parameters["mix"].value)
        toys[0].parameters["mix"].value = 0.25
    assert moves[2:] == [0.0, 0.25]


@pytest.mark.parametrize("address", ["/rtspec/pad", "/rtspec/pad/xy"])
def test_one_message_of_two_numbers_moves_both_axes_of_the_pad(make, toys, address):
    controllers = make()
    for name, mix, morph in (("a", 0.0, 0.0), ("b", 1.0, 0.0), ("c", 0.0, 1.0), ("d", 1.0, 1.0)):
        toys[0].parameters["mix"].value, toys[0].parameters["morph"].value = mix, morph
        controllers.bank.save(name)
    osc(controllers, "/rtspec/pad/corners", "a", "b", "c", "d")
    assert osc(controllers, address, 0.25, 0.75) == []
    assert (controllers.pad["x"].value, controllers.pad["y"].value) == (0.25, 0.75)
    assert toys[0].parameters["mix"].value == pytest.approx(0.25)
    assert toys[0].parameters["morph"].value == pytest.approx(0.75)
    assert osc(controllers, address, 0.1, 0.2, 0.3)[0][0] == "/rtspec/error"


def test_osc_keeps_snapshots(make, toys):
    controllers = make()
    osc(controllers, "/rtspec/snapshot", "here")
    toys[0].parameters["morph"].value = 1.0
    osc(controllers, "/rtspec/recall", "here")
    assert toys[0].parameters["morph"].value == 0.25


def test_osc_sets_the_pads_corners_and_moves_it(make, toys):
    controllers = make()
    assert osc(controllers, "/rtspec/pad/corners", "Default", "Dry") == [("/rtspec/pad/corners", "Default", "Dry")]
    osc(controllers, "/rtspec/pad/x", 0.25)
    assert toys[0].parameters["mix"].value == 0.75
    mapped(controllers).feed(MidiEvent(0.0, cc(12, 127)))
    assert toys[0].parameters["mix"].value == 0.0


@pytest.mark.parametrize(
    ("address", "arguments"),
    [
        ("preset", ()),
        ("preset", (3,)),
        ("preset", ("no such",)),
        ("preset", ("../../etc/passwd",)),
        ("preset", ("Dry", "Default")),
        ("pad/corners", ("Dry",)),
        ("pad/corners", ("Dry", 1.0)),
        ("snapshot", (1,)),
        ("recall", ("nothing",)),
    ],
)
def test_what_osc_gets_wrong_is_answered_with_a_line(make, address, arguments):
    controllers = make()
    ((where, line),) = osc(controllers, f"/rtspec/{address}", *arguments)
    assert where == "/rtspec/error" and line and "\n" not in line
    assert controllers.osc.failures == 0


def test_corners_can_be_given_and_wrong_ones_are_told_before_anything_opens(make, toys):
    assert make(pad=["Default", "Dry"]).pad.corners == ("Default", "Dry")
    with pytest.raises(InvalidValue, match="'nothing' is no preset; choose one of"):
        make(pad=["nothing", "Dry"])


def test_the_tempo_of_a_midi_clock_reaches_a_parameter_of_that_name(make, toys):
    from rtspec.control.parameters import ParameterSpec, ParameterTable

    toys[0].parameters = ParameterTable([ParameterSpec("tempo_bpm", "1/min", 20.0, 300.0, 100.0)])
    controllers = make()
    controllers.feed(MidiEvent(0.0, mido.Message("start")))
    for tick in range(49):
        controllers.feed(MidiEvent(tick * 60 / 24 / 140, mido.Message("clock")))
    assert toys[0].parameters["tempo_bpm"].value == pytest.approx(140)
    assert capture(toys, "now").values["1-timbre-toy/tempo_bpm"] == pytest.approx(140)


def test_threads_take_turns_fast_as_long_as_any_controllers_are_open(make):
    before = sys.getswitchinterval()
    first, second = make(), make()
    first.close()
    first.close()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_S) and before > SWITCH_S
    second.close()
    assert sys.getswitchinterval() == pytest.approx(before)
