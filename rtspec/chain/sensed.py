"""A chain that something listens to, driven from Python: as a stream plays it, so that what is heard acts at the same
samples there and here."""

import warnings
from itertools import repeat

import numpy as np

from ..audio.layout import planar_sound
from ..errors import InvalidValue, existing
from .automated import AutomatedPlayback, Streamed
from .cutting import cut, put
from .offline import inside
from .plugin import Plugin, version_of
from .program import Program


class SensedPlayback:
    """Plays one board whole or in pieces, with what its sensor hears.

    Parameters
    ----------
    board : Streamed
    """

    def __init__(self, board: Streamed):
        self._board, self._playback, self._key = board, None, None
        self._delay = 0

    @property
    def program(self) -> Program | None:
        """What plays; None before the first sound."""
        return None if self._playback is None else self._playback.program

    @property
    def is_playing(self) -> bool:
        """Whether a sound in pieces is on its way."""
        return self._key is not None

    def process(self, audio: np.ndarray, rate: float, block: int, sensor=None) -> np.ndarray:
        """A sound of its own, float32 (channels, n), as long as it is and without delay."""
        heard = planar_sensor(sensor, audio.shape[1])
        playback = self._begin(rate, len(audio), 0 if heard is None else len(heard))
        n, out, done = audio.shape[1] + playback.program.latency_samples, np.empty_like(audio), 0
        ears = repeat((0, None)) if heard is None else cut(heard, n)
        for (_, piece), (_, ear) in zip(cut(audio, n), ears, strict=False):
            played = playback.piece(piece, ear, block)
            put(out, done, played)
            done += played.shape[1]
        self._key = None
        say_news(self._board.flat())
        return out

    def piece(self, audio: np.ndarray, rate: float, block: int, sensor=None) -> np.ndarray:
        """The next piece: fewer samples come out while the delay fills, then as many. Float32 of shape (channels,
        n_samples)."""
        heard = planar_sensor(sensor, audio.shape[1])
        sensors = 0 if heard is None else len(heard)
        key = (rate, len(audio), sensors, tuple((id(p), version_of(p)) for p in self._board.flat()))
        if self._key is None or self._playback is None:
            self._begin(rate, len(audio), sensors)
            self._key = key
        elif self._key != key:
            raise begun_anew("sample rate, channels, sensor or chain changed")
        else:
            self._playback.follow()
        out = self._playback.piece(audio, heard, block)  # type: ignore[union-attr]
        say_news(self._board.flat())
        return out

    def flush(self) -> np.ndarray:
        """The end of a sound that came in pieces. Float32 of shape (channels, n_samples)."""
        self._key, playback = None, self._playback
        if playback is None:
            return np.zeros((2, 0), np.float32)
        silence = np.zeros((playback.program.channels, playback.program.latency_samples), np.float32)
        return playback.piece(silence)

    def reset(self) -> None:
        """Forget all sound."""
        self._key = None

    def _begin(self, rate: float, channels: int, sensors: int) -> AutomatedPlayback:
        self._playback = AutomatedPlayback(self._board, rate, channels, sensors=sensors)
        return self._playback


def begun_anew(what: str) -> InvalidValue:
    """What a sound in pieces does not go on over."""
    return InvalidValue(
        f"{what} within a sound that comes in pieces; what listens or moves by itself would begin anew: call flush()"
        " first"
    )


def listens(plugins: list) -> bool:
    """Whether anything among them hears a sensor or the chain's output."""
    return any(isinstance(one, Plugin) and one.listens for plugin in plugins for one in inside(plugin))


def check_heard(plugins: list, sensor) -> None:
    """Raise where a sensor is given that nobody hears."""
    if sensor is not None and not listens(plugins):
        raise InvalidValue("sensor: nothing in this chain listens to one; add rtspec.SceneEqualizer(), or leave it out")


def planar_sensor(sensor, n_samples: int) -> np.ndarray | None:
    """What a sensor hears during `n_samples`, float32 (channels, n_samples); None for none.

    A shorter one is silent from its end on, and that is said; NaN and infinite samples stay: whoever listens notices.
    """
    if sensor is None:
        return None
    array = np.asarray(sensor)
    bad = None
    if array.dtype in (np.float32, np.float64):
        bad = ~np.isfinite(array)
        array = np.where(bad, array.dtype.type(0.0), array)
    planar = existing(planar_sound("sensor", array))
    if bad is not None and bad.any():
        places = bad[np.newaxis] if bad.ndim == 1 else bad if bad.shape == planar.shape else bad.T
        planar = np.where(places, np.float32(np.nan), planar)
    if planar.shape[1] < n_samples:
        missing = n_samples - planar.shape[1]
        warnings.warn(
            f"the sensor's sound ends {missing} samples before the music: silence from there on", stacklevel=4
        )
    return np.ascontiguousarray(_longer(planar, n_samples - planar.shape[1])[:, :n_samples])


def say_news(plugins: list) -> None:
    """What plugins have to tell since the last time, as warnings: offline nobody else asks."""
    for one in (one for plugin in plugins for one in inside(plugin) if isinstance(one, Plugin)):
        for line in one.ear_news():
            warnings.warn(line, stacklevel=3)


def _longer(audio: np.ndarray, n: int) -> np.ndarray:
    return np.pad(audio, ((0, 0), (0, max(0, n))))
