"""The one shape that all compiled stages share, and the table that strings them together.

A *step* is a compiled function ``n_out = step(state, x, n, y)`` of four int64: the address of its state, of its input,
how many items lie there, and where the output goes. A *stage* is a step with a block of preallocated state. A
*table* has one row ``(step, state, x, y)`` a stage, so the loop that walks it is compiled once for every chain
there will ever be.

Items are samples for audio stages (planar float32) and frames for frame stages. A stage returns as many items as it
got; what it delays, it declares.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import njit, types

from ..errors import InvalidValue
from .memory import address, aligned, integers, intrinsic
from .record import Record

SIGNATURE = types.int64(types.int64, types.int64, types.int64, types.int64)
ROW = 4
"""int64 values in a row of a table: step, state, x, y."""


class Step:
    """A compiled step, compiled (or fetched from numba's cache) when its address is first asked for."""

    def __init__(self, function: Callable[[int, int, int, int], int]):
        self.function = function
        self.__doc__ = function.__doc__

    @cached_property
    def _compiled(self):
        return numba.cfunc(SIGNATURE, cache=True, error_model="numpy")(self.function)

    @property
    def address(self) -> int:
        """Where the compiled function begins."""
        return int(self._compiled.address or 0)


def step(function: Callable) -> Step:
    """Decorator: make a function ``(state, x, n, y) -> n_out`` of integer addresses a compiled step."""
    return Step(function)


class Stage:
    """A step with its preallocated state: one record of numbers and addresses, and the arrays that they point to.

    Parameters
    ----------
    step : Step or int
        The compiled step, or the address of any C function of the same signature.
    declared : Record
        What the kernel sees of its state.
    keep : tuple
        Objects that must live as long as the stage (parameter tables, sessions, stages that this one calls).
    delay : int
        Items (samples or frames) by which the output lags behind the input.
    **fields
        Values by name, checked: see :class:`~rtspec.buffers.record.Record`, which says too what :meth:`reset` restores.
    """

    def __init__(self, step: Step | int, declared: Record, *, keep: tuple = (), delay: int = 0, **fields):
        self.step = step
        self.delay = delay
        self._kept = (keep, fields)
        if not isinstance(declared, Record):
            raise InvalidValue(
                f"a stage's record of type {type(declared).__name__} must be a Record, which tells what its fields"
                " hold; declare it as rtspec.buffers.record shows"
            )
        made = declared.make(**fields)
        self.record, self._owned = made.record, made.state
        self._initial = [a.copy() for a in self._owned]

    @property
    def fields(self) -> dict[str, Any]:
        """What the stage was made of, by name."""
        return self._kept[1]

    @property
    def kept(self) -> tuple:
        """The objects that live as long as the stage."""
        return self._kept[0]

    def reset(self) -> None:
        """Back to the state of a fresh object, to the bit; allocates nothing."""
        for array, initial in zip(self._owned, self._initial, strict=True):
            np.copyto(array, initial)

    def kept_state(self) -> list[np.ndarray]:
        """What the stage holds now, for :meth:`restore`. Copies of shape and dtype as declared."""
        return [array.copy() for array in self._owned]

    def restore(self, state: list[np.ndarray]) -> None:
        """Back to what :meth:`kept_state` gave. Arrays of the same shapes and dtypes."""
        for array, then in zip(self._owned, state, strict=True):
            np.copyto(array, then)

    def row(self, x: np.ndarray | int, y: np.ndarray | int) -> "Row":
        """This stage as a row of a table, reading at `x` and writing at `y` (arrays or addresses). Shape and
        dtype are the step's matter, most often float32."""
        entry = self.step.address if isinstance(self.step, Step) else self.step
        return Row(entry, address(self.record), _location(x), _location(y), (self, x, y))

    def numbers(self, name: str) -> tuple[int, int] | None:
        """Where the record keeps the int64 of this name, and its value at the start; None where it has none."""
        fields: Any = self.record.dtype.fields or {}
        initial: Any = self._initial[0]
        return (address(self.record) + fields[name][1], int(initial[name][0])) if name in fields else None

    def run(self, x: np.ndarray, n: int, y: np.ndarray) -> int:
        """Run the step once from Python, without the GIL: `n` items from array `x` to array `y`. Shape and
        dtype are the step's matter, most often float32."""
        entry, state, x_at, y_at, _ = self.row(x, y)
        return _run_step(entry, state, x_at, n, y_at)


def _location(place: np.ndarray | int) -> int:
    return address(place) if isinstance(place, np.ndarray) else int(place)


class Row(NamedTuple):
    """A row of a table, and what its addresses point to: who keeps the rows keeps the table valid."""

    entry: int
    state: int
    x: int
    y: int
    held: tuple


def table(rows: Sequence[Row]) -> np.ndarray:
    """Rows as one aligned int64 array of shape (n_rows, 4); keep the rows as long as the table is in use."""
    out = aligned((len(rows), ROW), np.int64)
    for i, row in enumerate(rows):
        out[i] = row[:ROW]
    return out


@intrinsic
def call_step(typingctx, entry, state, x, n, y):
    """Call the step at address `entry`."""

    def codegen(context, builder, signature, args):
        i64 = ir.IntType(64)
        kind = ir.FunctionType(i64, [i64, i64, i64, i64])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    i64 = types.int64
    return i64(i64, i64, i64, i64, i64), codegen


@njit(inline="always")
def run_rows(rows, n_rows, n):
    """Walk the table at address `rows`; `n` is the number of items that the first row reads. Returns the last's."""
    entries = integers(rows, n_rows * ROW)
    for r in range(n_rows):
        at = r * ROW
        n = call_step(entries[at], entries[at + 1], entries[at + 2], n, entries[at + 3])
    return n


@njit(cache=True, nogil=True)
def _run_step(entry, state, x, n, y):
    return call_step(entry, state, x, n, y)


@njit(cache=True, nogil=True)
def run_table(rows, n_rows, n):
    """:func:`run_rows` for Python: walks a table once without the GIL."""
    return run_rows(rows, n_rows, n)
