"""Real-time priority for threads that others wait for."""

import os
import threading

from numba.core import event


def become_real_time(priority: int) -> bool:
    """Give the calling thread SCHED_FIFO of this priority, from 1; False where the system has none or forbids it."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except (AttributeError, OSError):
        return False
    return True


class _Yield(event.Listener):
    """Takes real-time priority from a thread of ours that begins to compile: seconds in which it would hold up all."""

    def on_start(self, event) -> None:
        if getattr(_own, "yields", False):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            _own.yields = False

    def on_end(self, event) -> None:
        """Nothing: the thread asks for its priority anew."""


_own = threading.local()
event.register("numba:run_pass", _Yield())


def become_real_time_but_compile(priority: int) -> None:
    """Give the calling thread SCHED_FIFO until it begins to compile something."""
    _own.yields = become_real_time(priority)
