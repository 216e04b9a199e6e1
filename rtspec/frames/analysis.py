"""Streaming analysis: one hop of samples in, one complex frame out."""

import numpy as np
from numba import njit

from ..buffers.memory import aligned
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import complex_rows, complexes, copy, float_rows, floats, part
from .fft import execute
from .plan import FramePlan
from .transforms import real_fft

ANALYSIS = Record(
    "Analysis",
    counts="length hop n_fft n_bins offset",
    addresses="fft fft_plan",
    constants="window:f4[length]",
    arrays="history:f4[length]",
    transformed="windowed:f4[n_fft] spectrum:c8[n_bins]",
)


@njit
def window_newest(history, length, hop, x, window, windowed):
    """Shift the hop `x` into the history and write the windowed frame; what lies behind it stays zero."""
    kept = length - hop
    copy(part(history, 0, kept), part(history, hop, kept))
    copy(part(history, kept, hop), x)
    for i in range(length):
        windowed[i] = history[i] * window[i]


@step
def analyse(state, x, n, y):
    """`n` hops of float32 samples → `n` frames of n_bins complex64."""
    s = ANALYSIS(state)
    hops, spectra = float_rows(x, n, s.hop), complex_rows(y, n, s.n_bins)
    for t in range(n):
        window_newest(s.history, s.length, s.hop, hops[t], s.window, part(s.windowed, s.offset, s.length))
        execute(s.fft, s.fft_plan, s.windowed, s.spectrum)
        copy(spectra[t], s.spectrum)
    return n


def analysis_stage(plan: FramePlan) -> Stage:
    """Analysis of one channel as a stage: (hop,) float32 → (n_bins,) complex64, frame by frame, no delay of its own."""
    fft, fft_plan = real_fft(plan.n_fft).forward
    return Stage(
        analyse,
        ANALYSIS,
        length=plan.length,
        hop=plan.hop,
        n_fft=plan.n_fft,
        n_bins=plan.n_bins,
        window=plan.analysis,
        history=aligned(plan.length),
        windowed=aligned(plan.n_fft),
        offset=plan.offset,
        spectrum=aligned(plan.n_bins, np.complex64),
        fft=fft,
        fft_plan=fft_plan,
    )


MAGNITUDE = Record("Magnitude", counts="n_bins")


@step
def take_magnitude(state, x, n, y):
    """`n` complex64 frames → `n` float32 frames of their absolute values."""
    n_values = n * MAGNITUDE(state).n_bins
    spectrum, magnitude = complexes(x, n_values), floats(y, n_values)
    for i in range(n_values):
        magnitude[i] = np.sqrt(spectrum[i].real ** 2 + spectrum[i].imag ** 2)
    return n


def magnitude_stage(plan: FramePlan) -> Stage:
    """|X| as a stage: (n_bins,) complex64 → (n_bins,) float32."""
    return Stage(take_magnitude, MAGNITUDE, n_bins=plan.n_bins)
