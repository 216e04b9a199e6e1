"""Calls that end the process, or never return, end neither the process nor the wait for them."""

import subprocess
import sys

CODE = """
import ctypes, os, signal, threading, time
from rtspec.audio import outliving

outliving.PATIENCE_S = 0.3
before = signal.getsignal(signal.SIGABRT)
abort = ctypes.CDLL(None).abort
leave, left = threading.Event(), threading.Event()

def late():
    leave.wait()
    left.set()
    abort()

print(outliving.outlived(lambda: time.sleep(0.01)), signal.getsignal(signal.SIGABRT) is before, flush=True)
print(outliving.outlived(abort), flush=True)
print(outliving.outlived(late), flush=True)
leave.set()
left.wait()
time.sleep(0.3)
print("plays on", flush=True)
abort()
"""


def test_what_aborts_at_once_or_long_after_it_was_left_alone_ends_no_process_and_other_aborts_do():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\n")[:-1] == ["True True", "False", "False", "plays on"], done.stderr
    assert done.returncode == -6
