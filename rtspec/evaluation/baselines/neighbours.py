"""What could be mended at all: each bin from its neighbours, by weights fitted to the very track that is judged."""

import numpy as np

from ...frames import FramePlan, istft, stft

_SHRINK = 1e-3
"""Share of the neighbours' mean power that is added to each, so that empty bins give no weights."""


def oracle_taps(original: np.ndarray, sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """The sound, each of its bins replaced by the weighted sum of itself and its eight neighbours in frequency and time
    that comes nearest to the original: an oracle, for the weights are the original's.

    Parameters
    ----------
    original, sound : ndarray, float32, shape (channels, n_samples)
    sample_rate : int

    Returns
    -------
    ndarray, float32, shape of `sound`
    """
    plan = FramePlan(sample_rate=sample_rate, n_fft=1024, hop=256)
    wanted, degraded = (np.atleast_3d(stft(np.atleast_2d(x), plan)) for x in (original, sound))
    made = np.stack([_fitted(*pair) for pair in zip(wanted, degraded, strict=True)])
    return istft(made, plan, length=sound.shape[-1])


def _fitted(wanted: np.ndarray, degraded: np.ndarray) -> np.ndarray:
    """Spectra (n_bins, n_frames) → the same."""
    padded, (n_bins, n_frames) = np.pad(degraded, 1), degraded.shape
    near = [padded[i : i + n_bins, j : j + n_frames] for i in range(3) for j in range(3)]
    return np.stack([_nearest(np.stack(parts, 1), goal) for *parts, goal in zip(*near, wanted, strict=True)])


def _nearest(parts: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """The weighted sum of columns of (n_frames, 9) that comes nearest to a course of (n_frames,)."""
    correlations = parts.conj().T @ parts
    ridge = _SHRINK * np.trace(correlations).real / len(correlations) + 1e-9
    return parts @ np.linalg.solve(correlations + ridge * np.eye(len(correlations)), parts.conj().T @ goal)
