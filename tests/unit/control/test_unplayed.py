"""What an instrument leaves alone of a MIDI stream is said, once a kind, and nothing else is."""

import mido
import pytest

import rtspec
from rtspec.control.directory import Directory
from rtspec.control.mapping import Assignment, MidiMap
from rtspec.control.midi.messages import Control
from rtspec.control.midi.unplayed import Unplayed


@pytest.fixture(scope="module")
def synth():
    return rtspec.TimbreSynth("organ")


def control(number, value, channel=0):
    return mido.Message("control_change", channel=channel, control=number, value=value)


def said(synth, messages, *moved):
    unplayed = Unplayed([synth], *moved)
    return [line for message in messages if (line := unplayed.feed(message)) is not None]


def registered(high, low, *data):
    return [control(101, high), control(100, low), *(control(n, 10) for n in data)]


def other(high, low, *data):
    return [control(99, high), control(98, low), *(control(n, 10) for n in data)]


@pytest.mark.parametrize(
    "messages, word",
    [
        ([mido.Message("note_on", channel=9, note=36, velocity=90)], "channel 10"),
        ([control(91, 40), control(93, 40)], "effect sends"),
        ([control(10, 0)], "pan"),
        ([control(84, 60)], "portamento control"),
        ([control(126, 1)], "mono mode"),
        (registered(0, 5, 6), "RPN"),
        (registered(0x3D, 3, 6, 38), "RPN"),
        (other(1, 8, 6), "NRPN"),
        (other(1, 8, 96), "NRPN"),
    ],
)
def test_what_is_not_played_is_said_once(synth, messages, word):
    lines = said(synth, [*messages, *messages])
    assert len(lines) == 1 and word in lines[0]


@pytest.mark.parametrize(
    "messages",
    [
        [control(6, 10), control(38, 0)],
        [m for number in (0, 1, 2, 6) for m in registered(0, number, 6)],
        registered(127, 127, 6),
        other(127, 127, 6),
        registered(0, 5),
        [*other(1, 8), *registered(0, 0, 6, 38, 96, 97)],
        [control(n, 1) for n in (0, 1, 2, 5, 7, 11, 32, 64, 65, 66, 67, 72, 73, 74, 75, 120, 121, 123, 127)],
    ],
)
def test_what_is_played_or_means_nothing_is_not_said(synth, messages):
    assert said(synth, messages) == []


def test_another_channels_parameter_is_its_own(synth):
    other_channel = [message.copy(channel=3) for message in registered(0, 5)]
    assert said(synth, [*registered(0, 0), *other_channel, control(6, 12)]) == []


def test_a_learnt_parameter_is_not_ignored(synth):
    learnt = MidiMap(Directory([synth]), [Assignment("z1", Control("nrpn", 1 << 7 | 8))])
    assert said(synth, other(1, 8, 6), learnt.moves) == []
    assert len(said(synth, other(1, 9, 6), learnt.moves)) == 1
