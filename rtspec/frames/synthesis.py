"""Overlap-add: one complex frame in, one hop of finished samples out."""

import numpy as np
from numba import njit

from ..buffers.memory import aligned
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import clear, complex_rows, copy, float_rows, part
from .fft import execute
from .plan import FramePlan
from .transforms import real_fft

SYNTHESIS = Record(
    "Synthesis",
    counts="length hop n_fft n_bins offset",
    addresses="fft fft_plan",
    constants="window:f4[length]",
    arrays="sum:f4[length]",
    transformed="spectrum:c8[n_bins] samples:f4[n_fft]",
)


@njit
def add_frame(total, samples, window, length, scale):
    """Add the windowed frame to the running sum, `length` float32 each."""
    for i in range(length):
        total[i] += samples[i] * window[i] * scale


@step
def overlap_add(state, x, n, y):
    """`n` frames of n_bins complex64 → `n` hops of float32 samples."""
    s = SYNTHESIS(state)
    spectra, hops, kept = complex_rows(x, n, s.n_bins), float_rows(y, n, s.hop), s.length - s.hop
    for t in range(n):
        copy(s.spectrum, spectra[t])
        execute(s.fft, s.fft_plan, s.spectrum, s.samples)
        add_frame(s.sum, part(s.samples, s.offset, s.length), s.window, s.length, np.float32(1.0 / s.n_fft))
        copy(hops[t], s.sum)
        copy(part(s.sum, 0, kept), part(s.sum, s.hop, kept))
        clear(part(s.sum, kept, s.hop))
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
        n_bins=plan.n_bins,
        window=plan.synthesis,
        sum=aligned(plan.length),
        spectrum=aligned(plan.n_bins, np.complex64),
        samples=aligned(plan.n_fft),
        offset=plan.offset,
        fft=fft,
        fft_plan=fft_plan,
    )
