"""What a stream is asked for beside pedalboard's words comes in a few groups that never change."""

import inspect
import re
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pedalboard
import pytest

import rtspec
from rtspec.cli import main
from rtspec.errors import InvalidType, InvalidValue
from rtspec.live.options import GROUPS

VIRTUAL, SILENCE = rtspec.Devices(virtual=True), np.zeros((1, 480), np.float32)


def test_the_first_words_are_pedalboards_and_the_rest_are_groups():
    theirs = re.search(r"\(self[^,]*, (.*?)\) -> None", pedalboard.io.AudioStream.__init__.__doc__ or "", re.DOTALL)
    assert theirs is not None
    words = re.findall(r"(\w+):", theirs[1])
    ours = list(inspect.signature(rtspec.AudioStream).parameters)
    assert ours[: len(words)] == words
    assert ours[len(words) :] == ["source", "sensor", *GROUPS, "report"]


@pytest.mark.parametrize("group", [*GROUPS.values(), rtspec.Loop])
def test_a_group_is_frozen_and_says_what_each_word_means(group):
    made = group("a.wav") if group is rtspec.Loop else group()
    for field in fields(group):
        assert re.search(
            rf"^    (\w+, )*{field.name}\b.* : ", (inspect.getdoc(group) or "").replace("\n", "\n    "), re.MULTILINE
        )
        with pytest.raises(FrozenInstanceError):
            setattr(made, field.name, None)


@pytest.mark.parametrize(("name", "wrong"), [("devices", "USB"), ("control", {"midi": 0}), ("recording", "take.wav")])
def test_another_thing_in_place_of_a_group_is_refused_with_what_to_write(name, wrong):
    kind = f"rtspec.{GROUPS[name].__name__}"
    with pytest.raises(InvalidType, match=re.escape(f"{name}={wrong!r} must be {kind}; write {name}={kind}(...)")):
        rtspec.AudioStream(plugins=[], **{"devices": VIRTUAL, name: wrong})


def test_a_looped_source_does_not_end():
    sound = np.full((1, 480), 0.25, np.float32)
    with rtspec.AudioStream(plugins=[], source=rtspec.Loop(sound), devices=VIRTUAL) as playing:
        assert not playing.wait(0.3)
        assert playing.channels == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            {"input_device_name": "mic", "source": SILENCE, "devices": rtspec.Devices()},
            "'mic' is not heard beside source",
        ),
        (
            {"source": SILENCE, "devices": rtspec.Devices(input_channels=2)},
            "input_channels=2 is not heard beside source, which plays in place of the input; leave one out",
        ),
        (
            {"source": SILENCE, "num_input_channels": 1, "devices": rtspec.Devices()},
            "num_input_channels=1 is not heard beside source, which plays in place of the input; leave one out",
        ),
        (
            {"input_device_name": False, "devices": rtspec.Devices(input_channels=2)},
            "input_channels=2 is not heard beside input_device_name=False, which opens no input; leave one out",
        ),
        (
            {"num_output_channels": 2, "devices": rtspec.Devices(output_channels=[3, 4])},
            "num_output_channels=2 does nothing beside output_channels, which are chosen one by one; leave one out",
        ),
        ({"control": rtspec.Control(midi_map="m.json")}, "midi_map='m.json' does nothing without a MIDI port or the"),
        ({"control": rtspec.Control(osc_port=0, midi_timed=False)}, "midi_timed=False does nothing without a MIDI"),
        ({"control": rtspec.Control(presets="mine")}, "presets='mine' does nothing without what chooses presets"),
        ({"input_device_name": 0}, "input_device_name=0 does nothing on the virtual device"),
        ({"output_device_name": "USB"}, "output_device_name='USB' does nothing on the virtual device"),
        ({"devices": rtspec.Devices(virtual=True, output_channels="3,4")}, "output_channels='3,4' does nothing on"),
        ({"control": rtspec.Control(osc_host="0.0.0.0")}, "osc_host='0.0.0.0' does nothing without osc_port"),
        ({"recording": rtspec.Recording(overwrite=True)}, "overwrite=True does nothing without a path"),
    ],
)
def test_a_word_that_would_do_nothing_is_refused(words, told):
    with pytest.raises(InvalidValue, match=re.escape(told)):
        rtspec.AudioStream(plugins=[], **{"devices": VIRTUAL, **words})


def test_a_sensor_that_nothing_hears_is_told_once_and_not_where_something_listens():
    for plugins, n_lines in (([rtspec.Equalizer()], 1), ([rtspec.SceneEqualizer()], 0)):
        stream = rtspec.AudioStream(plugins=plugins, source=SILENCE, sensor=SILENCE, devices=VIRTUAL)
        assert sum("the sensor is not heard" in line for line in stream.reports) == n_lines
        stream.stop()


def test_the_commands_help_has_the_same_groups(capsys):
    with pytest.raises(SystemExit):
        main(["live", "--help"])
    titles = re.findall(r"^(\w[\w ]*):$", capsys.readouterr().out, re.MULTILINE)
    assert [title for title in titles if title in GROUPS] == ["devices", "control", "recording"]
