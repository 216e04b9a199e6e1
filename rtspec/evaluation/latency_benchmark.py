"""Stated latency against measured: an impulse sent out, around a loop of cable (or its JACK likeness), and in again."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from ..audio.jack import JackGraph
from ..errors import DeviceError
from .measured_stream import Job, measured

BLOCKS = (64, 128, 256)
PLANS = ((1024, 256), (512, 128))
"""(n_fft, hop) of the frames that the sound goes through on its way."""
_LEVEL = 0.5


def run(
    blocks: Sequence[int] = BLOCKS,
    plans: Sequence[tuple[int, int]] = PLANS,
    sample_rate: int = 48000,
    report: Callable[[dict], None] = lambda row: None,
) -> list[dict]:
    """Measure the round trip for each block and plan, on JACK dummy servers of this function's own.

    Returns
    -------
    list of dict
        For each: the itemised latency, its total, the measured round trip, and whether the two are equal to the sample.
    """
    rows = []
    for n_fft, hop in plans:
        for block in blocks:
            rows.append(measured(Job(__name__, "jack", block, sample_rate, 0.0, n_fft, hop)))
            report(rows[-1])
    return rows


def measure(job: Job) -> dict:
    """One block and plan, in the child process."""
    import rtspec

    processor = rtspec.OnnxProcessor("identity", n_fft=job.n_fft, hop=job.hop)
    sent_at = job.sample_rate // 2
    impulse = np.zeros((1, sent_at + 1), np.float32)
    impulse[0, sent_at] = _LEVEL
    stream = rtspec.AudioStream(
        plugins=processor,
        sample_rate=job.sample_rate,
        buffer_size=job.block,
        channels=1,
        inject=impulse,
        record_seconds=1.0,
    )
    with stream:
        JackGraph(job.server).loop_back()
        _wait_for_tape(stream, job.sample_rate)
    return {"block": job.block, "n_fft": job.n_fft, "hop": job.hop, **_compared(stream, sent_at)}


def _wait_for_tape(stream, n_frames: int) -> None:
    end = time.monotonic() + 10
    while stream.recorded[1].shape[1] < n_frames:
        if time.monotonic() > end or not stream.active:
            raise DeviceError("the device stopped before a second of sound was recorded")
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
