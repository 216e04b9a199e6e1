"""Frames inside a stream of samples: collect a hop, run every channel's frame stages, give out the finished hop."""

from collections.abc import Callable

import numpy as np

from ..buffers.memory import aligned
from ..buffers.record import Record
from ..buffers.step import ROW, Stage, run_rows, step, table
from ..buffers.views import copy, float_rows, part, place_of
from ..frames.plan import FramePlan
from ..models.joint import Lane, joined
from .program import STRIDE

LANES = Record(
    "Lanes",
    counts="channels hop n_tables n_rows fill=0",
    arrays="hop_in:f4[channels,hop] hop_out:f4[channels,hop]",
    constants=f"rows:i8[n_tables*n_rows,{ROW}]",
)


@step
def run_lanes(state, x, n, y):
    """`n` samples of planar float32 → `n` samples, one hop later; runs the tables when a hop is complete."""
    s = LANES(state)
    came, go, done = float_rows(x, s.channels, STRIDE), float_rows(y, s.channels, STRIDE), 0
    while done < n:
        m = min(s.hop - s.fill, n - done)
        for c in range(s.channels):
            copy(part(s.hop_in[c], s.fill, m), part(came[c], done, m))
            copy(part(go[c], done, m), part(s.hop_out[c], s.fill, m))
        s.fill += m
        done += m
        if s.fill == s.hop:
            for t in range(s.n_tables):
                run_rows(place_of(s.rows[t * s.n_rows]), s.n_rows, 1)
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
        Called once a channel with its hop_in and hop_out, float32 of shape (hop,): returns rows and stages.
    """
    hop_in, hop_out = aligned((channels, plan.hop)), aligned((channels, plan.hop))
    tables, inner = joined([make_lane(hop_in[c], hop_out[c]) for c in range(channels)])
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
        hop_in=hop_in,
        hop_out=hop_out,
        rows=rows,
        n_tables=len(tables),
        n_rows=len(rows) // len(tables),
    )
    return [stage, *inner]
