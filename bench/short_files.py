"""What short sounds cost: files of 2 s and .5 s beside one long file, a board's call beside its processor's.

    python bench/short_files.py [--files 200]

Ratios of CPU time for equally much sound, medians of 20 turns; the bars are 1.15 for files of 2 s and 1.3 for a
board's call of 10 ms. Exit status 1 where one is passed.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

import rtspec
from rtspec.batch.rendering import render_file
from rtspec.benchmarks.host import Watch
from rtspec.processors.base import Processor

RATE = 44100
FILES_BAR, CALL_BAR, TURNS = 1.15, 1.3, 20


def chains() -> dict[str, Callable[[], Processor]]:
    """Processors by name."""
    return {
        "BandwidthExtension": rtspec.BandwidthExtension,
        "SpectralInversion": rtspec.SpectralInversion,
        "tilt-gate": lambda: rtspec.OnnxProcessor("tilt-gate"),
    }


def noise(seconds: float) -> np.ndarray:
    """White noise, float32 (samples, 2)."""
    return 0.1 * np.random.default_rng(0).standard_normal((round(seconds * RATE), 2)).astype(np.float32)


def files_ratios(board: rtspec.Pedalboard, n_files: int, folder: Path) -> tuple[float, float]:
    """CPU time of files of 2 s, and of .5 s, relative to a long file of as much sound: in turns, medians."""
    in_a_turn = -(-n_files // TURNS)
    lengths = {"long": 2.0 * in_a_turn, "two": 2.0, "half": 0.5}
    for name, seconds in lengths.items():
        soundfile.write(folder / f"{name}.wav", noise(seconds), RATE)
        render_file(board, folder / f"{name}.wav", folder / "out.wav")
    spent: dict[str, list[float]] = {name: [] for name in lengths}
    for _ in range(TURNS):
        for name in lengths:
            start = time.process_time()
            for _ in range(1 if name == "long" else in_a_turn):
                render_file(board, folder / f"{name}.wav", folder / "out.wav")
            spent[name].append(time.process_time() - start)
    two, half = (np.divide(spent[name], spent["long"]) for name in ("two", "half"))
    return float(np.median(two)), 4 * float(np.median(half))


def call_ratio(processor, board: rtspec.Pedalboard, calls: int = 200) -> float:
    """A board's call of 10 ms relative to its processor's: interleaved, medians."""
    sound, spent = np.ascontiguousarray(noise(0.01).T), {processor: [], board: []}
    for turn in range(calls + 5):
        for each in (processor, board):
            start = time.perf_counter()
            each(sound, RATE)
            if turn >= 5:
                spent[each].append(time.perf_counter() - start)
    return float(np.median(spent[board]) / np.median(spent[processor]))


def main() -> int:
    """A row a processor, and a verdict."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=200)
    args = parser.parse_args()
    print("| processor | files of 2 s | files of .5 s | board's call of 10 ms |\n| --- | --: | --: | --: |")
    passed = []
    with Watch() as watch:
        for name, make in chains().items():
            board = rtspec.Pedalboard([make()])
            with tempfile.TemporaryDirectory() as folder:
                two, half = files_ratios(board, args.files, Path(folder))
            call = call_ratio(make(), board)
            passed += [name] * (two > FILES_BAR or call > CALL_BAR)
            print(f"| {name} | {two:.2f} | {half:.2f} | {call:.2f} |", flush=True)
    print(f"\nbeyond {FILES_BAR} or {CALL_BAR}: {', '.join(passed) or 'none'}")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {watch.held_up}")
    return int(bool(passed))


if __name__ == "__main__":
    sys.exit(main())
