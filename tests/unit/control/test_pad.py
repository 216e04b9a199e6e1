"""The XY pad, by hand, by MIDI and by OSC."""

import threading

import mido
import pytest
from control_toys import chain, values
from pythonosc.osc_message_builder import OscMessageBuilder

from rtspec.control.directory import Directory
from rtspec.control.mapping import MidiMap
from rtspec.control.morph import Morph
from rtspec.control.osc.server import OscServer
from rtspec.control.pad import PLACE, Pad
from rtspec.control.presets import capture
from rtspec.errors import InvalidValue


def corner(toys, name, morph, cutoff_hz):
    toys[0].parameters["morph"].value, toys[0].parameters["cutoff_hz"].value = morph, cutoff_hz
    return capture(toys, name)


@pytest.fixture
def toys():
    return chain()


@pytest.fixture
def pad(toys):
    made = Pad(toys)
    made.set_corners(
        [corner(toys, n, m, c) for n, m, c in (("A", 0, 20), ("B", 1, 20), ("C", 0, 2000), ("D", 1, 2000))]
    )
    return made


def test_the_pad_moves_nothing_until_it_is_moved(toys, pad):
    assert toys[0].parameters["morph"].value == 1 and pad.corners == ("A", "B", "C", "D")
    pad["x"].value = 0.0
    assert toys[0].parameters["morph"].value == 0 and toys[0].parameters["cutoff_hz"].value == 20


def test_the_pad_moves_along_each_parameters_curve(toys, pad):
    pad["x"].value, pad["y"].value = 0.25, 0.5
    assert toys[0].parameters["morph"].value == pytest.approx(0.25)
    assert toys[0].parameters["cutoff_hz"].value == pytest.approx(200)


def test_with_two_presets_y_is_free(toys, pad):
    pad.set_corners([corner(toys, "A", 0, 20), corner(toys, "B", 1, 20)])
    pad["y"].value = 1.0
    pad["x"].value = 0.5
    assert toys[0].parameters["morph"].value == 0.5
    with pytest.raises(InvalidValue, match="3 presets cannot be morphed; give 2, or 4 for an XY pad"):
        pad.set_corners([corner(toys, n, 0, 20) for n in "ABC"])


def test_midi_and_osc_reach_the_pad(toys, pad):
    directory = Directory(toys, {PLACE: pad})
    midi_map = MidiMap(directory)
    midi_map.feed(mido.Message("control_change", control=12, value=127))
    assert toys[0].parameters["morph"].value == 1
    with OscServer(directory, port=0) as server:
        builder = OscMessageBuilder(address="/rtspec/pad/x")
        builder.add_arg(0.5)
        server.receive(builder.build().dgram, ("127.0.0.1", 9))
    assert toys[0].parameters["morph"].value == 0.5


def test_presets_leave_the_pad_out(toys, pad):
    directory = Directory(toys, {PLACE: pad})
    assert "pad/x" in directory and "pad/x" not in capture(directory, "now").values
    assert list(values(toys)) == [a for a in directory if not a.startswith(PLACE)]


def test_a_chain_without_processors_has_its_pad():
    assert list(Directory([], {PLACE: Pad([])})) == ["pad/x", "pad/y"]


def test_the_chain_is_where_the_pad_is_whoever_moved_it_last(toys, pad, monkeypatch):
    """One hand has looked where the pad is, and the other moves it before the chain is moved."""
    pad["x"].value, pad["y"].value = 0.0, 0.0
    move, others = Morph.move, []

    def slow(self, x, y=0.0):
        if not others:
            others.append(threading.Thread(target=lambda: setattr(pad["y"], "value", 1.0)))
            others[0].start()
            others[0].join(0.3)
        move(self, x, y)

    monkeypatch.setattr(Morph, "move", slow)
    pad["x"].value = 1.0
    others[0].join(10)
    assert (pad["x"].value, pad["y"].value) == (1.0, 1.0)
    assert toys[0].parameters["morph"].value == 1 and toys[0].parameters["cutoff_hz"].value == 2000
