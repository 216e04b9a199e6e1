"""Presets: what is saved comes back, what is hostile is refused whole, morphs meet their corners, undo undoes."""

import json
import os
from pathlib import Path

import mido
import pytest
from control_toys import MixToyProcessor, Native, TimbreToy, chain, in_range, values

import rtspec
from rtspec.control import bank
from rtspec.control.bank import Bank, read_preset, write_preset
from rtspec.control.documents import read_document, write_document
from rtspec.control.factory import factory_presets
from rtspec.control.history import History
from rtspec.control.morph import Morph
from rtspec.control.parameters import ParameterTable
from rtspec.control.presets import Preset, apply, capture
from rtspec.errors import InvalidValue


def shifted(toys):
    """The chain with other values than its defaults."""
    for i, table in enumerate(t.parameters for t in toys if hasattr(t, "parameters")):
        for parameter in table.values():
            parameter.raw_value = 0.3 + 0.1 * i
    return toys


def test_what_is_captured_written_read_and_applied_is_the_same_to_the_bit(tmp_path):
    preset = capture(shifted(chain()), "My Sound", program=5)
    write_preset(tmp_path / "a.json", preset)
    again = read_preset(tmp_path / "a.json")
    assert again == preset
    fresh = chain()
    assert apply(fresh, again) == []
    assert values(fresh) == values(shifted(chain())) == preset.values


def test_a_text_of_bytes_that_are_no_utf8_comes_back_as_it_was(tmp_path):
    path = tmp_path / "p\udce9.json"
    write_document(path, "preset", {"name": "é \udce9"})
    assert read_document(path, "preset")["name"] == "é \udce9"


def test_a_single_processor_has_presets_too():
    processor = rtspec.SpectralInversion(mix=0.25)
    preset = capture(processor, "quarter")
    assert preset.values["1-spectral-inversion/mix"] == 0.25
    other = rtspec.SpectralInversion()
    apply(rtspec.Pedalboard([other]), preset)
    assert other.mix == 0.25


def test_a_preset_of_another_chain_sets_what_fits_and_says_what_does_not():
    preset = capture(shifted(chain()), "a")
    lone = [MixToyProcessor()]
    missing = apply(lone, preset)
    assert lone[0].parameters["mix"].value == pytest.approx(0.4)
    assert "1-timbre-toy/morph" in missing and len(missing) == 6


def test_a_preset_with_one_wrong_value_changes_nothing():
    toys = chain()
    before = values(toys)
    preset = Preset("bad", (("1-timbre-toy", {"morph": 0.9, "mix": 7.0}),))
    with pytest.raises(InvalidValue, match=r"mix=7\.0 must be a number from 0 to 1"):
        apply(toys, preset)
    assert values(toys) == before


def test_factory_presets_fit_every_chain():
    toys = shifted(chain())
    found = {preset.name: preset for preset in factory_presets(toys)}
    assert list(found) == ["Default", "Dry", "Half"]
    assert apply(toys, found["Default"]) == [] and values(toys) == values(chain())
    apply(toys, found["Dry"])
    assert toys[0].parameters["mix"].value == toys[2].parameters["mix"].value == 0
    real = rtspec.Pedalboard([rtspec.SpectralInversion()])
    for preset in factory_presets(real):
        assert apply(real, preset) == []
    assert "Sketch in the background" in [preset.name for preset in factory_presets(real)]


# Hostile files --------------------------------------------------------------------------------------------------------


def document(**changes):
    good = {"name": "a", "program": 1, "processors": [{"processor": "1-timbre-toy", "parameters": {"morph": 0.5}}]}
    return json.dumps({"rtspec": "preset", "format": 1, **good, **changes})


def parameters(**values):
    return document(processors=[{"processor": "1-timbre-toy", "parameters": values}])


