"""A whole note as latents: the mean of its moments."""

from functools import cache

import numpy as np

from ...models import FrameModel
from .levels import note_levels

ENCODER = "timbre-encoder"
TIMES_S = np.array(
    [
        *(0, 0.006, 0.012, 0.02, 0.03, 0.04, 0.055, 0.07, 0.09, 0.11, 0.14, 0.17, 0.2, 0.24, 0.28, 0.33, 0.38, 0.45),
        *(0.52, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.45, 1.6, 1.8, 2.0, 2.2, 2.4),
    ]
)
"""Moments of a note, close together where it changes fast."""

_LEAST_DB = -60.0


def note_latents(timbre: np.ndarray, whole_db: np.ndarray, times_s: np.ndarray = TIMES_S) -> np.ndarray:
    """Latents of notes from their paths: the mean moment, weighted by amplitude and time.

    Parameters
    ----------
    timbre : ndarray, float32, shape (n_notes, n_times, n_latents)
        Latents of their moments.
    whole_db : ndarray, float32, shape (n_notes, n_times)
        Level relative to the loudest moment.
    times_s : ndarray, shape (n_times,)
        Seconds from the start.

    Returns
    -------
    ndarray, float32, shape (n_notes, n_latents)
    """
    weight = np.gradient(times_s) * 10.0 ** (np.maximum(whole_db, _LEAST_DB) / 20.0)
    return ((timbre * weight[..., None]).sum(1) / weight.sum(1, keepdims=True)).astype(np.float32)


@cache
def _encoder() -> FrameModel:
    return FrameModel(ENCODER)


def note_moments(audio: np.ndarray, sample_rate: int, key: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Moments of a recorded note: seconds (n_times,), levels in dB (n_times, N_LEVELS), whole level in dB below the
    loudest (n_times,). All float64, of mono float32 (n_samples,)."""
    times_s = TIMES_S[max(0.05, len(audio) / sample_rate - 0.05) >= TIMES_S]
    levels, whole_db = note_levels(audio, sample_rate, key, times_s)
    return times_s, levels, whole_db - whole_db.max()


def encode_moments(levels: np.ndarray, key: float, velocity: int) -> np.ndarray:
    """Latents of moments (n_times, N_LEVELS), (n_times, n_latents). Both float32; levels in dB."""
    known = np.tile(np.array([key, velocity / 127], np.float32), (len(levels), 1))
    model = _encoder()
    model.reset()
    return model.process(np.concatenate([levels, known], axis=1))
