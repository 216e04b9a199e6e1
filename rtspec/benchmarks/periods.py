"""Any period of a device: what plays live equals render, at the stated delay, whatever the server asks for at once.

Each period has a JACK dummy server of its own, wider than any chain. A child plays every block, channel count and chain
on it, sends an impulse around a loop-back, hears its own outputs on chosen channels in another order, and plays on
while the server's period changes.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import product

import numpy as np

from .. import checks
from ..audio.jack import JackGraph, JackServer
from .engine import test_sound
from .harness import Child, Job
from .latency import measure as measure_loop

PERIODS = (32, 64, 128, 192, 256, 441, 480, 512, 1024, 2048)
BLOCKS = (0, 32, 64, 128, 441, 1000)
"""0 for the device's own."""
CHANNELS = (1, 2, 4)
CHAINS = (
    ("onnx:tilt-gate",),
    ("native:Delay", "onnx:tilt-gate", "native:Compressor"),
    ("native:Chorus", "onnx:tilt-gate", "native:Resample"),
)
"""Processors by their names on the command line, and pedalboard's plugins."""
NATIVE = "native:"
WIDTH = 6
"""Channels of the server."""
INPUTS, OUTPUTS = (1, 3), (3, 1)
"""Channels of the server that a stereo chain hears and plays on, in its own order."""
NEAR = 2e-6
"""What pedalboard's plugins themselves make of other lengths of blocks; without them all is equal to the bit."""
CHANGES = (1024, 64, 441, 2048, 128)
"""Periods that the server takes on, one after the other, while a stream plays."""
_MARGIN_S, _SETTLES_S, _STRETCH_S, _PATIENCE_S = 1.2, 0.5, 0.4, 10.0
"""Tape beyond the sound's end; after a change until all is as it will be; what is then compared; sound for as long as
a busy machine takes to lay cables or to change a period."""


def run(
    periods: Sequence[int] = PERIODS,
    blocks: Sequence[int] = BLOCKS,
    channels: Sequence[int] = CHANNELS,
    chains: Sequence[Sequence[str]] = CHAINS,
    seconds: float = 2.0,
    sample_rate: int = 48000,
    report: Callable[[dict], None] = lambda row: None,
) -> list[dict]:
    """Measure everything on everything; a row a period, block, channel count and chain, two more a period, and one more
    a period and chain.

    Returns
    -------
    list of dict
        "what" ("plays", "loop", "chosen" or "changes"), "period" and whether it is "equal" (to render; for a loop:
        measured to stated; for chosen channels also to what was sent), with underruns, concealed frames and the delay.
    """
    rows = []
    for period in periods:
        job = Job(__name__, "jack", period, sample_rate, seconds, n_fft=512, hop=128)
        job = replace(job, wanted_blocks=tuple(blocks), channels=tuple(channels), chains=tuple(map(tuple, chains)))
        width = max(WIDTH, *channels)
        with JackServer(sample_rate, period, width, width) as server:
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
        rows.append({**about, **_undisturbed(partial(_played, job, block, n, chain))})
    loop = _undisturbed(partial(measure_loop, job))
    kept = {name: loop[name] for name in ("stated_samples", "measured_samples", "equal", "underruns")}
    rows.append({"what": "loop", "period": job.block, **kept})
    rows.append({"what": "chosen", "period": job.block, **_undisturbed(partial(_chosen, job))})
    for chain in job.chains:
        rows.append({"what": "changes", "period": job.block, "chain": " ".join(chain), **_changed(job, chain)})
    return {"rows": rows}


def _board(chain: Sequence[str]):
    import pedalboard

    import rtspec

    natives = {n: t for n, t in vars(pedalboard).items() if isinstance(t, type) and issubclass(t, pedalboard.Plugin)}
    made = []
    for name in chain:
        ours, native, theirs = name.partition(NATIVE)
        if native:
            made.append(natives[checks.choice("plugin of pedalboard", theirs, natives)]())
        else:
            made.append(rtspec.processors.create(ours))
    return rtspec.Pedalboard(made)


def _stream(job: Job, board, block: int, seconds: float, **words):
    """A stream whose tape is as long as `seconds` and a margin."""
    import rtspec

    measuring = rtspec.Measuring(tape_seconds=seconds + _MARGIN_S, inject=words.pop("inject", None))
    options = {"sample_rate": job.sample_rate, "buffer_size": block or None}
    return rtspec.AudioStream(plugins=board, measuring=measuring, **options, **words)


