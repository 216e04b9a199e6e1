"""MIDI to sound: how long after a key goes down its sound is there, and how evenly. Two processes on a JACK server.

The other process sends notes at moments that fall anywhere in a block and says when. Here an instrument sounds from a
note's sample on; the tape of the output tells which sample that was, and the callback's clock when the device took it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..buffers.inbox import MESSAGE, Inbox, pop
from ..buffers.memory import aligned
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import float_rows, place_of
from ..chain.program import STRIDE
from ..processors.instrument import Instrument
from .harness import Job, clock_readings, measured, moments_taken
from .host import Watch
from .soak import Sender
from .soak_sender import PORT, velocity

HOP = 256
"""Samples: the hop in the promise, that of a synthesiser which makes frames."""

SLACK_MS, MOST_JITTER_MS = 1.5, 1.0
WARM_UP_S = 0.5
GAP_S = 0.041
"""Between two notes, about."""

BEFORE_S, AFTER_S = 0.05, 0.03
"""Around a note's sending: where the machine held up its processors in this time, the note is counted and not judged;
half of all have to be left."""

WORKERS = (None, 256)
"""Time that the engine has beyond a block: the default, which is none for an instrument, and that of effects."""

GATE = Record(
    "Gate", counts="channels", addresses="inbox", arrays="message:Message[1]", reals="level=0", elements=(MESSAGE,)
)


@step
def gate(state, x, n, y):
    """As loud as the velocity while a key is down."""
    s = GATE(state)
    message, sound = s.message[0], float_rows(y, s.channels, STRIDE)
    while pop(s.inbox, place_of(s.message)):
        kind = message.status & 0xF0
        if kind == 0x80 or kind == 0x90:
            s.level = message.value if kind == 0x90 else 0.0
    for c in range(s.channels):
        out = sound[c]
        for i in range(n):
            out[i] = s.level
    return n


class Gate(Instrument):
    """The simplest instrument: while a key is down a level that tells the velocity, from the note's sample on."""

    def __init__(self, mix: float = 1.0):
        super().__init__([], {"mix": mix})

    def make_voices(self, sample_rate: float, channels: int, inbox: Inbox) -> list[Stage]:
        message = aligned(1, MESSAGE.dtype)
        return [Stage(gate, GATE, keep=(inbox,), channels=channels, inbox=inbox.address, message=message)]


def run(
    blocks: Sequence[int] = (128,),
    sample_rate: int = 48000,
    seconds: float = 6.0,
    report: Callable[[dict], None] = lambda row: None,
) -> list[dict]:
    """Measure each block size, timed and not, with and without time beyond a block for the engine, `seconds` each.

    Returns
    -------
    list of dict
        For each: notes sent, held up by the machine (:mod:`.host`) and heard of the others; from sending to sound and
        from time stamp to sound, ms (median and 99th percentile); jitter against the stamps, ms (99th percentile of the
        distance from the median); and whether the promise is kept: one block, one hop and 1.5 ms, besides the time that
        the engine was given beyond a block.
    """
    rows = []
    for block in blocks:
        for row in measured(Job(__name__, "jack", block, sample_rate, seconds))["rows"]:
            rows.append(row)
            report(row)
    return rows


def measure(job: Job) -> dict:
    """One block size, in the child process; a short round before leaves nothing to be compiled in what counts."""
    with Sender() as sender:
        _watched(replace(job, seconds=WARM_UP_S), sender, True, WORKERS[0])
        return {"rows": [_watched(job, sender, timed, w) for w in WORKERS for timed in (True, False)]}


def _watched(job: Job, sender: Sender, timed: bool, worker: int | None) -> dict:
    with Watch() as watch:
        row = _measured(job, sender, timed, worker, watch)
    return {**row, **watch.held_up.as_dict()}


