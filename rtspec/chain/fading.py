"""What edits of a playing chain need: a delay that keeps the chain's latency, and a cross-fade from one sound to
another."""

import numpy as np
from numba import njit

from ..buffers.memory import aligned
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import copy, float_rows, part
from .program import STRIDE

RESERVE = "reserve"
"""The latency item of delays that keep the chain's latency."""

FADE_MS = 20.0
"""How long a cross-fade takes."""

DELAY = Record("Delay", counts="channels lag at=0", arrays="line:f4[channels,lag]")
FADE = Record("Fade", counts="channels wait length at=0", shared=f"new:f4[channels,{STRIDE}]")


@step
def delay_block(state, x, n, y):
    """`n` samples of planar float32, `lag` samples later."""
    s = DELAY(state)
    came, go, at = float_rows(x, s.channels, STRIDE), float_rows(y, s.channels, STRIDE), s.at
    for c in range(s.channels):
        source, out, line, at = came[c], go[c], s.line[c], s.at
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
    s = FADE(state)
    came, go = float_rows(x, s.channels, STRIDE), float_rows(y, s.channels, STRIDE)
    for c in range(s.channels):
        old, new, out = came[c], s.new[c], go[c]
        if s.at >= s.wait + s.length:
            copy(part(out, 0, n), new)
            continue
        _blend(old, new, out, n, (s.at - s.wait) / s.length, 1.0 / s.length)
    s.at += n
    return n


def delay_stage(channels: int, lag: int) -> Stage:
    """A delay of `lag` samples, at least 1."""
    return Stage(delay_block, DELAY, delay=lag, channels=channels, lag=lag, line=aligned((channels, lag)))


def fade_stage(new: np.ndarray, wait: int, length: int) -> Stage:
    """A cross-fade to the sound in the buffer `new` (channels, STRIDE) that begins after `wait` samples. It is
    float32."""
    return Stage(cross_fade, FADE, channels=len(new), wait=wait, length=length, new=new)
