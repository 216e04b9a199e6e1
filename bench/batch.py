"""What several processes gain: a folder of short files rendered by one and by two in turn, and their equality.

Run ``python bench/batch.py`` on a quiet machine; the bar is 1.8 times. With ``--cluster`` the two are workers of a dask
cluster of this machine, whose bar is 1.6 times. Python may keep its bytecode in a folder of the
run, as that of an installed package is kept, whatever PYTHONDONTWRITEBYTECODE says: compiling rtspec's modules
would be a third of a worker's start.
"""

import argparse
import filecmp
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rtspec.audio import files
from rtspec.benchmarks.host import stolen_ms

RATE = 44100


def render(source: Path, target: Path, runner: list[str], bytecode: Path) -> tuple[float, float]:
    """Seconds that a command takes from start to end, and processor time of it and its workers (of this machine's own,
    not of a cluster's)."""
    start, before = time.perf_counter(), _cpu()
    command = [sys.executable, "-m", "rtspec.cli", "render", str(source), str(target), *runner]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(bytecode)
    nowhere = subprocess.DEVNULL
    subprocess.run(command, check=True, stdout=nowhere, stderr=nowhere, env=environment)
    return time.perf_counter() - start, _cpu() - before


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _largest() -> float:
    """MB that the largest of all ended processes held, drivers and workers, shared libraries counted in each."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6


def sounds(folder: Path, n: int, seconds: float) -> list[str]:
    """Names of `n` files of noise, made there."""
    folder.mkdir()
    noise = np.random.default_rng(0)
    for i in range(n):
        sound = 0.05 * noise.standard_normal((2, round(seconds * RATE)))
        files.write(folder / f"{i}.wav", sound, RATE)
    return [path.name for path in folder.iterdir()]


def measured(
    folder: Path, names: list[str], runners: dict[str, list[str]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Each runner's times in turn, after one round that counts for nothing."""
    times: dict[str, list[tuple[float, float]]] = {runner: [] for runner in runners}
    render(folder / "in" / names[0], folder / "first.wav", [], folder / "bytecode")
    for count in range(rounds + 1):
        for runner, words in runners.items():
            taken = render(folder / "in", folder / runner, words, folder / "bytecode")
            times[runner] += [taken] if count else []
    return times


@contextmanager
def cluster(args: argparse.Namespace, bytecode: Path) -> Iterator[tuple[str, list[str], Callable[[], list[float]]]]:
    """What the several are called, the words that choose them, and what tells the memory of each in MB."""
    if not args.cluster:
        yield "processes", ["--jobs", str(args.jobs)], list
        return
    import psutil
    from distributed import LocalCluster

    def memory() -> list[float]:
        workers = [psutil.Process(nanny.process.pid) for nanny in made.workers.values()]
        trees = [[worker, *worker.children(recursive=True)] for worker in workers]
        return [sum(each.memory_full_info().pss for each in tree) / 1e6 for tree in trees]

    os.environ["PYTHONPYCACHEPREFIX"] = str(bytecode)
    quiet: dict[str, Any] = {"dashboard_address": None, "silence_logs": "CRITICAL"}
    with LocalCluster(n_workers=args.jobs, threads_per_worker=1, **quiet) as made:
        yield "cluster workers", ["--cluster", made.scheduler_address], memory


def main() -> int:
    """A table; 1 where the files differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each file")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cluster", action="store_true", help="of as many workers as jobs, in place of --jobs")
    args = parser.parse_args()
    stolen, folder = stolen_ms(), Path(tempfile.mkdtemp())
    try:
        names = sounds(folder / "in", args.files, args.seconds)
        with cluster(args, folder / "bytecode") as several:
            runners = {"1 process": ["--jobs", "1"], f"{args.jobs} {several[0]}": several[1]}
            times = measured(folder, names, runners, args.rounds)
            memory = several[2]()
        one, other = (folder / place for place in runners)
        same = filecmp.cmpfiles(one, other, names, shallow=False)[0]
    finally:
        shutil.rmtree(folder)
    print("| by | seconds | processor s | times one process | equal files |\n| :-- | --: | --: | --: | --: |")
    for runner, rounds in times.items():
        seconds, cpu = (statistics.median(each) for each in zip(*rounds, strict=True))
        ratio = statistics.median(one[0] / here[0] for one, here in zip(times["1 process"], rounds, strict=True))
        print(f"| {runner} | {seconds:.2f} | {cpu:.2f} | {ratio:.2f} | {len(same)} of {len(names)} |")
    print(f"\nMB of the largest process that was not a cluster's: {_largest():.0f}")
    if memory:
        print(f"\nMB of each worker with its process: {', '.join(f'{mb:.0f}' for mb in memory)}")
    print(f"\nload {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {stolen_ms() - stolen} ms stolen by the host")
    return int(len(same) != len(names))


if __name__ == "__main__":
    sys.exit(main())
