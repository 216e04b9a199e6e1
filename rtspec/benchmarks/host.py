"""Whether the machine itself keeps time: what no priority of a program helps against.

A thread on each processor, above every audio thread, sleeps a millisecond again and again and measures how late it
wakes, as ``cyclictest`` does. Where it wakes late, a hypervisor or the firmware had the processor, and no stream could
have been in time.
"""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit

from ..buffers.atomics import load_acquire, publish
from ..buffers.clock import now_ns, sleep_until_ns
from ..buffers.memory import address, aligned, integers
from ..buffers.priority import become_real_time
from ..plain import AsDict

PRIORITY = 95
"""SCHED_FIFO priority of the watch, above audio servers and devices."""

LATE_MS, MOST_LATE_MS = 1.0, 40.0
"""Wakings so late are counted. Later ones are not: so long does Linux itself hold up threads that leave others
nothing (``sched_rt_runtime_us``), which would be a fault of the threads and not of the machine."""

_PERIOD_NS = 1_000_000
_RUNNING, _TIMES, _WORST_NS, _MOMENTS = 0, 1, 2, 8
MOST_MOMENTS = 4096
"""Of each processor's late wakings, of which the times are kept."""


@njit(cache=True, nogil=True)
def _watch(shared, timespec):
    """Sleep and measure until `shared` says stop: running, how many wakings were late, the latest in ns; then of each
    when it should have been and when it was, ns."""
    seen, moment = integers(shared, _MOMENTS + 2 * MOST_MOMENTS), now_ns(timespec)
    while load_acquire(shared) != 0:
        moment += _PERIOD_NS
        sleep_until_ns(moment, timespec)
        late = now_ns(timespec) - moment
        if late > LATE_MS * 1e6:
            if late < MOST_LATE_MS * 1e6:
                at = _MOMENTS + 2 * (seen[_TIMES] % MOST_MOMENTS)
                seen[at], seen[at + 1] = moment, moment + late
                seen[_TIMES] += 1
                seen[_WORST_NS] = max(seen[_WORST_NS], late)
            moment += late


@dataclass(frozen=True)
class HeldUp(AsDict):
    """What the machine kept from its programs.

    Attributes
    ----------
    host_late : int
        How often the watch woke more than a millisecond late.
    host_late_max_ms : float
        The latest of these, ms.
    stolen_ms : int
        What the hypervisor itself says that it has taken, ms; many say less than they take.
    """

    host_late: int
    host_late_max_ms: float
    stolen_ms: int

    def __bool__(self) -> bool:
        return bool(self.host_late or self.stolen_ms)

    def __str__(self) -> str:
        late = f"held up {self.host_late} times by more than {LATE_MS:g} ms, {self.host_late_max_ms:g} ms at most"
        return f"the machine was {late}; {self.stolen_ms} ms stolen"


class Watch:
    """Watches the machine within a ``with``; without the right to real-time priority it only asks what was stolen."""

    def __enter__(self) -> "Watch":
        self._stolen_before = stolen_ms()
        processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self._shared = aligned((len(processors), _MOMENTS + 2 * MOST_MOMENTS), np.int64)
        self._threads = [
            threading.Thread(target=self._run, args=(row, processor), name="rtspec-watch", daemon=True)
            for row, processor in zip(self._shared, processors, strict=True)
        ]
        _call(aligned(_MOMENTS, np.int64))  # with `running` at 0 this compiles and returns
        for row, thread in zip(self._shared, self._threads, strict=True):
            publish(row, _RUNNING, 1)
            thread.start()
        return self

    def _run(self, row: np.ndarray, processor: int) -> None:
        os.sched_setaffinity(0, [processor])
        if become_real_time(PRIORITY):
            _call(row)

    def __exit__(self, *_) -> None:
        for row in self._shared:
            publish(row, _RUNNING, 0)
        for thread in self._threads:
            thread.join()

    @property
    def held_up(self) -> HeldUp:
        """What the machine has kept to itself since the watch began."""
        worst = round(self._shared[:, _WORST_NS].max(initial=0) / 1e6, 2)
        return HeldUp(int(self._shared[:, _TIMES].sum()), float(worst), stolen_ms() - self._stolen_before)

    def was_late(self, first_s: float, last_s: float) -> bool:
        """Whether the machine held anything up between two monotonic moments, seconds."""
        kept = self._shared[:, _MOMENTS:].reshape(-1, 2) / 1e9
        return bool(np.any((kept[:, 0] < last_s) & (kept[:, 1] > first_s)))


def _call(row: np.ndarray) -> None:
    timespec = aligned(2, np.int64)
    _watch(address(row), address(timespec))


def stolen_ms() -> int:
    """How long a hypervisor says that it has kept this machine's processors to itself so far, ms."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return 0
    return round(1000 * int(fields[8]) / os.sysconf("SC_CLK_TCK"))
