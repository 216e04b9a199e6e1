"""Addresses: readable, complete, and still right after the chain was edited."""

import subprocess
import sys
import threading
from pathlib import Path

import mido
import pedalboard
import pytest
from control_toys import MixToyProcessor, Native, TimbreToy, chain

import rtspec
from rtspec.control.assignments import Assignment
from rtspec.control.directory import Directory, processor_name
from rtspec.control.mapping import MidiMap
from rtspec.control.midi.messages import Control
from rtspec.control.parameters import ParameterSpec, ParameterTable
from rtspec.errors import InvalidValue


def test_names_are_words_with_dashes():
    assert [processor_name(p) for p in (TimbreToy(), MixToyProcessor())] == ["timbre-toy", "mix-toy"]


def test_every_parameter_has_an_address_and_plugins_without_any_keep_their_place():
    toys = chain()
    found = Directory(toys)
    assert next(iter(found)) == "1-timbre-toy/morph" and list(found)[-1] == "3-mix-toy/output_db"
    assert len(found) == 8
    assert found["3-mix-toy/mix"] is toys[2].parameters["mix"]


def test_short_addresses_mean_the_first_that_fits():
    found = Directory(chain())
    assert found.find("mix") == "1-timbre-toy/mix"
    assert found.find("mix-toy/mix") == "3-mix-toy/mix"
    assert (
        found.find("toy/mix") is None
        and found.find("ix") is None
        and found.find("") is None
        and found.find("/") is None
    )


def test_an_address_follows_a_processor_that_is_alone_of_its_kind():
    toys = chain()
    found = Directory(toys)
    toys.insert(0, Native())
    assert found.find("1-timbre-toy/morph") == "2-timbre-toy/morph"
    toys.append(MixToyProcessor())
    assert found.find("3-mix-toy/mix") is None, "two could be meant"


def test_a_board_is_looked_up_as_it_is_now():
    board = rtspec.Pedalboard([pedalboard.Gain(0), rtspec.SpectralInversion()])
    found = Directory(board)
    names = list(board[1].parameters)
    assert "mix" in names and list(found) == ["1-gain/gain_db", *(f"2-spectral-inversion/{name}" for name in names)]
    del board[0]
    board.insert(0, [rtspec.SpectralInversion()])
    assert list(found)[:: len(names)] == [f"{n}-spectral-inversion/{names[0]}" for n in (1, 2)]
    board.insert(1, pedalboard.Invert())  # which has no parameters
    assert list(Directory(board[2])) == [f"1-spectral-inversion/{name}" for name in names]


def test_an_edit_that_is_being_prepared_keeps_no_controller_waiting():
    board = rtspec.Pedalboard([[rtspec.SpectralInversion()]])
    found, answers = Directory(board), []
    with board._editing:
        asking = threading.Thread(target=lambda: answers.append(found.find("mix")))
        asking.start()
        asking.join(5)
    assert answers == ["1-spectral-inversion/mix"]


def test_what_is_not_there_is_refused_with_what_there_is():
    found = Directory([MixToyProcessor()])
    with pytest.raises(
        InvalidValue, match="'gain' is no parameter of this chain; choose one of 1-mix-toy/mix, 1-mix-toy"
    ):
        found.parameter("gain")
    with pytest.raises(InvalidValue, match="belongs to no processor of this chain"):
        found.address_of(TimbreToy().parameters["mix"])
    assert found.address_of("mix") == found.address_of(found.parameter("mix")) == "1-mix-toy/mix"


def test_of_many_parameters_those_most_like_the_wanted_one_are_named():
    table = ParameterTable([ParameterSpec(f"gain_{n}_hz", "dB", -60, 24, 0) for n in range(100, 200)])
    toy = MixToyProcessor()
    toy.parameters = table
    with pytest.raises(
        InvalidValue, match=r"'gain_163' is no parameter .* 1-mix-toy/gain_163_hz.* and 92 more$"
    ) as refused:
        Directory([toy]).parameter("gain_163")
    assert len(str(refused.value)) < 300


def test_importing_control_loads_no_midi_and_no_osc_and_gives_what_it_names():
    code = (
        "import sys, rtspec.control as control\n"
        "assert not {'rtmidi', 'mido', 'pythonosc'} & set(sys.modules)\n"
        "assert all(hasattr(control, name) for name in control.__all__)\n"
        "import rtspec.control.midi.inputs, rtspec.control.osc.server\n"
        "assert not {'rtmidi', 'mido', 'pythonosc'} & set(sys.modules), 'only when a port is opened'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=Path(rtspec.__file__).parents[1])


def test_a_walk_over_the_parameters_goes_on_while_the_chain_is_edited():
    board = rtspec.Pedalboard([rtspec.Equalizer(), rtspec.Equalizer()])
    directory = Directory(board)
    n = len(directory)
    for walk in (directory.items, directory.values):
        assert sum(1 for _ in walk() if board or board.clear() is None) == n
        board.clear()
        board.extend([rtspec.Equalizer(), rtspec.Equalizer()])


def test_an_edit_between_finding_a_parameter_and_moving_it_moves_nothing(monkeypatch):
    """The processor has gone, say: no later message may be kept from its parameter by that."""
    board = rtspec.Pedalboard([rtspec.Equalizer()])
    directory = Directory(board)
    midi_map = MidiMap(directory, [Assignment("mix", Control("cc", 20))])
    monkeypatch.setattr(Directory, "find", lambda self, address: "2-equalizer/mix")
    assert midi_map.feed(mido.Message("control_change", control=20, value=64)) == 0


def test_directories_agree_with_the_chain_whatever_several_threads_ask():
    plugins = [rtspec.Equalizer(), rtspec.SpectralInversion()]
    board = rtspec.Pedalboard(plugins)
    directory, going, wrong = Directory(board), [True], []

    def ask():
        while going[0]:
            for address in directory:
                parameter = directory.get(address)
                if parameter is not None and parameter.name != address.rpartition("/")[2]:
                    wrong.append(address)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        board.reverse()
    going[0] = False
    for thread in threads:
        thread.join()
    assert not wrong
    assert dict(directory.items()) == dict(Directory(board).items())
