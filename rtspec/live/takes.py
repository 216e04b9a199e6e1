"""Takes of a stream while it plays: recordings that begin and end, and go on where the device came back."""

import threading
from collections.abc import Callable
from pathlib import Path

from ..audio.exchange import Exchange
from ..audio.recording import TakeWriter, checked_path
from ..errors import InvalidValue
from .options import Recording
from .session import LiveSession


class Takes:
    """What is recorded of a stream, one take at a time.

    Parameters
    ----------
    first : Recording
        The take that begins with the stream, where one does.
    say : callable
        Gets lines of text.

    Attributes
    ----------
    wanted : Path or None
    recording : TakeWriter or None
        The present take, or the last one.
    """

    def __init__(self, first: Recording, say: Callable[[str], None]):
        self.wanted = None if first.path is None else checked_path(first.path)
        self._overwrite, self._say = first.overwrite, say
        self.recording: TakeWriter | None = None
        self._n_rates, self._turning = 1, threading.Lock()

    def begin(self, session: LiveSession) -> None:
        """The take that begins with the stream, where one does."""
        if self.wanted is not None:
            self._start(self.wanted, session, self._overwrite)

    def record(self, path: str | Path, session: LiveSession) -> tuple[Path, Path]:
        """Begin a take while playing; the files of input and output, numbered where the name is taken."""
        with self._turning:  # panel, OSC and program may all ask, and the device may come back meanwhile
            if self.active:
                raise InvalidValue(f"{self.recording.paths[1]} is being recorded; stop_recording() first")  # type: ignore
            self._start(checked_path(path), session, overwrite=False)
            return self.recording.paths  # type: ignore[union-attr]

    def stop(self, exchange: Exchange) -> tuple[Path, Path] | None:
        """End the take; its files, or None where there is none."""
        with self._turning:
            take = self.recording
            if take is None or not self.active:
                return None
            exchange.record_to(None)
            take.end()
        take.close()  # with the turn given on: a take that is closed may report, and whoever hears that may record
        return take.paths

    def go_on(self, session: LiveSession, rate: float) -> None:
        """Record on with another session, after one of `rate` Hz; at another rate into files of their own."""
        with self._turning:
            take = self.recording
            if take is None or not self.active:
                return
            if rate == session.settings.sample_rate:
                session.exchange.record_to(take.rings)
                return
            take.end()
            self._n_rates += 1
            path = take.paths[1]
            path = path.with_name(f"{path.stem}-{self._n_rates}{path.suffix}")
            self._start(path, session, overwrite=False)
        take.close()
        self._say(f"recording to {path}, since the sample rate is another")

    @property
    def active(self) -> bool:
        """Whether a take is being recorded."""
        return self.recording is not None and self.recording.active

    def _start(self, path: Path, session: LiveSession, overwrite: bool) -> None:
        form = round(session.settings.sample_rate), session.settings.channels
        self.recording = TakeWriter(path, *form, self._say, overwrite)
        session.exchange.record_to(self.recording.rings)
