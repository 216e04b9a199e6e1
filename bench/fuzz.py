"""Mutated files of every kind that rtspec reads: each is read, or refused in one line; none crashes, hangs or hogs.

    python bench/fuzz.py --cases 20000              # all kinds
    python bench/fuzz.py --kind wav --first 4711 --cases 1    # one case again

A case is a kind, a seed and a number, nothing else. Children run the cases, forked from a process that
has compiled, with ten seconds for each and 2 GiB of memory beyond what that one has; one that dies is told with its
case.
"""

import argparse
import io
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import mido
import numpy as np
import soundfile
from mutations import bytes_changed, document_changed, package_changed

import rtspec
from rtspec.audio import files
from rtspec.control.automation import timed_messages
from rtspec.control.bank import read_preset
from rtspec.control.mapping import read_assignments
from rtspec.errors import RtspecError
from rtspec.models import load, models
from rtspec.processors.inversion.level_tables import read_levels

CASE_S = 10
MEMORY_BYTES = 2 << 30
_SOUND = (0.1 * np.random.default_rng(0).standard_normal((1, 2048))).astype(np.float32)


@dataclass(frozen=True)
class Kind:
    """One kind of file: what intact ones hold, how one is changed, and what is done with it."""

    ending: str
    seeds: tuple[bytes, ...]
    mutate: Callable[[bytes, random.Random], bytes]
    use: Callable[[Path], object]


# ------------------------------------------------------------------------------------------ what is done with them


def heard(path: Path) -> None:
    """All of a sound file, in pieces."""
    with files.Reader(path) as reader:
        total = sum(chunk.shape[1] for chunk in reader.chunks())
        assert total == reader.n_samples, (total, reader.n_samples)


def played(path: Path) -> None:
    """A package, by the processor that takes it."""
    for play in (
        lambda: rtspec.OnnxProcessor(path, n_fft=None)(_SOUND, 44100),
        lambda: rtspec.BandwidthExtension(path)(_SOUND, 44100),
        lambda: rtspec.SpectralInversion(model=path)(_SOUND, 22050),
    ):
        try:
            play()
            return
        except RtspecError as error:
            refused = error
    raise refused


def preload() -> None:
    """Compile what plays packages, so that no child has to."""
    for processor in (rtspec.BandwidthExtension(), rtspec.SpectralInversion(model="live")):
        processor(_SOUND, 44100)


def kinds() -> dict[str, Kind]:
    """All kinds by name; what intact files hold is made here."""
    return {
        "package": Kind(".onnx", tuple(load(n).proto_bytes for n in _PACKAGES), package_changed, played),
        **{name: Kind(f".{name}", _sounds(name), bytes_changed, heard) for name in ("wav", "flac", "mp3", "ogg")},
        **{name: Kind(*_foreign(name)) for name in _FOREIGN},
        "midi": Kind(".mid", (_midi(0), _midi(1)), bytes_changed, timed_messages),
        "preset": Kind(".json", (_preset(),), document_changed, read_preset),
        "map": Kind(".json", (_map(),), document_changed, read_assignments),
        "levels": Kind(".csv", (_levels(),), bytes_changed, read_levels),
        "levels-jsonl": Kind(".jsonl", (_level_lines(),), bytes_changed, read_levels),
        "levels-npy": Kind(".npy", (_level_array(),), bytes_changed, read_levels),
    }


_FOREIGN = {
    "wav-codes": ("WAV", ".wav", ("ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610", "DOUBLE", "PCM_U8")),
    "rf64": ("RF64", ".wav", ("PCM_16", "FLOAT")),
    "aiff": ("AIFF", ".aiff", ("PCM_16", "PCM_24", "FLOAT", "ULAW", "IMA_ADPCM", "GSM610")),
    "caf": ("CAF", ".caf", ("PCM_16", "FLOAT", "ALAC_16", "ALAW")),
    "au": ("AU", ".au", ("PCM_16", "FLOAT", "ULAW", "G721_32")),
    "w64": ("W64", ".w64", ("PCM_16", "DOUBLE", "IMA_ADPCM")),
    "opus": ("OGG", ".opus", ("OPUS",)),
}
"""What rtspec reads and does not write: the library's own word for the format, the ending, and codings."""


def _foreign(name: str) -> tuple[str, tuple[bytes, ...], Callable, Callable]:
    kind, ending, codings = _FOREIGN[name]
    sound = 0.3 * np.sin(2 * np.pi * 440 * np.arange(6000) / 24000)

    def write(path: Path, coding: str) -> None:
        soundfile.write(path, sound, 24000, coding, format=kind)

    return ending, tuple(_written(partial(write, coding=each), ending) for each in codings), bytes_changed, heard


_PACKAGES = [name for name in ("identity", "tilt-gate", "inversion-live") if name in models()]


