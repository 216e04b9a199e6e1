"""What several processes gain: a folder of short files rendered by one and by two in turn, and their equality.

Run ``python bench/batch.py`` on a quiet machine; the bar is 1.8 times. Python may keep its bytecode in a folder of the
run, as that of an installed package is kept, whatever PYTHONDONTWRITEBYTECODE says: compiling rtspec's modules
would be a third of a worker's start.
"""

import argparse
import filecmp
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rtspec.audio import files
from rtspec.benchmarks.host import stolen_ms

RATE = 44100


def render(source: Path, target: Path, jobs: int, bytecode: Path) -> tuple[float, float]:
    """Seconds that a command takes from start to end, and processor time of it and its workers."""
    start, before = time.perf_counter(), _cpu()
    command = [sys.executable, "-m", "rtspec.cli", "render", str(source), str(target), "--jobs", str(jobs)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(bytecode)
    nowhere = subprocess.DEVNULL
    subprocess.run(command, check=True, stdout=nowhere, stderr=nowhere, env=environment)
    return time.perf_counter() - start, _cpu() - before


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """A table; 1 where the files differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each file")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    noise, stolen = np.random.default_rng(0), stolen_ms()
    times: dict[int, list[tuple[float, float]]] = {1: [], args.jobs: []}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "in").mkdir()
        for i in range(args.files):
            sound = 0.05 * noise.standard_normal((2, round(args.seconds * RATE)))
            files.write(folder / "in" / f"{i}.wav", sound, RATE)
        names = [path.name for path in (folder / "in").iterdir()]
        render(folder / "in" / names[0], folder / "first.wav", 1, folder / "bytecode")
        render(folder / "in", folder / "first", args.jobs, folder / "bytecode")
        for _ in range(args.rounds):
            for jobs, measured in times.items():
                measured.append(render(folder / "in", folder / str(jobs), jobs, folder / "bytecode"))
        same = filecmp.cmpfiles(folder / "1", folder / str(args.jobs), names, shallow=False)[0]
    print("| jobs | seconds | processor s | times one process | equal files |\n| --: | --: | --: | --: | --: |")
    for jobs, measured in times.items():
        seconds, cpu = (statistics.median(each) for each in zip(*measured, strict=True))
        ratio = statistics.median(one[0] / here[0] for one, here in zip(times[1], measured, strict=True))
        print(f"| {jobs} | {seconds:.2f} | {cpu:.2f} | {ratio:.2f} | {len(same)} of {len(names)} |")
    print(f"\nload {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {stolen_ms() - stolen} ms stolen by the host")
    return int(len(same) != len(names))


if __name__ == "__main__":
    sys.exit(main())
