"""A newer FFTW of the system's beside the wheel's: transforms and RTISI-LA, in turns, and whether they agree.

    python bench/transforms.py [--rounds 40]         # RTSPEC_FFTW=PATH names a library

Ratios of time, newer to former; exit status 1 where RTISI-LA takes more than .75 of its time. Where no newer library
is found, nothing changes, and the status is 0.
"""

import argparse
import os
import sys

import numpy as np

from rtspec.benchmarks.host import Watch
from rtspec.benchmarks.phase import frame_times_us
from rtspec.buffers.step import Stage
from rtspec.errors import RtspecError
from rtspec.frames import FramePlan, fft, stft, system_fftw, transforms
from rtspec.phase import phase_stage

METHODS = {
    "rtisi-la 3, 16 it.": ("rtisi-la", {"look_ahead": 3, "iterations": 16}),
    "rtisi-la 0, 16 it.": ("rtisi-la", {"look_ahead": 0, "iterations": 16}),
    '"best"': ("best", {}),
}
SIZES = (256, 512, 1024, 2048, 4096)
AIM = 0.75
FRAMES = 100


def stages(method: str, options: dict, plan: FramePlan) -> list[Stage]:
    """The method by the newer transforms, and by the former."""
    newer, made = system_fftw.system_plans, []
    for plans in (newer, lambda n: None):
        system_fftw.system_plans = plans
        transforms.real_fft.cache_clear()
        made.append(phase_stage(method, plan, **options))
    system_fftw.system_plans = newer
    transforms.real_fft.cache_clear()
    return made


def compared(method: str, options: dict, rounds: int) -> tuple[float, float, float, float]:
    """Times a frame of both, µs, their ratio, and the largest difference of the first frame given, of its peak."""
    plan = FramePlan(44100, n_fft=1024, hop=256)
    sound = 0.1 * np.random.default_rng(0).standard_normal(FRAMES * plan.hop).astype(np.float32)
    frames = np.ascontiguousarray(np.abs(stft(sound, plan)).T[:FRAMES])
    both, least, ratios = stages(method, options, plan), [np.inf, np.inf], []
    outs = [fft.aligned(plan.n_bins, np.complex64) for _ in both]
    for _ in range(rounds):
        took = [float(np.median(frame_times_us(s, frames, out))) for s, out in zip(both, outs, strict=True)]
        least = [min(pair) for pair in zip(least, took, strict=True)]
        ratios.append(took[0] / took[1])
    for stage, out in zip(both, outs, strict=True):
        stage.reset()
        frame_times_us(stage, frames[: stage.delay + 1], out)
    difference = float(np.abs(outs[0] - outs[1]).max() / np.abs(outs[1]).max())
    return least[0], least[1], float(np.median(ratios)), difference


def main() -> int:
    """Two tables and a verdict."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args()
    try:
        library = system_fftw.system_library()
    except RtspecError as error:
        print(error, file=sys.stderr)
        return 2
    if library is None:
        print(f"no newer FFTW is found: transforms by {transforms.real_fft(1024).path}, as ever")
        return 0
    print(f"{system_fftw.version(library)} ({library._name}) beside {fft.RealFFT(1024, fft.fftw_library()).path}\n")
    with Watch() as watch:
        plans = {n: system_fftw.system_plans(n) for n in SIZES}
        print(f"transforms: {system_fftw.timings(library)}\n")
        print("| method at 1024/256 | newer us | former us | ratio | difference |\n| --- | --: | --: | --: | --: |")
        ratios = []
        for name, (method, options) in METHODS.items():
            newer, former, ratio, difference = compared(method, options, args.rounds)
            ratios.append(ratio)
            print(f"| {name} | {newer:.1f} | {former:.1f} | {ratio:.2f} | {difference:.1e} |", flush=True)
    held = max(ratios) <= AIM
    print(
        f"\nRTISI-LA at most {AIM} of its time: {'yes' if held else 'NO'}; newer for {sum(map(bool, plans.values()))} "
        f"of {len(SIZES)} lengths; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {watch.held_up}"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
