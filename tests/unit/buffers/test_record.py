"""Records: what a kernel would read wrongly is refused when it is made, with value, rule and remedy."""

import gc
import os
import subprocess
import sys
import textwrap
import weakref

import numpy as np
import pytest
from numba import njit
from numba.core.errors import NumbaError

from rtspec.buffers.memory import address, aligned
from rtspec.buffers.record import Record
from rtspec.buffers.step import Stage, step
from rtspec.buffers.views import clear, copy, floats, part
from rtspec.errors import InvalidValue

SUM = Record("Sum", counts="n at=0", reals="gain=1", arrays="held:f4[n] rows:f4[2,n]?", constants="table:f4[n]")


@step
def add(state, x, n, y):
    s, out = SUM(state), floats(y, n)
    for i in range(s.n):
        out[i] = s.table[i] + np.float32(s.gain) * s.held[i]
        s.held[i] += floats(x, n)[i]
    s.at += n
    return n


def _stage(**changed) -> Stage:
    return Stage(add, SUM, **{"n": 8, "held": aligned(8), "table": aligned(8), **changed})


def _ramp(n: int = 8, dtype=np.float32) -> np.ndarray:
    out = aligned(n, dtype)
    out[:] = np.arange(n)
    return out


def test_kernel_reads_numbers_and_arrays_by_name():
    x, y, held = _ramp(), aligned(8), _ramp()
    stage = _stage(held=held, table=_ramp(), gain=2.0)
    assert stage.run(x, 8, y) == 8
    np.testing.assert_array_equal(y, 3 * np.arange(8))
    np.testing.assert_array_equal(held, 2 * np.arange(8))
    assert stage.record["at"][0] == 8
    stage.reset()
    np.testing.assert_array_equal(held, np.arange(8))
    assert stage.record["at"][0] == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"table": None}, r"Sum: no value for table; a field without a default must be given.*pass it"),
        ({"tabel": aligned(8)}, r"unknown field tabel; it has n, at, held.*did you mean table\?"),
        ({"colour": 3}, r"unknown field colour; it has .*; leave it out"),
        ({"table": 8}, r"Sum\.table=8 must be an array of float32, shape \[n\] = \(8\); pass the array itself"),
        ({"table": [1.0] * 8}, r"must be an array of float32"),
        ({"table": np.ones(8)}, r"Sum\.table of dtype float64 must be float32; .*aligned\(shape, 'float32'\)"),
        ({"table": np.ones(8, ">f4")}, r"Sum\.table of dtype >f4 must be float32"),
        ({"table": np.ones(8, np.int32)}, r"of dtype int32 must be float32"),
        ({"table": np.ones((8, 2), np.float32)[:, 0]}, r"with strides \(8,\) must be contiguous; pass np\.ascont"),
        ({"table": np.ones(16, np.float32)[::-2]}, r"must be contiguous"),
        ({"rows": np.ones((8, 2), np.float32).T}, r"must be contiguous"),
        ({"table": np.zeros(33, np.uint8)[1:].view(np.float32)}, r"must be contiguous"),
        ({"table": aligned(4)}, r"Sum\.table of shape \(4,\) must be \[n\] = \(8\); pass an array of that shape"),
        ({"table": aligned(9)}, r"of shape \(9,\) must be"),
        ({"table": aligned((2, 4))}, r"of shape \(2, 4\) must be"),
        ({"table": np.zeros((), np.float32)}, r"of shape \(\) must be"),
        ({"rows": aligned((3, 8))}, r"Sum\.rows of shape \(3, 8\) must be \[2,n\] = \(2, 8\)"),
        ({"held": np.broadcast_to(np.float32(0), 8)}, r"must be contiguous"),
        ({"held": np.frombuffer(bytes(32), np.float32)}, r"Sum\.held is read-only, but the kernel writes to it"),
        ({"n": 7.5}, r"Sum\.n=7\.5 must be a whole number; pass an int"),
        ({"n": aligned(1)}, r"Sum\.n=array of float32, shape \(1,\) must be a whole number"),
        ({"n": "8"}, r"Sum\.n='8' must be a whole number"),
        ({"gain": float("nan")}, r"Sum\.gain=nan must be a number"),
        ({"gain": aligned(1)}, r"Sum\.gain=array of float32, shape \(1,\) must be a number"),
    ],
)
def test_what_a_kernel_would_read_wrongly_is_refused(changed, said):
    with pytest.raises(InvalidValue, match=said):
        _stage(**changed)


def test_address_is_no_small_number_and_may_be_left_out_where_declared():
    declared = Record("Reader", addresses="target other?")
    with pytest.raises(InvalidValue, match=r"Reader\.target=5 must be an address, so at least 4096; pass address"):
        declared.make(target=5)
    made = declared.make(target=address(aligned(1, np.float64)))
    assert made.record["other"][0] == 0


def test_transforms_memory_lies_on_its_boundary():
    declared = Record("Transform", transformed="samples:f4")
    with pytest.raises(InvalidValue, match="samples must lie on a 64-byte boundary for its transform; use aligned"):
        declared.make(samples=aligned(9)[1:])
    declared.make(samples=aligned(8))


def test_arrays_live_as_long_as_the_stage():
    table = _ramp()
    alive = weakref.ref(table)
    stage = _stage(table=table)
    del table
    gc.collect()
    assert alive() is not None
    stage.run(aligned(8), 8, y := aligned(8))
    np.testing.assert_array_equal(y, np.arange(8))


