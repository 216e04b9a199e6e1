"""MIDI to sound: what a row says of the notes that were heard, and where hardly any could be judged."""

import numpy as np
import pytest

from rtspec.benchmarks.midi import _compared
from rtspec.console import table


def moments(n: int, late_s: float = 0.006) -> np.ndarray:
    sent = np.arange(n, dtype=float)
    return np.stack([sent, sent + 0.001, sent + late_s], axis=1)


def test_notes_in_time_keep_the_promise_and_late_or_lost_ones_break_it():
    found = _compared(moments(10), 10, 10, 7.0, True)
    assert found["kept"] and found["heard"] == 10
    assert [found[f"{a}_to_sound_{p}_ms"] for a in ("sent", "stamp") for p in ("p50", "p99")] == [6.0, 6.0, 5.0, 5.0]
    assert found["jitter_p99_ms"] == pytest.approx(0, abs=1e-6)
    assert not _compared(moments(10, 0.008), 10, 10, 7.0, True)["kept"]
    assert not _compared(moments(9), 10, 10, 7.0, True)["kept"]


@pytest.mark.parametrize("n", [0, 1])
def test_a_row_without_figures_has_the_columns_of_the_others(n):
    """A host that held most notes up left a row without them, and the command ended with a KeyError."""
    whole, empty = _compared(moments(10), 10, 10, 7.0, True), _compared(moments(n), n, 10, 7.0, True)
    assert list(whole) == list(empty) and not empty["kept"]
    assert len({len(line) for line in table([whole, empty]).splitlines()}) == 1
