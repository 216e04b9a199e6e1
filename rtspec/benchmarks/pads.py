"""Pad to change: how long after a pad is struck a live StyleTransfer's sound is another, on a JACK server.

Without noise what is played is a function of the input alone, and the input goes around: a style that has settled gives
the same samples again each time. So the first sample after a pad that differs from the loop's last round is where the
change begins, to the sample.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np

from .harness import Job, clock_readings, measured, moments_taken

STYLES = ("rain", "bells")
GAP_S, LOOP_S, N_PADS = 1.2, 0.5, 40
"""Between two pads; of the sound that goes around, a whole number of hops; pads that are struck."""
BEYOND_MS = 5.0
"""Allowed beside the latency that the stream states and a hop: of the two clocks' readings."""


def run(
    blocks: Sequence[int] = (128,),
    sample_rate: int = 48000,
    n_pads: int = N_PADS,
    report: Callable[[dict], None] = lambda row: None,
) -> list[dict]:
    """Strike `n_pads` pads at each block size.

    Returns
    -------
    list of dict
        For each: pads struck and heard, ms from the strike to the first sample that differs (median, 99th percentile),
        what the stream's latency, a block and a hop allow, and whether that is kept.
    """
    rows = []
    for block in blocks:
        rows.append(measured(Job(__name__, "jack", block, sample_rate, GAP_S * n_pads)))
        report(rows[-1])
    return rows


def measure(job: Job) -> dict:
    """One block size, in the child process."""
    import rtspec

    live = rtspec.StyleTransfer(STYLES[0], noise=0.0)
    hop = live.plan(job.sample_rate).hop
    loop = round(LOOP_S * job.sample_rate / hop) * hop
    sound = 0.1 * np.random.default_rng(0).standard_normal((1, loop)).astype(np.float32)
    stream = rtspec.AudioStream(
        plugins=[live],
        sample_rate=job.sample_rate,
        buffer_size=job.block,
        source=rtspec.Loop(sound),
        devices=rtspec.Devices(channels=1),
        measuring=rtspec.Measuring(tape_seconds=job.seconds + 10.0),
    )
    with stream:
        struck, clock = _played(stream, live, round(job.seconds / GAP_S))
        heard, stated, underruns = stream.recorded[1][0], stream.latency, stream.statistics.underruns
    late = _changes(heard, clock, struck, loop, job)
    items = {name: n for name, n in stated.items.items() if n}
    allowed = 1000.0 * (sum(items.values()) + hop + job.block) / job.sample_rate + BEYOND_MS
    found = late if len(late) else np.array([np.inf])
    return {
        "block": job.block,
        "struck": len(struck),
        "heard": len(late),
        "pad_to_change_p50_ms": round(float(np.median(found)), 2),
        "pad_to_change_p99_ms": round(float(np.percentile(found, 99)), 2),
        "allowed_ms": round(allowed, 2),
        "underruns": underruns,
        "kept": bool(len(late) == len(struck) and not underruns and np.percentile(found, 99) <= allowed),
    }


def _played(stream, live, n_pads: int) -> tuple[list[float], np.ndarray]:
    """Strike pads at moments that fall anywhere in a block; when that was, and the stream's clock meanwhile."""
    import mido

    rng, struck, clock = np.random.default_rng(1), [], [clock_readings(stream, 2.0)]
    for k in range(n_pads):
        time.sleep(rng.uniform(0.0, 0.02))
        pad = 36 + live.styles.index(STYLES[(k + 1) % 2])
        struck.append(time.monotonic())
        stream.send(mido.Message("note_on", note=pad, velocity=127))
        clock.append(clock_readings(stream, GAP_S))
    return struck, np.concatenate(clock)


def _changes(heard: np.ndarray, clock: np.ndarray, struck: list[float], loop: int, job: Job) -> np.ndarray:
    """Ms from each pad to the first sample that is not the last round's."""
    differs = np.flatnonzero(heard[loop:] != heard[:-loop]) + loop
    late = []
    for moment in struck:
        frame = np.interp(moment, clock[:, 1], clock[:, 0]) - job.block
        later = differs[differs >= frame]
        if len(later) and later[0] < frame + GAP_S / 2 * job.sample_rate:
            late.append(1000.0 * (moments_taken(later[:1], clock, job.block)[0] - moment))
    return np.array(late)
