"""Latents of a recorded note, brought nearer: what the instrument itself would play from them is compared."""

from functools import lru_cache

import numpy as np

from ...models import FrameModel
from ...models.packages import PackagedModel
from .levels import N_LEVELS, N_PARTIALS

_TURNS, _STEP = 6, 0.02
_DAMPING, _PRIOR = 0.05, 0.02
_FLOOR_DB, _HEARD_DB, _NOISE_SHARE = -70.0, -42.0, 0.3
_VOICES = 16


def refined(
    place: np.ndarray, model: PackagedModel, moments: tuple[np.ndarray, np.ndarray, np.ndarray], key: float, velocity
) -> np.ndarray:
    """The place near `place` whose note is most like the recorded one: Gauss-Newton with damping.

    Parameters
    ----------
    place : ndarray, float32, shape (n_latents,)
        Where to begin.
    model : PackagedModel
        The instrument.
    moments : tuple of ndarray
        Times in seconds (n_times,), levels in dB (n_times, N_LEVELS), and whole levels in dB below the loudest
        (n_times,) of the recorded note.
    key, velocity
        MIDI's, 1 to 127.

    Returns
    -------
    ndarray, float32, shape (n_latents,), each from -1 to 1
    """
    decoder = _Decoder(model, moments[0], key, velocity / 127)
    wanted, heard = np.maximum(moments[1], _FLOOR_DB), 1.0 / (1.0 + np.exp(-(np.maximum(moments[2], -90) + 35.0) / 5.0))
    shifts = np.vstack([np.zeros(len(place)), _STEP * np.eye(len(place))])
    best, damping = place.astype(np.float64), _DAMPING
    rows = decoder.at(best + shifts)
    cost = _cost(rows[0], wanted, heard, best - place)
    for _ in range(_TURNS):
        tried = np.clip(best + _step(rows, wanted, heard, best - place, damping), -1.0, 1.0)
        found = decoder.at(tried + shifts)
        now = _cost(found[0], wanted, heard, tried - place)
        if now < cost:
            best, rows, cost, damping = tried, found, now, damping / 3
        else:
            damping *= 8
    return best.astype(np.float32)


def _weights(made: np.ndarray, wanted: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """How much each level counts, of shape (n_times, N_LEVELS): what is heard on either side, in moments that are."""
    louder = np.maximum(made, wanted)
    counts = 0.05 + 1.0 / (1.0 + np.exp(-np.clip((louder - _HEARD_DB) / 5.0, -30, 30)))
    counts[:, N_PARTIALS:] *= _NOISE_SHARE
    return counts * heard[:, None]


def _cost(made: np.ndarray, wanted: np.ndarray, heard: np.ndarray, moved: np.ndarray) -> float:
    """Weighted mean of errors, squares up to 6 dB; and how far it went."""
    weight, error = _weights(made, wanted, heard), np.abs(made - wanted)
    sums = (weight * np.where(error < 6.0, error**2 / 12.0, error - 3.0)).sum() / weight.sum()
    return float(sums + _PRIOR * (moved**2).sum())


def _step(rows: np.ndarray, wanted: np.ndarray, heard: np.ndarray, moved: np.ndarray, damping: float) -> np.ndarray:
    """Of weighted least squares, in which an error beyond 6 dB counts as one that large."""
    error = wanted - rows[0]
    robust = (_weights(rows[0], wanted, heard) / np.maximum(1.0, np.abs(error) / 6.0)).ravel()
    slopes = ((rows[1:] - rows[0]) / _STEP).reshape(len(rows) - 1, -1)
    normal = (slopes * robust) @ slopes.T / robust.sum() / 12.0
    pull = slopes @ (robust * error.ravel()) / robust.sum() / 12.0
    n = len(normal)
    return np.linalg.solve(normal + (damping * np.trace(normal) / n + _PRIOR) * np.eye(n), pull - _PRIOR * moved)


@lru_cache(maxsize=2)
def _frame_model(proto: bytes) -> FrameModel:
    import onnx

    return FrameModel(onnx.load_from_string(proto))


class _Decoder:
    """What the instrument tells of many places at all times, in calls of sixteen voices."""

    def __init__(self, model: PackagedModel, times_s: np.ndarray, key: float, velocity: float):
        self._model, self._times_s, self._note = _frame_model(model.proto_bytes), times_s, (key, velocity)

    def at(self, places: np.ndarray) -> np.ndarray:
        """Levels in dB, (n_places, n_times, N_LEVELS)."""
        n_places, n_latents = places.shape
        n_rows = n_places * len(self._times_s)
        n_frames = -(-n_rows // _VOICES)
        asked = np.zeros((n_frames * _VOICES, 2 * n_latents + 3), np.float32)
        asked[:n_rows, :n_latents] = np.repeat(places, len(self._times_s), 0)
        asked[:, n_latents], asked[:, n_latents + 1] = self._note
        asked[:n_rows, n_latents + 2] = np.tile(self._times_s, n_places)
        self._model.reset()
        made = self._model.process(asked.reshape(n_frames, _VOICES, -1)).reshape(-1, N_LEVELS)[:n_rows]
        levels = 20.0 * np.log10(np.maximum(made, 10.0 ** (_FLOOR_DB / 20.0)))
        return levels.reshape(n_places, len(self._times_s), N_LEVELS)
