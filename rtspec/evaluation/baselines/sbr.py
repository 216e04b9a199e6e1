"""The baseline of bandwidth extension: bands copied up and tilted, as SBR does, but without side information."""

import numpy as np

from ...frames import FramePlan, istft, stft

_STEEPEST_DB, _FLATTEST_DB = -36.0, -6.0
"""Per octave: bounds of the slope that is continued above the edge."""
_SLOW = 0.95


def copy_up(sound: np.ndarray, sample_rate: int, edge_hz: float) -> np.ndarray:
    """Fill what lies above `edge_hz` with copies of the octave below it, their levels on the continued slope.

    Parameters
    ----------
    sound : ndarray, float32, shape (channels, n_samples)
    sample_rate : int
    edge_hz : float

    Returns
    -------
    ndarray, float32, shape of `sound`
    """
    plan = FramePlan(sample_rate=sample_rate, n_fft=1024, hop=256)
    edge = int(edge_hz / sample_rate * plan.n_fft)
    spectra = np.atleast_3d(stft(np.atleast_2d(sound), plan))
    filled = np.stack([_filled(spectrum, edge) for spectrum in spectra])
    return istft(filled, plan, length=np.shape(sound)[-1])


def _filled(spectrum: np.ndarray, edge: int) -> np.ndarray:
    out = spectrum.copy()
    slopes = _slopes(np.abs(spectrum), edge)
    for k in range(edge, len(spectrum)):
        source = edge // 2 + (k - edge) % (edge - edge // 2)
        gain = (k / source) ** (slopes / (20 * np.log10(2)))
        out[k] = spectrum[source] * gain
    return out


def _slopes(magnitude: np.ndarray, edge: int) -> np.ndarray:
    """dB an octave of the band below the edge, smoothed over time: float64 of shape (n_frames,)."""
    used = np.arange(max(1, edge // 8), edge - 2)
    octaves = np.log2(used) - np.log2(used).mean()
    levels = 20 * np.log10(magnitude[used] + 1e-6)
    slopes = (octaves[:, None] * (levels - levels.mean(axis=0))).sum(axis=0) / (octaves**2).sum()
    for t in range(1, len(slopes)):
        slopes[t] = _SLOW * slopes[t - 1] + (1 - _SLOW) * slopes[t]
    return np.clip(slopes, _STEEPEST_DB, _FLATTEST_DB)
