"""Frames some frames later: what waits for a slower branch."""

import numpy as np
from numba import carray

from ..buffers.memory import aligned, memmove, pointer
from ..buffers.step import Stage, step

LAG = np.dtype([(name, "i8") for name in ("n_bytes", "lag", "at", "line")])


@step
def wait(state, x, n, y):
    """`n` frames of n_bytes → the `n` that came `lag` frames before; zeros at first."""
    s = carray(pointer(state), 1, LAG)[0]
    for t in range(n):
        place = s.line + s.n_bytes * (s.at % (s.lag + 1))
        memmove(place, x + t * s.n_bytes, s.n_bytes)
        s.at += 1
        memmove(y + t * s.n_bytes, s.line + s.n_bytes * (s.at % (s.lag + 1)), s.n_bytes)
    return n


def lag_stage(frame: np.ndarray, lag: int) -> Stage:
    """A delay as a stage: frames of the size of the array `frame` → the same, `lag` frames later."""
    return Stage(
        wait, LAG, delay=lag, n_bytes=frame.nbytes, lag=lag, at=0, line=aligned((lag + 1, frame.nbytes), np.uint8)
    )
