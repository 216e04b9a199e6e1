"""The watch of the machine sees who takes its processors away, and blames nobody else."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from rtspec.benchmarks.host import PRIORITY, HeldUp, Watch

HOG = """
import os, sys, time
os.sched_setaffinity(0, [int(sys.argv[1])])
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(int(sys.argv[2])))
end = time.monotonic() + 2.0
while time.monotonic() < end:
    until = time.monotonic() + 0.02
    while time.monotonic() < until:
        pass
    time.sleep(0.03)
"""


def held_up_beside(priority):
    """The share of milliseconds in which the watch was late beside a program that takes a processor for 20 ms of 50."""
    processor = min(os.sched_getaffinity(0))
    with Watch() as watch:
        start = time.monotonic()
        subprocess.run([sys.executable, "-c", HOG, str(processor), str(priority)], check=True, timeout=30)
        moments = np.arange(start, time.monotonic(), 0.001)
        return np.mean([watch.was_late(moment, moment) for moment in moments])


def can_be_real_time():
    code = f"import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param({PRIORITY}))"
    return subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode == 0


@pytest.mark.skipif(not can_be_real_time(), reason="no right to real-time priority")
def test_what_stands_above_the_watch_is_seen_and_what_stands_below_is_not():
    above, below = held_up_beside(PRIORITY + 1), held_up_beside(PRIORITY - 1)
    assert above > 0.2
    assert below < above / 2, "what the host of this machine takes besides is less"


def test_it_says_so_in_a_line_and_as_numbers():
    seen = HeldUp(3, 4.2, 0)
    assert seen and not HeldUp(0, 0.0, 0)
    assert str(seen) == "the machine was held up 3 times by more than 1 ms, 4.2 ms at most; 0 ms stolen"
    assert json.loads(json.dumps(seen.as_dict())) == {"host_late": 3, "host_late_max_ms": 4.2, "stolen_ms": 0}


def test_it_ends_at_once():
    with Watch():
        began = time.monotonic()
    assert time.monotonic() - began < 1.0
