"""What a panel costs the sound: the same stream with a panel that Chromium looks at, and without one, by turns; and
how soon a turned knob is heard."""

import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from ..audio.exchange import EXCHANGE
from ..buffers.events import QUEUE
from ..errors import DeviceError
from .engine import test_sound
from .faults import Faults
from .harness import Job, clock_readings, measured, moments_taken
from .host import Watch
from .panel_visitor import LOUD_DB, SOFT_DB, STEADY, chromium, driver
from .soak import Sender
from .soak_sender import PORT

FAULTS = ("late_callbacks", "underruns", "late_events")
"""What is promised not to happen, but for what came while the machine itself was held up: "_host" in the table."""

CHAIN = ("inversion", "onnx:tilt-gate")
ROUNDS = 4
BLOCK, SAMPLE_RATE = 128, 48000
MOST_US, LEAST_FPS, MOST_SHARE, KNOB_MS, FIRST_S = 10.0, 28.0, 0.03, 30.0, 1.0
"""What is promised: callback p99 beside the run without, pictures a second, of one core, knob to sound beyond the
stated latency, first picture."""

_WINDOW = 48
_MIDI_RATE = 50.0
"""Controllers a second, in both kinds of run."""

_TONE_HZ = 1000.0
_VISIT_S = 4.0
"""What a browser needs to start and end, beyond what it looks."""


def run(seconds: float = 60.0) -> dict[str, Any]:
    """Measure with a panel and without, `seconds` each in all; what is promised is in `promises`."""
    chromium()
    driver()
    job = Job(__name__, "jack", BLOCK, SAMPLE_RATE, seconds, chain=CHAIN)
    row = measured(job)
    knob = sorted(row["knob_ms"])
    row |= {"knob_p50_ms": _share(knob, 0.5), "knob_p99_ms": _share(knob, 0.99), "knob_turns": len(knob)}
    del row["knob_ms"]
    left = {name: row["with"][name] - row["with"][f"{name}_host"] for name in FAULTS}
    row["promises"] = {
        "callback p99 within 10 µs of the run without": row["with"]["callback_p99_us"]
        <= row["without"]["callback_p99_us"] + MOST_US,
        "no late callbacks": left["late_callbacks"] == 0,
        "no underruns": left["underruns"] == 0,
        "timed MIDI events come, no later than without": row["with"]["midi_events"] > 0
        and left["late_events"] <= _beside(row["without"]["late_events"] - row["without"]["late_events_host"]),
        "no flicker: nothing moves by itself": row["layout_shift"] < STEADY,
        "no flicker: no element is put in another's place": row["elements_replaced"] == 0,
        "28 pictures a second drawn": row["drawn_a_second"] >= LEAST_FPS,
        "3 % of a core at most": row["panel_share"] <= MOST_SHARE,
        "knob to sound 30 ms beyond the latency": row["knob_p99_ms"] <= KNOB_MS,
        "first picture within 1 s": row["first_picture_s"] <= FIRST_S,
    }
    return row


def _beside(without: int) -> float:
    """How many are no more than so many in the run without: none beside none, else what chance makes of as many."""
    return without + 3.0 * without**0.5


def _share(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)


# In the child ---------------------------------------------------------------------------------------------------------


def measure(job: Job) -> dict[str, Any]:
    """By turns with a panel and without; then the knob."""
    share_s, runs, looks = job.seconds / ROUNDS, {"with": [], "without": []}, []
    with Sender() as sender:
        for kind in ("with", "without") * ROUNDS:
            counted, seen = _played(job, share_s, kind == "with", sender)
            runs[kind].append(counted)
            looks += [seen] if seen else []
    flicker = ("layout_shift", "elements_replaced", "picture_gap_p99_ms")
    worst = {
        **{name: max(seen[name] for seen in looks) for name in flicker},
        "drawn_a_second": min(seen["drawn_a_second"] for seen in looks),
        "pictures_a_second": min(seen["pictures_a_second"] for seen in looks),
        "first_picture_s": max(seen["first_picture_s"] for seen in looks),
        "panel_share": float(np.mean([seen["panel_share"] for seen in looks])),
    }
    counts = {kind: _together(found) for kind, found in runs.items()}
    return {**counts, **{n: round(v, 4) for n, v in worst.items()}, "knob_ms": _turned(job, min(30.0, job.seconds / 2))}


def _together(runs: list[dict]) -> dict[str, float]:
    """Counts added up; times as the median of the runs."""
    times = [name for name in runs[0] if name.endswith("_us")]
    together = {name: float(np.median([found[name] for found in runs])) for name in times}
    most = {"host_late_max_ms": max(found["host_late_max_ms"] for found in runs)}
    added = {name: sum(found[name] for found in runs) for name in runs[0] if name not in together | most}
    return {**added, **together, **most}


