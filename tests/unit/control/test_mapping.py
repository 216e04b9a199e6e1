"""MIDI maps: what moves what, how far, taking over softly, learning, and files that are doubted."""

import json
import os
import threading
from math import log10

import mido
import pytest
from control_toys import MixToyProcessor, Native, TimbreToy, chain, in_range, values

import rtspec
from rtspec.control.controlled import Controlled
from rtspec.control.mapping import Assignment, Control, MidiMap, read_assignments
from rtspec.control.midi.messages import MidiEvent
from rtspec.control.parameters import ParameterSpec, ParameterTable
from rtspec.errors import InvalidValue


def cc(number, value, channel=0):
    return mido.Message("control_change", control=number, value=value, channel=channel)


def nrpn(high, low, value):
    return [cc(99, high), cc(98, low), cc(6, value >> 7), cc(38, value & 127)]


def assigned(midi_map):
    return {str(a.control): a.parameter for a in midi_map}


def test_defaults_are_the_usual_controls_and_only_what_the_chain_has():
    assert assigned(MidiMap(chain())) == {
        "cc 1": "1-timbre-toy/morph",
        "cc 7": "3-mix-toy/output_db",
        "cc 16": "1-timbre-toy/latent_1",
        "cc 21": "1-timbre-toy/cutoff_hz",
        "cc 64": "1-timbre-toy/freeze",
    }
    assert assigned(MidiMap([Native()])) == {}


def test_a_controllers_travel_covers_the_parameters_range_along_its_curve():
    toys = chain()
    midi_map = MidiMap(toys)
    cutoff = toys[0].parameters["cutoff_hz"]
    found = [midi_map.feed(cc(21, value)) and cutoff.value for value in (0, 127, 64)]
    assert found == [20, 20000, pytest.approx(20 * 1000 ** (64 / 127))]
    midi_map.feed(MidiEvent(0.0, cc(64, 63)))
    assert toys[0].parameters["freeze"].value == 0
    midi_map.feed(MidiEvent(0.0, cc(64, 64)))
    assert toys[0].parameters["freeze"].value == 1


def test_a_real_processor_is_moved():
    board = rtspec.Pedalboard([rtspec.SpectralInversion()])
    board[0].output_db = 12
    assert MidiMap(board).feed(cc(7, 127)) == 1
    assert board[0].output_db == 0
    MidiMap(board).feed(cc(7, 64))
    assert board[0].output_db == pytest.approx(40 * log10(64 / 127))


def test_an_instrument_reads_its_controllers_itself_and_no_map_takes_them_for_something_else():
    synth = rtspec.TimbreSynth("organ")
    midi_map = MidiMap([synth, rtspec.SpectralInversion()])
    before = values([synth])
    moved = [midi_map.feed(cc(n, v)) for n in (1, 5, 7, 11, 64, 65, 66, 67, 72, 73, 74, 75) for v in (0, 127)]
    assert not any(moved) and values([synth]) == before


def test_a_default_asks_for_a_role_and_a_name_that_only_sounds_like_one_is_left_alone():
    class Toy(Controlled):
        parameters = ParameterTable(
            [
                ParameterSpec("sustain", "", 0.0, 1.0, 0.5, role="envelope.sustain"),
                ParameterSpec("anything", "", 0.0, 1.0, 0.5, role="timbre.morph"),
            ]
        )

    assert assigned(MidiMap(Toy())) == {"cc 1": "1-toy/anything"}


def test_an_assignment_has_its_own_range_curve_and_channel():
    toy = TimbreToy()
    midi_map = MidiMap(toy, [Assignment("morph", Control("cc", 5), channel=3, minimum=0.8, maximum=0.2)])
    assert midi_map.feed(cc(5, 127)) == 0 and toy.parameters["morph"].value == 0.25
    assert midi_map.feed(cc(5, 127, channel=2)) == 1 and toy.parameters["morph"].value == 0.2
    midi_map.feed(cc(5, 0, channel=2))
    assert toy.parameters["morph"].value == 0.8


def test_14_bits_resolve_finer_than_7():
    toy = TimbreToy()
    midi_map = MidiMap(toy, [Assignment("morph", Control("cc14", 2))])
    for message in (cc(2, 64), cc(34, 1)):
        midi_map.feed(message)
    assert toy.parameters["morph"].value == (64 * 128 + 1) / 16383


