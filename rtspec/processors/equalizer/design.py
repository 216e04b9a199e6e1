"""Gains of a graphic equalizer's bells, so that all of them together reach what is asked for at each centre.

A bell reaches into its neighbours' bands. How far, in dB a dB of its own, is the interaction matrix; solved for the
commands it gives the bells' gains. Since a bell's shape changes with its gain, the matrix is made anew for the gains
that were found, once a round.

References
----------
J. Liski, V. Välimäki: "The quest for the best graphic equalizer", DAFx 2017 (interaction matrix with a second round).
A. Simper: "Solving the continuous SVF equations using trapezoidal integration", Cytomic 2013 (the bell).
"""

from itertools import pairwise

import numpy as np
from numba import njit

SHARE = 0.4
"""Of a bell's dB at its neighbour's centre."""

PROTOTYPE_DB = 12.0
"""Gain for which :data:`SHARE` holds."""

SMALLEST_DB = 0.01
"""Gain of a bell in the matrix at least. Shapes go over into one another without a jump, so that rounds come to rest:
a jump of the shape at some gain makes a bell that is wanted there hop to and fro with every round."""

LARGEST_DB = 48.0
"""A bell's gain at most, boost or cut."""


def warped(frequency_hz: np.ndarray, sample_rate: float) -> np.ndarray:
    """tan(πf/fs): where trapezoidal integration puts a frequency. Float64, the shape that the frequencies have."""
    return np.tan(np.pi * np.asarray(frequency_hz, np.float64) / sample_rate)


def qualities(warps: np.ndarray) -> np.ndarray:
    """Q of bells at the warped centres `warps`, float64 (n,): each reaches its neighbours with :data:`SHARE`.

    For neighbours on both sides the mean of both; solved from the bell's squared magnitude.
    """
    between = np.array([_quality(upper / lower) for lower, upper in pairwise(warps)])
    return np.concatenate([between[:1], 0.5 * (between[1:] + between[:-1]), between[-1:]])


def _quality(ratio: float) -> float:
    a, wanted = 10 ** (PROTOTYPE_DB / 40), 10 ** (SHARE * PROTOTYPE_DB / 10)
    inverse = (wanted - 1) * (1 - ratio**2) ** 2 / (ratio**2 * (a**2 - wanted / a**2))
    return 1.0 / np.sqrt(inverse)


@njit(cache=True)
def bell_db(gain_db, quality, ratio):
    """Level in dB of a bell at `ratio` times its warped centre: |H|² of (s² + sA/Q + 1)/(s² + s/(AQ) + 1)."""
    a = 10.0 ** (gain_db / 40.0)
    apart, width = (1.0 - ratio * ratio) ** 2, (ratio / quality) ** 2
    return 10.0 * np.log10((apart + width * a * a) / (apart + width / (a * a)))


@njit(cache=True)
def response_db(gains_db, bell_qualities, warps, at):
    """Level in dB of all bells in a row at the warped frequency `at`."""
    level = 0.0
    for j in range(len(gains_db)):
        level += bell_db(gains_db[j], bell_qualities[j], at / warps[j])
    return level


@njit(cache=True)
def _fill(matrix, gains_db, bell_qualities, warps):
    n = len(gains_db)
    for j in range(n):
        gain = max(SMALLEST_DB, abs(gains_db[j]))  # a cut is the same bell upside down
        for i in range(n):
            matrix[i, j] = bell_db(gain, bell_qualities[j], warps[i] / warps[j]) / gain


@njit(cache=True)
def _solve(matrix, right):
    """`right` becomes the solution; the matrix is used up. No pivots: its diagonal is its largest."""
    n = len(right)
    for k in range(n):
        for i in range(k + 1, n):
            factor = matrix[i, k] / matrix[k, k]
            if factor != 0.0:
                right[i] -= factor * right[k]
                for j in range(k + 1, n):
                    matrix[i, j] -= factor * matrix[k, j]
    for k in range(n - 1, -1, -1):
        for j in range(k + 1, n):
            right[k] -= matrix[k, j] * right[j]
        right[k] /= matrix[k, k]


@njit(cache=True)
def refit(wanted_db, gains_db, bell_qualities, warps, matrix):
    """One round: `gains_db`, float64 (n,), come nearer to what gives `wanted_db` at each centre; returns by how much
    the largest of them moved. `matrix`, float64 (n, n), is work space."""
    is_flat = True
    for i in range(len(wanted_db)):
        is_flat = is_flat and wanted_db[i] == 0.0
    moved = 0.0
    if is_flat:
        for i in range(len(gains_db)):
            moved, gains_db[i] = max(moved, abs(gains_db[i])), 0.0
        return moved
    _fill(matrix, gains_db, bell_qualities, warps)
    n = len(gains_db)
    found = matrix[n]
    for i in range(n):
        found[i] = wanted_db[i]
    _solve(matrix[:n], found)
    for i in range(n):
        gain = min(LARGEST_DB, max(-LARGEST_DB, found[i]))
        moved, gains_db[i] = max(moved, abs(gain - gains_db[i])), gain
    return moved
