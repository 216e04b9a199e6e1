"""Units joined to one program: copies between them, what moves their parameters, what they hear, and the guard."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..buffers.events import Event
from ..buffers.record import Record
from ..buffers.step import Row, Stage, step
from ..buffers.views import copy, float_rows, part
from ..control.modulation import Matrix
from ..control.parameters import Parameter
from .cells import Cells
from .driver import LastStage
from .modulating import Modulating
from .program import STRIDE, Program, audio_buffer
from .steering import Moves
from .unit import Unit

WIRE = Record("Wire", counts="channels")


@step
def copy_block(state, x, n, y):
    """Copy a planar block from one program's output to the next one's input."""
    channels = WIRE(state).channels
    came, go = float_rows(x, channels, STRIDE), float_rows(y, channels, STRIDE)
    for c in range(channels):
        copy(part(go[c], 0, n), came[c])
    return n


Joined = tuple[list[Row], np.ndarray]
"""Rows of a program, and the buffer where their sound is, float32 (channels, STRIDE)."""


class Wiring:
    """What joins the units of one chain in one stream.

    Parameters
    ----------
    sample_rate : float
        Hz.
    channels, sensors : int
        Of the chain; of its sensor, 0 where there is none.
    guard : LastStage or None
        Stands behind the chain.
    matrix : Matrix or None
        What moves parameters by itself.

    Attributes
    ----------
    moves : Moves
        What steers parameters of the chain's stages.
    x : ndarray, float32, shape (channels, STRIDE)
        Where the chain's input is.
    """

    def __init__(self, sample_rate: float, channels: int, sensors: int, guard: LastStage | None, matrix: Matrix | None):
        self._cells, self.moves = Cells(channels, sensors), Moves()
        at = (self._cells.at, sample_rate, channels)
        self._modulating = None if matrix is None else Modulating(matrix, self.moves, *at)
        self._guard, self._guarded = guard, audio_buffer(channels)
        self.x, self._wire = audio_buffer(channels), Stage(copy_block, WIRE, channels=channels)

    def rows(self, units: Sequence[Unit], place: np.ndarray, joining: bool = False) -> Joined:
        """Units in order, the first reading at `place`, joined by copies; their rows, and where their sound is. It is
        float32 of shape (channels, STRIDE). Where they are `joining` the units before them, a mix among them plays
        only what that before it does not."""
        rows = []
        for unit in units:
            steers = [stage.row(place, place) for stage in unit.steers]
            rows += [*steers, self._wire.row(place, unit.program.x), *(unit.joining if joining else unit.program.rows)]
            place = unit.program.y
        return rows, place

    def chained(self, units: Sequence[Unit]) -> Program:
        """The program of a chain of these units."""
        return self.program(self.rows(units, self.x), units)

    def program(self, joined: Joined, units: Sequence[Unit]) -> Program:
        """A program of rows, made of these units: with the guard, the modulation and the cells that they need."""
        rows, out = joined
        if self._guard is not None:
            rows, out = [*rows, self._guard.stage.row(out, self._guarded)], self._guarded
        programs = [unit.program for unit in units]
        listeners = list(dict.fromkeys(stage for program in programs for stage in program.listeners))
        rows = [*rows, *(stage.row(self._cells.heard, out) for stage in listeners)]
        x, keep = self.x, (self._wire, *programs)
        modulator = self._modulator(units)
        if modulator is not None:
            rows, keep = [modulator.row(x, x), *rows], (modulator, *keep)
        if listeners or modulator is not None:
            row, stage = self._cells.around(rows, x, out)
            rows, x, out, keep = [row], self._cells.x, self._cells.y, (stage, *keep)
        inboxes = list(dict.fromkeys(inbox for program in programs for inbox in program.inboxes))
        sensor = self._cells.sensor if self._cells.sensors else None
        return Program(rows, [], x, out, _added(programs), keep=keep, inboxes=inboxes, sensor=sensor)

    def _modulator(self, units: Sequence[Unit]) -> Stage | None:
        if self._modulating is None:
            return None
        places = [place for unit in units if unit.plugin is not None for place in unit.places(0)]
        return self._modulating.stage([(plugin, program) for plugin, program, _, _ in places])

    @property
    def has_other_routes(self) -> bool:
        """Whether the matrix has changed since the last program."""
        return self._modulating is not None and self._modulating.routes != self._modulating.matrix.routes

    def let_go(self) -> None:
        """No earlier program is played any more: what no route moves now is where the user put it."""
        if self._modulating is not None:
            self._modulating.let_go()

    def moved(self) -> dict[Parameter, float]:
        """By what share of its range the modulation moves each parameter that it moves."""
        return {} if self._modulating is None else self._modulating.moved()

    def control_events(self, time: int, message: Any) -> list[Event]:
        """What a MIDI message changes in the modulation, at a sample."""
        return [] if self._modulating is None else self._modulating.events(time, message)


def _added(programs: Sequence[Program]) -> dict[str, int]:
    """The items of latency of programs in a row, samples."""
    latency: dict[str, int] = {}
    for item, n in (pair for program in programs for pair in program.latency.items()):
        latency[item] = latency.get(item, 0) + n
    return latency
