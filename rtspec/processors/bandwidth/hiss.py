"""Even noise that fills what a coder emptied, as a stage."""

from functools import cache

import numpy as np
from scipy.fft import irfft, rfft

from ...buffers.memory import aligned
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import copy, float_rows, part
from ...frames.plan import FramePlan

HISS = Record("Hiss", counts="hop length at=0", constants="table:f4[length]")
HISS_SAMPLES = 1 << 18
"""After which the hiss begins again: 6 s at 44.1 kHz, longer than anyone hears to be a repetition."""
_HISS_FRAMES, _HISS_ROUNDS = 2, 12
"""Length of the frames in which the hiss is even, in frames of the plan; and how often it is made so."""


def even_noise(n_fft: int, n_samples: int = HISS_SAMPLES) -> np.ndarray:
    """Noise whose power is nearly the same in all bins of all frames of `n_fft` samples, not in the mean alone.

    Of white noise a bin's power scatters by 5.6 dB (standard deviation), here by 2 dB. What a level asks for is then
    there at once and everywhere, and the same mean level in dB takes 2 dB less energy. To the ear, whose bands are
    wider and quicker, it is noise like any other.

    Returns
    -------
    ndarray, float32, shape (n_samples,)
        Periodic, of variance 1; always the same.

    References
    ----------
    D. Griffin, J. Lim: "Signal estimation from modified short-time Fourier transform", 1984, here for a magnitude that
    is 1 everywhere; J. Pumplin: "Low-noise noise", 1985.
    """
    hop, window = n_fft // 4, np.sin(np.pi * np.arange(n_fft) / n_fft).astype(np.float32) ** 2
    at = (np.arange(0, n_samples, hop)[:, None] + np.arange(n_fft)) % n_samples
    noise = np.random.default_rng(0).standard_normal(n_samples).astype(np.float32)
    for _ in range(_HISS_ROUNDS):
        spectra = np.asarray(rfft(noise[at] * window))
        frames = np.asarray(irfft(spectra / (np.abs(spectra) + 1e-9), n_fft)) * window
        noise = np.bincount(at.ravel(), frames.ravel(), n_samples).astype(np.float32)
    return noise / noise.std()


@step
def make_hiss(state, x, n, y):
    """`n` hops of the table, whatever lies at `x`."""
    s = HISS(state)
    hops = float_rows(y, n, s.hop)
    for i in range(n):
        copy(hops[i], part(s.table, s.at, s.hop))
        s.at = (s.at + s.hop) % s.length
    return n


@cache
def _hiss_table(plan: FramePlan) -> np.ndarray:
    """Read-only, for all lanes of a plan: whole hops of noise whose frames have mean power 1 in every bin."""
    table = aligned(HISS_SAMPLES // plan.hop * plan.hop)
    table[:] = even_noise(_HISS_FRAMES * plan.n_fft, len(table))
    table /= np.sqrt(np.sum(plan.analysis.astype(np.float64) ** 2))
    table.flags.writeable = False
    return table


def hiss_stage(plan: FramePlan) -> Stage:
    """Noise whose spectrum has mean power 1 in every bin, the same after every reset: (hop,) float32."""
    table = _hiss_table(plan)
    return Stage(make_hiss, HISS, hop=plan.hop, table=table, length=len(table))
