"""``rtspec evaluate gallery``: a tour of TimbreSynth's anchors and of ways between them, as one FLAC with a picture."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...audio.files import write
from ...console import emit, progress, table
from ...errors import AudioFileError
from ...frames import FramePlan, stft
from ...processors.timbre.synth import TimbreSynth
from ...storage import AtomicFile

SAMPLE_RATE = 48000
PHRASE_S, MORPH_S = 2.8, 5.0
MORPHS = (
    ("flute", "brass"), ("piano", "organ"), ("strings", "choir"), ("sitar", "trumpet"), ("marimba", "clarinet"),
    ("pad", "saw"), ("harp", "violin"), ("oboe", "accordion"), ("guitar", "cello"), ("vibraphone", "pan flute"),
)  # fmt: skip
_LOW = ("bass", "cello", "brass", "organ")
_PHRASE = ((0.0, 60, 1.6), (0.3, 64, 1.3), (0.6, 67, 1.0), (0.9, 72, 0.7))
_CHORD = (48, 55, 60, 64)
_PIECE_S = 0.02
_PEAK = 0.8
_PLAN = FramePlan(SAMPLE_RATE, 4096, 2048)
_RANGE_DB = 80.0


@dataclass(frozen=True)
class Stop:
    """A stop of the tour: what it is called, and its sound, float32 of shape (2, n)."""

    name: str
    audio: np.ndarray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, and of which model."""
    parser.add_argument("--out", default="gallery.flac", metavar="FILE", help="the tour; the picture lies beside it")
    parser.add_argument("--synth", default="timbre-synth", metavar="MODEL", help="the instrument")


def run(args: argparse.Namespace) -> None:
    """Render, write, and say what is where."""
    synth = TimbreSynth(model=args.synth)
    with progress(args.json) as bar:
        task = bar.add_task("tour", total=len(synth.anchors) + len(MORPHS))
        stops = []
        for make in (*(lambda a=a: anchor_stop(synth, a) for a in synth.anchors), *_morph_makers(synth)):
            stops.append(make())
            bar.advance(task)
    audio = np.concatenate([stop.audio for stop in stops], axis=1)
    audio *= _PEAK / max(float(np.max(np.abs(audio))), 1e-9)
    out, picture = Path(args.out), Path(args.out).with_suffix(".png")
    write(out, audio, SAMPLE_RATE)
    draw(picture, stops)
    rows = _rows(stops)
    seconds = audio.shape[1] / SAMPLE_RATE
    result = {"audio": str(out), "picture": str(picture), "seconds": round(seconds, 2), "stops": rows}
    emit(args, result, f"{table(rows)}\n\n{seconds:.0f} s in {out}, drawn in {picture}")


def _morph_makers(synth: TimbreSynth) -> list:
    there = [pair for pair in MORPHS if set(pair) <= set(synth.anchors)]
    return [lambda pair=pair: morph_stop(synth, *pair) for pair in there]


def anchor_stop(synth: TimbreSynth, anchor: str) -> Stop:
    """A broken chord of an anchor, an octave lower for low instruments."""
    synth.go_to(anchor)
    shift = -12 if anchor in _LOW else 0
    starts = [((0x90, key + shift, 96), at) for at, key, _ in _PHRASE]
    ends = [((0x80, key + shift, 0), at + held) for at, key, held in _PHRASE]
    return Stop(anchor, synth([*starts, *ends], duration=PHRASE_S, sample_rate=SAMPLE_RATE))


def morph_stop(synth: TimbreSynth, start: str, end: str) -> Stop:
    """Chords that go from one anchor to another, struck anew each quarter of the way."""
    places = np.array(synth.latent_map.at(start)), np.array(synth.latent_map.at(end))
    n, pieces = round(MORPH_S / _PIECE_S), []
    for i in range(n):
        share = min(1.0, 1.1 * i / n)
        for name, a, b in zip(synth.latent_names, *places, strict=True):
            synth.parameters[name].value = float(a + share * (b - a))
        messages = _struck(i, n)
        pieces.append(synth(messages, duration=_PIECE_S, sample_rate=SAMPLE_RATE, reset=i == 0))
    return Stop(f"{start} → {end}", np.concatenate(pieces, axis=1))


def _struck(i: int, n: int) -> list:
    """Messages at the start of piece `i` of `n`: four chords, the last let go before the end."""
    quarter = n // 4
    down = [((0x90, key, 96), 0.0) for key in _CHORD] if i % quarter == 0 and i < 4 * quarter else []
    up = [((0x80, key, 0), 0.0) for key in _CHORD] if i % quarter == round(0.85 * quarter) else []
    return down + up


def _rows(stops: list[Stop]) -> list[dict]:
    starts = np.cumsum([0, *(stop.audio.shape[1] for stop in stops)]) / SAMPLE_RATE
    return [
        {"at s": round(float(at), 1), "what": stop.name, "peak": round(float(np.max(np.abs(stop.audio))), 3)}
        for at, stop in zip(starts, stops, strict=False)
    ]


def draw(path: Path, stops: list[Stop]) -> None:
    """The tour's spectrogram on a logarithmic scale of frequency, with the names of its stops."""
    from matplotlib.figure import Figure  # without pyplot: no global state

    audio = np.concatenate([stop.audio.mean(0) for stop in stops]).astype(np.float32)
    levels = 20 * np.log10(np.abs(stft(audio, _PLAN)) + 1e-6)
    rows = np.unique(np.geomspace(4, levels.shape[0] - 1, 300).astype(int))
    figure = Figure(figsize=(18, 6), layout="constrained")
    ax = figure.subplots()
    times = np.arange(levels.shape[1]) * _PLAN.hop / SAMPLE_RATE
    top = levels.max()
    ax.pcolormesh(times, _PLAN.frequencies_hz[rows], levels[rows], cmap="magma", vmin=top - _RANGE_DB, vmax=top)
    ax.set_yscale("log")
    at = 0.0
    for stop in stops:
        ax.axvline(at, color="w", lw=0.4)
        ax.annotate(stop.name, (at, 15000), color="w", fontsize=7, rotation=90, va="top", xytext=(2, 0),
                    textcoords="offset points")  # fmt: skip
        at += stop.audio.shape[1] / SAMPLE_RATE
    ax.set_xlabel("seconds")
    ax.set_ylabel("Hz")
    try:
        with AtomicFile(path) as file:
            figure.savefig(file, format="png", dpi=100)
    except OSError as error:
        raise AudioFileError(f"cannot write {path}: {error.strerror or error}") from error