def _written(write: Callable[[Path], object], ending: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"made{ending}"
        write(path)
        return path.read_bytes()


def _sounds(name: str) -> tuple[bytes, ...]:
    t = np.arange(11025) / 44100
    sound = (0.3 * np.sin(2 * np.pi * 440 * t) * np.ones((2, 1))).astype(np.float32)
    return tuple(_written(lambda path, s=s: files.write(path, s, 44100), f".{name}") for s in (sound, sound[:1]))


def _midi(kind: int) -> bytes:
    tracks = [
        mido.MidiTrack(
            [
                mido.MetaMessage("set_tempo", tempo=400_000),
                mido.Message("control_change", control=64, value=127),
                *(
                    mido.Message(k, note=60 + i, velocity=90, time=100)
                    for i in range(8)
                    for k in ("note_on", "note_off")
                ),
                mido.Message("pitchwheel", pitch=100),
                mido.Message("sysex", data=(1, 2, 3)),
            ]
        )
        for _ in range(1 + kind)
    ]
    out = io.BytesIO()
    mido.MidiFile(type=kind, tracks=tracks).save(file=out)
    return out.getvalue()


def _preset() -> bytes:
    from rtspec.control.bank import write_preset
    from rtspec.control.presets import capture

    board = rtspec.Pedalboard([rtspec.OnnxProcessor("tilt-gate"), rtspec.SpectralInversion()])
    return _written(lambda path: write_preset(path, capture(board, "made")), ".json")


def _map() -> bytes:
    from rtspec.control.mapping import Assignment, MidiMap
    from rtspec.control.midi.messages import Control

    board = rtspec.Pedalboard([rtspec.OnnxProcessor("tilt-gate")])
    address = next(iter(rtspec.control.directory.Directory(board)))
    midi_map = MidiMap(board, [Assignment(address, Control.parse("cc 1"))])
    return _written(midi_map.save, ".json")


def _levels() -> bytes:
    rows = ["time_s," + ",".join(str(hz) for hz in (100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000))]
    rows += [f"{i * 0.125}," + ",".join(f"{50 + (i * j) % 17}" for j in range(11)) for i in range(40)]
    return "\n".join(rows).encode()


def _level_lines() -> bytes:
    rows = ({"time_s": i * 0.125, "levels": [50 + (i * j) % 17 for j in range(27)]} for i in range(20))
    return "\n".join(map(json.dumps, rows)).encode()


def _level_array() -> bytes:
    out = io.BytesIO()
    np.save(out, 50 + np.random.default_rng(0).integers(0, 17, (20, 27)).astype(np.float32))
    return out.getvalue()


# ------------------------------------------------------------------------------------------ the harness


def run_kind(name: str, kind: Kind, seed: int, first: int, cases: int) -> tuple[Counter, list[str]]:
    """Outcomes by their count, and one line for each case that went wrong."""
    counts, wrong, at, end = Counter(), [], first, first + cases
    while at < end:
        lines, status = _child(lambda say, at=at: _cases(say, name, kind, seed, at, end))
        for number, outcome in lines:
            counts[outcome.split(":")[0]] += 1
            if outcome.startswith("RAW"):
                wrong.append(f"{name} {seed} {number}: {outcome[4:]}")
        at = lines[-1][0] + 1 if lines else at
        if status and at < end:
            why = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"status {status >> 8}"
            why = f"longer than {CASE_S} s" if why == "SIGALRM" else why
            wrong.append(f"{name} {seed} {at}: {why}")
            counts["died"] += 1
            at += 1
    return counts, wrong


def _child(work: Callable[[Callable[[int, str], None]], None]) -> tuple[list[tuple[int, str]], int]:
    """What a forked child says, one (case, outcome) at a time, and how it ended."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            work(lambda number, outcome: _told(write, f"{number}\t{outcome}\n"))
            os._exit(0)
        finally:  # of the harness itself
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = [line.decode(errors="replace").rstrip("\n").split("\t", 1) for line in pipe]
    return [(int(number), outcome) for number, outcome in said], os.waitpid(pid, 0)[1]


def _told(pipe: int, line: str) -> None:
    os.write(pipe, line.encode())


def _cases(say: Callable[[int, str], None], name: str, kind: Kind, seed: int, first: int, end: int) -> None:
    with open("/proc/self/statm") as file:
        limit = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"case{kind.ending}"
        for number in range(first, end):
            rng = random.Random(f"{name}-{seed}-{number}")
            path.write_bytes(kind.mutate(rng.choice(kind.seeds), rng))
            signal.alarm(CASE_S)
            say(number, _outcome(kind, path))
            signal.alarm(0)


def _outcome(kind: Kind, path: Path) -> str:
    try:
        kind.use(path)
        return "read"
    except RtspecError as error:
        return "refused" if "\n" not in str(error) else f"RAW:several lines: {str(error)[:80]!r}"
    except MemoryError:
        return "RAW:MemoryError: more than 2 GiB"
    except BaseException as error:
        return f"RAW:{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def main() -> int:
    """Run the cases, print a Markdown table and what went wrong."""
    known = kinds()
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(chr(10))[0])
    parser.add_argument("--kind", choices=tuple(known), action="append", help="may be repeated (default: all)")
    parser.add_argument("--cases", type=int, default=20_000, help="of each kind (default 20000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case (default 0)")
    args = parser.parse_args()
    print("| kind | cases | read | refused | wrong | seconds |\n|---|--:|--:|--:|--:|--:|", flush=True)
    problems = []
    preload()
    for name in args.kind or known:
        kind, start = known[name], time.perf_counter()
        for seed in kind.seeds:  # what compiles, compiles before the fork
            path = Path(tempfile.gettempdir()) / f"fuzz-{os.getpid()}{kind.ending}"
            path.write_bytes(seed)
            kind.use(path)
            path.unlink()
        counts, wrong = run_kind(name, kind, args.seed, args.first, args.cases)
        problems += wrong
        seconds = time.perf_counter() - start
        row = (name, args.cases, counts["read"], counts["refused"], len(wrong), f"{seconds:.0f}")
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
    print("\n".join(["", *problems[:200]]) if problems else "\nnothing went wrong")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
