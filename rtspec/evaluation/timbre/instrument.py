"""``rtspec evaluate instrument``: every anchor of TimbreSynth beside fluidsynth with the same sound font."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...console import emit, progress, table
from ...errors import InvalidValue
from ...metrics import notes as ears
from ...processors.timbre.levels import HIGHEST_KEY, LOWEST_KEY
from ...processors.timbre.synth import TimbreSynth
from .playable import pitch_errors_cents

KEYS, QUICK_KEYS = tuple(range(LOWEST_KEY, HIGHEST_KEY + 1, 12)), (48, 60, 72)
VELOCITY, VELOCITIES = 100, (32, 64, 127)
_ATTACK_LEAST_S, _FALL_LEAST_S = 0.01, 0.03
_STEALING, _STEAL_S = 17, 1.0

BOUNDS = {
    "course dB": (0.0, 2.0),
    "attack ×": (1 / 1.5, 1.5),
    "fall ×": (0.7, 1.3),
    "release ×": (1 / 1.5, 1.5),
    "centroid ×": (0.8, 1.2),
    "thirds dB": (0.0, 5.0),
    "click dB": (-np.inf, 3.0),
    "lag ms": (-5.0, 5.0),
}
"""What each measure must lie between to count as the original's."""


@dataclass(frozen=True)
class NotePair:
    """One note as we play it and as the original does."""

    anchor: str
    key: int
    velocity: int
    ours: ears.Heard
    theirs: ears.Heard

    def row(self) -> dict[str, Any]:
        """Measures of ours against theirs."""
        ours, theirs = self.ours, self.theirs
        return {
            "anchor": self.anchor,
            "key": self.key,
            "velocity": self.velocity,
            "course dB": ears.course_error_db(ours, theirs),
            "attack ×": ears.ratio(ours.attack_s, theirs.attack_s, _ATTACK_LEAST_S),
            "fall ×": ears.ratio(ours.fall_s, theirs.fall_s, _FALL_LEAST_S),
            "release ×": ears.ratio(ours.release_s, theirs.release_s, _ATTACK_LEAST_S),
            "centroid ×": ears.ratio(ours.centroid_hz, theirs.centroid_hz),
            "thirds dB": ears.thirds_distance_db(ours, theirs),
            "peak": ours.peak,
            "lag ms": 1000 * (ours.lag_s - theirs.lag_s),
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which font, songs and model."""
    parser.add_argument("--font", metavar="FILE", help="an .sf2 (default: FluidR3 of --data, which the anchors are of)")
    parser.add_argument("--midi", metavar="FOLDER", help="songs to play beside fluidsynth, too")
    parser.add_argument("--anchor", action="append", metavar="NAME", help="only this one; repeats")
    parser.add_argument("--key", action="append", type=int, metavar="N", help="only this key; repeats")
    parser.add_argument("--quick", action="store_true", help="keys 48, 60 and 72, no velocities")
    parser.add_argument("--notes", action="store_true", help="a row for each note, not for each anchor")
    parser.add_argument("--data", default="data/notes", metavar="FOLDER", help="of rtspec data notes")
    parser.add_argument("--synth", default="timbre-synth", metavar="MODEL", help="the instrument")


def run(args: argparse.Namespace) -> None:
    """Play, measure, print; with --midi the songs too."""
    from ...training.data.fluid import FluidFont

    synth, font = TimbreSynth(model=args.synth), FluidFont(_font(args))
    names = _names(args.anchor, synth)
    pairs = list(_pairs(synth, font, names, args))
    rows = [pair.row() for pair in pairs]
    shown = rows if args.notes else anchor_rows(rows)
    extra = [_played_row(synth, name, pairs) for name in names]
    songs = _songs(args, font) if args.midi else []
    result = {"notes": rows, "anchors": anchor_rows(rows), "playing": extra, "summary": summary(rows), "songs": songs}
    parts = [table(_rounded(part)) for part in (shown, extra, result["summary"], songs) if part]
    emit(args, result, "\n\n".join(parts))


def _font(args: argparse.Namespace) -> Path:
    from ...training.data.sound_fonts import TRAINING_FONT, fetched_font

    return Path(args.font) if args.font else fetched_font(TRAINING_FONT, args.data)[0]


def _names(asked: Sequence[str] | None, synth: TimbreSynth) -> list[str]:
    from ...training.timbre.programs import ANCHORS

    known = [name for name in synth.anchors if name in ANCHORS]
    for name in asked or ():
        if name not in known:
            raise InvalidValue(f"anchor={name!r} has no program to be compared with; choose of {', '.join(known)}")
    return list(asked or known)


def _pairs(synth: TimbreSynth, font: Any, names: list[str], args: argparse.Namespace) -> Iterator[NotePair]:
    from ...training.data.sound_fonts import Note
    from ...training.timbre.programs import ANCHORS

    keys = args.key or (QUICK_KEYS if args.quick else KEYS)
    notes = [(key, VELOCITY) for key in keys] + ([] if args.quick else [(60, v) for v in VELOCITIES])
    with progress(args.json) as bar:
        for name in bar.track(names, description="anchors"):
            synth.go_to(name)
            for key, velocity in notes:
                original = font.render(Note(ANCHORS[name], key, velocity), ears.HELD_S, ears.RELEASE_S)
                if np.max(np.abs(original)) > 1e-3:
                    pair = ears.heard(_played(synth, key, velocity), key), ears.heard(original, key)
                    yield NotePair(name, key, velocity, *pair)


def _played(synth: TimbreSynth, key: int, velocity: int) -> np.ndarray:
    """A note of the instrument, held and let go as the original."""
    messages = [((0x90, key, velocity), 0.0), ((0x80, key, 0), ears.HELD_S)]
    seconds = ears.HELD_S + ears.RELEASE_S
    return synth(messages, duration=seconds, sample_rate=ears.SAMPLE_RATE, num_channels=1)[0]


# ------------------------------------------------------------------------------------------ rows


def anchor_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row an anchor: the worst course, means of the rest (of ratios the geometric mean)."""
    return [_anchor_row(name, [r for r in rows if r["anchor"] == name]) for name in dict.fromkeys(_column(rows))]


def _column(rows: list[dict[str, Any]]) -> list[str]:
    return [row["anchor"] for row in rows]


def _anchor_row(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    def mean(key: str) -> float:
        values = np.array([row[key] for row in rows], float)
        values = values[np.isfinite(values)]
        if not len(values):
            return float("nan")
        return float(np.exp(np.log(np.maximum(values, 1e-3)).mean()) if "×" in key else values.mean())

    means = {key: mean(key) for key in rows[0] if key not in ("anchor", "key", "velocity", "course dB", "peak")}
    worst = {"course dB": max(row["course dB"] for row in rows), "peak": max(row["peak"] for row in rows)}
    return {"anchor": name, "notes": len(rows), **worst, **means}


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many notes and anchors lie within each bound."""
    by_anchor = anchor_rows(rows)
    return [
        {"measure": key, "from": low, "to": high, "notes": _within(rows, key), "anchors": _within(by_anchor, key)}
        for key, (low, high) in BOUNDS.items()
        if key in rows[0]
    ]


def _within(rows: list[dict[str, Any]], key: str) -> str:
    low, high = BOUNDS[key]
    values = [row[key] for row in rows if np.isfinite(row[key])]
    return f"{sum(low <= value <= high for value in values)} of {len(values)}"


def _rounded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: round(v, 2) if isinstance(v, float) else v for k, v in row.items()} for row in rows]


def _played_row(synth: TimbreSynth, name: str, pairs: list[NotePair]) -> dict[str, Any]:
    """What concerns an anchor as a whole: tuning, loudness by velocity and key, clicks."""
    synth.go_to(name)
    mine = [pair for pair in pairs if pair.anchor == name]
    tuning = pitch_errors_cents(synth, sorted({pair.key for pair in mine}))
    released, stolen = clicks_db(synth)
    return {
        "anchor": name,
        "worst tuning cents": max(tuning.values(), key=abs),
        "loudness spread dB": _loudness_spread(mine, "key"),
        "by velocity dB": _loudness_spread(mine, "velocity"),
        "click at release dB": released,
        "click at stealing dB": stolen,
    }


def _loudness_spread(pairs: list[NotePair], by: str) -> float:
    """Greatest difference from the original's loudness by key, or by velocity, whatever the volume."""
    other = "velocity" if by == "key" else "key"
    fixed = VELOCITY if by == "key" else 60
    apart = [p.ours.loudness_db - p.theirs.loudness_db for p in pairs if getattr(p, other) == fixed]
    return float(max(apart) - min(apart)) if apart else float("nan")


def clicks_db(synth: TimbreSynth) -> tuple[float, float]:
    """Level above 6 kHz as a note is let go, and as the seventeenth takes a voice, over what was there before."""
    low = [((0x90, 36 + 3 * i, VELOCITY), 0.0) for i in range(_STEALING - 1)]
    settings = {"duration": _STEAL_S + 0.5, "sample_rate": ears.SAMPLE_RATE, "num_channels": 1}
    before = (0.5, _STEAL_S - 0.05)
    let_go = synth([low[8], ((0x80, 60, 0), _STEAL_S)], **settings)[0]
    stolen = synth([*low, ((0x90, 37, 1), _STEAL_S)], **settings)[0]
    return ears.click_db(let_go, _STEAL_S, before), ears.click_db(stolen, _STEAL_S, before)


# ------------------------------------------------------------------------------------------ songs


def _songs(args: argparse.Namespace, font: Any) -> list[dict[str, Any]]:
    from .songs import song_rows

    return song_rows(args.midi, font.path, args.synth, args.json)