def test_bend_pressure_and_keys_move_too():
    toy = TimbreToy()
    kinds = [Assignment("latent_1", Control("bend")), Assignment("mix", Control("pressure"))]
    midi_map = MidiMap(toy, [*kinds, Assignment("freeze", Control("note", 36), curve="switch")])
    midi_map.feed(mido.Message("pitchwheel", pitch=0))
    midi_map.feed(mido.Message("aftertouch", value=0))
    midi_map.feed(mido.Message("note_on", note=36, velocity=100))
    assert (toy.parameters["latent_1"].value, toy.parameters["mix"].value, toy.parameters["freeze"].value) == (0, 0, 1)


def test_soft_take_over_waits_until_the_knob_meets_the_value():
    toy = TimbreToy()
    morph = toy.parameters["morph"]
    midi_map = MidiMap(toy, [Assignment("morph", Control("cc", 1), take_over=True)])
    assert [midi_map.feed(cc(1, v)) for v in (127, 100, 60)] == [0, 0, 0] and morph.value == 0.25
    assert midi_map.feed(cc(1, 30)) == 1 and morph.value == 30 / 127, "passed it"
    assert midi_map.feed(cc(1, 90)) == 1 and morph.value == 90 / 127, "and has it"
    morph.value = 0.1
    assert midi_map.feed(cc(1, 91)) == 0 and morph.value == 0.1, "somebody else moved it"
    assert midi_map.feed(cc(1, 13)) == 1 and morph.value == 13 / 127


def test_without_take_over_the_knob_has_the_value_at_once():
    toy = TimbreToy()
    assert MidiMap(toy).feed(cc(1, 127)) == 1 and toy.parameters["morph"].value == 1


def test_a_map_follows_an_edited_chain_and_does_nothing_for_what_is_gone():
    toys = chain()
    midi_map = MidiMap(toys)
    toys.insert(0, Native())
    assert midi_map.feed(cc(1, 127)) == 1 and toys[1].parameters["morph"].value == 1
    del toys[1]
    assert midi_map.feed(cc(1, 0)) == 0


# Learning -------------------------------------------------------------------------------------------------------------


def learnt(messages, **options):
    midi_map = MidiMap(TimbreToy(), [])
    learning = midi_map.learn("morph", **options)
    for message in messages:
        midi_map.feed(message)
    return learning.wait(0), midi_map


@pytest.mark.parametrize(
    "messages, control",
    [
        ([cc(20, 10), cc(20, 11), cc(20, 30)], "cc 20"),
        ([cc(20, 127), cc(20, 0)], "cc 20"),
        ([cc(1, 3), cc(33, 5), cc(1, 9)], "cc14 1"),
        ([cc(1, 3), cc(33, 5), cc(1, 3), cc(33, 90)], "cc14 1"),
        ([cc(40, 3), cc(40, 100)], "cc 40"),
        ([mido.Message("pitchwheel", pitch=0), mido.Message("pitchwheel", pitch=3000)], "bend"),
        ([mido.Message("note_on", note=40, velocity=1)], "note 40"),
        ([cc(7, 50), cc(7, 51), cc(20, 0), cc(20, 90)], "cc 20"),
        ([cc(21, 1), cc(21, 1), cc(21, 1), cc(21, 127)], "rel-twos 21"),
        ([cc(21, 127)] * 6, "rel-twos 21"),
        ([cc(21, 65), cc(21, 63), cc(21, 65)], "rel-offset 21"),
        ([cc(21, 66), cc(21, 66), cc(21, 61)], "rel-offset 21"),
        ([cc(21, 1), cc(21, 2), cc(21, 2), cc(21, 65)], "rel-sign 21"),
        ([cc(21, v) for v in (1, 2, 3, 4, 5, 6)], "cc 21"),
        ([cc(21, v) for v in (66, 65, 64, 63, 62, 61)], "cc 21"),
        ([x for v in (5000, 6000) for x in nrpn(1, 5, v)], "nrpn 133"),
        ([mido.Message("note_on", note=104), *(cc(21, v) for v in range(30, 40))], "cc 21"),
        ([mido.Message("note_on", note=40), mido.Message("note_off", note=40)], "note 40"),
        (
            [*(cc(n, v) for n in (0, 6, 38, 98, 99, 100, 101, 121, 123) for v in (0, 127)), cc(20, 0), cc(20, 9)],
            "cc 20",
        ),
    ],
)
def test_the_control_that_moves_is_learnt_and_one_that_trembles_is_not(messages, control):
    assignment, midi_map = learnt(messages)
    assert assignment is not None and str(assignment.control) == control
    assert list(midi_map) == [assignment]


