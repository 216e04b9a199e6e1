"""Chains side by side on one thread and on two: seconds a second of sound, in turns.

Run ``python bench/two_cores.py`` on a quiet machine. A second thread has to be worth it: a mix that gets one takes .9
of its time at most. Exit status 1 where it takes more, or the samples differ.
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
from rtspec.chain.beside import threads_of

RATE, BLOCK, BAR = 48000, 128, 0.9
KINDS = {
    "2 BandwidthExtension": lambda: [rtspec.BandwidthExtension(crossover_hz=8000) for _ in range(2)],
    "4 BandwidthExtension": lambda: [rtspec.BandwidthExtension(crossover_hz=8000) for _ in range(4)],
    "4 SpectralInversion": lambda: [rtspec.SpectralInversion() for _ in range(4)],
    "8 SpectralInversion": lambda: [rtspec.SpectralInversion() for _ in range(8)],
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
    """A table and a verdict."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=4.0, help="of sound a turn")
    args = parser.parse_args()
    sound = (0.1 * np.random.default_rng(0).standard_normal((2, round(args.seconds * RATE)))).astype(np.float32)
    failed, stolen = [], stolen_ms()
    print("| mix | threads | on one, share of a core | on these | ratio | equal |\n|---" + "|--:" * 4 + "|---|")
    for kind in KINDS:
        made = programs(kind)
        threads = 1 + len(threads_of(made[2]))
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
        told = f"{threads} | {one:.3f} | {two:.3f} | {ratio:.2f} | {'yes' if same else 'NO'}"
        print(f"| {kind} | {told} |", flush=True)
        failed += [kind] * (not same or (threads > 1 and ratio > BAR))
    print(f"\nother samples, or a second thread for more than {BAR} of the time: {', '.join(failed) or 'none'}")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {stolen_ms() - stolen} ms stolen by the host")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
