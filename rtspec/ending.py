"""How a command ends before its time: Ctrl-C, SIGTERM, SIGHUP. Half-written files go, whatever it was doing.

A signal's Python handler runs in the main thread, between two lines of Python. A model that never returns from one call
keeps the main thread in compiled code for ever. So the signal also wakes a thread, which waits for the handler to be
heard and otherwise cleans up and ends the process itself.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from . import storage

STUCK_S = 2.0
"""How long after a signal the main thread may be away in compiled code; then it is taken for stuck."""

AGAIN_S = 0.05
"""After which a signal is sent again whose exception was lost."""

LAST_S = 20.0
"""How long a command may take to end once it has heard the signal."""

_PR_SET_PDEATHSIG = 1
"""Of Linux's prctl: the signal that a process gets when its parent has died."""

_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_heard = threading.Event()
_numbers: list[int] = []
_sent_again: list[int] = []


class Terminated(SystemExit):
    """SIGTERM or SIGHUP: it ends like an exception, so that streams close and half-written files go."""


def end_by_signals(last_words: Callable[[int, str], object], ignore: tuple[int, ...] = ()) -> None:
    """Have signals end this process, in order where possible.

    Parameters
    ----------
    last_words : callable
        Gets the exit status and a line of text where the process is ended from outside its main thread.
    ignore : tuple of int
        Signals that somebody else answers to.
    """
    for number in ignore:
        signal.signal(number, signal.SIG_IGN)
    for number in _ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _hear)
    sys.unraisablehook = _not_lost(sys.unraisablehook)
    waiting, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(waiting, last_words), name="rtspec signals", daemon=True).start()


def follow_parent() -> None:
    """For a forked worker's start: it ends with its parent, which alone answers to Ctrl-C; SIGTERM raises in it."""
    signal.set_wakeup_fd(-1)
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else _hear_once)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def signal_heard() -> int | None:
    """The signal that this process was told to end by, once its handler has run.

    What the handler raises may arrive as another exception: an extension module that is being imported makes an
    ImportError of it.
    """
    return _numbers[0] if _numbers else None


def _hear(number: int, _frame) -> None:
    _numbers.append(number)
    _heard.set()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(128 + number)


def _hear_once(number: int, _frame) -> None:
    """The second signal (a group's and the parent's) must not interrupt what the first one has cleaned up."""
    for each in _ENDING:
        signal.signal(each, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.alarm(round(LAST_S))  # which ends the process where the exception was lost
    raise Terminated(128 + number)


def _not_lost(otherwise: Callable[[Any], object]) -> Callable[[Any], object]:
    """A hook for exceptions that nobody can catch, raised while C code called Python (a compiler's listener, a
    finaliser): a signal's is lost there, so the signal comes again."""

    def hook(lost: Any) -> None:
        if not _numbers or lost.exc_type not in (KeyboardInterrupt, Terminated):
            otherwise(lost)
            return
        _sent_again.append(_numbers[-1])
        again = threading.Timer(AGAIN_S, signal.pthread_kill, (threading.main_thread().ident or 0, _numbers[-1]))
        again.daemon = True
        again.start()

    return hook


def _watch(waiting: int, last_words: Callable[[int, str], object]) -> None:
    number = _next_signal(waiting)
    if not _heard.wait(STUCK_S):
        _end(number, "ended inside a call that does not return", last_words)
    timer = threading.Timer(LAST_S, _end, (number, "ended by force: closing took too long", last_words))
    timer.daemon = True
    timer.start()
    number = _next_signal(waiting)
    while _sent_again:
        _sent_again.pop()
        number = _next_signal(waiting)
    _end(number, "ended by force", last_words)


def _next_signal(waiting: int) -> int:
    while True:
        for number in os.read(waiting, 1):
            if number in _ENDING:
                return number


def _end(number: int, text: str, last_words: Callable[[int, str], object]) -> None:
    storage.discard_all()
    try:
        last_words(128 + number, f"{text} ({signal.Signals(number).name})")
        sys.stderr.flush()
    finally:
        os._exit(128 + number)
