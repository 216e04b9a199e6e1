"""A POSIX semaphore that compiled code posts and waits on, without the GIL."""

import ctypes

import numpy as np
from numba import njit, types

from .memory import address, aligned

sem_post = types.ExternalFunction("sem_post", types.int32(types.int64))
sem_wait = types.ExternalFunction("sem_wait", types.int32(types.int64))
sem_trywait = types.ExternalFunction("sem_trywait", types.int32(types.int64))
sem_timedwait = types.ExternalFunction("sem_timedwait", types.int32(types.int64, types.int64))
"""By address: ``sem_timedwait(semaphore, timespec)`` waits until the absolute CLOCK_REALTIME `timespec`."""

_SEM_BYTES = 64
"""More than sizeof(sem_t) of every platform in use (32 on 64-bit Linux)."""


@njit(cache=True, nogil=True)
def _post(location):
    return sem_post(location)


@njit(cache=True, nogil=True)
def _wait(location):
    return sem_wait(location)


@njit(cache=True, nogil=True)
def _try_wait(location):
    return sem_trywait(location)


class Semaphore:
    """A counting semaphore; `address` is what compiled code passes to `sem_post` and `sem_wait`."""

    def __init__(self, value: int = 0):
        self._memory = aligned(_SEM_BYTES, np.uint8)
        self.address = address(self._memory)
        if ctypes.CDLL(None).sem_init(ctypes.c_void_p(self.address), 0, value) != 0:
            raise OSError("sem_init failed: this platform has no unnamed semaphores; rtspec's engine needs Linux")

    def post(self) -> None:
        """Add one; wakes one waiter."""
        _post(self.address)

    def wait(self) -> None:
        """Take one, waiting without the GIL until there is one."""
        _wait(self.address)

    def try_wait(self) -> bool:
        """Take one if there is one."""
        return _try_wait(self.address) == 0
