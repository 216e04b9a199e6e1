"""A sound file as a live source: a thread reads it, a ring holds some seconds of it, the callback takes them."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..buffers.ring import Ring
from ..errors import AudioFileError
from .files import Reader

AHEAD_S = 8.0
"""Sound that lies ready: the disk, or a thread that burns the GIL, may take that long."""

_TURN_S = 0.1
_PIECE = 1 << 14


@dataclass(frozen=True)
class FileSource:
    """A sound file to be played in place of the input.

    Attributes
    ----------
    path : Path
    sample_rate : int
        Hz, to which the file is resampled.
    channels, n_frames : int
        At this rate.
    """

    path: Path
    sample_rate: int
    channels: int
    n_frames: int

    def at_rate(self, sample_rate: float) -> "FileSource":
        """The same at another rate."""
        return replace(open_source(self.path, sample_rate), channels=self.channels)


def open_source(path: str | os.PathLike[str], sample_rate: float) -> FileSource:
    """A file as a source; :class:`AudioFileError` where it cannot be read."""
    with Reader(path, round(sample_rate)) as reader:
        return FileSource(Path(path), reader.sample_rate, reader.channels, reader.n_samples)


class Feeder:
    """Keeps a ring filled from a file, from wherever it is told to begin until it is closed.

    Parameters
    ----------
    source : FileSource
    loop : bool
        Begin again at the end.
    report : callable
        Gets a line where the file cannot be read on.

    Attributes
    ----------
    ring : Ring
        For the callback. It holds its share of the file when :meth:`go_to` returns.
    """

    def __init__(self, source: FileSource, loop: bool, report: Callable[[str], object]):
        self.source, self._loop, self._report = source, loop, report
        self.ring = Ring(round(AHEAD_S * source.sample_rate), source.channels)
        self._ending = threading.Event()
        self._reader: Reader | None = None
        self._chunks, self._at, self._done = iter(()), 0, False
        self._thread: threading.Thread | None = None

    def go_to(self, frame: int) -> None:
        """Empty the ring, fill it and keep it filled from this frame on; not while the callback reads it."""
        self.close()
        self._ending.clear()
        self._reader = Reader(self.source.path, self.source.sample_rate)
        self.ring.read(len(self.ring))
        self._at = frame % self.source.n_frames if self._loop else frame
        self._reader.seek(self._at)
        self._chunks, self._done = self._reader.chunks(_PIECE), False
        self._fill()
        self._thread = threading.Thread(target=self._run, name="rtspec source", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and close the file; safe to call twice."""
        self._ending.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        if self._reader is not None:
            self._reader.close()

    def _run(self) -> None:
        while not self._done and not self._ending.wait(_TURN_S):
            self._fill()

    def _fill(self) -> None:
        """Put pieces into the ring as long as it has room for a whole one."""
        while not self._done and not self._ending.is_set() and self.ring.capacity - len(self.ring) >= _PIECE:
            try:
                self._put()
            except AudioFileError as error:
                self._report(f"{error}; the source is silent from there on")
                self._chunks = self._silence()

    def _put(self) -> None:
        piece = next(self._chunks, None)
        if piece is not None:
            self._at += self.ring.write(piece.T)
        elif self._loop and self._reader is not None:
            self._reader.seek(0)
            self._chunks, self._at = self._reader.chunks(_PIECE), 0
        else:
            self._done = True

    def _silence(self) -> Iterator[np.ndarray]:
        """What is left of the file, without its sound; for ever where it would begin again."""
        while (left := _PIECE if self._loop else self.source.n_frames - self._at) > 0:
            yield np.zeros((self.source.channels, min(left, _PIECE)), np.float32)
