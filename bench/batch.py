"""What several processes gain: a folder of short files rendered by one and by two, as wall time, and their equality.

Run ``python bench/batch.py`` on a quiet machine; the bar is 1.8 times.
"""

import argparse
import filecmp
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rtspec.audio import files

RATE = 44100


def render(source: Path, target: Path, jobs: int) -> float:
    """Seconds that a command takes, from start to end."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "rtspec.cli", "render", str(source), str(target), "--jobs", str(jobs)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> int:
    """A table; 1 where the files differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each file")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    noise = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "in").mkdir()
        for i in range(args.files):
            sound = 0.1 * noise.standard_normal((2, round(args.seconds * RATE)))
            files.write(folder / "in" / f"{i}.wav", sound, RATE)
        times = {jobs: render(folder / "in", folder / str(jobs), jobs) for jobs in (1, args.jobs)}
        names = [path.name for path in (folder / "in").iterdir()]
        same = filecmp.cmpfiles(folder / "1", folder / str(args.jobs), names, shallow=False)[0]
    print("| jobs | seconds | times one process | equal files |\n| --: | --: | --: | --: |")
    for jobs, seconds in times.items():
        print(f"| {jobs} | {seconds:.2f} | {times[1] / seconds:.2f} | {len(same)} of {len(names)} |")
    return int(len(same) != len(names))


if __name__ == "__main__":
    sys.exit(main())
