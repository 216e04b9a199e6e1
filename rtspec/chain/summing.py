"""What chains side by side need: their sounds added up."""

import numpy as np
from numba import carray

from ..buffers.memory import floats, memmove, memset, pointer
from ..buffers.step import Stage, step
from .program import STRIDE

SUM = np.dtype([("channels", "i8"), ("first", "i8")])


@step
def add_block(state, x, n, y):
    """`n` samples of planar float32 more at `y`; the first sound replaces what was there."""
    s = carray(pointer(state), 1, SUM)[0]
    for c in range(s.channels):
        offset = 4 * c * STRIDE
        if s.first:
            memmove(y + offset, x + offset, 4 * n)
            continue
        added, total = floats(x + offset, n), floats(y + offset, n)
        for i in range(n):
            total[i] += added[i]
    return n


@step
def silence_block(state, x, n, y):
    """`n` samples of silence."""
    for c in range(carray(pointer(state), 1, SUM)[0].channels):
        memset(y + 4 * c * STRIDE, 0, 4 * n)
    return n


def sum_stage(channels: int, first: bool) -> Stage:
    """Adds one more sound to the sum."""
    return Stage(add_block, SUM, channels=channels, first=int(first))


def silence_stage(channels: int) -> Stage:
    """The sum of no sounds."""
    return Stage(silence_block, SUM, channels=channels, first=0)
