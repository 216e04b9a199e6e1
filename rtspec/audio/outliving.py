"""Calls into a library that may hang, or abort the process, once the server behind it has died: PortAudio's on JACK.

To ask first whether the server lives is not enough, since it may die at any moment of the call. So the call is made in
a thread of its own, which is left alone where it hangs; and where it aborts, only that thread ends.
"""

import ctypes
import signal
import threading
from collections.abc import Callable
from typing import Any

PATIENCE_S, POLL_S = 3.0, 0.02
"""How long such a call may take before it is left alone."""

_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_int)
_lock = threading.Lock()
_guarded: dict[int, threading.Event] = {}
"""What is set where a thread aborts, by its id."""


class _Before:
    """The handler of SIGABRT that there was before ours, as C knows it."""

    handler: Any = None


def _aborted(number: int) -> None:
    """Runs inside abort(), in the thread that called it: one of ours stays here for ever; any other goes on to die."""
    aborted = _guarded.get(threading.get_ident())
    if aborted is None:
        return
    aborted.set()
    pause = ctypes.CDLL(None).pause
    while True:
        pause()


_handler = _HANDLER(_aborted)


def _guard(aborted: threading.Event) -> None:
    signals = ctypes.CDLL(None).signal
    signals.restype, signals.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
    with _lock:
        if not _guarded:
            _Before.handler = signals(signal.SIGABRT, ctypes.cast(_handler, ctypes.c_void_p))
        _guarded[threading.get_ident()] = aborted


def _unguard() -> None:
    signals = ctypes.CDLL(None).signal
    with _lock:
        del _guarded[threading.get_ident()]
        if not _guarded:
            signals(signal.SIGABRT, _Before.handler)


def outlived(call: Callable[[], object], alive: Callable[[], bool] = lambda: True) -> bool:
    """Make a call; False where it aborted, or hangs and is left alone: it may abort at any time yet.

    Parameters
    ----------
    call : callable
    alive : callable, optional
        Whether what it needs is there; where it is not, a tenth of the patience is enough.
    """
    aborted, done = threading.Event(), threading.Event()

    def run() -> None:
        _guard(aborted)
        try:
            call()
        finally:
            _unguard()
            done.set()

    thread = threading.Thread(target=run, name="rtspec close", daemon=True)
    thread.start()
    waited = 0.0
    while not done.wait(POLL_S) and not aborted.is_set():
        waited += POLL_S if alive() else 10 * POLL_S
        if waited >= PATIENCE_S:
            break
    return done.is_set()