@pytest.mark.parametrize(
    "text, why",
    [
        ("", "is damaged"),
        (document()[:-9], "is damaged"),
        ('{"a":' * 50_000, "is damaged: nested too deep"),
        ("3", "is no preset"),
        (document(rtspec="MIDI map"), "is no preset"),
        (document(format=99), "format=99 is newer than this rtspec reads"),
        (document(format="1"), "format='1' must be a whole number"),
        (document(name="../../etc/passwd"), "name='../../etc/passwd' must be able to name a file"),
        (document(name=".hidden"), "must be able to name a file"),
        (document(name="a\0b"), "must be 1 to 64 printable characters"),
        (document(name=["a"]), "must be 1 to 64 printable characters"),
        (document(name="x" * 65), "must be 1 to 64 printable characters"),
        (document(program=128), "program=128 must be a whole number from 0 to 127"),
        (document(program=1.0), "program=1.0 must be a whole number"),
        (document(processors={}), "processors={} must be a JSON list"),
        (document(processors=[1] * 300), "of at most 256 entries"),
        (document(processors=[[]]), r"processor 1: entry=\[\] must be a JSON object"),
        (document(processors=[{"processor": "a"}]), "parameters=None must be a JSON object"),
        (document(processors=[{"processor": "a", "parameters": {}, "code": "x"}]), "field='code' is not known"),
        (parameters(morph="loud"), "morph='loud' must be a number"),
        (parameters(morph=False), "morph=False must be a number"),
        (parameters(morph=[0.5]), r"morph=\[0.5\] must be a number"),
        (parameters(morph=1e300), "must be a number from -1e.12 to 1e.12"),
        (parameters(morph=0.5).replace("0.5", "-Infinity"), "is damaged: -Infinity is no number"),
        (parameters(morph=0.5).replace("0.5", "9" * 400), "must be a number from"),
        (parameters(morph=0.5).replace("0.5", "9" * 9000), "is damaged"),
        (document(extra=1), "field='extra' is not known"),
        ("9" * (1 << 20) + "9", "has more than 1048576 bytes"),
    ],
)
def test_a_hostile_file_is_refused_in_one_line(tmp_path, text, why):
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(InvalidValue, match=why) as caught:
        read_preset(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "name", ["../a", "/etc/a", "a/b", "a\\b", "..", ".", "", " a", "a ", "a.", "nul", "COM1.x", "a:b"]
)
def test_names_that_lead_elsewhere_are_refused_and_write_nothing(tmp_path, name):
    bank = Bank(chain(), tmp_path / "bank")
    with pytest.raises(InvalidValue, match="preset: name="):
        bank.save(name)
    with pytest.raises(InvalidValue, match="is no preset; choose one of Default"):
        bank.load(name)
    assert list(tmp_path.iterdir()) == []


# The bank -------------------------------------------------------------------------------------------------------------


def test_a_bank_saves_lists_and_loads(tmp_path):
    toys = shifted(chain())
    bank = Bank(toys, tmp_path / "deep" / "folder")
    assert bank.names() == ["Default", "Dry", "Half"]
    assert bank.save("Évening 2").name == "Évening 2.json"
    assert bank.names() == ["Évening 2", "Default", "Dry", "Half"]
    bank.load("Default")
    assert values(toys) == values(chain())
    bank.load("Évening 2")
    assert values(toys) == values(shifted(chain()))


def test_what_is_saved_is_not_lost_by_accident(tmp_path):
    toys = chain()
    bank = Bank(toys, tmp_path)
    bank.save("A")
    with pytest.raises(InvalidValue, match="preset 'a' exists; choose another name, or say replace=True"):
        bank.save("a")
    toys[0].parameters["morph"].value = 1.0
    bank.save("A", replace=True)
    assert bank.get("A").values["1-timbre-toy/morph"] == 1.0


def test_a_save_that_fails_leaves_the_old_preset_whole(tmp_path, monkeypatch):
    bank = Bank(chain(), tmp_path)
    path = bank.save("A")
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InvalidValue, match="cannot be written: No space left on device"):
        bank.save("A", replace=True)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["A.json"]


def test_a_program_change_selects_and_damaged_files_stand_in_no_ones_way(tmp_path):
    toys = chain()
    bank = Bank(toys, tmp_path)
    (tmp_path / "0 damaged.json").write_text("{")
    toys[0].parameters["morph"].value = 0.75
    bank.save("Loud", program=7)
    toys[0].parameters["morph"].value = 0.0
    assert bank.feed(mido.Message("program_change", program=7)) == "Loud"
    assert toys[0].parameters["morph"].value == 0.75
    assert bank.feed(mido.Message("program_change", program=8)) is None
    assert bank.feed(mido.Message("note_on", note=7)) is None
    with pytest.raises(InvalidValue, match=r"0 damaged\.json is damaged"):
        bank.load("0 damaged")


def test_a_program_whose_preset_does_not_fit_the_chain_changes_nothing(tmp_path):
    toys = chain()
    write_preset(tmp_path / "A.json", Preset("A", (("1-timbre-toy", {"morph": 50.0}),), 3))
    before = values(toys)
    with pytest.raises(InvalidValue, match=r"morph=50\.0 must be a number from 0 to 1"):
        Bank(toys, tmp_path).select(3)
    assert values(toys) == before


