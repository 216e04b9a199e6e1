"""TimbreSynth and TimbreMorph on a JACK device: do they play on time, and how long from key to sound?

Each measurement runs in a child process on a server of its own; keys are pressed by yet another process, over MIDI.
"""

import time
from collections.abc import Callable
from math import ceil
from typing import Any

import numpy as np

from ...benchmarks.chords import HELD_S, play_chords
from ...benchmarks.harness import Job, clock_readings, measured, moments_taken
from ...benchmarks.host import Watch
from ...benchmarks.midi import AFTER_S, BEFORE_S
from ...benchmarks.soak_sender import PORT

BLOCK, SAMPLE_RATE = 128, 48000
WORKERS = {"key": 0, "key, timed": 0, "8 voices": 128, "16 voices": 256, "16 parts": 256, "morph": 128, "equal": 128}
"""Samples that the engine has beyond a block: none where the key-to-sound time is what counts. 16 voices have two
blocks: a virtual machine's thread of the highest priority may lie still for 3 to 4 ms."""

PART_PROGRAMS = tuple(8 * part % 128 for part in range(16))
"""One of each family of General MIDI."""

PRESSES, GAP_S = 160, 0.15
"""Keys pressed, and the seconds between them; those are judged during which the machine held nothing up."""

_ONSET = 1e-5
"""-100 dB: a note's own attack is no delay."""

_PART_GAP_S = 0.03


def rows(seconds: float) -> list[dict[str, Any]]:
    """All measurements, `seconds` for each stream that must play on time."""
    streams = [measured(job(what, seconds)) for what in ("8 voices", "16 voices", "16 parts", "morph")]
    return [*streams, *(measured(key_job(PRESSES, timed)) for timed in (False, True))]


def speed_rows(seconds: float = 10.0) -> list[dict[str, Any]]:
    """Seconds of one core for a second of sound, block by block as a device would ask."""
    import rtspec

    synth, morph = rtspec.TimbreSynth("strings"), rtspec.TimbreMorph("brass", 0.5)
    source = _scale(seconds)

    def chord(n_voices: int) -> Callable[[], object]:
        held = [((0x90, 40 + 3 * i, 100), 0.0) for i in range(n_voices)]
        settings = {"duration": seconds, "sample_rate": SAMPLE_RATE, "num_channels": 2, "buffer_size": BLOCK}
        return lambda: synth(held, **settings)

    works = {"8 voices": chord(8), "16 voices": chord(16), "morph": lambda: morph(source, SAMPLE_RATE, BLOCK)}
    return [{"what": what, "real-time factor": round(_cpu_s(work) / seconds, 3)} for what, work in works.items()]


def _cpu_s(work: Callable[[], object]) -> float:
    """Processor seconds of all threads, the best of three."""
    took = []
    for _ in range(3):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return min(took)


def job(what: str, seconds: float) -> Job:
    """A stream of "8 voices", "16 voices", "16 parts" or "morph"."""
    return Job(__name__, "jack", BLOCK, SAMPLE_RATE, seconds, chain=(what,))


def key_job(presses: int, timed: bool = False) -> Job:
    """So many keys, pressed one after another, which act at once or at their sample."""
    return job("key, timed" if timed else "key", presses * GAP_S * 1.1 + 2.0)


def measure(job: Job) -> dict[str, Any]:
    """One measurement, in the child process, and how the machine itself kept time meanwhile."""
    what = job.chain[0]
    with Watch() as watch:
        if what.startswith("key"):
            row = _key_to_sound(job, watch)
        elif what == "equal":
            row = _equal_to_render(job)
        elif what == "16 parts":
            row = _parts(job)
        else:
            row = _morphed(job) if what == "morph" else _chords(job, int(what.split()[0]))
    return {**row, **watch.held_up.as_dict()}


def _chords(job: Job, n_voices: int) -> dict[str, Any]:
    """Chords of so many notes, a new one each second."""
    import rtspec

    synth = rtspec.TimbreSynth("strings", release_ms=400)
    with rtspec.AudioStream(**_settings(job, synth), source=_silence(job.seconds)) as stream:
        play_chords(stream, ceil(job.seconds / HELD_S), n_voices)
        return _figures(job, stream)


def _parts(job: Job) -> dict[str, Any]:
    """Sixteen channels of as many timbres, each with chords, volume and wheel, at all times more notes than voices."""
    import rtspec

    settings = _settings(job, rtspec.TimbreSynth("strings", drums=1))
    with rtspec.AudioStream(**settings, source=_silence(job.seconds)) as s:
        for part, program in enumerate(PART_PROGRAMS):
            s.send((0xC0 | part, program))
        end, step = time.monotonic() + job.seconds, 0
        while time.monotonic() < end:
            for message in part_messages(step):
                s.send(message)
            time.sleep(_PART_GAP_S)
            step += 1
        return _figures(job, s)


def part_messages(step: int) -> list[tuple[int, int, int]]:
    """What one part does at a step: its chord of the last turn ends, another begins, its controllers move."""
    turn, part = divmod(step, 16)
    chords = [[48 + 12 * (part % 3) + (at + third) % 12 for third in (0, 4, 7)] for at in (turn - 1, turn)]
    ends, starts = (
        [(status | part, key, 90) for key in keys] for status, keys in ((0x80, chords[0]), (0x90, chords[1]))
    )
    moves = [(0xB0 | part, 7, 80 + step % 40), (0xE0 | part, 0, 60 + step % 9)]
    return [*ends, *moves, *starts]


