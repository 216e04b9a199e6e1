"""Frames that stay samples: blocks for networks of waveforms, and their blocks added together again."""

import numpy as np

from ..buffers.memory import aligned
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import clear, copy, float_rows, floats, part
from .analysis import window_newest
from .plan import FramePlan

FRAMING = Record(
    "Framing",
    counts="length hop",
    constants="window:f4[length]",
    arrays="history:f4[length]",
    reals="offset scale",
)


@step
def frame(state, x, n, y):
    """`n` hops of float32 samples → `n` windowed blocks of `length` float32, ``(value + offset)·scale``."""
    s = FRAMING(state)
    hops, blocks = float_rows(x, n, s.hop), float_rows(y, n, s.length)
    for t in range(n):
        window_newest(s.history, s.length, s.hop, hops[t], s.window, blocks[t])
        if s.offset != 0.0 or s.scale != 1.0:
            for i in range(s.length):
                blocks[t][i] = (blocks[t][i] + s.offset) * s.scale
    return n


def framing_stage(plan: FramePlan, offset: float = 0.0, scale: float = 1.0) -> Stage:
    """Windowed blocks of one channel as a stage: (hop,) float32 → (length,) float32, no delay of its own."""
    return Stage(
        frame,
        FRAMING,
        length=plan.length,
        hop=plan.hop,
        window=plan.analysis,
        history=aligned(plan.length),
        offset=offset,
        scale=scale,
    )


GAINS = Record(
    "BlockGains", counts="length hop n_gains", shared="block:f4[length]", reals="offset scale taken_offset taken_scale"
)


@step
def gain_block(state, x, n, y):
    """One gain for the newest hop, or one for each of its samples → (hop,) float32."""
    s = GAINS(state)
    gains, made, old = floats(x, s.n_gains), floats(y, s.hop), s.length - s.hop
    for i in range(s.hop):
        sample = s.block[old + i] / s.taken_scale - s.taken_offset
        made[i] = sample * (gains[i if s.n_gains > 1 else 0] / s.scale - s.offset)
    return n


def block_gains_stage(
    plan: FramePlan,
    block: np.ndarray,
    n_gains: int,
    input_scaling: tuple[float, float],
    output_scaling: tuple[float, float],
) -> Stage:
    """Gains on samples as a stage: (n_gains,) float32 → (hop,) float32.

    Parameters
    ----------
    block : ndarray, float32, shape (length,)
        Where the newest block lies, as the model took it.
    n_gains : int
        1 or the hop.
    input_scaling, output_scaling : tuple of float
        Offset and scale of the block and of the gains.
    """
    return Stage(
        gain_block,
        GAINS,
        length=plan.length,
        hop=plan.hop,
        n_gains=n_gains,
        block=block,
        taken_offset=input_scaling[0],
        taken_scale=input_scaling[1],
        offset=output_scaling[0],
        scale=output_scaling[1],
    )


ADDING = Record(
    "Adding",
    counts="length hop n_samples",
    constants="window:f4[length]",
    arrays="sum:f4[length]",
    reals="offset scale",
)


@step
def add_blocks(state, x, n, y):
    """`n` blocks of n_samples float32 → `n` hops; a block shorter than the window holds its newest samples."""
    s = ADDING(state)
    blocks, hops = float_rows(x, n, s.n_samples), float_rows(y, n, s.hop)
    kept, first = s.length - s.hop, s.length - s.n_samples
    for t in range(n):
        for i in range(s.n_samples):
            s.sum[first + i] += np.float32((blocks[t][i] / s.scale - s.offset) * s.window[first + i])
        copy(hops[t], s.sum)
        copy(part(s.sum, 0, kept), part(s.sum, s.hop, kept))
        clear(part(s.sum, kept, s.hop))
    return n


def adding_stage(
    plan: FramePlan, n_samples: int, offset: float = 0.0, scale: float = 1.0, at_once: bool = False
) -> Stage:
    """Blocks of one channel added together as a stage: (n_samples,) float32 → (hop,) float32.

    The hop that comes out with block t holds samples ``[t·hop - (length - hop), t·hop - (length - 2·hop))``, as that
    of :func:`rtspec.frames.synthesis.synthesis_stage` does; `at_once`, it is block t itself, one hop long.
    """
    length = plan.hop if at_once else plan.length
    return Stage(
        add_blocks,
        ADDING,
        length=length,
        hop=plan.hop,
        n_samples=n_samples,
        window=plan.synthesis[-length:],
        sum=aligned(length),
        offset=offset,
        scale=scale,
    )
