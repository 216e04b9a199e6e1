"""A whole note as latents: the mean of its moments, how it begins and how it dies away."""

from functools import cache

import numpy as np

from ..models import FrameModel
from .timbre_levels import note_levels

ENCODER = "timbre-encoder"
TIMES_S = np.array(
    [
        *(0, 0.006, 0.012, 0.02, 0.03, 0.04, 0.055, 0.07, 0.09, 0.11, 0.14, 0.17, 0.2, 0.24, 0.28, 0.33, 0.38, 0.45),
        *(0.52, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.45, 1.6, 1.8, 2.0, 2.2, 2.4),
    ]
)
"""Moments of a note, close together where it changes fast."""

FADE_DB_PER_S = 60.0
"""Decay of a note whose latent `fade` is 1."""

_QUICKEST_S, _SLOWEST_S = 0.005, 1.0
_LEAST_DB = -60.0


def note_latents(timbre: np.ndarray, whole_db: np.ndarray, times_s: np.ndarray = TIMES_S) -> np.ndarray:
    """Latents of notes from their paths.

    Parameters
    ----------
    timbre : ndarray, float32, shape (n_notes, n_times, n_timbre)
        Latents of their moments.
    whole_db : ndarray, float32, shape (n_notes, n_times)
        Level relative to the loudest moment.
    times_s : ndarray, shape (n_times,)
        Seconds from the start.

    Returns
    -------
    ndarray, float32, shape (n_notes, n_timbre + 2)
        Mean timbre, weighted by amplitude and time; onset; fade.
    """
    weight = np.gradient(times_s) * 10.0 ** (np.maximum(whole_db, _LEAST_DB) / 20.0)
    mean = (timbre * weight[..., None]).sum(1) / weight.sum(1, keepdims=True)
    ends = onset(whole_db, times_s)[:, None], fade(whole_db, times_s)[:, None]
    return np.concatenate([mean, *ends], axis=1).astype(np.float32)


def onset(whole_db: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """How slowly notes begin: the time to 3 dB below their loudest, 0 for 5 ms, 1 for 1 s, by its logarithm."""
    first = times_s[np.argmax(whole_db > -3.0, axis=1)]
    return np.clip(np.log(np.maximum(first, _QUICKEST_S) / _QUICKEST_S) / np.log(_SLOWEST_S / _QUICKEST_S), 0.0, 1.0)


def fade(whole_db: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """How fast notes die away after their loudest moment: 0 not at all, 1 for FADE_DB_PER_S."""
    slopes = np.empty(len(whole_db))
    for i, db in enumerate(whole_db):
        top = int(np.argmax(db))
        last = int((np.flatnonzero(db[top:] > _LEAST_DB) + top)[-1])
        span = times_s[last] - times_s[top]
        slopes[i] = (db[top] - db[last]) / span if span > 0 else FADE_DB_PER_S
    return np.clip(slopes / FADE_DB_PER_S, 0.0, 1.0)


@cache
def _encoder() -> FrameModel:
    return FrameModel(ENCODER)


def encode_note(audio: np.ndarray, sample_rate: int, key: float, velocity: int = 100) -> np.ndarray:
    """Latents of a recorded note.

    Parameters
    ----------
    audio : ndarray, float32, shape (n_samples,)
        Mono, from the note's start.
    sample_rate : int
        Hz.
    key : float
        MIDI key of its pitch.
    velocity : int
        1 to 127, how hard it was struck.

    Returns
    -------
    ndarray, float32, shape (n_latents,)
    """
    times_s = TIMES_S[max(0.05, len(audio) / sample_rate - 0.05) >= TIMES_S]
    levels, whole_db = note_levels(audio, sample_rate, key, times_s)
    known = np.tile(np.array([key, velocity / 127], np.float32), (len(levels), 1))
    model = _encoder()
    model.reset()
    timbre = model.process(np.concatenate([levels, known], axis=1))
    return note_latents(timbre[None], whole_db[None] - whole_db.max(), times_s)[0]
