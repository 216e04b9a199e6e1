"""A thread that makes edits of a chain while it plays, so that whoever edits does not wait."""

import threading
from collections.abc import Callable

from ..buffers.priority import become_real_time_but_compile

PRIORITY = 1
"""SCHED_FIFO priority of the thread that prepares edits: below the engine's."""


class Edits:
    """Edits that are asked for and made; several may become one.

    Parameters
    ----------
    report : callable
        Gets a line where an edit could not be made.
    """

    def __init__(self, report: Callable[[str], object]):
        self._report = report
        self._changed = threading.Condition()
        self._asked = self._made = 0
        self._thread: threading.Thread | None = None

    def ask(self, make: Callable[[], object], is_playing: Callable[[], bool]) -> None:
        """The chain was edited; returns at once.

        Parameters
        ----------
        make : callable
            Brings the chain to what it was edited to. Held only while the thread lives, so that whose method it is ends
            when nobody else holds it.
        is_playing : callable
            Whether the chain plays: the thread ends when it does not.
        """
        with self._changed:
            self._asked += 1
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._work, args=(make, is_playing), name="rtspec edits", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def settle(self, timeout_s: float | None = None) -> bool:
        """Wait until all edits so far are heard, or the chain plays no longer; False at the timeout."""
        with self._changed:
            if self._thread is threading.current_thread():
                return False  # asked in the midst of an edit, which cannot wait for itself
            asked = self._asked
            return self._changed.wait_for(lambda: self._made >= asked, timeout_s)

    def _work(self, make: Callable[[], object], is_playing: Callable[[], bool]) -> None:
        # The engine may wait for a lock that this thread holds, in onnxruntime say: nothing else may put it aside.
        while self._goes_on(is_playing):
            become_real_time_but_compile(PRIORITY)
            with self._changed:
                self._changed.wait_for(lambda: self._made < self._asked, timeout=1.0)
                asked = self._asked
            if self._made < asked:
                self._try(make)
            with self._changed:
                self._made = asked
                self._changed.notify_all()

    def _goes_on(self, is_playing: Callable[[], bool]) -> bool:
        """Whether it plays. At its end nobody waits for an edit any more, and whoever asks later gets a thread."""
        with self._changed:
            if is_playing():
                return True
            self._made, self._thread = self._asked, None
            self._changed.notify_all()
            return False

    def _try(self, make: Callable[[], object]) -> None:
        try:
            make()
        except Exception as error:
            self._report(f"the chain plays on as it was: {' '.join(str(error).split())}")
