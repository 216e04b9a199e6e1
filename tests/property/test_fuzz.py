"""Three hundred mutated files of every kind, each in a child with ten seconds and 2 GiB: read, or refused."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "bench" / "fuzz.py"


@pytest.mark.timeout(600)
def test_mutated_files_of_every_kind_are_read_or_refused():
    done = subprocess.run([sys.executable, FUZZ, "--cases", "300"], capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert {row[1].strip() for row in rows} >= {"package", "wav", "flac", "mp3", "midi", "preset", "map", "levels"}
    assert all(int(row[2]) == int(row[3]) + int(row[4]) == 300 for row in rows)


def test_a_case_that_dies_hangs_or_raises_is_told(tmp_path):
    program = f"""
import os, sys, signal, time
sys.path.insert(0, {str(FUZZ.parent)!r})
import fuzz
fuzz.CASE_S = 1
def use(path):
    number = int(path.read_bytes())
    return [lambda: os.kill(os.getpid(), signal.SIGSEGV), lambda: time.sleep(30), lambda: 1 / 0,
            lambda: bytearray(1 << 33), lambda: None][number]()
numbers = {{f"toy-0-{{n}}": n for n in range(5)}}
class Case(fuzz.random.Random):
    def __init__(self, text):
        super().__init__(text)
        self.number = numbers[text]
fuzz.random.Random = Case
kind = fuzz.Kind(".toy", (b"",), lambda data, rng: str(rng.number).encode(), use)
counts, wrong = fuzz.run_kind("toy", kind, 0, 0, 5)
print("\\n".join(wrong)); print(counts["read"])
"""
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100
    ).stdout.splitlines()
    assert said == [
        "toy 0 0: SIGSEGV",
        "toy 0 1: longer than 1 s",
        "toy 0 2: ZeroDivisionError: division by zero",
        "toy 0 3: MemoryError: more than 2 GiB",
        "1",
    ]
