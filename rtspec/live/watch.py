"""What looks after a stream while it plays: a thread that comes by again and again, and the pulse of its device."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import InvalidValue
from .session import LiveSession

WATCH_S = 0.1
"""How often a stream looks whether its device is still there."""

TURN_S = 0.02
"""How often who waits for a turn looks whether the stream ends."""

STALL_S, BUFFERED_STALL_S, STALL_PERIODS = 2.0, 5.0, 2
"""A device that has not called for so long, and so many of its periods more, is gone, whatever its driver says; one
with buffers of its own, as PulseAudio, may be silent for longer."""

CLOSE_S = 10.0
"""How long a stream that stops waits for what it does about a lost device."""


class Pulse:
    """The callbacks of a device, as they come."""

    def __init__(self) -> None:
        self._seen, self._seen_at = -1, time.monotonic()

    def is_felt(self, session: LiveSession) -> bool:
        """Whether the device is there and a callback came lately: some drivers never report that they are gone."""
        return session.device_stream.active and not self._stalled(session) and session.is_there()

    def _stalled(self, session: LiveSession) -> bool:
        now, seen = time.monotonic(), session.exchange.called_ns
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        limit_s = STALL_S if session.on_jack else BUFFERED_STALL_S
        return now - self._seen_at > limit_s + STALL_PERIODS * session.exchange.period / session.settings.sample_rate


class Watch:
    """A thread that comes by every :data:`WATCH_S` until it is told to end."""

    def __init__(self) -> None:
        self._ending, self._thread = threading.Event(), None

    def begin(self, look: Callable[[], bool]) -> None:
        """Call `look` again and again, as long as it gives True; held only while it does."""
        self._thread = threading.Thread(target=self._work, args=(look,), name="rtspec watch", daemon=True)
        self._thread.start()

    def goes_on(self, pause_s: float) -> bool:
        """Wait so long; False, at once, where it is to end."""
        return not self._ending.wait(pause_s)

    def end(self) -> None:
        """Let it end soon."""
        self._ending.set()

    def join(self) -> None:
        """Wait until it has ended; in its own thread nothing happens."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_S)

    def _work(self, look: Callable[[], bool]) -> None:
        while self.goes_on(WATCH_S) and look():
            pass


@contextmanager
def turn_before_the_end(turn: "threading.RLock", watch: Watch, refusal: str) -> Iterator[None]:
    """While it is this thread's turn; :class:`InvalidValue` with this text where the stream ends before, since who ends
    it may have the turn and wait for this very thread."""
    while not turn.acquire(timeout=TURN_S):
        if not watch.goes_on(0.0):
            raise InvalidValue(refusal)
    try:
        yield
    finally:
        turn.release()
