"""Frames some frames later: what waits for a slower branch."""

import numpy as np

from ..buffers.memory import aligned
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import copy, octet_rows

LAG = Record("Lag", counts="n_bytes lag at=0", arrays="line:u1[lag+1,n_bytes]")


@step
def wait(state, x, n, y):
    """`n` frames of n_bytes → the `n` that came `lag` frames before; zeros at first."""
    s = LAG(state)
    came, go = octet_rows(x, n, s.n_bytes), octet_rows(y, n, s.n_bytes)
    for t in range(n):
        copy(s.line[s.at % (s.lag + 1)], came[t])
        s.at += 1
        copy(go[t], s.line[s.at % (s.lag + 1)])
    return n


def lag_stage(frame: np.ndarray, lag: int) -> Stage:
    """A delay as a stage: frames of the size of the array `frame` → the same, `lag` frames later. Its shape and dtype
    may be any."""
    return Stage(wait, LAG, delay=lag, n_bytes=frame.nbytes, lag=lag, line=aligned((lag + 1, frame.nbytes), np.uint8))
