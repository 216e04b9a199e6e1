"""Does each inverter play on time? A minute of noise through each, on a JACK server of its own, in a child process."""

from typing import Any

import numpy as np

from ..benchmarks.harness import Job, measured
from ..models.catalogue import models
from ..processors.inversion.processor import MODELS

BLOCK, SAMPLE_RATE = 128, 48000

INVERTERS: dict[str, dict[str, Any]] = {
    "pinv": {},
    "nnls": {"method": "nnls"},
    "live": {"model": "live", "phase": "live"},
    "paper": {"model": "paper"},
}
"""What of rtspec.SpectralInversion each stands for."""

WORKERS = {"live": 256, "paper": 8192}
"""Samples that the engine has beyond a block; a frame of the paper's network takes longer than a block."""


def rows(seconds: float) -> list[dict[str, Any]]:
    """One measurement, `seconds` long, for each inverter that is there."""
    shipped = [name for name, model in MODELS.items() if model in models()]
    names = [name for name in INVERTERS if name not in MODELS or name in shipped]
    return [measured(Job(__name__, "jack", BLOCK, SAMPLE_RATE, seconds, chain=(name,))) for name in names]


def measure(job: Job) -> dict[str, Any]:
    """One measurement, in the child process."""
    import rtspec

    (name,) = job.chain
    source = 0.1 * np.random.default_rng(0).standard_normal((1, 10 * job.sample_rate)).astype(np.float32)
    with rtspec.AudioStream(
        plugins=rtspec.SpectralInversion(**INVERTERS[name]),
        sample_rate=job.sample_rate,
        buffer_size=job.block,
        source=rtspec.Loop(source),
        devices=rtspec.Devices(worker_samples=WORKERS.get(name, 256), channels=1),
    ) as stream:
        stream.wait(job.seconds)
        seen = stream.statistics.as_dict()
        return {
            "inverter": name,
            "seconds": job.seconds,
            **{figure: seen[figure] for figure in ("callbacks", "late_callbacks", "underruns", "bad_samples")},
            "frame p50 us": seen["frame_us"]["p50"],
            "frame p99 us": seen["frame_us"]["p99"],
            "block us": round(1e6 * job.block / job.sample_rate),
            "latency ms": round(1000 * stream.latency.total_samples / job.sample_rate, 2),
        }
