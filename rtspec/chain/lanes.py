"""Frames inside a stream of samples: collect a hop, run every channel's frame stages, give out the finished hop."""

from collections.abc import Callable

import numpy as np
from numba import carray

from ..buffers.memory import aligned, memmove, pointer
from ..buffers.step import Stage, run_rows, step, table
from ..frames.plan import FramePlan
from ..models.joint import Lane, joined
from .program import STRIDE

LANES = np.dtype(
    [(name, "i8") for name in ("channels", "hop", "fill", "inbox", "outbox", "rows", "n_tables", "n_rows")]
)


@step
def run_lanes(state, x, n, y):
    """`n` samples of planar float32 → `n` samples, one hop later; runs the tables when a hop is complete."""
    s = carray(pointer(state), 1, LANES)[0]
    done = 0
    while done < n:
        m = min(s.hop - s.fill, n - done)
        for c in range(s.channels):
            at = 4 * (c * s.hop + s.fill)
            outside = 4 * (c * STRIDE + done)
            memmove(s.inbox + at, x + outside, 4 * m)
            memmove(y + outside, s.outbox + at, 4 * m)
        s.fill += m
        done += m
        if s.fill == s.hop:
            for t in range(s.n_tables):
                run_rows(s.rows + 32 * t * s.n_rows, s.n_rows, 1)
            s.fill = 0
    return n


def lanes_stage(plan: FramePlan, channels: int, make_lane: Callable[[np.ndarray, np.ndarray], Lane]) -> list[Stage]:
    """The frame stages of all channels as one audio stage, first in the list; the stages inside it follow.

    Calls of a heavy model are made for all channels at once where it can (:func:`rtspec.models.joint.joined`).

    Parameters
    ----------
    plan : FramePlan
    channels : int
    make_lane : callable
        Called once a channel with its inbox and outbox, float32 of shape (hop,): returns rows and stages.
    """
    inbox, outbox = aligned((channels, plan.hop)), aligned((channels, plan.hop))
    tables, inner = joined([make_lane(inbox[c], outbox[c]) for c in range(channels)])
    lane_rows = [row for each in tables for row in each]
    rows = table(lane_rows)
    rows.flags.writeable = False
    stage = Stage(
        run_lanes,
        LANES,
        keep=tuple(lane_rows),
        delay=plan.hop,
        channels=channels,
        hop=plan.hop,
        fill=0,
        inbox=inbox,
        outbox=outbox,
        rows=rows,
        n_tables=len(tables),
        n_rows=len(rows) // len(tables),
    )
    return [stage, *inner]
