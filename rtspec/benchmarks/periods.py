"""Any period of a device: what plays live equals render, at the stated delay, whatever the server asks for at once.

Each period has a JACK dummy server of its own. A child plays every block, channel count and chain on it, sends an
impulse around a loop-back, and plays on while the server's period changes.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import product

import numpy as np

from ..audio.jack import JackServer
from .engine import test_sound
from .harness import Child, Job
from .latency import measure as measure_loop

PERIODS = (32, 64, 128, 192, 256, 441, 480, 512, 1024, 2048)
BLOCKS = (0, 32, 64, 128, 441, 1000)
"""0 for the device's own."""
CHANNELS = (1, 2, 4)
CHAINS = (("onnx:tilt-gate",), ("native", "onnx:tilt-gate"))
CHANGES = (1024, 64, 441, 2048, 128)
"""Periods that the server takes on, one after the other, while a stream plays."""
_MARGIN_S, _SETTLES_S, _STRETCH_S = 1.2, 0.5, 0.4
"""Tape beyond the sound's end; after a change until all is as it will be; what is then compared."""


def run(
    periods: Sequence[int] = PERIODS,
    blocks: Sequence[int] = BLOCKS,
    channels: Sequence[int] = CHANNELS,
    chains: Sequence[Sequence[str]] = CHAINS,
    seconds: float = 2.0,
    sample_rate: int = 48000,
    report: Callable[[dict], None] = lambda row: None,
) -> list[dict]:
    """Measure everything on everything; one row a period, block, channel count and chain, and three more a period.

    Returns
    -------
    list of dict
        "what" ("plays", "loop" or "changes"), "period" and whether it is "equal" (to render; for a loop: measured to
        stated), with underruns, concealed frames and the delay.
    """
    rows = []
    for period in periods:
        job = Job(__name__, "jack", period, sample_rate, seconds, n_fft=512, hop=128)
        job = replace(job, wanted_blocks=tuple(blocks), channels=tuple(channels), chains=tuple(map(tuple, chains)))
        with JackServer(sample_rate, period, max(channels), max(channels)) as server:
            found = Child(replace(job, server=server.name), server.environment).result()["rows"]
        for row in found:
            report(row)
        rows += found
    return rows


def measure(job: Job) -> dict:
    """In the child: all that one period is measured with."""
    rows = []
    for block, n, chain in product(job.wanted_blocks, job.channels, job.chains):
        about = {"what": "plays", "period": job.block, "block": block, "channels": n, "chain": " ".join(chain)}
        rows.append({**about, **_played(job, block, n, chain)})
    loop = measure_loop(job)
    kept = {name: loop[name] for name in ("stated_samples", "measured_samples", "equal", "underruns")}
    rows.append({"what": "loop", "period": job.block, **kept})
    rows.append({"what": "changes", "period": job.block, **_changed(job)})
    return {"rows": rows}


def _stream(job: Job, chain: Sequence[str], block: int, source: np.ndarray):
    import pedalboard

    import rtspec

    board = rtspec.Pedalboard(
        [pedalboard.Gain(-3) if name == "native" else rtspec.processors.create(name) for name in chain]
    )
    seconds = source.shape[1] / job.sample_rate + _MARGIN_S
    options = {"sample_rate": job.sample_rate, "buffer_size": block or None}
    return board, rtspec.AudioStream(
        plugins=board, source=source, measuring=rtspec.Measuring(tape_seconds=seconds), **options
    )


def _played(job: Job, block: int, channels: int, chain: Sequence[str]) -> dict:
    """Play once; tried once more where the machine was late."""
    found = _tried(job, block, channels, chain)
    return found if found["equal"] or not found["underruns"] else _tried(job, block, channels, chain)


def _tried(job: Job, block: int, channels: int, chain: Sequence[str]) -> dict:
    sound = test_sound(job.seconds, job.sample_rate)
    source = np.ascontiguousarray(np.resize(sound, (channels, sound.shape[1])))
    board, stream = _stream(job, chain, block, source)
    with stream:
        stream.wait(10 + 2 * job.seconds)
    delay = stream.latency.total_samples - stream.latency.items["device"]
    heard = stream.recorded[1][:, delay : delay + source.shape[1]]
    whole = board(source, job.sample_rate)[:, : heard.shape[1]]
    enough = heard.shape[1] == source.shape[1]
    return {"equal": bool(enough and np.array_equal(heard, whole)), "delay": delay, **_counted(stream)}


def _changed(job: Job) -> dict:
    """Change the server's period again and again; between the changes all is equal to render at the stated delay."""
    changes = [n for n in CHANGES if n != job.block]
    source = test_sound(job.seconds + (len(changes) + 1) * _MARGIN_S, job.sample_rate)
    board, stream = _stream(job, ("onnx:identity",), 0, source)
    stretches = []
    with stream:
        for n in (job.block, *changes):
            if n != job.block:
                subprocess.run(["jack_bufsize", str(n)], capture_output=True, timeout=20, check=True)
            time.sleep(_SETTLES_S)
            delay = stream.latency.total_samples - stream.latency.items["device"]
            start, before = stream.recorded[1].shape[1], stream.statistics.underruns
            time.sleep(_STRETCH_S)
            late = stream.statistics.underruns - before
            stretches.append((start, stream.recorded[1].shape[1], delay, late))
        out = stream.recorded[1]
    whole = board(source, job.sample_rate)
    equal = [np.array_equal(out[:, a:b], whole[:, a - d : b - d]) for a, b, d, late in stretches if a > d and not late]
    return {"equal": all(equal), "stretches": len(equal), "delay": stretches[-1][2], **_counted(stream)}


def _counted(stream) -> dict:
    names = ("underruns", "concealed_frames", "late_callbacks", "device_xruns")
    counted = asdict(stream.statistics)
    return {**{name: counted[name] for name in names}, "reports": stream.reports}
