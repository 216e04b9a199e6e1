"""What a note consists of at one moment: levels of its partials and of the noise between them.

One kernel measures them for the training notes, for :class:`rtspec.TimbreMorph` live and for evaluation.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import njit

from ...frames.plan import FramePlan

N_PARTIALS = 96
"""Partials of a note, the fundamental first."""

N_BANDS = 24
"""Bands of noise."""

N_LEVELS = N_PARTIALS + N_BANDS
NOISE_TOP_HZ = 20000.0
FLOOR_DB = -80.0
"""Levels are told relative to the frame's whole level, and never below this."""

LEAKS = 8.0
"""Side lobes count this often, since partials that rise, fall or waver spread further."""

LOWEST_KEY, HIGHEST_KEY = 36, 96


def key_hz(key):
    """Frequency of a MIDI key in equal temperament, A4 (69) = 440 Hz."""
    return 440.0 * 2.0 ** ((np.asarray(key) - 69.0) / 12.0)


def band_edges_hz() -> np.ndarray:
    """Edges of the noise bands, float64 of shape (N_BANDS + 1,): equal mel steps (HTK) to 20 kHz."""
    mels = np.linspace(0.0, 2595.0 * np.log10(1.0 + NOISE_TOP_HZ / 700.0), N_BANDS + 1)
    return 700.0 * (10.0 ** (mels / 2595.0) - 1.0)


@njit
def _peak(power, low, high):
    """Power of the largest bin from `low` to `high`, interpolated by a parabola through decibels."""
    best = low
    for i in range(low + 1, high + 1):
        if power[i] > power[best]:
            best = i
    if best == 0 or best + 1 >= len(power) or power[best] <= 0.0:
        return power[best]
    if power[best - 1] >= power[best] or power[best + 1] >= power[best]:
        return power[best]  # a slope of something outside
    left, top, right = np.log(power[best - 1] + 1e-30), np.log(power[best]), np.log(power[best + 1] + 1e-30)
    return np.exp(top - 0.125 * (left - right) ** 2 / (left - 2.0 * top + right))


@njit
def _measure_partials(power, f0_bins, scale, levels):
    """Power a²/2 of each partial; the search stays within 2 % and within the partial's own half of the way."""
    for k in range(N_PARTIALS):
        centre = (k + 1) * f0_bins
        reach = min(0.45 * f0_bins, max(1.0, 0.02 * centre))
        low, high = int(np.ceil(centre - reach)), int(np.floor(centre + reach))
        levels[k] = 0.0
        if high < len(power) - 1:
            levels[k] = scale * _peak(power, max(0, min(low, round(centre))), max(high, round(centre)))


@njit
def _leak(power, distance):
    """What a partial of this power spreads through a Hann window to bins so far away: a bound on its side lobes."""
    return power * LEAKS / (np.pi * distance * (distance * distance - 1.0)) ** 2


@njit
def _between(power, i, f0_bins, scale, levels):
    """Power of a bin without what its two neighbours among the partials leak into it; -1 on a partial itself."""
    place = i / f0_bins
    below = int(place)
    to_below, to_above = (place - below) * f0_bins, (below + 1 - place) * f0_bins
    if min(to_below, to_above) < min(2.0, 0.45 * f0_bins):
        return -1.0
    leak = 0.0
    if 1 <= below <= N_PARTIALS:
        leak += _leak(levels[below - 1], max(1.5, to_below))
    if below < N_PARTIALS:
        leak += _leak(levels[below], max(1.5, to_above))
    return max(0.0, power[i] - leak / scale)


@njit
def _measure_noise(power, f0_bins, tone_scale, noise_scale, edges_bins, levels):
    """Power of each band, from the bins that lie between partials: beyond the window's main lobe, or half way.

    Tones may lie there too (a stop an octave lower, a bell's partials) and are no noise: the mean of order 1/2 sees
    them less. Of the squares of noise, whose distribution is exponential, it is π/4 of the mean.
    """
    density = 0.0
    for b in range(N_BANDS):
        low, high = int(edges_bins[b]), min(int(np.ceil(edges_bins[b + 1])), len(power) - 1)
        total, count = 0.0, 0
        for i in range(max(1, low), high + 1):
            left = _between(power, i, f0_bins, tone_scale, levels)
            if left >= 0.0:
                total += np.sqrt(left)
                count += 1
        if count > 0:
            density = 4.0 / np.pi * (total / count) ** 2
        levels[N_PARTIALS + b] = density * noise_scale * (edges_bins[b + 1] - edges_bins[b])


