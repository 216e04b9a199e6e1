"""Real-time priority for threads that others wait for."""

import os


def become_real_time(priority: int) -> bool:
    """Give the calling thread SCHED_FIFO of this priority, from 1; False where the system has none or forbids it."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except (AttributeError, OSError):
        return False
    return True
