"""SPSI, single-pass spectrogram inversion: every spectral peak is a sinusoid of steady frequency.

The frequency of a peak comes from the parabola through the logarithms of its magnitude and its neighbours'; its phase
advances by that frequency over a hop, and all bins down to the valleys on both sides take the peak's phase, so that
they add up to one sinusoid.

References
----------
.. [1] G. T. Beauregard, M. Harish and L. Wyse, "Single pass spectrogram inversion", DSP 2015, section 3.
"""

import numpy as np
from numba import carray

from ..buffers.memory import aligned, floats, pointer
from ..buffers.step import Stage, step
from ..frames.plan import FramePlan
from .arithmetic import ZERO, clean, f32, kernel, log2, polar, wrap
from .given import centre_turns

SPSI = np.dtype([(name, "i8") for name in ("n_bins", "magnitudes", "phase", "centre")] + [("step_turns", "f4")])
"""`phase` (turns, at the window's middle) of every bin in the last frame; `step_turns` that a bin's width adds in a
hop."""


@kernel
def peak_offset(left, top, right):
    """Where the parabola through three log magnitudes has its top, in bins from the middle one: -½ to ½."""
    bend = left - f32(2) * top + right
    return f32(0.5) * (left - right) / bend if bend < ZERO else ZERO


@kernel
def advance_peaks(s):
    """Give every peak and the slopes on both its sides the phase that the peak's frequency leads to."""
    size, phase = floats(s.magnitudes, s.n_bins), floats(s.phase, s.n_bins)
    last, start, m = s.n_bins - 1, 0, 0
    while m < last:
        while m < last and size[m + 1] >= size[m]:
            m += 1
        top = m
        while m < last and size[m + 1] < size[m]:
            m += 1
        inside = 0 < top < last
        offset = ZERO
        if inside and size[top - 1] > ZERO and size[top + 1] > ZERO:
            offset = peak_offset(log2(size[top - 1]), log2(size[top]), log2(size[top + 1]))
        reached = wrap(phase[top] + s.step_turns * (f32(top) + offset))
        for k in range(start, m + 1):
            phase[k] = reached
        start = m + 1


@step
def spsi(state, x, n, y):
    """`n` frames of n_bins float32 magnitudes → `n` frames of n_bins complex64."""
    s = carray(pointer(state), 1, SPSI)[0]
    for t in range(n):
        clean(x + 4 * t * s.n_bins, s.magnitudes, s.n_bins)
        advance_peaks(s)
        polar(s.magnitudes, s.phase, s.centre, y + 8 * t * s.n_bins, s.n_bins)
    return n


def spsi_stage(plan: FramePlan) -> Stage:
    """SPSI of one channel as a stage: (n_bins,) float32 → (n_bins,) complex64. No delay."""
    return Stage(
        spsi,
        SPSI,
        n_bins=plan.n_bins,
        magnitudes=aligned(plan.n_bins),
        phase=aligned(plan.n_bins),
        centre=centre_turns(plan),
        step_turns=plan.hop / plan.n_fft,
    )
