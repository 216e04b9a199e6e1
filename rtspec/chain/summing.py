"""What chains side by side need: their sounds added up."""

from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import clear, copy, float_rows, part
from .program import STRIDE

SUM = Record("Sum", counts="channels first")


@step
def add_block(state, x, n, y):
    """`n` samples of planar float32 more at `y`; the first sound replaces what was there."""
    s = SUM(state)
    came, go = float_rows(x, s.channels, STRIDE), float_rows(y, s.channels, STRIDE)
    for c in range(s.channels):
        added, total = came[c], go[c]
        if s.first:
            copy(part(total, 0, n), added)
            continue
        for i in range(n):
            total[i] += added[i]
    return n


@step
def silence_block(state, x, n, y):
    """`n` samples of silence."""
    channels = SUM(state).channels
    out = float_rows(y, channels, STRIDE)
    for c in range(channels):
        clear(part(out[c], 0, n))
    return n


def sum_stage(channels: int, first: bool) -> Stage:
    """Adds one more sound to the sum."""
    return Stage(add_block, SUM, channels=channels, first=int(first))


def silence_stage(channels: int) -> Stage:
    """The sum of no sounds."""
    return Stage(silence_block, SUM, channels=channels, first=0)
