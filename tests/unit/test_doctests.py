"""Examples in docstrings are true: each is run, and gives what it says."""

import doctest
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import rtspec

PACKAGE = Path(rtspec.__file__).parent
MODULES = sorted(
    ".".join(["rtspec", *path.relative_to(PACKAGE).with_suffix("").parts])
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text()
)

ALL_SKIPPED = {"rtspec.models.packages", "rtspec.models.streaming.make", "rtspec.processors.inversion.sensor_stream"}
"""Their examples need a file or a sensor that is not there."""


def test_examples_were_found():
    assert len(MODULES) >= 25


@pytest.mark.timeout(240)  # where nothing is compiled yet
@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = import_module(name)
    with np.printoptions(precision=8, suppress=False):
        done = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert done.failed == 0
    assert done.attempted > 0 or name in ALL_SKIPPED