def test_learning_replaces_what_moved_the_parameter_and_moves_nothing_meanwhile():
    toy = TimbreToy()
    midi_map = MidiMap(toy)
    learning = midi_map.learn(toy.parameters["morph"], maximum=0.5, take_over=True)
    midi_map.feed(cc(16, 0))
    assert toy.parameters["latent_1"].value == 0, "it is not moved"
    threading.Timer(0.05, lambda: [midi_map.feed(cc(89, v)) for v in (0, 127)]).start()
    assignment = learning.wait(10)
    assert assignment == Assignment("1-timbre-toy/morph", Control("cc", 89), maximum=0.5, take_over=True)
    assert assigned(midi_map)["cc 89"] == "1-timbre-toy/morph" and "cc 1" not in assigned(midi_map)


def test_learning_can_listen_to_one_channel_and_be_cancelled():
    assert learnt([cc(20, 0), cc(20, 127)], channel=2)[0] is None
    midi_map = MidiMap(TimbreToy())
    learning = midi_map.learn("morph")
    midi_map.cancel()
    assert midi_map.feed(cc(1, 5)) == 1 and learning.wait(0) is None


def test_what_cannot_be_learnt_is_refused_at_once():
    midi_map = MidiMap(TimbreToy())
    with pytest.raises(InvalidValue, match="'gain' is no parameter of this chain"):
        midi_map.learn("gain")
    with pytest.raises(InvalidValue, match="morph=7 must be a number from 0 to 1"):
        midi_map.learn("morph", maximum=7)
    with pytest.raises(InvalidValue, match="curve='log' must run between values above 0"):
        midi_map.learn("output_db", curve="log")
    with pytest.raises(InvalidValue, match="speed must be of channel"):
        midi_map.learn("morph", speed=3)


@pytest.mark.parametrize(
    "kind, up, down", [("rel-twos", 1, 127), ("rel-offset", 65, 63), ("rel-sign", 1, 65), ("rel-twos", 5, 123)]
)
def test_an_endless_knob_moves_on_from_where_the_parameter_is(kind, up, down):
    toy = TimbreToy()
    morph, midi_map = toy.parameters["morph"], MidiMap(toy, [Assignment("morph", Control(kind, 21))])
    morph.value = 0.5
    step = (up if kind != "rel-offset" else up - 64) / 128
    found = [midi_map.feed(cc(21, v)) and morph.value for v in (up, up, down)]
    assert found == pytest.approx([0.5 + step, 0.5 + 2 * step, 0.5 + step])
    for _ in range(200):
        midi_map.feed(cc(21, down))
    assert morph.value == 0.0


def test_an_nrpn_knob_moves_by_its_number_alone_and_a_registered_parameter_moves_nothing():
    toy = TimbreToy()
    morph = toy.parameters["morph"]
    midi_map = MidiMap(toy, [Assignment("morph", Control("nrpn", 133)), Assignment("latent_1", Control("cc", 6))])
    for message in nrpn(1, 5, 16383):
        midi_map.feed(message)
    assert morph.value == 1.0
    for message in (*nrpn(1, 6, 0), cc(101, 0), cc(100, 0), cc(6, 2), cc(38, 0)):
        midi_map.feed(message)
    assert morph.value == 1.0 and toy.parameters["latent_1"].value == 0.0


# Files ----------------------------------------------------------------------------------------------------------------


def test_a_saved_map_comes_back_the_same(tmp_path):
    toys = chain()
    midi_map = MidiMap(toys)
    midi_map.add(Assignment("mix", Control("cc14", 3), 16, 0.25, 0.75, "exp", True))
    midi_map.save(tmp_path / "a.json")
    other = MidiMap(toys, [])
    other.load(tmp_path / "a.json")
    assert list(other) == list(midi_map)
    assert '"control": "cc14 3"' in (tmp_path / "a.json").read_text()


def entry(**changes):
    good = {"parameter": "morph", "control": "cc 1", "minimum": 0.0, "maximum": 1.0, "curve": "linear"}
    return {"rtspec": "MIDI map", "format": 1, "assignments": [{**good, **changes}]}


