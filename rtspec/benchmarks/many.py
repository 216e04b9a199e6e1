"""How many learned processors play on one engine: side by side in a :class:`rtspec.Mix`, so that both cores may serve.

Each number plays in a child process on a JACK server of its own. Where sound was lost while the machine itself came
late, the number is tried once more; what is lost on a machine that keeps time counts at once.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from math import ceil

import numpy as np

from .chords import HELD_S, play_chords
from .engine import figures, test_sound
from .harness import Job, measured
from .host import Watch

BLOCK, SAMPLE_RATE, CUTOFF_HZ = 128, 48000, 8000.0
"""The sound is low-passed there, so that each BandwidthExtension has something to do."""

KINDS: dict[str, int] = {"bandwidth": 8, "inversion": 6, "timbre-synth": 8}
"""Processors by their names on the command line, stereo, and how many of each an engine has to play."""

NOTES = 8
"""Each instrument's, all at once."""

MOST = 64
"""More are not tried."""


def run(
    seconds: float = 30.0,
    kinds: Sequence[str] = tuple(KINDS),
    number: int | None = None,
    most: bool = False,
    device: str = "jack",
    report: Callable[[dict], None] = lambda row: None,
) -> list[dict]:
    """Play each kind.

    Parameters
    ----------
    seconds : float
        Of sound, for each number.
    kinds : sequence of str
        Keys of :data:`KINDS`.
    number : int, optional
        How many; what :data:`KINDS` says where left out.
    most : bool
        Go on with half as many more each time, up to :data:`MOST`, until sound is lost.
    device : str
        "jack", "default" or "virtual".
    report : callable
        Gets each row when it is measured.

    Returns
    -------
    list of dict
        For each kind and number: underruns, late callbacks, late and dropped events, times of a block's work, how many
        cores' worth of processor time the process took, how late the machine was itself, and whether it `holds`:
        nothing lost, nothing late.
    """
    rows = []
    for kind in kinds:
        for n in _numbers(number or KINDS[kind], most):
            rows.append(_row(kind, n, seconds, device))
            report(rows[-1])
            if not rows[-1]["holds"]:
                break
    return rows


def _numbers(first: int, most: bool) -> Iterator[int]:
    """The number asked for, then half as many more each time."""
    n = first
    yield n
    while most and n < MOST:
        n = min(MOST, n + max(1, n // 2))
        yield n


def _row(kind: str, n: int, seconds: float, device: str) -> dict:
    job = Job(__name__, device, BLOCK, SAMPLE_RATE, seconds, chain=(kind,) * n, cutoff_hz=CUTOFF_HZ)
    row = measured(job)
    if not row["holds"] and row["host_late"]:
        row = {**measured(job), "tried": 2}
    return row


def measure(job: Job) -> dict:
    """One number, in the child process."""
    import rtspec

    plugins = [rtspec.processors.create(name) for name in job.chain]
    source = test_sound(job.seconds, job.sample_rate, job.cutoff_hz)
    stream = rtspec.AudioStream(
        plugins=rtspec.Pedalboard([rtspec.Mix(plugins)]),
        sample_rate=job.sample_rate,
        buffer_size=job.block,
        source=source * np.float32(not plugins[0].accepts_midi),
        devices=rtspec.Devices(virtual=job.device == "virtual"),
    )
    start, used = time.monotonic(), time.process_time()
    with Watch() as watch, stream:
        if plugins[0].accepts_midi:
            play_chords(stream, max(1, ceil(job.seconds / HELD_S) - 2), NOTES)  # up before the sound ends
        stream.wait(timeout=2 * job.seconds + 10)
    seen, found = stream.statistics, figures(stream)
    lost = {"late_events": seen.late_events, "dropped_events": seen.dropped_events}
    unheard = found["underruns"] + found["late_callbacks"] + found["concealed_frames"] + sum(lost.values())
    cores = (time.process_time() - used) / (time.monotonic() - start)
    row = {"kind": job.chain[0], "number": len(plugins), "seconds": job.seconds, "tried": 1, **found, **lost}
    return row | {"cores": round(cores, 2), **watch.held_up.as_dict(), "holds": unheard == 0}
