"""Targets that compiled code moves, kept apart from the user's: what stages of one stream follow is the user's value,
moved by a share of the parameter's range.

A :class:`Steering` stands in for the tables of a plugin while its program is prepared. Before each piece of sound its
rows bring the stages' targets up to date, so a change by the user still acts at its sample.
"""

import weakref

import numpy as np
import numpy.typing as npt
from numba import njit

from ..buffers.atomics import load_double
from ..buffers.memory import address, aligned
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..control.curves import logarithm_offset
from ..control.parameters import ParameterTable

STEERING = Record(
    "Steering",
    counts="n",
    addresses="users",
    constants="lows:f8[n] highs:f8[n] offsets:f8[n] is_switch:i8[n]",
    shared="moves:f8[n] targets:f8[n]",
)


@njit
def _moved(value, move, low, high, offset, is_switch):
    """A value as many shares of its range away, along its curve, and never beyond its ends."""
    if is_switch:
        return high if (value - low) / (high - low) + move >= 0.5 else low
    if np.isfinite(offset):
        start, end = np.log(low + offset), np.log(high + offset)
        value = np.exp(np.log(value + offset) + move * (end - start)) - offset
    else:
        value += move * (high - low)
    return min(high, max(low, value))


@step
def steer(state, x, n, y):
    """Every target: the user's, moved where something moves it."""
    s = STEERING(state)
    for i in range(s.n):
        value = load_double(s.users + 8 * i)
        if s.moves[i] != 0.0:
            value = _moved(value, s.moves[i], s.lows[i], s.highs[i], s.offsets[i], s.is_switch[i])
        s.targets[i] = value
    return n


class Moves:
    """By how much the parameters of a stream's tables are moved, in shares of their ranges, shared by all programs that
    play there. Of plugins that nobody holds any more nothing is kept: a stream may be edited for days."""

    def __init__(self):
        self._of: dict[int, np.ndarray] = {}

    def of(self, table: ParameterTable) -> np.ndarray:
        """Of one table, float64 (n_parameters,), in its order. What has its address must hold it."""
        key = id(table)
        if key not in self._of:
            self._of.setdefault(key, aligned(len(table.targets), np.float64))  # two threads may ask: one array
            weakref.finalize(table, self._of.pop, key, None).atexit = False
        return self._of[key]


class Steering:
    """What one program's stages follow in place of its plugins' tables.

    Parameters
    ----------
    moves : Moves
    """

    def __init__(self, moves: Moves):
        self._moves, self._of = moves, dict[int, tuple[ParameterTable, np.ndarray, Stage]]()

    def without(self, tables: list[ParameterTable]) -> "Steering":
        """Another for what goes on: the same targets for the same tables, less these."""
        other, gone = Steering(self._moves), {id(table) for table in tables}
        other._of = {key: kept for key, kept in self._of.items() if key not in gone}
        return other

    def targets(self, table: ParameterTable) -> np.ndarray:
        """For :func:`rtspec.control.parameters.redirected`. Float64 of shape (n_parameters,)."""
        if id(table) not in self._of:
            targets = aligned(len(table.targets), np.float64)
            targets[:] = table.targets
            self._of[id(table)] = (table, targets, _stage(table, self._moves.of(table), targets))
        return self._of[id(table)][1]

    @property
    def stages(self) -> list[Stage]:
        """One a table, to run before the program."""
        return [stage for _, _, stage in self._of.values()]


def _stage(table: ParameterTable, moves: np.ndarray, targets: np.ndarray) -> Stage:
    specs = [parameter.spec for parameter in table.values()]
    offsets = [logarithm_offset(spec.curve, spec.minimum, spec.maximum) for spec in specs]
    n = len(targets)
    return Stage(
        steer,
        STEERING,
        keep=(table,),
        n=len(specs),
        users=address(table.targets),
        lows=_constant([spec.minimum for spec in specs], n),
        highs=_constant([spec.maximum for spec in specs], n),
        offsets=_constant([np.inf if offset is None else offset for offset in offsets], n),
        is_switch=_constant([spec.curve == "switch" for spec in specs], n, np.int64),
        moves=moves,
        targets=targets,
    )


def _constant(values: list, n: int, dtype: npt.DTypeLike = np.float64) -> np.ndarray:
    out = aligned(n, dtype)
    out[: len(values)] = values
    out.flags.writeable = False
    return out