@pytest.mark.parametrize(
    "text, why",
    [
        ("", "is damaged"),
        (json.dumps(entry())[:-20], "is damaged"),
        ("[" * 100_000, "is damaged: nested too deep"),
        ("[]", 'is no MIDI map: it has no "rtspec"'),
        (json.dumps({"rtspec": "preset", "format": 1}), "is no MIDI map"),
        (json.dumps({**entry(), "format": 2}), "format=2 is newer than this rtspec reads"),
        (json.dumps({**entry(), "format": True}), "format=True must be a whole number"),
        (json.dumps({**entry(), "assignments": {}}), "assignments={} must be a JSON list"),
        (json.dumps({**entry(), "assignments": [3]}), "assignment 1: entry=3 must be a JSON object"),
        (json.dumps(entry(minimum="x")), "minimum='x' must be a number"),
        (json.dumps(entry(minimum=True)), "minimum=True must be a number"),
        (json.dumps(entry(minimum=-5.0)), "morph=-5.0 must be a number from 0 to 1"),
        (json.dumps(entry()).replace("0.0", "NaN"), "is damaged: NaN is no number"),
        (json.dumps(entry()).replace("0.0", "1e999"), "minimum=inf must be a number"),
        (json.dumps(entry()).replace("0.0", "1" + 400 * "0"), "must be a number from"),
        (json.dumps(entry()).replace("0.0", "1" + 5000 * "0"), "is damaged"),
        (
            json.dumps(entry(control="cc 999")),
            "control cc: number=999 must be a whole number from 0 to 127",
        ),
        (json.dumps(entry(control=["cc"])), r"control=\['cc'\] must be 1 to 200 printable"),
        (json.dumps(entry(channel=0)), "channel=0 must be a whole number from 1 to 16"),
        (json.dumps(entry(curve="wavy")), "curve='wavy' is not known; choose one of linear"),
        (json.dumps(entry(curve={})), "curve={} is not known"),
        (json.dumps(entry(take_over=1)), "take_over=1 must be true or false"),
        (json.dumps(entry(parameter="a\nb")), "parameter='a.*nb' must be"),
        (json.dumps(entry(shell="rm")), "field='shell' is not known"),
        (" " * (1 << 20) + "{}", "has more than 1048576 bytes"),
    ],
)
def test_a_hostile_file_is_refused_in_one_line_and_changes_nothing(tmp_path, text, why):
    path = tmp_path / "map.json"
    path.write_text(text)
    toys = chain()
    midi_map, before = MidiMap(toys), values(toys)
    kept = list(midi_map)
    with pytest.raises(InvalidValue, match=why) as caught:
        midi_map.load(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert list(midi_map) == kept and values(toys) == before and in_range(toys)


def test_files_that_are_not_there_or_no_text_are_refused(tmp_path):
    with pytest.raises(InvalidValue, match="cannot be read: No such file"):
        read_assignments(tmp_path / "none.json")
    with pytest.raises(InvalidValue, match="cannot be read"):
        read_assignments("a\0b")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidValue, match=r"b\.json is damaged"):
        read_assignments(tmp_path / "b.json")


def test_a_failed_save_leaves_the_old_file_whole(tmp_path, monkeypatch):
    midi_map = MidiMap([MixToyProcessor()])
    path = tmp_path / "map.json"
    midi_map.save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InvalidValue, match=r"cannot be written: No space left on device"):
        midi_map.save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["map.json"]


def test_each_press_of_a_button_that_springs_back_goes_to_the_other_end():
    toy = MixToyProcessor()
    midi_map = MidiMap(toy, [Assignment("mix", Control("cc", 21), minimum=0.25, maximum=0.75, toggle=True)])
    found = []
    for value in (127, 0, 127, 0, 100, 127, 10):
        midi_map.feed(cc(21, value))
        found.append(toy.parameters["mix"].value)
    assert found == [0.25, 0.25, 0.75, 0.75, 0.25, 0.25, 0.25]


def test_a_toggle_counts_presses_whose_change_is_still_on_its_way():
    toy = MixToyProcessor()
    midi_map, asked = MidiMap(toy, [Assignment("mix", Control("cc", 21), toggle=True)]), []
    midi_map.write = lambda parameter, value, time_s: asked.append(value)
    for value in (127, 0, 127, 0, 127, 0):
        midi_map.feed(cc(21, value))
    assert asked == [0.0, 1.0, 0.0]


def test_a_toggle_is_kept_in_a_file(tmp_path):
    toy = MixToyProcessor()
    midi_map = MidiMap(toy, [Assignment("mix", Control("cc", 21), toggle=True)])
    midi_map.save(tmp_path / "map.json")
    assert read_assignments(tmp_path / "map.json")[0].toggle
    (tmp_path / "bad.json").write_text((tmp_path / "map.json").read_text().replace("true", "1"))
    with pytest.raises(InvalidValue, match="toggle"):
        read_assignments(tmp_path / "bad.json")
