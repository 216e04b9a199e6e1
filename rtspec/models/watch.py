"""Runs of foreign models that never end are ended: a graph may loop for ever once the data say so.

One thread of the process looks at the records of all stages now and then. It has no part in the audio path: a stage
that runs as it should never hears of it.
"""

import os
import threading
import time
import weakref
from typing import Protocol

RUN_S = 10.0
"""Longest that one run may take; a frame is due a thousand times sooner."""
LOOK_S = 0.5


class Running(Protocol):
    """What may be in the midst of a run."""

    def run_under_way(self) -> int:
        """Number of the run that is under way, 0 where none is."""
        ...

    def end_run(self) -> None:
        """End it, and all that come after it until the next reset."""
        ...


class _Watch(threading.Thread):
    def __init__(self):
        super().__init__(name="rtspec model watch", daemon=True)
        self._watched: weakref.WeakSet[Running] = weakref.WeakSet()
        self._since: weakref.WeakKeyDictionary[Running, tuple[int, float]] = weakref.WeakKeyDictionary()

    def add(self, stage: Running) -> None:
        self._watched.add(stage)

    def run(self) -> None:
        while True:
            time.sleep(LOOK_S)
            self._look_at_all()

    def _look_at_all(self) -> None:
        """In a method of its own: no name is left that keeps a stage alive."""
        with _lock:
            stages = list(self._watched)
        for stage in stages:
            self._look(stage, time.monotonic())

    def _look(self, stage: Running, now: float) -> None:
        number = stage.run_under_way()
        before, since = self._since.get(stage, (0, now))
        if number == 0 or number != before:
            self._since[stage] = (number, now)
        elif now - since >= RUN_S:
            stage.end_run()


_lock = threading.Lock()
_watch: _Watch | None = None


def watch(stage: Running) -> None:
    """From now on its runs end after :data:`RUN_S`; a process made by fork gets a thread of its own."""
    global _watch
    with _lock:
        if _watch is None or not _watch.is_alive():
            _watch = _Watch()
            _watch.start()
        _watch.add(stage)


def _after_fork() -> None:
    """The child has neither the thread nor, perhaps, a lock that anybody would open."""
    global _lock, _watch
    _lock, _watch = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
