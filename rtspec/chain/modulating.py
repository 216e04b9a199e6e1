"""The modulation matrix compiled: a row at the start of every piece of a cell, which moves what stages follow."""

from typing import Any

import numpy as np
from numba import njit

from ..buffers.atomics import load_double
from ..buffers.events import Event, store_event
from ..buffers.memory import address, aligned, aligned_copy, doubles
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import float_rows
from ..control.modulation import CURVES, SHAPES, Envelope, Lfo, Matrix, MidiControl, Reading, Routes, Source
from ..control.parameters import Parameter
from .cells import CELL
from .program import STRIDE, Program
from .steering import Moves

LFO, ENVELOPE, VALUE = range(3)
FLOOR_DB = 60.0

MODULATION = Record(
    "Modulation",
    counts="channels n_sources n_routes",
    constants="kinds:i8[n_sources] places:i8[n_sources] rates:f8[n_sources] phases:f8[n_sources] shapes:i8[n_sources]"
    " sources:i8[n_routes] moved:i8[n_routes] reached:i8[n_routes] curves:i8[n_routes] depths:f8[n_routes]"
    " ups:f8[n_routes] downs:f8[n_routes]",
    shared="at:i8[1] heard:f8[2] values:f8[n_sources]",
)


@njit
def _wave(shape, turn):
    turn -= np.floor(turn)
    if shape == 0:
        return np.sin(2.0 * np.pi * turn)
    if shape == 1:
        return 1.0 - 4.0 * abs(turn - 0.5) if turn != 0.0 else -1.0
    if shape == 2:
        return 1.0 if turn < 0.5 else -1.0
    return 2.0 * turn - 1.0


@njit
def _look(s):
    """Every source, at the start of a cell."""
    level = 10.0 * np.log10(s.heard[0] / max(1.0, s.heard[1]) + 1e-12)
    for i in range(s.n_sources):
        if s.kinds[i] == LFO:
            s.values[i] = _wave(s.shapes[i], s.phases[i] + s.rates[i] * s.at[0])
        elif s.kinds[i] == ENVELOPE:
            s.values[i] = min(1.0, max(0.0, 1.0 + level / FLOOR_DB))
        else:
            s.values[i] = load_double(s.places[i]) if s.places[i] != 0 else 0.0
    s.heard[0], s.heard[1] = 0.0, 0.0


@njit
def _move(s):
    for r in range(s.n_routes):
        doubles(s.moved[r], 1)[0] = 0.0
    for r in range(s.n_routes):
        value = s.values[s.sources[r]]
        shaped = value if s.curves[r] == 0 else value * abs(value) if s.curves[r] == 1 else value * value * value
        wanted, reached = s.depths[r] * shaped, doubles(s.reached[r], 1)
        reached[0] += (s.ups[r] if abs(wanted) > abs(reached[0]) else s.downs[r]) * (wanted - reached[0])
        doubles(s.moved[r], 1)[0] += reached[0]


@step
def modulate(state, x, n, y):
    """`n` samples of the chain's input at `x`: at the start of a cell the routes move their parameters."""
    s = MODULATION(state)
    if s.at[0] % CELL == 0:
        _look(s)
        _move(s)
    came = float_rows(x, s.channels, STRIDE)
    for c in range(s.channels):
        for i in range(n):
            s.heard[0] += came[c, i] * came[c, i]
    s.heard[1] += n * s.channels
    return n