def test_presets_live_in_the_users_own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("RTSPEC_PRESETS", str(tmp_path / "mine"))
    assert Bank(chain()).folder == bank.user_folder() == tmp_path / "mine"
    monkeypatch.delenv("RTSPEC_PRESETS")
    monkeypatch.setattr(bank.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert bank.user_folder() == tmp_path / "rtspec" / "presets"
    monkeypatch.setattr(bank.sys, "platform", "darwin")
    assert bank.user_folder() == Path.home() / "Library" / "Application Support" / "rtspec" / "presets"


# Morph ----------------------------------------------------------------------------------------------------------------


def corner(name, **values):
    return Preset(name, (("1-timbre-toy", values),))


def test_a_morph_is_exact_at_both_ends_and_goes_along_each_curve():
    toy = TimbreToy()
    morph = Morph(toy, [corner("a", morph=0.1, cutoff_hz=100.0), corner("b", morph=0.7, cutoff_hz=10000.0)])
    assert morph.at(0.0) == {"1-timbre-toy/morph": 0.1, "1-timbre-toy/cutoff_hz": 100.0}
    assert morph.at(1.0) == {"1-timbre-toy/morph": 0.7, "1-timbre-toy/cutoff_hz": 10000.0}
    morph.move(0.5)
    assert toy.parameters["morph"].value == pytest.approx(0.4)
    assert toy.parameters["cutoff_hz"].value == pytest.approx(1000.0)


def test_an_xy_pad_is_exact_in_its_four_corners_and_the_mean_in_the_middle():
    toy = TimbreToy()
    morph = Morph(toy, [corner(str(i), latent_1=v) for i, v in enumerate((-3.0, 1.0, 2.0, 0.1))])
    found = [morph.at(x, y)["1-timbre-toy/latent_1"] for y in (0, 1) for x in (0, 1)]
    assert found == [-3.0, 1.0, 2.0, 0.1]
    assert morph.at(0.5, 0.5)["1-timbre-toy/latent_1"] == pytest.approx(0.025)
    assert morph.at(0.5, 0)["1-timbre-toy/latent_1"] == pytest.approx(-1.0)


def test_a_morph_leaves_alone_what_is_not_in_all_corners_and_what_has_left_the_chain():
    toys = [TimbreToy(), MixToyProcessor()]
    morph = Morph(toys, [corner("a", morph=0.0, mix=0.0), corner("b", morph=1.0)])
    assert set(morph.at(0.5)) == {"1-timbre-toy/morph"}
    toys[0] = Native()
    morph.move(0.5)
    assert in_range(toys)


def test_what_cannot_be_morphed_is_refused():
    toy, a = TimbreToy(), corner("a", morph=0.0)
    with pytest.raises(InvalidValue, match=r"3 presets cannot be morphed; give 2, or 4"):
        Morph(toy, [a, a, a])
    with pytest.raises(InvalidValue, match=r"morph=9\.0 must be a number from 0 to 1"):
        Morph(toy, [a, corner("b", morph=9.0)])
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(InvalidValue, match=r"morph: x=.* must be a number from 0 to 1"):
            Morph(toy, [a, a]).at(wrong)
    with pytest.raises(InvalidValue, match=r"y=0.5 must be 0 between two presets"):
        Morph(toy, [a, a]).at(0.0, 0.5)


# Undo -----------------------------------------------------------------------------------------------------------------


def test_undo_and_redo_go_through_what_was_remembered():
    toy = TimbreToy()
    history, morph = History(toy), toy.parameters["morph"]
    for value in (0.5, 0.75, 1.0):
        history.remember()
        morph.value = value
    assert [history.undo() and morph.value for _ in range(4)] == [0.75, 0.5, 0.25, False]
    assert [history.redo() and morph.value for _ in range(4)] == [0.5, 0.75, 1.0, False]
    history.undo()
    history.remember()
    morph.value = 0.1
    assert history.redo() is False, "a new change ends what could be redone"


def test_undo_skips_what_differs_in_nothing():
    toy = TimbreToy()
    history = History(toy)
    for _ in range(3):
        history.remember()
    assert history.undo() is False


def test_a_preset_and_a_recalled_snapshot_can_be_undone():
    toy = TimbreToy()
    history = History(toy)
    history.snapshot("before")
    history.apply(corner("a", morph=1.0))
    history.recall("before")
    assert toy.parameters["morph"].value == 0.25 and history.snapshots == ["before"]
    assert history.undo() and toy.parameters["morph"].value == 1.0
    assert history.undo() and toy.parameters["morph"].value == 0.25
    with pytest.raises(InvalidValue, match="'after' is no snapshot; choose one of before"):
        history.recall("after")
    with pytest.raises(InvalidValue, match="depth=0 must be a whole number from 1"):
        History(toy, depth=0)


def test_only_so_many_steps_are_kept():
    toy = TimbreToy()
    history = History(toy, depth=2)
    for value in (0.1, 0.2, 0.3):
        history.remember()
        toy.parameters["morph"].value = value
    assert [history.undo() for _ in range(3)] == [True, True, False]
    assert toy.parameters["morph"].value == 0.1


@pytest.mark.parametrize("act", ["apply", "morph", "undo"])
def test_a_chain_that_is_edited_while_a_preset_is_applied_raises_nothing(act, monkeypatch):
    """The edit comes in at the first value that is set."""
    board = rtspec.Pedalboard([rtspec.Equalizer(), rtspec.Equalizer()])
    first, second = (parameter for parameter in (board[0].parameters["mix"], board[1].parameters["mix"]))
    history, low = History(board), capture(board, "low")
    history.remember()
    for parameter in (first, second):
        parameter.value = 0.25
    high = capture(board, "high")
    store, table = ParameterTable.store, board[0].parameters

    def edited(self, index, value):
        if self is table and len(board) == 2:
            del board[1]
        store(self, index, value)

    acts = {"apply": lambda: apply(board, low), "morph": lambda: Morph(board, [high, low]).move(1.0)}
    monkeypatch.setattr(ParameterTable, "store", edited)
    (acts | {"undo": history.undo})[act]()
    assert first.value == low.values["1-equalizer/mix"]
