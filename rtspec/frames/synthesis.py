"""Overlap-add: one complex frame in, one hop of finished samples out."""

import numpy as np
from numba import carray, njit

from ..buffers.memory import aligned, floats, memmove, memset, pointer
from ..buffers.step import Stage, step
from .fft import execute, real_fft
from .plan import FramePlan

SYNTHESIS = np.dtype(
    [
        (name, "i8")
        for name in ("length", "hop", "n_fft", "window", "sum", "spectrum", "samples", "offset", "fft", "fft_plan")
    ]
)


@njit
def add_frame(total, samples, window, length, scale):
    """Add the windowed frame to the running sum (addresses of float32)."""
    into, frame, shape = floats(total, length), floats(samples, length), floats(window, length)
    for i in range(length):
        into[i] += frame[i] * shape[i] * scale


@step
def overlap_add(state, x, n, y):
    """`n` frames of n_bins complex64 → `n` hops of float32 samples."""
    s = carray(pointer(state), 1, SYNTHESIS)[0]
    n_bins, kept = s.n_fft // 2 + 1, 4 * (s.length - s.hop)
    for t in range(n):
        memmove(s.spectrum, x + 8 * t * n_bins, 8 * n_bins)
        execute(s.fft, s.fft_plan, s.spectrum, s.samples)
        add_frame(s.sum, s.samples + 4 * s.offset, s.window, s.length, np.float32(1.0 / s.n_fft))
        memmove(y + 4 * t * s.hop, s.sum, 4 * s.hop)
        memmove(s.sum, s.sum + 4 * s.hop, kept)
        memset(s.sum + kept, 0, 4 * s.hop)
    return n


def synthesis_stage(plan: FramePlan) -> Stage:
    """Inverse transform and overlap-add of one channel as a stage: (n_bins,) complex64 → (hop,) float32.

    The hop that comes out with frame t holds samples ``[t·hop - (length - hop), t·hop - (length - 2·hop))``.
    """
    fft, fft_plan = real_fft(plan.n_fft).inverse
    return Stage(
        overlap_add,
        SYNTHESIS,
        length=plan.length,
        hop=plan.hop,
        n_fft=plan.n_fft,
        window=plan.synthesis,
        sum=aligned(plan.length),
        spectrum=aligned(plan.n_bins, np.complex64),
        samples=aligned(plan.n_fft),
        offset=plan.offset,
        fft=fft,
        fft_plan=fft_plan,
    )
