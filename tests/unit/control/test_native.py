"""Native plugins have parameters as ours have: looked up, saved, undone, moved; the plugin itself has the value."""

import gc

import numpy as np
import pedalboard
import pytest

import rtspec
from rtspec.chain.native_copy import _classes
from rtspec.control import native
from rtspec.control.controlled import table_of
from rtspec.control.directory import Directory
from rtspec.control.factory import factory_presets
from rtspec.control.presets import apply, capture


def moved(plugin):
    """The parameters of a plugin that has some."""
    table = table_of(plugin)
    assert table is not None
    return table


UNMOVED = {"lookahead_ms", "quality", "target_sample_rate"}
"""They change the latency."""


@pytest.mark.parametrize("kind", sorted(_classes()))
def test_every_value_of_a_plugin_is_moved_over_its_whole_range(kind):
    plugin = _classes()[kind]()
    names = {n for c in type(plugin).__mro__ for n, v in vars(c).items() if isinstance(v, property) and v.fset}
    table = table_of(plugin)
    assert set(table or ()) == names - UNMOVED
    for name, parameter in (table or {}).items():
        assert parameter.value == parameter.spec.default
        for value in (parameter.spec.minimum, parameter.spec.maximum):
            parameter.value = value
            assert parameter.value == pytest.approx(value, rel=1e-6, abs=1e-6)
            assert native._number(getattr(plugin, name)) == pytest.approx(value, rel=1e-6, abs=1e-6)
    sound = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 9600)).astype(np.float32)
    assert np.isfinite(plugin.process(sound, 48000)).all()


def test_what_is_set_on_the_plugin_is_read_and_a_table_is_one():
    plugin = pedalboard.Gain(3)
    parameter = moved(plugin)["gain_db"]
    assert parameter.value == 3.0 and moved(plugin)["gain_db"] is parameter
    plugin.gain_db = -6
    assert parameter.value == -6.0 and parameter.string_value == "-6 dB"
    plugin.gain_db = 90
    assert parameter.value == 24.0, "captured values can always be given back"
    with pytest.raises(ValueError, match="gain_db=99"):
        parameter.value = 99


def test_a_value_outside_the_usual_range_widens_it():
    assert moved(pedalboard.Gain(40))["gain_db"].range[:2] == (-60.0, 40.0)


def test_choices_are_numbers_with_names():
    plugin = pedalboard.LadderFilter()
    mode = moved(plugin)["mode"]
    assert mode.spec.choices[3] == "LPF24"
    mode.value = 3.0
    assert plugin.mode == pedalboard.LadderFilter.Mode.LPF24 and mode.value == 3.0


def test_presets_and_undo_have_the_natives_too_and_factory_presets_leave_them_alone():
    board = rtspec.Pedalboard([pedalboard.Delay(0.3), rtspec.Equalizer()])
    before = capture(board, "before")
    board[0].mix = 0.9
    dry = next(preset for preset in factory_presets(board) if preset.name == "Dry")
    assert apply(board, dry) == [] and board[0].mix == pytest.approx(0.9) and board[1].mix == 0.0
    assert apply(board, before) == [] and board[0].mix == pytest.approx(0.5)


def test_what_compiled_code_would_move_is_refused():
    board = rtspec.Pedalboard([pedalboard.Gain(3)])
    parameter = Directory(board)["1-gain/gain_db"]
    assert not parameter.is_timed
    with pytest.raises(ValueError, match="native plugin"):
        parameter.event(0, 1.0)
    with pytest.raises(ValueError, match="native plugin"):
        board.modulation.add("lfo:1", "gain_db")


def test_a_table_does_not_keep_its_plugin():
    plugin = pedalboard.Gain(3)
    table = moved(plugin)
    before = len(native._TABLES)
    del plugin
    gc.collect()
    assert len(native._TABLES) < before
    table["gain_db"].value = 2.0  # nothing is there any more
    assert table["gain_db"].value == table["gain_db"].spec.default