def _morphed(job: Job) -> dict[str, Any]:
    """A scale of the synth's own through the morph, whose amount moves all the time."""
    import rtspec

    source = _scale(min(job.seconds, 8.0))
    morph = rtspec.TimbreMorph("brass", 0.0)
    settings = _settings(job, morph, channels=1)
    with rtspec.AudioStream(**settings, source=rtspec.Loop(source)) as stream:
        end = time.monotonic() + job.seconds
        while time.monotonic() < end:
            morph.amount = 0.5 + 0.5 * np.sin(time.monotonic())
            time.sleep(0.05)
        return _figures(job, stream)


def _equal_to_render(job: Job) -> dict[str, Any]:
    """Whether what the morph plays live is what it renders, sample for sample at the stated delay."""
    import rtspec

    source, morph = _scale(job.seconds), rtspec.TimbreMorph("brass", 0.6)
    settings, tape = _settings(job, morph, channels=1), rtspec.Measuring(tape_seconds=job.seconds + 2.0)
    with rtspec.AudioStream(**settings, source=source, measuring=tape) as stream:
        stream.wait(job.seconds + 10.0)
        out, figures = stream.recorded[1], _figures(job, stream)
        delay = stream.latency.total_samples - stream.latency.items["device"]
    whole = morph(source, job.sample_rate)
    equal = bool(np.array_equal(out[:, delay : delay + source.shape[1]], whole))
    return {**figures, "equal": equal, "level": float(np.abs(whole).max())}


def _settings(job: Job, plugin, channels: int | None = None) -> dict[str, Any]:
    import rtspec

    devices = rtspec.Devices(channels, worker_samples=WORKERS[job.chain[0]])
    return {"plugins": plugin, "sample_rate": job.sample_rate, "buffer_size": job.block, "devices": devices}


def _silence(seconds: float) -> np.ndarray:
    return np.zeros((2, round((seconds + 5.0) * SAMPLE_RATE)), np.float32)


def _scale(seconds: float) -> np.ndarray:
    import rtspec

    notes = [((0x90, 48 + 2 * (i % 18), 100), 0.4 * i) for i in range(round(seconds / 0.4))]
    ends = [((0x80, 48 + 2 * (i % 18), 0), 0.4 * i + 0.35) for i in range(round(seconds / 0.4))]
    return rtspec.TimbreSynth("violin")(notes + ends, duration=seconds, sample_rate=SAMPLE_RATE, num_channels=1)


def _figures(job: Job, stream) -> dict[str, Any]:
    seen = stream.statistics.as_dict()
    return {
        "what": job.chain[0],
        "seconds": job.seconds,
        **{name: seen[name] for name in ("callbacks", "late_callbacks", "device_xruns", "underruns", "late_events")},
        "frame p50 us": seen["frame_us"]["p50"],
        "frame p99 us": seen["frame_us"]["p99"],
        "block us": round(1e6 * job.block / job.sample_rate),
        "latency ms": round(1000 * stream.latency.total_samples / job.sample_rate, 2),
    }


def _key_to_sound(job: Job, watch: Watch) -> dict[str, Any]:
    """From the moment another process sends a note to the moment its sound leaves the device, as the driver tells;
    of the presses during which the machine kept time."""
    import rtspec

    from ...benchmarks.soak import Sender

    synth = rtspec.TimbreSynth("organ", attack_ms=1.0, release_ms=20.0)
    settings, tape = _settings(job, synth), rtspec.Measuring(tape_seconds=job.seconds)
    control = rtspec.Control(midi=PORT, midi_timed="timed" in job.chain[0])
    with Sender() as sender:
        stream = rtspec.AudioStream(**settings, source=_silence(job.seconds), control=control, measuring=tape)
        with stream:
            time.sleep(0.5)
            sender.begin("notes", count=round((job.seconds - 2.0) / GAP_S / 1.1), gap_s=GAP_S)
            clock = clock_readings(stream, job.seconds - 1.5)
            sent, figures = sender.result()["moments"], _figures(job, stream)
            device_s = stream.latency.items["device"] / job.sample_rate
            heard = moments_taken(_onsets(stream.recorded[1][0]), clock, job.block) + device_s
    judged = np.array([at for at in sent if not watch.was_late(at - BEFORE_S, at + AFTER_S)])
    found = {**figures, "presses": len(sent), "judged": len(judged)}
    return {**found, **_summed_up(1000.0 * _delays(judged, heard))}


def _summed_up(delays_ms: np.ndarray) -> dict[str, Any]:
    """How many were heard, and when; without figures where none was."""
    names = ("key to sound ms p50", "p99", "jitter ms (standard deviation)")
    found: list[float | None] = [None] * len(names)
    if len(delays_ms):
        found = [*(round(float(np.quantile(delays_ms, q)), 2) for q in (0.5, 0.99)), round(float(delays_ms.std()), 3)]
    return {"heard": len(delays_ms), **dict(zip(names, found, strict=True))}


def _onsets(audio: np.ndarray, quiet_samples: int = 960) -> np.ndarray:
    """First samples of sounds that follow at least 20 ms of silence."""
    loud = np.flatnonzero(np.abs(audio) > _ONSET)
    return loud[np.flatnonzero(np.diff(loud, prepend=-(10**9)) > quiet_samples)]


def _delays(sent: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """From each press to the first onset after it, if that comes before the next press."""
    following = np.append(heard, np.inf)[np.searchsorted(heard, sent)]
    return (following - sent)[following - sent < GAP_S / 2]