@njit
def measure_levels(power, f0_bins, tone_scale, noise_scale, edges_bins, levels):
    """Levels of one frame relative to its whole level, dB, and that whole level.

    Parameters
    ----------
    power : ndarray, float32, shape (n_bins,)
        |X|² of the frame.
    f0_bins : float
        Fundamental in bins.
    tone_scale, noise_scale : float
        What makes a peak, and a bin of noise, power of sound: see :class:`LevelScales`.
    edges_bins : ndarray, float64, shape (N_BANDS + 1,)
    levels : ndarray, float32, shape (N_LEVELS,)
        Receives dB, 0 to FLOOR_DB: partials, then bands.

    Returns
    -------
    float
        Power of all together.
    """
    _measure_partials(power, f0_bins, tone_scale, levels)
    _measure_noise(power, f0_bins, tone_scale, noise_scale, edges_bins, levels)
    total = 0.0
    for i in range(N_LEVELS):
        total += levels[i]
    least = 10.0 ** (FLOOR_DB / 10.0)
    for i in range(N_LEVELS):
        levels[i] = 10.0 * np.log10(max(levels[i] / (total + 1e-30), least))
    return total


@dataclass(frozen=True)
class LevelScales:
    """The constants that :func:`measure_levels` needs of a plan: a sine of amplitude a has power a²/2."""

    tone: float
    noise: float
    edges_bins: np.ndarray


@cache
def level_scales(plan: FramePlan) -> LevelScales:
    """Constants of the plan's window: Σw for tones, Σw² for noise."""
    window = plan.analysis.astype(np.float64)
    edges = band_edges_hz() * plan.n_fft / plan.sample_rate
    edges.flags.writeable = False
    return LevelScales(2.0 / window.sum() ** 2, 2.0 / (plan.n_fft * (window**2).sum()), edges)


@njit
def measure_frames(powers, f0_bins, tone_scale, noise_scale, edges_bins, levels, totals):
    """:func:`measure_levels` for many frames: powers (n_frames, n_bins), levels (n_frames, N_LEVELS), totals."""
    for t in range(len(powers)):
        totals[t] = measure_levels(powers[t], f0_bins, tone_scale, noise_scale, edges_bins, levels[t])


def note_plan(key: float, sample_rate: int) -> FramePlan:
    """Frames that span at least four periods of a key, at most 4096 samples at 48 kHz."""
    least, most = 1024 * sample_rate / 48000, 4096 * sample_rate / 48000
    wanted = min(max(4.0 * sample_rate / float(key_hz(key)), least), most)
    n_fft = 2 ** round(np.ceil(np.log2(wanted) - 0.1))
    return FramePlan(sample_rate, n_fft, n_fft // 4)


def note_levels(audio: np.ndarray, sample_rate: int, key: float, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Levels of a note at given times, each frame centred on its time.

    Parameters
    ----------
    audio : ndarray, float32, shape (n_samples,)
    sample_rate : int
        Hz.
    key : float
        MIDI key.
    times_s : ndarray, shape (n_frames,)
        Seconds.

    Returns
    -------
    levels : ndarray, float32, shape (n_frames, N_LEVELS)
        dB relative to the frame's whole level.
    whole_db : ndarray, float32, shape (n_frames,)
        That whole level, dB relative to power 1.
    """
    plan = note_plan(key, sample_rate)
    padded = np.pad(audio.astype(np.float32), (plan.n_fft, plan.n_fft))
    starts = np.round(np.asarray(times_s) * sample_rate).astype(int) + plan.n_fft // 2
    frames = padded[np.minimum(starts, len(padded) - plan.n_fft)[:, None] + np.arange(plan.n_fft)]
    powers = np.abs(np.fft.rfft(frames * plan.analysis)).astype(np.float32) ** 2
    levels, totals = np.empty((len(starts), N_LEVELS), np.float32), np.empty(len(starts))
    scales, f0_bins = level_scales(plan), float(key_hz(key)) * plan.n_fft / sample_rate
    measure_frames(powers, f0_bins, scales.tone, scales.noise, scales.edges_bins, levels, totals)
    return levels, (10.0 * np.log10(totals + 1e-12)).astype(np.float32)
