"""The contract's own tests see what is wrong: each fault of a toy processor fails the test that is there for it."""

import importlib.util
import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from allocating import SURROUNDINGS
from toy_faults import FAULTS, Toy

_SPEC = importlib.util.spec_from_file_location("contract", Path(__file__).with_name("test_contract.py"))
assert _SPEC is not None and _SPEC.loader is not None
contract = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(contract)

BLOCKS = (64, 441)
GIVEN = {"made", "sound", "played", "block"}
"""What the contract's tests of effects are given."""

CAUGHT_BY = {
    "blocks": "test_every_block_gives_the_same_samples",
    "state": "test_reset_is_a_fresh_object_to_the_bit",
    "silence": "test_silence_stays_silent",
    "mute": "test_it_sounds_as_long_as_the_input",
    "latency": "test_the_wet_sound_begins_where_the_input_begins",
    "layout": "test_types_and_layouts_give_the_same_samples",
    "length": "test_it_sounds_as_long_as_the_input",
    "type": "test_it_sounds_as_long_as_the_input",
    "channels": "test_one_channel_and_five_are_played_as_each_would_be_in_two",
}


def of_effects() -> dict[str, Callable]:
    """The contract's tests that one effect passes or fails."""
    found = {name: test for name, test in vars(contract).items() if name.startswith("test_")}
    given = {name: set(inspect.signature(test).parameters) for name, test in found.items()}
    return {name: found[name] for name in found if given[name] & {"made", "played"} and given[name] <= GIVEN}


def failed(fault: str) -> set[str]:
    """Names of the tests that a toy with this fault fails."""
    made, sound, names = partial(Toy, fault), contract.a_sound(), set()
    have = {"made": made, "sound": sound, "played": made()(sound, contract.RATE)}
    for name, test in of_effects().items():
        wanted = inspect.signature(test).parameters
        for block in BLOCKS if "block" in wanted else (0,):
            try:
                test(**{each: value for each, value in {**have, "block": block}.items() if each in wanted})
            except (Exception, pytest.fail.Exception):
                names.add(name)
    return names


def test_a_toy_without_a_fault_keeps_the_contract():
    assert len(of_effects()) >= 15
    assert failed("") == set()


def test_every_fault_has_a_test_that_is_there_for_it():
    assert {*CAUGHT_BY, "allocation"} == set(FAULTS)


@pytest.mark.parametrize("fault", CAUGHT_BY)
def test_a_fault_is_caught(fault):
    assert CAUGHT_BY[fault] in failed(fault)


PROBE = """
import json
from allocating import allocations_of_playing
from toy_faults import Toy

print(json.dumps({fault: allocations_of_playing(Toy(fault).prepare(48000, 2)) for fault in ("", "allocation")}))
"""


def test_an_allocation_is_caught():
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, capture_output=True, text=True, env=SURROUNDINGS, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts[""] == 0 and counts["allocation"] >= 150
