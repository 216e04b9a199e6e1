"""What a sensor hears while a file is rendered: a second file, read beside it."""

import os
from pathlib import Path
from types import TracebackType

import numpy as np

from ..audio.files import Reader
from ..chain.plugin import Plugin
from ..chain.sensed import check_heard


class SensorFile:
    """A sensor's sound, piece by piece, at the rate of the music; a context manager.

    Parameters
    ----------
    path : path
    sample_rate : int
        Hz; a file of another rate is resampled, and that is said.
    n_samples : int
        Of the music.
    """

    def __init__(self, path: str | os.PathLike[str], sample_rate: int, n_samples: int):
        with Reader(path) as own:
            rate = own.sample_rate
        self._reader = Reader(path, sample_rate)
        self.channels, self.notes = self._reader.channels, list(self._reader.notes)
        self._chunks, self._held = self._reader.chunks(), np.zeros((self.channels, 0), np.float32)
        name = Path(path).name
        if rate != sample_rate:
            self.notes.append(f"the sensor's {name} was resampled from {rate} to {sample_rate} Hz")
        missing = n_samples - self._reader.n_samples
        if missing > 0:
            self.notes.append(
                f"the sensor's {name} is {missing / sample_rate:.2f} s shorter than the music: silence from there on"
            )

    def __enter__(self) -> "SensorFile":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._reader.close()

    def take(self, n: int) -> np.ndarray:
        """The next `n` samples, float32 (channels, n); silence after its end."""
        while self._held.shape[1] < n:
            chunk = next(self._chunks, None)
            if chunk is None:
                chunk = np.zeros((self.channels, n - self._held.shape[1]), np.float32)
            self._held = np.concatenate([self._held, chunk], axis=1)
        out, self._held = self._held[:, :n], self._held[:, n:]
        return np.ascontiguousarray(out)


def opened_sensor(path: str | os.PathLike[str] | None, board, reader) -> SensorFile | None:
    """The sensor's file where there is one; an error where nobody in the board hears it."""
    if path is None:
        return None
    check_heard(board.flat(), path)
    return SensorFile(path, reader.sample_rate, reader.n_samples)


def remarks_of(board) -> list[str]:
    """What listening plugins have to tell."""
    return [line for plugin in board.members() if isinstance(plugin, Plugin) for line in plugin.ear_news()]