def _measured(job: Job, sender: Sender, timed: bool, worker: int | None, watch: Watch) -> dict:
    import rtspec
    from rtspec.control import MidiInput

    stream = rtspec.AudioStream(
        plugins=[Gate()],
        sample_rate=job.sample_rate,
        buffer_size=job.block,
        source=rtspec.Loop(np.zeros((1, job.sample_rate), np.float32)),
        devices=rtspec.Devices(channels=1, worker_samples=worker),
        measuring=rtspec.Measuring(tape_seconds=2.0 * job.seconds + 5.0),
    )
    stamps, count = [], round(job.seconds / GAP_S)

    def play(event):
        if event.message.type == "note_on":
            stamps.append((event.message.velocity, event.time_s))
        stream.send(event.message, event.time_s if timed else None)

    with stream, MidiInput(PORT, play):
        time.sleep(0.5)
        sender.begin("notes", count=count, gap_s=GAP_S)
        clock = clock_readings(stream, 1.2 * job.seconds + 1.0)
        sent, heard = sender.result()["moments"], _moments(stream.recorded[1][0], clock, job)
    worker = stream.latency.items["worker"]
    figures = {"block": job.block, "worker": worker, "timed": timed, "sent": len(sent)}
    numbered = [(velocity(i), moment) for i, moment in enumerate(sent)]
    judged = [note for note in numbered if not watch.was_late(note[1] - BEFORE_S, note[1] + AFTER_S)]
    figures["held_up"] = len(sent) - len(judged)
    allowed_ms = 1000.0 * (job.block + HOP + worker) / job.sample_rate + SLACK_MS
    return {**figures, **_compared(_matched(judged, stamps, heard), len(judged), count, allowed_ms, timed)}


def _moments(output: np.ndarray, clock: np.ndarray, job: Job) -> list[tuple[int, float]]:
    """Velocity of each note, and when the device took its first sample, monotonic seconds."""
    onsets = np.flatnonzero((output[1:] > 0.0) & (output[:-1] == 0.0)) + 1
    moments = moments_taken(onsets, clock, job.block)
    return [(round(127 * float(output[at])), moment) for at, moment in zip(onsets, moments, strict=True)]


Moments = list[tuple[int, float]]


def _matched(sent: Moments, stamps: Moments, heard: Moments) -> np.ndarray:
    """Of each note that was sent, stamped and heard: the three moments, (notes, 3)."""
    found, places = [], [0, 0]
    for number, moment in sent:
        row = [moment]
        for k, others in enumerate((stamps, heard)):
            near = range(places[k], min(places[k] + 50, len(others)))
            at = next((i for i in near if others[i][0] == number), None)
            if at is not None:
                places[k] = at + 1
                row.append(others[at][1])
        found += [row] if len(row) == 3 else []
    return np.reshape(found, (-1, 3))


_FIGURES = ("sent_to_sound_p50_ms", "sent_to_sound_p99_ms", "stamp_to_sound_p50_ms", "stamp_to_sound_p99_ms")


def _compared(moments: np.ndarray, judged: int, count: int, allowed_ms: float, timed: bool) -> dict:
    """What the notes say; no figures, where the machine held most of them up or most were lost."""
    found = {"heard": len(moments), "allowed_ms": round(allowed_ms, 2)}
    if len(moments) < count / 2:
        return {**found, **dict.fromkeys([*_FIGURES, "jitter_p99_ms"]), "kept": False}
    sent, stamps, heard = 1000.0 * moments.T
    whole, late = heard - sent, heard - stamps
    jitter = float(np.percentile(np.abs(late - np.median(late)), 99))
    figures = [float(np.percentile(each, share)) for each in (whole, late) for share in (50, 99)]
    kept = len(moments) == judged and figures[1] <= allowed_ms and (jitter <= MOST_JITTER_MS or not timed)
    told = dict(zip(_FIGURES, (round(value, 2) for value in figures), strict=True))
    return {**found, **told, "jitter_p99_ms": round(jitter, 3), "kept": bool(kept)}
