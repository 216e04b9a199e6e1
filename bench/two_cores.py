"""Chains side by side on one thread and on two: seconds a second of sound, in turns.

Run ``python bench/two_cores.py`` on a quiet machine; exit status 1 where the samples differ.
"""

import argparse
import os
import statistics
import sys
import time

import numpy as np

import rtspec
from rtspec.benchmarks.host import stolen_ms
from rtspec.chain import mix_program

RATE, BLOCK = 48000, 128
KINDS = {
    "2 BandwidthExtension": lambda: [rtspec.BandwidthExtension(crossover_hz=8000) for _ in range(2)],
    "4 BandwidthExtension": lambda: [rtspec.BandwidthExtension(crossover_hz=8000) for _ in range(4)],
    "4 SpectralInversion": lambda: [rtspec.SpectralInversion() for _ in range(4)],
}


def programs(kind: str) -> dict[int, mix_program.MixProgram]:
    """A mix of this kind for one core and for as many as there are."""
    made, found = {}, mix_program.cores
    for n in (1, 2):
        mix_program.cores = lambda: min(n, found())  # noqa: B023
        made[n] = rtspec.Mix(KINDS[kind]()).prepare(RATE, 2)
    mix_program.cores = found
    return made


def main() -> int:
    """A table; 1 where the samples differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=4.0, help="of sound a turn")
    args = parser.parse_args()
    sound = (0.1 * np.random.default_rng(0).standard_normal((2, round(args.seconds * RATE)))).astype(np.float32)
    equal, stolen = True, stolen_ms()
    print("| mix | one thread, share of a core | two, of the time | ratio | equal |\n| --- | --: | --: | --: | --- |")
    for kind in KINDS:
        made = programs(kind)
        one_gave, two_gave = (program.run(sound, BLOCK) for program in made.values())
        same = np.array_equal(one_gave, two_gave)
        taken: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(args.rounds):
            for n, program in made.items():
                start = time.perf_counter()
                program.run(sound, BLOCK)
                taken[n].append((time.perf_counter() - start) / args.seconds)
        ratio = statistics.median(b / a for a, b in zip(taken[1], taken[2], strict=True))
        one, two = (statistics.median(each) for each in taken.values())
        print(f"| {kind} | {one:.3f} | {two:.3f} | {ratio:.2f} | {'yes' if same else 'NO'} |", flush=True)
        equal &= same
    print(f"\nload {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {stolen_ms() - stolen} ms stolen by the host")
    return int(not equal)


if __name__ == "__main__":
    sys.exit(main())
