"""Rows on a second core: of chains side by side, some play on another thread at the same time.

Whoever plays posts a semaphore, runs its own rows and waits for the other's. The rows of one side share nothing with
those of another, so each sample is what one thread would give, to the bit.
"""

import os
import threading
import weakref
from contextlib import suppress

import numpy as np
from numba import njit

from ..buffers.denormals import flush_denormals
from ..buffers.memory import address, aligned, integers
from ..buffers.record import Record
from ..buffers.semaphore import Semaphore, sem_post, sem_wait
from ..buffers.step import ROW, Row, Stage, run_rows, step, table
from ..buffers.views import place_of
from .program import Program

HIRED, ITEMS = 0, 1
"""What an order says: whether there is a thread for it, and how many items the rows get."""

BESIDE = Record(
    "Beside",
    counts="n_mine n_theirs",
    addresses="begin done",
    constants=f"mine:i8[n_mine,{ROW}] theirs:i8[n_theirs,{ROW}]",
    shared="order:i8[2]",
)


@njit(inline="always")
def _wait_for(semaphore):
    while sem_wait(semaphore) != 0:  # a signal's handler ran in this thread
        pass


@step
def run_beside(state, x, n, y):
    """Both tables with `n` items each: at the same time where a thread is hired, else one after the other."""
    s = BESIDE(state)
    if s.order[HIRED] == 0:
        run_rows(place_of(s.mine[0]), s.n_mine, n)
        run_rows(place_of(s.theirs[0]), s.n_theirs, n)
        return n
    s.order[ITEMS] = n
    sem_post(s.begin)
    run_rows(place_of(s.mine[0]), s.n_mine, n)
    _wait_for(s.done)
    return n


@njit(cache=True, nogil=True)
def _serve(begin, done, order, rows, n_rows):
    told = integers(order, 2)
    while True:
        _wait_for(begin)
        if told[HIRED] == 0:
            return
        run_rows(rows, n_rows, told[ITEMS])
        sem_post(done)


class Beside(Stage):
    """Two tables of rows as one stage that plays them on two threads. Its own thread ends with it.

    Parameters
    ----------
    mine, theirs : list of Row
        Neither reads what the other writes.
    """

    def __init__(self, mine: list[Row], theirs: list[Row]):
        self._order, self._begin, self._done = aligned(2, np.int64), Semaphore(), Semaphore()
        tables = [table(rows) for rows in (mine, theirs)]
        for each in tables:
            each.flags.writeable = False
        super().__init__(
            run_beside,
            BESIDE,
            keep=(mine, theirs, self._begin, self._done),
            n_mine=len(mine),
            n_theirs=len(theirs),
            begin=self._begin.address,
            done=self._done.address,
            mine=tables[0],
            theirs=tables[1],
            order=self._order,
        )
        self._hire(tables[1])

    def _hire(self, rows: np.ndarray) -> None:
        self._order[HIRED] = 1
        task = (self._begin, self._done, self._order, rows)
        self._thread = threading.Thread(target=_work, args=task, name="rtspec-beside", daemon=True)
        self._thread.start()
        # Not at the interpreter's end: whoever plays may wait for it just then.
        weakref.finalize(self, _dismiss, self._order, self._begin).atexit = False
        _all.add(self)

    def hurry(self, priority: int) -> None:
        """Give its thread the real-time priority of whoever plays it, where the system permits."""
        if (number := self._thread.native_id) is not None:
            with suppress(AttributeError, OSError):
                os.sched_setscheduler(number, os.SCHED_FIFO, os.sched_param(priority))

    def alone(self) -> None:
        """Its thread does not live in this process, which was made by fork: play without it."""
        self._order[HIRED] = 0


def _work(begin: Semaphore, done: Semaphore, order: np.ndarray, rows: np.ndarray) -> None:
    flush_denormals()
    _serve(begin.address, done.address, address(order), address(rows), len(rows))


def _dismiss(order: np.ndarray, begin: Semaphore) -> None:
    order[HIRED] = 0
    begin.post()


_all: "weakref.WeakSet[Beside]" = weakref.WeakSet()


def _after_fork() -> None:
    for each in list(_all):
        each.alone()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def threads_of(program: Program) -> list[Beside]:
    """What plays on other threads in a program and in those that it was joined from."""
    inner = [beside for part in program.parts for beside in threads_of(part)]
    return [*inner, *(stage for stage in program.stages if isinstance(stage, Beside))]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
