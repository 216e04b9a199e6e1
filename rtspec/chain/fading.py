"""What edits of a playing chain need: a delay that keeps the chain's latency, and a cross-fade from one sound to
another."""

import numpy as np
from numba import carray, njit

from ..buffers.memory import aligned, floats, memmove, pointer
from ..buffers.step import Stage, step
from .program import STRIDE

FADE_MS = 20.0
"""How long a cross-fade takes."""

DELAY = np.dtype([(name, "i8") for name in ("channels", "lag", "at", "line")])
FADE = np.dtype([(name, "i8") for name in ("channels", "wait", "length", "at", "new")])


@step
def delay_block(state, x, n, y):
    """`n` samples of planar float32, `lag` samples later."""
    s = carray(pointer(state), 1, DELAY)[0]
    at = s.at
    for c in range(s.channels):
        line, at = floats(s.line + 4 * c * s.lag, s.lag), s.at
        source, out = floats(x + 4 * c * STRIDE, n), floats(y + 4 * c * STRIDE, n)
        for i in range(n):
            out[i], line[at] = line[at], source[i]
            at = at + 1 if at + 1 < s.lag else 0
    s.at = at
    return n


@njit
def _blend(old, new, out, n, share, slope):
    """Linear from old to new: the two are alike as a rule, and then their sum keeps its level."""
    for i in range(n):
        weight = min(np.float32(1.0), np.float32(share + slope * i))
        out[i] = old[i] + weight * (new[i] - old[i]) if weight > 0.0 else old[i]


@step
def cross_fade(state, x, n, y):
    """The old sound at `x` for `wait` samples, then in `length` samples over to the one at the state's `new`."""
    s = carray(pointer(state), 1, FADE)[0]
    for c in range(s.channels):
        offset = 4 * c * STRIDE
        if s.at >= s.wait + s.length:
            memmove(y + offset, s.new + offset, 4 * n)
            continue
        old, new, out = floats(x + offset, n), floats(s.new + offset, n), floats(y + offset, n)
        _blend(old, new, out, n, (s.at - s.wait) / s.length, 1.0 / s.length)
    s.at += n
    return n


def delay_stage(channels: int, lag: int) -> Stage:
    """A delay of `lag` samples, at least 1."""
    return Stage(delay_block, DELAY, delay=lag, channels=channels, lag=lag, line=aligned((channels, lag)))


def fade_stage(new: np.ndarray, wait: int, length: int) -> Stage:
    """A cross-fade to the sound in the buffer `new` (channels, STRIDE) that begins after `wait` samples."""
    return Stage(cross_fade, FADE, keep=(new,), channels=len(new), wait=wait, length=length, new=new.ctypes.data)
