"""Streaming analysis: one hop of samples in, one complex frame out."""

import numpy as np
from numba import carray, njit

from ..buffers.memory import aligned, complexes, floats, memmove, pointer
from ..buffers.step import Stage, step
from .fft import execute, real_fft
from .plan import FramePlan

ANALYSIS = np.dtype(
    [
        (name, "i8")
        for name in (
            "length",
            "hop",
            "n_bins",
            "window",
            "history",
            "windowed",
            "offset",
            "spectrum",
            "fft",
            "fft_plan",
        )
    ]
)


@njit
def window_newest(history, length, hop, x, window, windowed):
    """Shift the hop at address `x` into the history and write the windowed frame; what lies behind it stays zero."""
    memmove(history, history + 4 * hop, 4 * (length - hop))
    memmove(history + 4 * (length - hop), x, 4 * hop)
    old, shape, out = floats(history, length), floats(window, length), floats(windowed, length)
    for i in range(length):
        out[i] = old[i] * shape[i]


@step
def analyse(state, x, n, y):
    """`n` hops of float32 samples → `n` frames of n_bins complex64."""
    s = carray(pointer(state), 1, ANALYSIS)[0]
    for t in range(n):
        window_newest(s.history, s.length, s.hop, x + 4 * t * s.hop, s.window, s.windowed + 4 * s.offset)
        execute(s.fft, s.fft_plan, s.windowed, s.spectrum)
        memmove(y + 8 * t * s.n_bins, s.spectrum, 8 * s.n_bins)
    return n


def analysis_stage(plan: FramePlan) -> Stage:
    """Analysis of one channel as a stage: (hop,) float32 → (n_bins,) complex64, frame by frame, no delay of its own."""
    fft, fft_plan = real_fft(plan.n_fft).forward
    return Stage(
        analyse,
        ANALYSIS,
        length=plan.length,
        hop=plan.hop,
        n_bins=plan.n_bins,
        window=plan.analysis,
        history=aligned(plan.length),
        windowed=aligned(plan.n_fft),
        offset=plan.offset,
        spectrum=aligned(plan.n_bins, np.complex64),
        fft=fft,
        fft_plan=fft_plan,
    )


MAGNITUDE = np.dtype([("n_bins", "i8")])


@step
def take_magnitude(state, x, n, y):
    """`n` complex64 frames → `n` float32 frames of their absolute values."""
    n_values = n * carray(pointer(state), 1, MAGNITUDE)[0].n_bins
    spectrum, magnitude = complexes(x, n_values), floats(y, n_values)
    for i in range(n_values):
        magnitude[i] = np.sqrt(spectrum[i].real ** 2 + spectrum[i].imag ** 2)
    return n


def magnitude_stage(plan: FramePlan) -> Stage:
    """|X| as a stage: (n_bins,) complex64 → (n_bins,) float32."""
    return Stage(take_magnitude, MAGNITUDE, n_bins=plan.n_bins)
