"""Levels as sound level meters give them: band powers of frames in decibels, averaged over time, and their weightings.

A level of `full_scale_db` is that of a sound whose mean square is one. Microphones' levels are re 20 µPa, so their full
scale is the sound pressure level at which the sample values' root mean square is one.
"""

import numpy as np

from .. import checks
from .bands import BandFilters
from .plan import FramePlan
from .stft import stft

FULL_SCALE_DB = 100.0
"""By default: 70 dB, a busy street, then is -30 dB re full scale."""

FAST_S, SLOW_S = 0.125, 1.0
"""The two averaging times of sound level meters (IEC 61672)."""

SILENCE_DB = -200.0


def mean_square_per_power(plan: FramePlan) -> float:
    """What the mean square of a sound is for each unit of power in its frames' bins (both halves of the spectrum)."""
    return 2.0 / (plan.n_fft * float(np.sum(np.square(plan.analysis, dtype=np.float64))))


def level_db(powers: np.ndarray, plan: FramePlan, full_scale_db: float = FULL_SCALE_DB) -> np.ndarray:
    """Band powers of frames as levels.

    Parameters
    ----------
    powers : ndarray, real, any shape
        Sums of squared magnitudes of a plan's frames, as :meth:`BandFilters.apply` gives them.
    plan : FramePlan
    full_scale_db : float
        Level of a sound whose mean square is one.

    Returns
    -------
    ndarray, float32, same shape
        dB, at least SILENCE_DB.
    """
    mean_square = np.asarray(powers, np.float64) * mean_square_per_power(plan)
    return (full_scale_db + 10 * np.log10(np.maximum(mean_square, 10 ** ((SILENCE_DB - full_scale_db) / 10)))).astype(
        np.float32
    )


def power_of_level(level: np.ndarray, plan: FramePlan, full_scale_db: float = FULL_SCALE_DB) -> np.ndarray:
    """The inverse of :func:`level_db`: dB to band powers, float32; nothing for -inf and at most SILENCE_DB. Any shape,
    which stays."""
    level = np.asarray(level, np.float64)
    power = 10 ** (np.minimum(level - full_scale_db, 60.0) / 10) / mean_square_per_power(plan)
    return np.where(level > SILENCE_DB, power, 0).astype(np.float32)


def band_levels(
    sound: np.ndarray,
    filters: BandFilters,
    interval_s: float | None = FAST_S,
    *,
    full_scale_db: float = FULL_SCALE_DB,
    weighting: str | None = None,
) -> np.ndarray:
    """Equivalent levels (Leq) of bands, as sensors send them.

    Parameters
    ----------
    sound : ndarray, real, shape (n_samples,)
        At the filters' sample rate.
    filters : BandFilters
    interval_s : float, optional
        Averaging time; None for one level a frame.
    full_scale_db : float
    weighting : str, optional
        "A" (IEC 61672) or None.

    Returns
    -------
    ndarray, float32, shape (n_bands, n_intervals)
        dB; the last interval may be shorter.

    Examples
    --------
    >>> import numpy as np
    >>> from rtspec.frames import FramePlan
    >>> from rtspec.frames.bands import band_filters
    >>> filters = band_filters("third-octave", FramePlan(16000, 1024, 512))
    >>> band_levels(np.zeros(16000), filters).shape
    (27, 9)
    """
    checks.choice("weighting", weighting, ("A", None))
    plan = filters.plan
    powers = filters.apply(np.abs(stft(sound, plan))).astype(np.float64)
    if interval_s is not None:
        centres = (np.arange(powers.shape[1]) + 1) * plan.hop - plan.length / 2
        powers = _averaged(powers, np.floor(np.maximum(centres, 0) / (interval_s * plan.sample_rate)).astype(int))
    levels = level_db(powers, plan, full_scale_db)
    return levels + a_weighting_db(filters.centres_hz)[:, np.newaxis] if weighting == "A" else levels


def _averaged(powers: np.ndarray, intervals: np.ndarray) -> np.ndarray:
    """The mean over the frames of each interval; an interval without a frame takes the one before."""
    counts = np.bincount(intervals)
    sums = np.stack([np.bincount(intervals, weights=row) for row in powers])
    filled = np.maximum.accumulate(np.where(counts > 0, np.arange(len(counts)), 0))
    return (sums / np.maximum(counts, 1))[:, filled]


def a_weighting_db(frequency_hz: np.ndarray) -> np.ndarray:
    """The A-weighting of frequencies, dB, float32 of the same shape (IEC 61672-1:2013, annex E)."""
    f2 = np.square(np.asarray(frequency_hz, np.float64))
    a, b, c, d = 20.598997**2, 107.65265**2, 737.86223**2, 12194.217**2
    response = d * f2**2 / ((f2 + a) * np.sqrt((f2 + b) * (f2 + c)) * (f2 + d))
    return (20 * np.log10(np.maximum(response, 1e-10)) + 2.0).astype(np.float32)


def mfcc(log_bands: np.ndarray, n_coefficients: int = 20) -> np.ndarray:
    """Mel-frequency cepstral coefficients: the orthonormal DCT-II of log band powers along the bands.

    Parameters
    ----------
    log_bands : ndarray, real, shape (n_bands,) or (n_bands, n_frames)
        As :func:`rtspec.frames.bands.log_scale` gives them.
    n_coefficients : int
        The first ones are kept, at most n_bands.

    Returns
    -------
    ndarray, float32, shape (n_coefficients,) or (n_coefficients, n_frames)
    """
    return (cosines(len(log_bands), n_coefficients) @ np.asarray(log_bands, np.float64)).astype(np.float32)


def log_bands_of_mfcc(coefficients: np.ndarray, n_bands: int) -> np.ndarray:
    """Log band powers from their first cepstral coefficients, float32; the higher ones count as zero. Shapes
    (n_coefficients, n_frames) and (n_bands, n_frames), or without frames."""
    return (cosines(n_bands, len(coefficients)).T @ np.asarray(coefficients, np.float64)).astype(np.float32)


def cosines(n_bands: int, n_coefficients: int) -> np.ndarray:
    """The first rows of the orthonormal DCT-II, float64 of shape (n_coefficients, n_bands)."""
    checks.integer("n_coefficients", n_coefficients, 1, n_bands, "keep at most as many as there are bands")
    k, b = np.arange(n_coefficients)[:, np.newaxis], np.arange(n_bands)
    rows = np.cos(np.pi * k * (b + 0.5) / n_bands) * np.sqrt(2 / n_bands)
    rows[0] /= np.sqrt(2)
    return rows