def _played(job: Job, seconds: float, panel: bool, sender: Sender) -> tuple[dict, dict | None]:
    """One run, while controllers that are timed come by a MIDI port."""
    import rtspec

    chain = [rtspec.processors.create(name) for name in job.chain]
    source = np.repeat(test_sound(10.0, job.sample_rate)[:1], 2, axis=0)
    control = rtspec.Control(midi=PORT, panel=panel)
    stream = rtspec.AudioStream(
        None, None, chain, job.sample_rate, job.block, source=rtspec.Loop(source), control=control
    )
    with Watch() as watch, stream, Faults(_counts(stream)) as faults:
        sender.begin("flood", seconds=seconds, midi_rate=_MIDI_RATE, osc_rate=0, osc_port=9, osc_address="")
        seen = _looked_at(stream, seconds) if panel else time.sleep(seconds + _VISIT_S)
        of_the_host = faults.of_the_host(watch)  # before all are counted: never more than there were
        found = asdict(stream.statistics)
        counted = {"callbacks": found["callbacks"], "midi_events": _midi_events(stream)}
        sender.result()
    judged = {key: n for name in FAULTS for key, n in ((name, found[name]), (f"{name}_host", of_the_host[name]))}
    times = {f"{kind}_{p}_us": found[f"{kind}_us"][p] for kind in ("callback", "frame") for p in ("p50", "p99")}
    return {**counted, **judged, **times, **watch.held_up.as_dict()}, seen


def _midi_events(stream) -> int:
    return stream.controllers.midi.statistics.messages


def _counts(stream) -> dict[str, int]:
    """Where the stream counts its faults."""
    session = stream._session
    places = {name: session.exchange.address + EXCHANGE.fields[name][1] for name in ("late_callbacks", "underruns")}  # type: ignore[index]
    return {**places, "late_events": session.engine.events.address + QUEUE.fields["late"][1]}  # type: ignore[index]


def _looked_at(stream, seconds: float) -> dict[str, float]:
    thread = next(each for each in threading.enumerate() if each.name == "rtspec panel")
    clock = time.pthread_getcpuclockid(thread.ident)  # type: ignore[arg-type]
    visitor = _visitor("look", str(stream.panel_url), seconds)
    time.sleep(_VISIT_S)
    began, used = time.monotonic(), time.clock_gettime(clock)
    time.sleep(max(0.1, seconds - _VISIT_S))
    share = (time.clock_gettime(clock) - used) / (time.monotonic() - began)
    return {**_figures(visitor, seconds), "panel_share": share}


def _turned(job: Job, seconds: float) -> list[float]:
    """Milliseconds from a turn of the level to its sound, half way, beyond the stated latency."""
    import rtspec

    n = round((seconds + 6.0) * job.sample_rate)
    tone = (0.5 * np.sin(2 * np.pi * _TONE_HZ * np.arange(n) / job.sample_rate)).astype(np.float32)
    options = {
        "sample_rate": job.sample_rate,
        "buffer_size": job.block,
        "measuring": rtspec.Measuring(tape_seconds=seconds + 6.0),
    }
    chain = [rtspec.Equalizer(bands="octave")]
    with rtspec.AudioStream(
        plugins=chain, source=np.stack([tone, tone]), control=rtspec.Control(panel=True), **options
    ) as stream:
        visitor = _visitor("turn", str(stream.panel_url), seconds)
        clock = clock_readings(stream, seconds + 3.0)
        turns, stated_s = _figures(visitor, seconds), stream.latency.total_ms / 1000.0
        heard = stream.recorded[1][0]
    return [1000.0 * (late - stated_s) for late in _delays(heard, np.array(turns), clock, job.block)]


def _delays(heard: np.ndarray, turns: np.ndarray, clock: np.ndarray, block: int) -> list[float]:
    """Seconds from each turn until the level has passed half its way."""
    power = np.convolve(heard.astype(float) ** 2, np.ones(_WINDOW) / _WINDOW, mode="valid")
    level_db = 10 * np.log10(np.maximum(power * 8, 1e-9))  # 0 dB for the tone as it is
    frames = np.flatnonzero(np.diff((level_db > (LOUD_DB + SOFT_DB) / 2).astype(int))) + _WINDOW // 2
    moments = moments_taken(frames, clock, block)
    after = [moments[moments > turn] for turn in turns]
    return [
        float(found[0] - turn) for found, turn in zip(after, turns, strict=True) if len(found) and turn < clock[-1, 1]
    ]


def _visitor(kind: str, url: str, seconds: float) -> subprocess.Popen:
    command = [sys.executable, "-m", "rtspec.benchmarks.panel_visitor", kind, url, str(seconds)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _figures(visitor: subprocess.Popen, seconds: float) -> Any:
    out, complaint = visitor.communicate(timeout=60 + 2 * seconds)
    if visitor.returncode:
        last = (complaint.strip().splitlines() or ["it said nothing"])[-1]
        raise DeviceError(f"the panel's visitor failed: {last}")
    return json.loads(out.splitlines()[-1])