def test_reset_leaves_shared_arrays_alone():
    declared = Record("Pair", arrays="mine:f4", shared="theirs:f4")
    mine, theirs = aligned(4), aligned(4)
    stage = Stage(add, declared, mine=mine, theirs=theirs)
    mine[:], theirs[:] = 1, 2
    stage.reset()
    assert mine.sum() == 0 and theirs.sum() == 8


def test_words_lie_on_cache_lines_of_their_own():
    declared = Record("Ring", words="head tail=3", counts="capacity")
    made = declared.make(capacity=4)
    assert (declared.offset("head"), declared.offset("tail"), declared.offset("capacity")) == (0, 64, 128)
    assert made.address % 64 == 0 and declared.dtype.itemsize % 64 == 0

    @njit
    def advance(place):
        s = declared(place)
        s.head = s.tail + s.capacity
        return s.head

    assert advance(made.address) == 7 == made.word("head")
    made.publish("tail", 10)
    assert advance(made.address) == 14


def test_every_kind_of_number_is_read_and_set():
    declared = Record("Numbers", words="w", counts="c", addresses="a", reals="r", singles="f")
    made = declared.make(w=1, c=-2, a=4096, r=0.1, f=0.1)

    @njit
    def twice(place):
        s = declared(place)
        s.w, s.c, s.a, s.r, s.f = 2 * s.w, 2 * s.c, 2 * s.a, 2 * s.r, 2 * s.f

    twice(made.address)
    assert made.record[["w", "c", "a", "r", "f"]][0].tolist() == (2, -4, 8192, 0.2, 2 * float(np.float32(0.1)))


def test_compiler_refuses_to_write_a_constant_and_to_read_an_unknown_field():
    @njit
    def write(state):
        SUM(state).table[0] = 1

    @njit
    def misspell(state):
        return SUM(state).tabel

    for function in (write, misspell):
        with pytest.raises(NumbaError):
            function(_stage().record.ctypes.data)


def test_compiler_refuses_another_element():
    declared = Record("Wide", arrays="wide:f8")

    @njit
    def misread(state):
        return floats(declared(state).wide, 1)[0]

    with pytest.raises(NumbaError):
        misread(declared.make(wide=aligned(1, np.float64)).address)


def test_shapes_are_terms_of_the_counts():
    declared = Record("Shapes", counts="n lag", arrays="a:f4[:,max(1,lag)] b:f4[n*2+1] c:f4[:,:]?")
    declared.make(n=2, lag=0, a=aligned((7, 1)), b=aligned(5), c=aligned((2, 3)))
    with pytest.raises(InvalidValue, match=r"Shapes\.a of shape \(7, 2\) must be .* = \(any, 1\)"):
        declared.make(n=2, lag=0, a=aligned((7, 2)), b=aligned(5))


def test_records_in_an_array_are_seen_by_field():
    voice = Record("Voice", counts="key busy=0", reals="gain=1")
    declared = Record("Voices", arrays="voices:Voice[4]", elements=(voice,))
    voices = aligned(4, voice.dtype)

    @njit
    def play(state):
        voices = declared(state).voices
        for i in range(len(voices)):
            voices[i].key += i
            voices[i].gain = 0.5 * i

    made = declared.make(voices=voices)
    play(made.address)
    assert voices["key"].tolist() == [0, 1, 2, 3] and voices["gain"].tolist() == [0, 0.5, 1, 1.5]


def test_parts_copy_and_clear_share_memory():
    declared = Record("Rows", counts="n", arrays="rows:c8[3,n]")
    rows = aligned((3, 5), np.complex64)
    rows[:] = np.arange(15).reshape(3, 5)
    expected = rows.copy()

    @njit
    def shift(state):
        s = declared(state)
        copy(part(s.rows, 0, 2 * s.n), part(s.rows, s.n, 2 * s.n))
        clear(s.rows[2])
        floats(s.rows[0], 2 * s.n)[1] = 7

    made = declared.make(n=5, rows=rows)
    shift(made.address)
    expected[:2], expected[2] = expected[1:], 0
    expected[0, 0] += 7j
    np.testing.assert_array_equal(rows, expected)


BEYOND = """
    import numpy as np
    from rtspec.buffers.memory import aligned
    from rtspec.buffers.record import Record
    from rtspec.buffers.step import Stage, step
    from rtspec.buffers.views import copy, floats, part

    LONG = Record("Long", counts="n", arrays="table:f4")

    @step
    def index(state, x, n, y):
        for i in range(LONG(state).n):
            floats(y, n)[i] = LONG(state).table[i]
        return n

    @step
    def piece(state, x, n, y):
        copy(floats(y, n), part(LONG(state).table, 2, n))
        return n

    @step
    def whole(state, x, n, y):
        copy(floats(y, n), LONG(state).table)
        return n

    @step
    def more(state, x, n, y):
        floats(y, n)[0] = floats(LONG(state).table, n)[0]
        return n

    for kernel in (index, piece, whole, more):
        print(Stage(kernel, LONG, n=8, table=aligned(4)).run(aligned(8), 8, aligned(8)))
"""


def test_bounds_are_checked_where_numba_is_told_to(tmp_path):
    script = tmp_path / "beyond.py"
    script.write_text(textwrap.dedent(BEYOND))
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, timeout=120)
    assert done.stderr.count("IndexError") == 4, done.stderr
    assert done.stdout.split() == ["0"] * 4
