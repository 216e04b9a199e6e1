"""Listeners that take what they hear elsewhere: to another sample rate, and through stages of their own."""

import numpy as np
from numba import njit

from ...buffers.record import Record
from ...buffers.step import ROW, Row, Stage, run_rows, step, table
from ...buffers.views import copy, float_rows, part, place_of
from ...chain.program import STRIDE

ASIDE = Record(
    "Aside",
    counts="channels references n_rows",
    constants=f"rows:i8[n_rows,{ROW}]",
    shared=f"gathered:f4[:,{STRIDE}]",
)


@njit
def _mix(rows, n_rows, n, out):
    for i in range(n):
        total = np.float32(0.0)
        for c in range(n_rows):
            total += rows[c, i]
        out[i] = total / n_rows


@step
def run_aside(state, x, n, y):
    """Gather `n` samples of the sensor at `x`, mono, and of what the chain plays at `y`, and run the rows on them."""
    s = ASIDE(state)
    room, played = float_rows(x, 1, STRIDE), float_rows(y, s.channels, STRIDE)
    copy(part(s.gathered[0], 0, n), part(room[0], 0, n))
    if s.references == s.channels:
        for c in range(s.channels):
            copy(part(s.gathered[1 + c], 0, n), part(played[c], 0, n))
    elif s.references == 1:
        _mix(played, s.channels, n, part(s.gathered[1], 0, n))
    run_rows(place_of(s.rows[0]), s.n_rows, n)
    return n


class AsideStage(Stage):
    """A listener that runs `rows` on what it hears; what it resets, it resets inside too.

    Parameters
    ----------
    rows : list of Row
        The first reads `gathered`.
    inner : list of Stage
        Those of the rows, and those inside them.
    gathered : ndarray, float32, shape (1 + references, STRIDE)
        Gets the sensor, then as many references: the chain's channels, or where it is one their mean.
    channels : int
        Of the chain.
    """

    def __init__(self, rows: list[Row], inner: list[Stage], gathered: np.ndarray, channels: int = 1):
        inside = table(rows)
        inside.flags.writeable = False
        self._inner = inner
        super().__init__(
            run_aside,
            ASIDE,
            keep=tuple(rows),
            channels=channels,
            references=len(gathered) - 1,
            n_rows=len(rows),
            rows=inside,
            gathered=gathered,
        )

    def reset(self) -> None:
        super().reset()
        for stage in self._inner:
            stage.reset()

    def kept_state(self) -> list[np.ndarray]:
        """Copies of what its stages hold, of shapes and dtypes as they declare."""
        return [array for stage in self._inner for array in stage.kept_state()]

    def restore(self, state: list[np.ndarray]) -> None:
        """Back to what :meth:`kept_state` gave, arrays of the same shapes and dtypes."""
        rest = iter(state)
        for stage in self._inner:
            stage.restore([next(rest) for _ in stage.kept_state()])
