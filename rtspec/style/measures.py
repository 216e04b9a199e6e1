"""What of a content is left in a sound, and how near its texture statistics are to a style's."""

from functools import cache
from itertools import pairwise

import numpy as np

from ..frames.bands import mel_bands
from ..frames.plan import FramePlan
from .judging import levelled, magnitudes
from .spectra import PLAN, RATE

N_BANDS = 64
"""Of the onsets."""
ONSET_FLOOR = 1e-8
"""Power below the loudest band's, at which onsets are no longer heard."""
_STATISTICS_N_FFT, _STATISTICS_HOP = 512, 64
_STATISTICS_BANDS, _MODULATIONS = 24, 6


# Content --------------------------------------------------------------------------------------------------------------


def content_kept(sound: np.ndarray, content: np.ndarray) -> dict[str, float]:
    """Correlations of a sound's envelope, onsets and chroma with the content's, -1 to 1.

    Parameters
    ----------
    sound, content : ndarray, float32, shape (n_samples,)
        Mono, at 22 050 Hz.
    """
    pair = [magnitudes(each) for each in (sound, content)]
    measures = {"envelope": _envelope, "onset": _onsets, "chroma": _chroma}
    return {name: correlation(*(measure(each) for each in pair)) for name, measure in measures.items()}


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's, over all entries; 0 where one of them is constant. Arrays of one shape, float32 or float64."""
    one, other = one.ravel() - one.mean(), other.ravel() - other.mean()
    return float(one @ other / (np.sqrt((one @ one) * (other @ other)) + 1e-12))


def _envelope(spectrum: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(spectrum**2, axis=0))


def _onsets(spectrum: np.ndarray) -> np.ndarray:
    """How much the bands' levels rise from frame to frame."""
    power = mel_weights(N_BANDS, PLAN.n_fft) @ spectrum**2
    level = np.log(np.maximum(power, ONSET_FLOOR * power.max()) + 1e-10)
    return np.maximum(0, np.diff(level, axis=1)).mean(axis=0)


def _chroma(spectrum: np.ndarray) -> np.ndarray:
    energy = pitch_classes() @ spectrum**2
    return energy / (energy.max(axis=0) + 1e-6)


@cache
def mel_weights(n_bands: int, n_fft: int) -> np.ndarray:
    """Triangles, even on the mel scale, float32 of shape (n_bands, n_bins); each sums to 1."""
    weights = mel_bands(FramePlan(sample_rate=RATE, n_fft=n_fft, hop=n_fft // 4), n_bands, "htk", norm=None).weights
    return weights / weights.sum(axis=1, keepdims=True)


@cache
def pitch_classes() -> np.ndarray:
    """Which of twelve pitch classes each bin from 100 to 4000 Hz is nearest to, float32 of shape (12, n_bins)."""
    hz = np.maximum(np.arange(PLAN.n_bins) * RATE / PLAN.n_fft, 1.0)
    nearest = np.round(12 * np.log2(hz / 440)).astype(int) % 12
    return ((nearest == np.arange(12)[:, None]) & (hz > 100) & (hz < 4000)).astype(np.float32)


# Texture statistics ---------------------------------------------------------------------------------------------------


def texture_statistics(sound: np.ndarray) -> list[np.ndarray]:
    """Groups of statistics of band envelopes: means, variation, skewness, correlations of bands, modulation powers.

    Parameters
    ----------
    sound : ndarray, float32, shape (n_samples,)
        Mono, at 22 050 Hz.

    References
    ----------
    J. McDermott, E. Simoncelli: "Sound texture perception via statistics of the auditory periphery", Neuron 2011.
    """
    frames = np.lib.stride_tricks.sliding_window_view(levelled(sound), _STATISTICS_N_FFT)[::_STATISTICS_HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_STATISTICS_N_FFT) / _STATISTICS_N_FFT)
    power = np.abs(np.fft.rfft(frames * window, axis=1).T) ** 2
    envelopes = (mel_weights(_STATISTICS_BANDS, _STATISTICS_N_FFT) @ power + 1e-9) ** 0.15
    mean, deviation = envelopes.mean(1), envelopes.std(1) + 1e-6
    normal = (envelopes - mean[:, None]) / deviation[:, None]
    return [mean, deviation / mean, (normal**3).mean(1), np.corrcoef(normal), _modulations(normal)]


def _modulations(envelopes: np.ndarray) -> np.ndarray:
    """Root of each band's share of power in octaves of modulation, (n_bands, n_octaves)."""
    spectrum = np.abs(np.fft.rfft(envelopes, axis=1)) ** 2
    edges = np.geomspace(0.5, 100, _MODULATIONS + 1) / (RATE / _STATISTICS_HOP) * envelopes.shape[1]
    octaves = [spectrum[:, int(a) : max(int(a) + 1, int(b))].sum(1) for a, b in pairwise(edges)]
    return np.sqrt(np.array(octaves) / (spectrum.sum(1) + 1e-9))


def nearness(made: np.ndarray, style: np.ndarray, content: np.ndarray) -> float:
    """Distance of texture statistics to the style's over that of the untouched, mean of the groups in dB, as McDermott
    and Simoncelli average their classes; below 1: nearer. Sounds are mono float32 of shape (n_samples,)."""
    groups = zip(*(texture_statistics(sound) for sound in (made, style, content)), strict=True)
    ratios = [(np.linalg.norm(m - s) + 1e-9) / (np.linalg.norm(c - s) + 1e-9) for m, s, c in groups]
    return float(np.exp(np.mean(np.log(np.array(ratios)))))
