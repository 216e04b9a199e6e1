"""What a model's frame costs as its file has it, and as it is played: one channel and two, interleaved in one run.

    python bench/models.py [MODEL …] [--rounds 200]

"file" is the file's own graph, one call a channel; "float" and "played" are what the engine makes of it
(rtspec/models/one_call and own_run) with precision="float" and "auto", with both channels in one call where the model
allows it. Times are medians in µs a frame, in compiled code, each with its ratio to the file's; the difference is that
of "float" to the file's answers, relative to their peak, and the SNR that of "played". Exit status 1 where a heavy
model is played in more than .55 of its file's time for one channel, more than .35 for two, or one voice more than .5.
"""

import argparse
import os
import sys
import time

import numpy as np
from numba import njit

from rtspec.benchmarks.host import stolen_ms
from rtspec.buffers.memory import address, aligned
from rtspec.buffers.step import Row, Stage, run_rows, table
from rtspec.models import load, model_stage
from rtspec.models.catalogue import models
from rtspec.models.joint import joined
from rtspec.models.one_call.form import Precision
from rtspec.processors.timbre.few import asking_stages
from rtspec.processors.timbre.voice_kernels import ASKED
from rtspec.processors.timbre.voices import MAX_VOICES, N_LEVELS

CALLS = 8
"""Frames in a row, so that the Python around them does not count."""


@njit(nogil=True)
def run_calls(rows, n_rows, calls):
    """A table, several times."""
    for _ in range(calls):
        run_rows(rows, n_rows, 1)


class Played:
    """A model's stages of some channels as one table, with noise to play."""

    def __init__(self, name: str, channels: int, way: str):
        model = load(name)
        n_bins = model.fixed_bins or model.plan().n_bins
        precision: Precision = "float" if way == "float" else "auto"
        stages = [model_stage(model, n_bins, as_it_is=way == "file", precision=precision) for _ in range(channels)]
        self.weights = stages[0].form.weights or "onnxruntime"
        self.inputs = [aligned(stages[0].input_shape) for _ in stages]
        self.outputs = [aligned(stages[0].output_shape) for _ in stages]
        lanes: list[tuple[list[Row], list[Stage]]] = [
            ([stage.row(x, y)], [stage]) for stage, x, y in zip(stages, self.inputs, self.outputs, strict=True)
        ]
        tables, _ = joined(lanes)
        self.rows = [row for each in tables for row in each]
        self.table = table(self.rows)
        self.together = len(self.rows) < channels
        self.numbers, self.times_us = np.random.default_rng(0), []

    def run(self, measured: bool) -> np.ndarray:
        """Some frames; the answers to the last one."""
        for x in self.inputs:
            x[...] = np.abs(self.numbers.standard_normal(x.shape))
        start = time.perf_counter()
        run_calls(address(self.table), len(self.rows), CALLS)
        if measured:
            self.times_us.append(1e6 * (time.perf_counter() - start) / CALLS)
        return np.array(self.outputs)

    @property
    def median_us(self) -> float:
        """Of a frame of all channels."""
        return float(np.median(self.times_us))


WAYS = ("file", "float", "played")
BARS = {1: 0.55, 2: 0.35}
VOICE_BAR = 0.5


def compared(name: str, rounds: int) -> tuple[str, bool]:
    """A row of the table, and whether it holds; light models, which keep their file's form, have nothing to hold."""
    ways = {(way, n): Played(name, n, way) for n in (1, 2) for way in WAYS}
    difference, noise, signal = 0.0, 1e-60, 0.0
    for turn in range(rounds + 10):
        made = {key: each.run(measured=turn >= 10) for key, each in ways.items()}
        for n in (1, 2):
            file, peak = made["file", n], max(1e-30, float(np.abs(made["file", n]).max()))
            difference = max(difference, float(np.abs(file - made["float", n]).max()) / peak)
            noise += float(np.square(file - made["played", n], dtype=np.float64).sum())
            signal += float(np.square(file, dtype=np.float64).sum())
    us = {key: each.median_us for key, each in ways.items()}
    figures = [f"{us[way, n]:.1f} | {us[way, n] / us['file', n]:.2f}" for n in (1, 2) for way in WAYS]
    played = ways["played", 2]
    told = f"{played.weights}, {'one call' if played.together else 'two calls'}"
    holds = not played.weights.startswith("float") or all(
        us["played", n] <= bar * us["file", n] for n, bar in BARS.items()
    )
    row = f"| {name} | {' | '.join(figures)} | {told} | {difference:.1e} | {10 * np.log10(signal / noise):.0f} dB |"
    return row, holds


def voices(n: int, rounds: int) -> tuple[str, float]:
    """A line and the ratio in it: the instrument's network asked for some voices of sixteen, beside all of them."""
    model, wanted = load("timbre-synth"), aligned(MAX_VOICES, np.int64)
    full = model_stage(model, as_it_is=True)
    asking = asking_stages(model, full, wanted)
    wanted[:n] = 1
    x, y = aligned((MAX_VOICES, ASKED)), aligned((MAX_VOICES, N_LEVELS))
    x[...] = np.random.default_rng(0).random(x.shape)
    tables = {stage: table([stage.row(x, y)]) for stage in (full, asking[0])}
    times: dict[Stage, list[float]] = {stage: [] for stage in tables}
    for _ in range(rounds + 10):
        for stage, rows in tables.items():
            start = time.perf_counter()
            run_calls(address(rows), 1, CALLS)
            times[stage].append(1e6 * (time.perf_counter() - start) / CALLS)
    all_us, few_us = (float(np.median(times[stage][10:])) for stage in (full, asking[0]))
    ratio = few_us / all_us
    told = f"timbre-synth, {n} of {MAX_VOICES} voices: {all_us:.1f} us for all, {few_us:.1f} for these: {ratio:.2f}"
    return told, ratio


def main() -> int:
    """Compare the models that are named, or all that ship and play frame by frame."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", default=[name for name in models() if not name.endswith("-paper")])
    parser.add_argument("--rounds", type=int, default=200)
    args = parser.parse_args()
    before = stolen_ms()
    print(f"| model | {' | '.join(f'{n} ch {way} us | ratio' for n in (1, 2) for way in WAYS)} | by | float | SNR |")
    print(f"| --- {'| --: ' * 12}| --- | --: | --: |")
    beyond = []
    for name in args.models:
        row, holds = compared(name, args.rounds)
        beyond += [name] * (not holds)
        print(row, flush=True)
    lines = [voices(n, args.rounds) for n in (1, 2, 4, 8)]
    beyond += ["one voice"] * (lines[0][1] > VOICE_BAR)
    print("", *(told for told, _ in lines), f"\nbeyond their bars: {', '.join(beyond) or 'none'}", sep="\n")
    print(f"\nload {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {stolen_ms() - before} ms stolen by the host")
    return int(bool(beyond))


if __name__ == "__main__":
    sys.exit(main())