class Modulating:
    """A board's matrix in one stream: what it holds goes on when routes or plugins change.

    Parameters
    ----------
    matrix : Matrix
    moves : Moves
        Where parameters of this stream are moved.
    at : ndarray, int64, shape (1,)
        Samples since the start.
    sample_rate : float
        Hz.
    channels : int
    """

    def __init__(self, matrix: Matrix, moves: Moves, at: np.ndarray, sample_rate: float, channels: int):
        self.matrix, self._moves, self._at = matrix, moves, at
        self._rate, self._channels = sample_rate, channels
        self._heard, self._controls = aligned(2, np.float64), dict[MidiControl, np.ndarray]()
        self._reached: dict[object, np.ndarray] = {}
        self._left: list[Parameter] = []
        self.routes: Routes = ()

    def stage(self, programs: list[tuple[Any, Program]]) -> Stage | None:
        """The row for the routes as they are now, over programs that plugins have; None where there is no route.

        What played before plays on until this is heard, and moves parameters until then: :meth:`let_go` comes after.
        """
        self._left += [route.parameter for route in self.routes]
        self.routes = self.matrix.routes
        if not self.routes:
            return None
        sources = list(dict.fromkeys(route.source for route in self.routes))
        fields: dict[str, Any] = {
            "channels": self._channels,
            "n_sources": len(sources),
            "n_routes": len(self.routes),
            "at": self._at,
            "heard": self._heard,
            "values": aligned(len(sources), np.float64),
            **self._fields_of_sources(sources, programs),
            **self._fields_of_routes(sources),
        }
        moved = [self._moves.of(route.parameter.table) for route in self.routes]
        keep = (self.routes, moved, programs, self._controls, tuple(self._reached.values()))
        return Stage(modulate, MODULATION, keep=keep, **fields)

    def let_go(self) -> None:
        """Parameters that no route moves any more are where the user put them. Only once no earlier row is played: it
        would move them again, for good."""
        moved = {(id(route.parameter.table), route.parameter.index) for route in self.routes}
        for parameter in self._left:
            if (id(parameter.table), parameter.index) not in moved:
                self._moves.of(parameter.table)[parameter.index] = 0.0
        self._left = []

    def moved(self) -> dict[Parameter, float]:
        """By what share of its range each routed parameter is away from the user's value now."""
        parameters = [route.parameter for route in self.routes]
        return {p: float(self._moves.of(p.table)[p.index]) for p in parameters}

    def _fields_of_sources(self, sources: list[Source], programs: list[tuple[Any, Program]]) -> dict[str, np.ndarray]:
        kinds = [LFO if isinstance(s, Lfo) else ENVELOPE if isinstance(s, Envelope) else VALUE for s in sources]
        lfos = [s if isinstance(s, Lfo) else Lfo(1.0) for s in sources]
        return {
            "kinds": _constant(kinds, np.int64),
            "places": _constant([self._place(source, programs) for source in sources], np.int64),
            "rates": _constant([lfo.rate_hz / self._rate for lfo in lfos], np.float64),
            "phases": _constant([lfo.phase for lfo in lfos], np.float64),
            "shapes": _constant([SHAPES.index(lfo.shape) for lfo in lfos], np.int64),
        }

    def _fields_of_routes(self, sources: list[Source]) -> dict[str, np.ndarray]:
        routes = self.routes
        self._reached = {r.key: self._reached.get(r.key, aligned(1, np.float64)) for r in routes}
        places = [address(self._moves.of(r.parameter.table)) + 8 * r.parameter.index for r in routes]
        return {
            "sources": _constant([sources.index(route.source) for route in routes], np.int64),
            "moved": _constant(places, np.int64),
            "curves": _constant([CURVES.index(route.curve) for route in routes], np.int64),
            "depths": _constant([route.depth for route in routes], np.float64),
            "ups": _constant([self._pace(route.attack_s) for route in routes], np.float64),
            "downs": _constant([self._pace(route.release_s) for route in routes], np.float64),
            "reached": _constant([address(self._reached[route.key]) for route in routes], np.int64),
        }

    def _place(self, source: Source, programs: list[tuple[Any, Program]]) -> int:
        if isinstance(source, MidiControl):
            return address(self._controls.setdefault(source, aligned(1, np.float64)))
        if isinstance(source, Reading):
            found = (program.readings.get(source.name, 0) for plugin, program in programs if plugin is source.plugin)
            return next(found, 0)
        return 0

    def _pace(self, time_s: float) -> float:
        return 1.0 - float(np.exp(-CELL / (time_s * self._rate))) if time_s > 0 else 1.0

    def events(self, time: int, message: Any) -> list[Event]:
        """What a MIDI message changes at a sample."""
        found = [(source, held) for source, held in list(self._controls.items()) if source.hears(message)]
        return [store_event(time, address(held), message.value / 127.0, held) for _, held in found]


def _constant(values: list, dtype) -> np.ndarray:
    out = aligned_copy(np.array(values), dtype)
    out.flags.writeable = False
    return out
