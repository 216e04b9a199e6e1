"""How a command ends: a signal's exception that C code would lose arrives all the same."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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


def ended(name: str) -> tuple[str, str]:
    """What a process says whose signal comes while a library calls it back."""
    command = [sys.executable, "-c", CALLED_BACK, name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize(("name", "heard"), [("SIGINT", "KeyboardInterrupt"), ("SIGTERM", "Terminated 143")])
def test_a_signal_within_a_librarys_callback_ends_the_command(name, heard):
    assert ended(name) == (heard, "")


def test_other_exceptions_there_are_told_as_ever():
    out, told = ended("nothing")
    assert out == "not heard" and "ValueError: lost" in told


WORKERS = """
import os, sys, tempfile, time
from pathlib import Path
from rtspec.ending import end_by_signals
from rtspec.training.data.music import each_of


def work(folder):
    with tempfile.TemporaryDirectory(dir=folder):
        os.write(1, f"{os.getpid()}\\n".encode())
        time.sleep(60)


end_by_signals(lambda status, text: print(text))
for each in each_of(work, sys.argv[1:] * 3, 2):
    print("not interrupted", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("whole_group", [True, False])
def test_workers_end_with_their_command_and_leave_nothing(tmp_path, number, whole_group):
    command = [sys.executable, "-c", WORKERS, str(tmp_path)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    said = parent.stdout
    assert said is not None
    workers = [int(said.readline()) for _ in range(2)]
    (os.killpg if whole_group else os.kill)(parent.pid, number)
    parent.wait(20)
    late = time.monotonic() + 20
    while (left := [pid for pid in workers if alive(pid)]) and time.monotonic() < late:
        time.sleep(0.05)
    assert left == [] and "not interrupted" not in said.read()
    assert (whole_group and number == signal.SIGKILL) or list(tmp_path.iterdir()) == []


def alive(pid: int) -> bool:
    """Whether a process runs: one that has ended and was not asked for counts as gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False
