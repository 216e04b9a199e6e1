"""Snapshots of a chain's values, undo and redo."""

import threading
from collections import deque
from typing import Any

from .. import checks
from ..errors import InvalidValue
from .directory import Directory, as_directory
from .presets import Preset, apply, capture, resolved


class History:
    """Snapshots of a chain's values, and the way back.

    Parameters
    ----------
    target : Directory, Pedalboard, processor or sequence of processors
    depth : int
        Steps that can be undone.
    """

    def __init__(self, target: Any, depth: int = 100):
        self.directory = as_directory(target)
        self._past: deque[Preset] = deque(maxlen=checks.integer("history: depth", depth, 1, 100_000))
        self._future: list[Preset] = []
        self._snapshots: dict[str, Preset] = {}
        self._lock = threading.RLock()

    def remember(self) -> None:
        """Keep the present values for :meth:`undo`: call it before a change."""
        with self._lock:
            self._past.append(self._now())
            self._future.clear()

    def undo(self) -> bool:
        """Go back to what was last remembered and differs; False where there is nothing."""
        with self._lock:
            return self._go(self._past, self._future)

    def redo(self) -> bool:
        """Take the last :meth:`undo` back; False where there is none."""
        with self._lock:
            return self._go(self._future, self._past)

    def snapshot(self, name: str) -> None:
        """Keep the present values under a name."""
        with self._lock:
            self._snapshots[name] = capture(self.directory, name)

    def recall(self, name: str) -> None:
        """Go to a snapshot; can be undone."""
        with self._lock:
            if name not in self._snapshots:
                listed = ", ".join(self._snapshots) or "none"
                raise InvalidValue(f"{name!r} is no snapshot; choose one of {listed}, or make it by snapshot({name!r})")
            self.apply(self._snapshots[name])

    def apply(self, preset: Preset) -> list[str]:
        """:func:`apply`, so that it can be undone."""
        with self._lock:
            before = self._now()
            missing = apply(self.directory, preset)
            self._past.append(before)
            self._future.clear()
            return missing

    @property
    def snapshots(self) -> list[str]:
        """Names of the snapshots, oldest first."""
        return list(self._snapshots)

    def _now(self) -> Preset:
        return capture(self.directory, "history")

    def _go(self, source: Any, other: Any) -> bool:
        now = self._now()
        while source:
            step = source.pop()
            if _differs(self.directory, step):
                other.append(now)
                apply(self.directory, step)
                return True
        return False


def _differs(directory: Directory, preset: Preset) -> bool:
    directory = directory.still()
    return any(directory[address].value != value for address, value in resolved(directory, preset)[0].items())
