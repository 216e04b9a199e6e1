"""What hands ask for and what takes its time, edits and devices: one after the other in a thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ..cache import n_compiled

PATIENCE_S = 1.0
"""After which an errand is told to those who wait for it."""


@dataclass(eq=False)
class _Errand:
    words: str
    compiled: int = field(default_factory=n_compiled)
    told: set[int] = field(default_factory=set)


class Errands:
    """Does errands in the order in which they came."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "rtspec panel errands")
        self._now: _Errand | None = None

    def begin(self, words: str, act: Callable[[], Any]) -> asyncio.Future:
        """Have this done once what came before is; `words` say what it is."""
        return asyncio.get_running_loop().run_in_executor(self._thread, self._do, words, act)

    def first(self, words: str, act: Callable[[], Any]) -> None:
        """Have this done before anything else, for nobody who waits."""
        self._thread.submit(self._do, words, act)

    def _do(self, words: str, act: Callable[[], Any]) -> Any:
        self._now = _Errand(words)
        try:
            return act()
        finally:
            self._now = None

    def news(self, client: int) -> str | None:
        """What is being done now, for a client that waits; None where nothing is, or where it has been told."""
        now = self._now
        if now is None or client in now.told:
            return None
        now.told.add(client)
        why = ": what it needs is compiled, once on this machine" if n_compiled() > now.compiled else ""
        return f"{now.words} takes a while{why}; what you ask for meanwhile follows"

    def close(self) -> None:
        """End once the one that is being done has ended; the others are forgotten."""
        self._thread.shutdown(wait=True, cancel_futures=True)
