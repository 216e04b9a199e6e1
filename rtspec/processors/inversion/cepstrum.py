"""Band powers through their first cepstral coefficients and back: what an MFCC keeps of a frame."""

import numpy as np
from numba import njit

from ...buffers.memory import aligned, aligned_copy
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import float_rows
from ...frames.levels import cosines

RANGE = np.float32(1e-8)
"""Least power of a band beside the frame's loudest, so that logarithms are finite at any level."""

CEPSTRUM = Record("Cepstrum", counts="n_bands", constants="smoothing:f4[n_bands,n_bands]", arrays="logs:f4[n_bands]")


@njit(fastmath={"reassoc", "contract"})
def _dot(u, v, n):
    total = np.float32(0)
    for i in range(n):
        total += u[i] * v[i]
    return total


@step
def smooth_logs(state, x, n, y):
    """`n` float32 frames of n_bands powers → `n` frames, their logarithms rebuilt from the first coefficients."""
    s = CEPSTRUM(state)
    logs, came, go = s.logs, float_rows(x, n, s.n_bands), float_rows(y, n, s.n_bands)
    for t in range(n):
        powers, out = came[t], go[t]
        loudest = np.float32(0)
        for b in range(s.n_bands):
            loudest = max(loudest, powers[b])
        for b in range(s.n_bands):
            logs[b] = np.log(max(powers[b] / loudest, RANGE)) if loudest > 0 else np.float32(0)
        for b in range(s.n_bands):
            out[b] = loudest * np.exp(_dot(s.smoothing[b], logs, s.n_bands))
    return n


def cepstral_stage(n_bands: int, n_coefficients: int) -> Stage:
    """MFCCs and their inverse as one stage, no delay: (n_bands,) float32 powers → the same, smoother over bands.

    Parameters
    ----------
    n_bands : int
    n_coefficients : int
        The first ones are kept, 1 to n_bands.
    """
    rows = cosines(n_bands, n_coefficients)
    smoothing = aligned_copy(rows.T @ rows, np.float32)
    smoothing.flags.writeable = False
    return Stage(smooth_logs, CEPSTRUM, n_bands=n_bands, smoothing=smoothing, logs=aligned(n_bands))
