"""Cells: a program in pieces that end at each multiple of :data:`CELL` samples from its start, whatever the blocks are.

What hears a chain's output and moves its targets (a listening stage, a modulation) closes a loop. Its delay must not
depend on the driver's blocks, or no two drivers would give the same samples: what is found in one cell acts from the
start of the next one on.
"""

import numpy as np

from ..buffers.memory import aligned
from ..buffers.record import Record
from ..buffers.step import ROW, Row, Stage, run_rows, step, table
from ..buffers.views import copy, float_rows, part, place_of
from .program import STRIDE, audio_buffer

CELL = 128
"""Samples: 2.7 ms at 48 kHz, and the usual block."""

CELLS = Record(
    "Cells",
    counts="channels sensors n_rows",
    constants=f"rows:i8[n_rows,{ROW}]",
    shared=f"at:i8[1] x:f4[channels,{STRIDE}] y:f4[channels,{STRIDE}] sensor:f4[:,{STRIDE}] heard:f4[1,{STRIDE}]",
)


@step
def run_cells(state, x, n, y):
    """`n` planar float32 samples of each channel → as many; the rows run once a cell, or for each piece of one. What
    they hear of the sensor is the mean of its channels."""
    s = CELLS(state)
    came, go, done = float_rows(x, s.channels, STRIDE), float_rows(y, s.channels, STRIDE), 0
    while done < n:
        m = min(n - done, CELL - s.at[0] % CELL)
        for c in range(s.channels):
            copy(part(s.x[c], 0, m), part(came[c], done, m))
        for i in range(m):
            total = np.float32(0.0)
            for c in range(s.sensors):
                total += s.sensor[c, done + i]
            s.heard[0, i] = total / max(1, s.sensors)
        run_rows(place_of(s.rows[0]), s.n_rows, m)
        for c in range(s.channels):
            copy(part(go[c], done, m), part(s.y[c], 0, m))
        s.at[0] += m
        done += m
    return n


class Cells:
    """The cells of one chain in one stream, which count on whatever plays.

    Parameters
    ----------
    channels, sensors : int
        Of the chain; of its sensor, 0 where there is none.

    Attributes
    ----------
    sensor : ndarray, float32, shape (max(1, sensors), STRIDE)
        Where the driver puts a block of the sensor.
    at : ndarray, int64, shape (1,)
        Samples since the start.
    heard : ndarray, float32, shape (1, STRIDE)
        Where the rows inside find their piece of it.
    """

    def __init__(self, channels: int, sensors: int):
        self.at, self.sensors = aligned(1, np.int64), sensors
        self.sensor, self.heard = audio_buffer(max(1, sensors)), audio_buffer(1)
        self.x, self.y = audio_buffer(channels), audio_buffer(channels)

    def around(self, rows: list[Row], x: np.ndarray, y: np.ndarray) -> tuple[Row, Stage]:
        """One row from :attr:`x` to :attr:`y` that runs `rows`, which read at `x` and write at `y`, cell by cell. Both
        float32 of shape (channels, STRIDE)."""
        inner = table(rows)
        inner.flags.writeable = False
        stage = Stage(
            run_cells,
            CELLS,
            keep=(rows,),
            channels=len(x),
            sensors=self.sensors,
            n_rows=len(rows),
            rows=inner,
            at=self.at,
            x=x,
            y=y,
            sensor=self.sensor,
            heard=self.heard,
        )
        return stage.row(self.x, self.y), stage
