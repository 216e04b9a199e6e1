"""Memory that stays where it is while streams play: a page that has to be fetched back costs milliseconds.

What is there at the start is locked, as far as it is touched; what comes later is not, so no later allocation fails for
it. When the last stream ends all is as it was.
"""

import ctypes
import os
import threading
from pathlib import Path

SHARE = 0.5
"""Of the machine's memory that is locked at most; a process that holds more (a data set) is left as it is."""

_CURRENT, _ON_FAULT = 1, 4
_lock, _users = threading.RLock(), [0]  # a stream may be collected, and so end, inside


def lock_memory() -> bool:
    """Lock for one stream; whether it was done. :func:`unlock_memory` undoes it where it was."""
    if _resident_bytes() > SHARE * _machine_bytes():
        return False
    with _lock:
        if ctypes.CDLL(None).mlockall(_CURRENT | _ON_FAULT) != 0:
            return False
        _users[0] += 1
    return True


def unlock_memory() -> None:
    """One stream less; the last one unlocks."""
    with _lock:
        _users[0] -= 1
        if _users[0] == 0:
            ctypes.CDLL(None).munlockall()


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _machine_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