def _undisturbed(tried: Callable[[], dict]) -> dict:
    """Play once; tried once more where the machine was late, for the stream, its server or who lays the cables."""
    found = tried()
    late = found["underruns"] or found.get("device_xruns") or found.get("measured_samples", 0) is None
    return tried() if late and not found["equal"] else found


def _played(job: Job, block: int, channels: int, chain: Sequence[str]) -> dict:
    sound = test_sound(job.seconds, job.sample_rate)
    source = np.ascontiguousarray(np.resize(sound, (channels, sound.shape[1])))
    board = _board(chain)
    stream = _stream(job, board, block, job.seconds, source=source)
    with stream:
        stream.wait(10 + 2 * job.seconds)
    delay = _delay(stream)
    heard = stream.recorded[1][:, delay : delay + source.shape[1]]
    equal = compared(chain, [(heard, board(source, job.sample_rate))])
    return {**equal, "delay": delay, **_counted(stream)}


def _chosen(job: Job) -> dict:
    """Send sound out on some of the device's channels and hear it on them, in another order, through the chain."""
    import rtspec

    sent = test_sound(job.seconds + _PATIENCE_S, job.sample_rate)
    board = rtspec.Pedalboard([rtspec.OnnxProcessor("identity", output_db=-20.0)])  # what is heard goes out again
    devices = rtspec.Devices(input_channels=INPUTS, output_channels=OUTPUTS)
    stream = _stream(job, board, 0, sent.shape[1] / job.sample_rate, inject=sent, devices=devices)
    with stream:
        JackGraph(job.server).loop_back()
        time.sleep(_SETTLES_S)
        begin = stream.recorded[1].shape[1]
        end = begin + round(job.seconds * job.sample_rate)
        while stream.recorded[1].shape[1] < end and stream.active:
            time.sleep(0.05)
    (heard, out), delay, around = stream.recorded, _delay(stream), stream.latency.items["device"]
    whole = board(np.ascontiguousarray(heard), job.sample_rate)
    due = sent[:, begin:end] + whole[:, begin - delay : end - delay]
    came = out[[OUTPUTS.index(n) for n in INPUTS], begin - around : end - around]
    equal = compared((), [(heard[:, begin:end], came), (out[:, begin:end], due)])
    return {**equal, "channels": len(INPUTS), "delay": delay, **_counted(stream)}


def compared(chain: Sequence[str], pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict:
    """Whether all pairs of sounds, float32 of shape (channels, n_samples), are as long as each other and equal, and by
    how much they differ at most."""
    if not pairs or any(one.shape != other.shape or not one.size for one, other in pairs):
        return {"equal": False, "difference": None}
    difference = max(float(np.abs(one - other).max()) for one, other in pairs)
    bound = NEAR if any(name.startswith(NATIVE) for name in chain) else 0.0
    return {"equal": difference <= bound, "difference": difference}


def _delay(stream) -> int:
    """From the chain's input to its output, samples."""
    return stream.latency.total_samples - stream.latency.items["device"]


def _changed(job: Job, chain: Sequence[str]) -> dict:
    """Change the server's period again and again; between the changes all is equal to render at the stated delay."""
    changes = [n for n in CHANGES if n != job.block]
    source = test_sound(job.seconds + (len(changes) + 1) * _MARGIN_S + _PATIENCE_S, job.sample_rate)
    board, stretches = _board(chain), []
    stream = _stream(job, board, 0, source.shape[1] / job.sample_rate, source=source)
    with stream:
        for n in (job.block, *changes):
            if n != job.block:
                subprocess.run(["jack_bufsize", str(n)], capture_output=True, timeout=20, check=True)
            time.sleep(_SETTLES_S)
            delay = _delay(stream)
            start, before = stream.recorded[1].shape[1], _lateness(stream)
            time.sleep(_STRETCH_S)
            stretches.append((start, stream.recorded[1].shape[1], delay, _lateness(stream) - before))
        out = stream.recorded[1]
    whole = board(source, job.sample_rate)
    pairs = [(out[:, a:b], whole[:, a - d : b - d]) for a, b, d, late in stretches if a > d and not late]
    counted = {"stretches": len(pairs), "delay": stretches[-1][2], **_counted(stream)}
    return {**compared(chain, pairs), **counted}


def _lateness(stream) -> int:
    """What the machine kept from the stream or its server, so far."""
    return stream.statistics.underruns + stream.statistics.device_xruns


def _counted(stream) -> dict:
    names = ("underruns", "concealed_frames", "late_callbacks", "device_xruns")
    counted = asdict(stream.statistics)
    return {**{name: counted[name] for name in names}, "reports": stream.reports}
