"""The pitch of a frame, from its autocorrelation: what TimbreMorph follows."""

import numpy as np
from numba import njit

LOWEST_HZ, HIGHEST_HZ = 62.0, 2200.0
"""MIDI keys 36 to 96, and a little more."""

CLEAR = 0.6
"""Normalised autocorrelation from which on a frame counts as voiced."""

_FIRST_SHARE = 0.9
"""The first peak that reaches this share of the highest is the period: later ones are its multiples."""


@njit
def normalise(correlation, window_correlation, n):
    """Autocorrelation divided by that of the window, in place: 1 for a periodic sound at its period."""
    top = correlation[0]
    for lag in range(n):
        correlation[lag] /= top * max(np.float32(0.05), window_correlation[lag]) + np.float32(1e-20)


@njit
def _highest(correlation, first, last):
    best = np.float32(0.0)
    for lag in range(first, last):
        if correlation[lag] > best and correlation[lag - 1] <= correlation[lag] >= correlation[lag + 1]:
            best = correlation[lag]
    return best


@njit
def find_period(correlation, first, last):
    """Lag of the fundamental period, by a parabola through its peak; 0 where no peak is clear.

    Parameters
    ----------
    correlation : ndarray, float32
        As :func:`normalise` leaves it.
    first, last : int
        Lags between which to look, first at least 1.
    """
    wanted = _FIRST_SHARE * _highest(correlation, first, last)
    if wanted < _FIRST_SHARE * CLEAR:
        return 0.0
    for lag in range(first, last):
        left, top, right = correlation[lag - 1], correlation[lag], correlation[lag + 1]
        if top >= wanted and left <= top >= right:
            bend = left - 2.0 * top + right
            return lag + (0.5 * (left - right) / bend if bend < 0.0 else 0.0)
    return 0.0
