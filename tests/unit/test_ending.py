"""How a command ends: a signal's exception that C code would lose arrives all the same."""

import subprocess
import sys

import pytest

CALLED_BACK = """
import ctypes, signal, sys, time
from rtspec.ending import end_by_signals

end_by_signals(lambda status, text: print(text, flush=True))


@ctypes.CFUNCTYPE(None)
def listener():
    if sys.argv[1] == "nothing":
        raise ValueError("lost")
    signal.raise_signal(getattr(signal, sys.argv[1]))


try:
    listener()
    if sys.argv[1] != "nothing":
        time.sleep(15)
    print("not heard")
except BaseException as end:
    print(type(end).__name__, getattr(end, "code", ""))
"""


def ended(signal: str) -> tuple[str, str]:
    """What a process says whose signal comes while a library calls it back."""
    command = [sys.executable, "-c", CALLED_BACK, signal]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize(("signal", "heard"), [("SIGINT", "KeyboardInterrupt"), ("SIGTERM", "Terminated 143")])
def test_a_signal_within_a_librarys_callback_ends_the_command(signal, heard):
    assert ended(signal) == (heard, "")


def test_other_exceptions_there_are_told_as_ever():
    out, told = ended("nothing")
    assert out == "not heard" and "ValueError: lost" in told
