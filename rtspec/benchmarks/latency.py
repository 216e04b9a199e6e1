"""Stated latency against measured: an impulse sent out, around a loop of cable (or its JACK likeness), and in again.

Where phases are rebuilt from magnitudes alone an impulse does not come back as one. What a phase method adds to the way
of an impulse is a whole number of hops, so a burst's centre of energy tells which: it moves by a fraction of a hop at
most.
"""

import time
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from ..audio.jack import JackGraph
from ..errors import DeviceError, InvalidValue
from .harness import Job, measured

BLOCKS = (64, 128, 256)
PLANS = ((1024, 256), (512, 128))
"""(n_fft, hop) of the frames that the sound goes through on its way."""
_LEVEL = 0.5
TAPE_SECONDS, AFTER_SECONDS = 2, 1
"""Length of the recording; when sound is sent: on a busy machine, going around a loop takes a while to set up."""
QUIET_DB = -40.0
"""Gain of the loop for a burst, so that what goes around twice counts for nothing beside what went around once."""


def run(
    blocks: Sequence[int] = BLOCKS,
    plans: Sequence[tuple[int, int]] = PLANS,
    phases: Sequence[str] = ("",),
    sample_rate: int = 48000,
    report: Callable[[dict], None] = lambda row: None,
    processor: str = "",
) -> list[dict]:
    """Measure the round trip for each block, plan and phase method (empty: the input's own), on JACK dummy servers
    of this function's own. A `processor`, by its name on the command line, is measured instead of the plans, where it
    leaves the sound alone: at strength or amount 0.

    Returns
    -------
    list of dict
        For each: the itemised latency, its total, the measured round trip, and whether the two are equal: to the
        sample, or for a phase method to an eighth of a hop; `measured_samples` is then how far the centre of energy
        moved.
    """
    rows = []
    chain = (processor,) if processor else ()
    for phase, (n_fft, hop), block in product(phases, plans[:1] if processor else plans, blocks):
        rows.append(_undisturbed(Job(__name__, "jack", block, sample_rate, 0.0, n_fft, hop, phase=phase, chain=chain)))
        report(rows[-1])
    return rows


def _undisturbed(job: Job) -> dict:
    """A measurement in which the machine played on time; the last of three if there is none."""
    for _ in range(2):
        row = measured(job)
        if not row["underruns"]:
            return row
    return measured(job)


def measure(job: Job) -> dict:
    """One block, plan and phase method, in the child process."""
    import rtspec

    options = {"phase": job.phase, "output_db": QUIET_DB} if job.phase else {}
    identity = rtspec.OnnxProcessor("identity", n_fft=job.n_fft, hop=job.hop, **options)
    processor = _left_alone(job.chain[0]) if job.chain else identity
    sent = _burst(job) if job.phase else _impulse(job)
    stream = rtspec.AudioStream(
        plugins=processor,
        sample_rate=job.sample_rate,
        buffer_size=job.block,
        devices=rtspec.Devices(channels=1),
        measuring=rtspec.Measuring(inject=sent, tape_seconds=TAPE_SECONDS),
    )
    with stream:
        JackGraph(job.server).loop_back()
        _wait_for_tape(stream, TAPE_SECONDS * job.sample_rate)
    compared = _centres_compared(stream, sent[0], job.hop) if job.phase else _compared(stream, sent.shape[1] - 1)
    about = {"n_fft": job.n_fft, "hop": job.hop} | ({"phase": job.phase} if job.phase else {})
    return {
        "block": job.block,
        **({"processor": job.chain[0]} if job.chain else about),
        **compared,
        "underruns": stream.statistics.underruns,
    }


def _left_alone(name: str):
    """A processor that gives its input, late."""
    import rtspec

    made = rtspec.processors.create(name)
    for dial in ("strength", "amount"):
        if dial in made.parameters:
            made.parameters[dial].value = 0.0
            return made
    raise InvalidValue(f"processor {name!r} has no strength and no amount at which it gives its input; try style:rain")


def _impulse(job: Job) -> np.ndarray:
    sent = np.zeros((1, AFTER_SECONDS * job.sample_rate + 1), np.float32)
    sent[0, -1] = _LEVEL
    return sent


def _burst(job: Job) -> np.ndarray:
    """A tone that swells and fades over two windows."""
    n = np.arange(2 * job.n_fft)
    burst = _LEVEL * np.hanning(len(n)) * np.sin(2 * np.pi * 0.05 * n)
    return np.pad(burst, (AFTER_SECONDS * job.sample_rate, 0))[None].astype(np.float32)


def _wait_for_tape(stream, n_frames: int) -> None:
    end = time.monotonic() + 10
    while stream.recorded[1].shape[1] < n_frames:
        if time.monotonic() > end or not stream.active:
            raise DeviceError(f"the device stopped before {TAPE_SECONDS} s of sound were recorded")
        time.sleep(0.05)


def _compared(stream, sent_at: int) -> dict:
    """The impulse's return on the tape of the output, against what the stream says of itself."""
    output = stream.recorded[1][0]
    echo = np.abs(output[sent_at + 1 :])
    strong = np.flatnonzero(echo > _LEVEL / 2)
    round_trip = int(strong[0]) + 1 if len(strong) else None
    stated = stream.latency
    return {
        "items": {name: n for name, n in stated.items.items() if n},
        "stated_samples": stated.total_samples,
        "stated_ms": stated.total_ms,
        "measured_samples": round_trip,
        "equal": round_trip == stated.total_samples,
    }


def _centres_compared(stream, sent: np.ndarray, hop: int) -> dict:
    """Where the first return of a burst has its centre of energy, against what the stream says of itself."""
    output = stream.recorded[1][0].astype(float)
    output[: len(sent)] -= sent
    moved, stated = _centre(output) - _centre(sent), stream.latency
    return {
        "items": {name: n for name, n in stated.items.items() if n},
        "stated_samples": stated.total_samples,
        "stated_ms": stated.total_ms,
        "measured_samples": round(moved, 1) if np.isfinite(moved) else None,
        "equal": bool(abs(moved - stated.total_samples) < hop / 8),
    }


def _centre(signal: np.ndarray) -> float:
    """Centre of energy, samples; NaN for silence."""
    energy = signal.astype(float) ** 2
    return float(energy @ np.arange(len(energy)) / energy.sum()) if energy.any() else float("nan")
