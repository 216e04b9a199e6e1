"""Steps, stages and tables: one signature, state that resets to the bit, chains walked by one compiled loop."""

import gc

import numpy as np
import pytest

from rtspec.buffers.memory import address, aligned, aligned_copy
from rtspec.buffers.record import Record
from rtspec.buffers.step import ROW, Stage, run_table, step, table
from rtspec.buffers.views import float_rows, floats
from rtspec.errors import InvalidValue

LEAK = Record("Leak", counts="n count=0", reals="gain", arrays="sums:f4[n]", constants="slopes:f4[n]")
NOTHING = Record("Nothing")


@step
def leak(state, x, n, y):
    """Items of s.n floats: y = sums = gain · sums + slopes · x."""
    s = LEAK(state)
    sums, slopes, came, go = s.sums, s.slopes, float_rows(x, n, s.n), float_rows(y, n, s.n)
    for t in range(n):
        source, target = came[t], go[t]
        for i in range(s.n):
            sums[i] = s.gain * sums[i] + slopes[i] * source[i]
            target[i] = sums[i]
        s.count += 1
    return n


@step
def drop_last(state, x, n, y):
    """Copies all items but the last."""
    source, target = floats(x, n), floats(y, n)
    for i in range(n - 1):
        target[i] = source[i]
    return n - 1


def _leak_stage(n=3, gain=0.5, start=0.25):
    sums, slopes = aligned_copy(np.full(n, start, np.float32)), aligned_copy(np.arange(1, n + 1, dtype=np.float32))
    slopes.flags.writeable = False
    return Stage(leak, LEAK, n=n, gain=gain, sums=sums, slopes=slopes), sums, slopes


def _run(stage, x):
    y = np.empty_like(x)
    assert stage.run(x, len(x), y) == len(x)
    return y


def test_a_stage_computes_what_its_step_says():
    stage, _, slopes = _leak_stage()
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    expected, sums = [], np.full(3, 0.25, np.float32)
    for frame in x:
        sums = (0.5 * sums + slopes * frame).astype(np.float32)
        expected.append(sums)
    np.testing.assert_allclose(_run(stage, x), expected, rtol=1e-6)


@pytest.mark.parametrize("cut", [0, 1, 3, 4])
def test_the_size_of_the_calls_changes_nothing(cut):
    x = np.random.default_rng(1).standard_normal((4, 3)).astype(np.float32)
    whole, (parts, _, _) = _run(_leak_stage()[0], x), _leak_stage()
    np.testing.assert_array_equal(np.concatenate([_run(parts, x[:cut]), _run(parts, x[cut:])]), whole)


def test_reset_restores_record_and_arrays_to_the_bit():
    stage, sums, slopes = _leak_stage()
    fresh = stage.record.tobytes(), sums.tobytes(), slopes.tobytes()
    x = np.random.default_rng(2).standard_normal((9, 3)).astype(np.float32)
    first = _run(stage, x)
    assert stage.record["count"][0] == 9 and sums.tobytes() != fresh[1]
    stage.reset()
    assert (stage.record.tobytes(), sums.tobytes(), slopes.tobytes()) == fresh
    np.testing.assert_array_equal(_run(stage, x), first)


def test_reset_keeps_every_address():
    stage, sums, _ = _leak_stage()
    before = stage.row(0, 0)[:ROW], address(sums)
    stage.reset()
    assert (stage.row(0, 0)[:ROW], address(sums)) == before


def test_a_stage_keeps_its_arrays_alive():
    x = np.ones((2, 3), np.float32)
    expected, stage = _run(_leak_stage()[0], x), _leak_stage()[0]
    gc.collect()
    _ = [aligned(3) + np.float32(np.nan) for _ in range(100)]  # reuses what was freed
    np.testing.assert_array_equal(_run(stage, x), expected)


def test_a_step_may_be_any_address_of_the_same_signature():
    x, y = np.arange(4, dtype=np.float32), np.full(4, -1, np.float32)
    assert Stage(drop_last.address, NOTHING).run(x, 4, y) == 3
    np.testing.assert_array_equal(y, [0, 1, 2, -1])


def test_a_table_hands_each_count_to_the_next_row():
    places = [np.arange(6, dtype=np.float32), aligned(6), aligned(6)]
    stages = [Stage(drop_last, NOTHING) for _ in range(2)]
    rows = [stage.row(x, y) for stage, x, y in zip(stages, places[:-1], places[1:], strict=True)]
    entries = table(rows)
    assert entries.shape == (2, ROW) and entries.dtype == np.int64
    assert run_table(address(entries), 2, 6) == 4
    np.testing.assert_array_equal(places[2], [0, 1, 2, 3, 0, 0])


def test_an_empty_table_passes_the_count_on():
    entries = table([])
    assert entries.shape == (0, ROW)
    assert run_table(address(entries), 0, 5) == 5


def test_a_record_without_a_declaration_is_refused():
    with pytest.raises(InvalidValue, match=r"record of type list must be a Record.*declare it"):
        Stage(drop_last, [("unused", "i8")])  # type: ignore[arg-type]


def test_a_stage_declares_its_delay():
    assert Stage(drop_last, NOTHING).delay == 0
    assert Stage(drop_last, NOTHING, delay=7).delay == 7


def test_a_step_keeps_the_docstring_of_its_function():
    assert leak.__doc__ == leak.function.__doc__
