"""When a stream counted a fault, to the millisecond, so that it is told which fell into a moment of the machine's own.

A thread above every audio thread looks at the counts each millisecond, in compiled code that waits for no interpreter.
"""

import threading
from collections.abc import Mapping

import numpy as np
from numba import njit

from ..buffers.atomics import load_acquire, publish
from ..buffers.clock import now_ns, sleep_until_ns
from ..buffers.memory import address, aligned, integers
from ..buffers.priority import become_real_time
from .host import PRIORITY, Watch

BEFORE_S = 0.02
"""How long before a fault the machine may have been held up for it: what has piled up meanwhile is worked off first."""

MOST = 4096
"""Moments that are kept; faults beyond them are nobody's but the stream's."""

_PERIOD_NS = 1_000_000
_RUNNING, _KEPT, _N, _COUNTS = 0, 1, 2, 8
_MOST_COUNTS = 8
_ENTRIES = _COUNTS + 2 * _MOST_COUNTS


@njit(cache=True, nogil=True)
def _follow(shared, timespec):
    """Look at `n` counts until `shared` says stop: their addresses, then what they were; of each change which, by how
    much, and the moments between which it came, ns."""
    seen = integers(shared, _ENTRIES + 4 * MOST)
    for k in range(seen[_N]):
        seen[_COUNTS + _MOST_COUNTS + k] = load_acquire(seen[_COUNTS + k])
    before = moment = now_ns(timespec)
    while load_acquire(shared) != 0:
        moment = max(moment + _PERIOD_NS, before)
        sleep_until_ns(moment, timespec)
        now = now_ns(timespec)
        for k in range(seen[_N]):
            count, known = load_acquire(seen[_COUNTS + k]), seen[_COUNTS + _MOST_COUNTS + k]
            if count != known and seen[_KEPT] < MOST:
                at = _ENTRIES + 4 * seen[_KEPT]
                seen[at], seen[at + 1], seen[at + 2], seen[at + 3] = k, count - known, before, now
                seen[_KEPT] += 1
            seen[_COUNTS + _MOST_COUNTS + k] = count
        before = now


class Faults:
    """Follows counts within a ``with``.

    Parameters
    ----------
    places : mapping
        The address of each count, an int64 that only grows, by its name; 8 at most.
    """

    def __init__(self, places: Mapping[str, int]):
        self._names = list(places)
        self._shared = aligned(_ENTRIES + 4 * MOST, np.int64)
        self._shared[_N] = len(places)
        self._shared[_COUNTS : _COUNTS + len(places)] = list(places.values())
        self._call()  # with `running` at 0 this compiles and returns
        self._thread = threading.Thread(target=self._run, name="rtspec-faults", daemon=True)

    def __enter__(self) -> "Faults":
        publish(self._shared, _RUNNING, 1)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        publish(self._shared, _RUNNING, 0)
        self._thread.join()

    def _run(self) -> None:
        become_real_time(PRIORITY)
        self._call()

    def _call(self) -> None:
        timespec = aligned(2, np.int64)
        _follow(address(self._shared), address(timespec))

    def of_the_host(self, watch: Watch) -> dict[str, int]:
        """How many of each count came while the machine was held up, or right after."""
        found = dict.fromkeys(self._names, 0)
        kept = self._shared[_ENTRIES : _ENTRIES + 4 * int(self._shared[_KEPT])].reshape(-1, 4).tolist()
        for which, grown, first_ns, last_ns in kept:
            if watch.was_late(first_ns / 1e9 - BEFORE_S, last_ns / 1e9):
                found[self._names[which]] += grown
        return found
