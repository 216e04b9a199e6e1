"""Automation files: what they say, and what is refused in one line."""

import json

import mido
import pytest
from control_toys import chain, values

from rtspec.control.automation import read_automation
from rtspec.control.mapping import Assignment, MidiMap
from rtspec.control.midi.messages import Control
from rtspec.errors import InvalidValue


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def told(automation):
    return [(change.time_s, change.parameter.name, change.value) for change in automation.changes]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "time_s,name,value\n0.5, morph ,0.75\n\n0.25,3-mix-toy/mix,0.5\n"),
        ("a.csv", "\ufeff0.5,morph,0.75\r\n0.25,3-mix-toy/mix,5e-1\r\n"),
        ("a.json", '[{"time_s": 0.5, "name": "morph", "value": 0.75}, [0.25, "3-mix-toy/mix", 0.5]]'),
        ("a.json", '[{"time": 0.5, "name": "timbre-toy/morph", "value": 0.75}, [0.25, "mix-toy/mix", 0.5]]'),
    ],
)
def test_changes_are_read_in_the_order_of_time(tmp_path, name, content):
    toys = chain()
    before = values(toys)
    found = read_automation(written(tmp_path, name, content), toys)
    assert told(found) == [(0.25, "mix", 0.5), (0.5, "morph", 0.75)]
    assert found.changes[0].parameter is toys[2].parameters["mix"]
    assert values(toys) == before


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.csv", "0.5,morph,2\n", "a.csv: line 1: morph=2.0 must be a number from 0 to 1"),
        ("a.csv", "time_s,name,value\n0.5,loud,2\n", "a.csv: line 2: 'loud' is no parameter of this chain"),
        ("a.csv", "-1,morph,0\n", r"line 1: time_s=-1.0 must be a number from 0 to 1e\+06"),
        ("a.csv", "soon,morph,0\n", "line 1: time_s='soon' must be a number"),
        ("a.csv", "1,morph,nan\n", "line 1: value=nan must be a number"),
        ("a.csv", "1,morph\n", "line 1: entry=.* must be a time, a name and a value"),
        ("a.csv", b"1,morph,\xff\n", "a.csv is damaged"),
        ("a.json", "{}", "a.json: content={} must be a JSON list"),
        ("a.json", "[[1, 2, 3]]", "entry 1: name=2 must be 1 to 200 printable characters"),
        ("a.json", '[{"name": "mix", "value": 0}]', "entry 1: time_s=None must be a number"),
        ("a.json", '[{"time_s": 1, "name": "mix", "valu": 0}]', "entry 1: field='valu' is not known"),
        ("a.json", "[7]", "entry 1: entry=.* must be a time, a name and a value"),
        ("a.json", "[[1, ", "a.json is damaged"),
        ("a.mid", "MThd nonsense", "a.mid is no MIDI file, or damaged"),
        ("a.txt", "1,mix,0", r"a.txt must end in one of .csv, .json, .mid, .midi"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line_that_names_the_place(tmp_path, name, content, match):
    with pytest.raises(InvalidValue, match=match) as refused:
        read_automation(written(tmp_path, name, content), chain())
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named():
    with pytest.raises(InvalidValue, match=r"nowhere\.csv' cannot be read: No such file"):
        read_automation("nowhere.csv", chain())


def midi_file(tmp_path, messages):
    """`messages` are (beats since the one before, message), at 120 beats a minute, then 60 from beat 2 on."""
    found = mido.MidiFile(ticks_per_beat=480)
    track, tempo = mido.MidiTrack(), mido.MidiTrack()
    track += [message.copy(time=round(480 * beats)) for beats, message in messages]
    tempo += [mido.MetaMessage("set_tempo", tempo=500000), mido.MetaMessage("set_tempo", tempo=1000000, time=960)]
    found.tracks += [tempo, track]
    found.save(tmp_path / "a.mid")
    return tmp_path / "a.mid"


def cc(number, value):
    return mido.Message("control_change", control=number, value=value)


def test_a_midi_file_moves_parameters_through_the_map_at_its_tempo(tmp_path):
    toys = chain()
    before = values(toys)
    note = mido.Message("note_on", note=60, velocity=100)
    path = midi_file(tmp_path, [(1, cc(1, 127)), (1, note), (1, cc(1, 0))])
    found = read_automation(path, toys)
    assert told(found) == [(0.5, "morph", 1.0), (2.0, "morph", 0.0)]
    assert [(time_s, message.type) for time_s, message in found.messages][1] == (1.0, "note_on")
    assert values(toys) == before


def test_soft_take_over_in_a_midi_file_waits_until_it_has_met_the_value(tmp_path):
    toys = chain()
    midi_map = MidiMap(toys, [Assignment("morph", Control("cc", 1), take_over=True)])
    path = midi_file(tmp_path, [(1, cc(1, 127)), (0, cc(1, 100)), (0, cc(1, 20)), (0, cc(1, 60))])
    found = read_automation(path, toys, midi_map)
    assert [round(127 * value) for _, _, value in told(found)] == [20, 60]
    assert toys[0].parameters["morph"].value == 0.25


def test_random_bytes_raise_nothing_but_one_line(tmp_path):
    import random

    rng = random.Random(1)
    good = {
        "a.csv": b"time_s,name,value\n0.5,morph,0.75\n",
        "a.json": json.dumps([[0.25, "mix", 0.5]]).encode(),
        "a.mid": midi_file(tmp_path, [(1, cc(1, 3))]).read_bytes(),
    }
    for i in range(600):
        name = list(good)[i % 3]
        data = bytearray(good[name])
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            read_automation(written(tmp_path, name, bytes(data)), chain())
        except InvalidValue as error:
            assert "\n" not in str(error)
