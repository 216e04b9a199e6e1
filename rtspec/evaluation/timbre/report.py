"""``rtspec evaluate timbre``: the playable model on notes it never heard, and the paper's four tables."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...console import emit, progress, table
from ...errors import InvalidValue
from ...models import FrameModel
from ...processors.timbre.anchors import write_map
from ...processors.timbre.levels import HIGHEST_KEY, LOWEST_KEY
from ...processors.timbre.synth import TimbreSynth
from ...training.data.nsynth import note_files
from . import playable as playable

TABLES = ("regularisation", "pooling", "latent", "dense")
_QUICK = {"notes": 600, "steps": 800}
_MEASURED_ANCHORS = ("piano", "strings", "flute", "clarinet", "trumpet")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to evaluate, and on which notes."""
    parser.add_argument("--table", choices=TABLES, help="train and compare the rows of this table of the paper")
    parser.add_argument(
        "--start", metavar="RUN", help="a trained no-dense, on which rows with a dense layer are stacked"
    )
    parser.add_argument("--row", action="append", metavar="NAME", help="only this row of --table; repeats")
    parser.add_argument("--peaks", action="store_true", help="train rows by a loss that sees peaks, not the paper's")
    parser.add_argument(
        "--paper", metavar="MODEL", nargs="?", const="timbre-paper", help="the paper's shipped autoencoder, on MIDI 60"
    )
    parser.add_argument(
        "--live", metavar="SECONDS", nargs="?", type=float, const=60.0, help="on a JACK device: on time? key to sound"
    )
    parser.add_argument(
        "--speed", action="store_true", help="real-time factor of 8 and 16 voices and the morph, one core"
    )
    parser.add_argument("--quick", action="store_true", help="small networks, few notes: for a machine without a GPU")
    parser.add_argument("--audio", metavar="FOLDER", help="your own notes, named …-PPP-VVV.wav as NSynth's are")
    parser.add_argument("--only-notes", action="store_true", help="leave out the instrument alone")
    parser.add_argument("--data", default="data/notes", metavar="FOLDER", help="of rtspec data notes")
    parser.add_argument("--font", metavar="FILE", help="an .sf2 to test on (default: TimGM6mb of --data)")
    parser.add_argument("--morph", default="timbre-morph", metavar="MODEL", help="encoder and decoder of moments")
    parser.add_argument("--synth", default="timbre-synth", metavar="MODEL", help="the instrument")
    parser.add_argument("--note-in", metavar="FILE", help="write each instrument's F1 into this model's latent map")
    parser.add_argument("--out", default="runs/timbre-tables", metavar="FOLDER", help="checkpoints of --table")
    parser.add_argument("--steps", type=int, help="batches for each row of --table")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU (default 1)")
    parser.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> None:
    """Print the rows asked for."""
    rows = _rows(args)
    emit(args, {"rows": rows}, tables(rows))


def _rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    if args.live or args.speed:
        from . import live as live

        return live.rows(args.live) if args.live else live.speed_rows()
    if args.paper:
        return [paper_model_row(args)]
    return paper_rows(args) if args.table else playable_rows(args)


def tables(rows: list[dict[str, Any]]) -> str:
    """Rows that tell the same, each kind as a table of its own."""
    kinds: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        kinds.setdefault(tuple(row), []).append(row)
    return "\n\n".join(map(table, kinds.values()))


# ------------------------------------------------------------------------------------------ the playable model


def playable_rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Notes told again frame by frame, and as the instrument plays them from 16 latents; then the instrument alone."""
    notes, synth, model = _notes(args), TimbreSynth(model=args.synth), FrameModel(args.morph)
    by_frame = playable.scores(notes, lambda note: playable.resynthesised(note, model))
    played = playable.scores(notes, lambda note: playable.played(note, synth))
    if args.note_in:
        write_map(args.note_in, replace(synth.latent_map, f1=by_instrument(by_frame)))
    rows = [_row("frame by frame", by_frame), _row("played from 16 latents", played)]
    return rows if args.only_notes else [*rows, *instrument_rows(synth)]


def _notes(args: argparse.Namespace) -> list[playable.TestNote]:
    if args.audio:
        return list(playable.folder_notes(args.audio))
    return list(playable.font_notes(args.font or _test_font(args.data), 24 if args.quick else 12))


def _test_font(data: str) -> Path:
    from ...training.data.sound_fonts import TEST_FONT, fetched_font

    return fetched_font(TEST_FONT, data)[0]


def _row(name: str, scores: list[dict]) -> dict[str, Any]:
    means = {key: round(float(np.mean([row[key] for row in scores])), 4) for key in ("recall", "precision", "f1")}
    return {"what": name, "notes": len(scores), **means, "centroid correlation": round(playable.correlation(scores), 4)}


def instrument_rows(synth: TimbreSynth) -> list[dict[str, Any]]:
    """Pitch on every key and loudness by velocity, for some anchors."""
    rows = []
    for anchor in _MEASURED_ANCHORS:
        synth.go_to(anchor)
        errors = playable.pitch_errors_cents(synth)
        louder = all(playable.is_louder_with_velocity(synth, key) for key in range(LOWEST_KEY, HIGHEST_KEY + 1, 12))
        worst = max(errors.values(), key=abs)
        rows.append({"what": anchor, "worst pitch error cents": round(worst, 2), "louder with velocity": louder})
    return rows


def by_instrument(scores: list[dict]) -> dict[str, float]:
    """Mean F1 of each instrument, worst first."""
    names = sorted({row["instrument"] for row in scores})
    means = {n: float(np.mean([row["f1"] for row in scores if row["instrument"] == n])) for n in names}
    return dict(sorted(means.items(), key=lambda item: item[1]))


# ------------------------------------------------------------------------------------------ the paper's tables


def paper_rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Train every variant of a table and measure it on the notes kept for the test."""
    from ...training.timbre import log_mel
    from ...training.timbre.paper import TABLES as VARIANTS

    pictures = log_mel.read(Path(args.data) / "train")
    if args.quick:
        pictures = log_mel.Pictures(pictures.programs[: _QUICK["notes"]], pictures.pictures[: _QUICK["notes"]])
    variants = [replace(v, peaks=args.peaks) for v in VARIANTS[args.table] if not args.row or v.name in args.row]
    if not variants:
        names = ", ".join(v.name for v in VARIANTS[args.table])
        raise InvalidValue(f"row={args.row} is in no table {args.table!r}; choose of {names}")
    with progress(args.json) as bar:
        task = bar.add_task(args.table, total=len(variants))
        rows = []
        for variant in variants:
            bar.update(task, description=variant.name)
            rows.append(_paper_row(variant, pictures, args))
            bar.advance(task)
    return rows


def _paper_row(variant, pictures, args: argparse.Namespace) -> dict[str, Any]:
    from ...training.timbre.paper import reconstruction_scores
    from ...training.timbre.task import train_paper

    folder = Path(args.out) / ("quick" if args.quick else "full") / _folder_name(variant)
    steps = args.steps or (_QUICK["steps"] if args.quick else None)
    settings = argparse.Namespace(**{**vars(args), "out": str(folder), "steps": steps})
    fitted = train_paper(variant.quick() if args.quick else variant, settings, pictures)
    return {"Experiment": variant.name, **reconstruction_scores(fitted.network, pictures.pictures[pictures.parts()[2]])}


def _folder_name(variant) -> str:
    """What sets a variant apart; the rows that all tables begin with are one network, trained once."""
    from ...training.timbre.paper import BASELINE

    usual, settings = asdict(BASELINE), asdict(variant)
    if not (variant.kernel or variant.activity):
        settings["norm"] = usual["norm"]
    changed = [f"{key}-{settings[key]}" for key in usual if key != "name" and settings[key] != usual[key]]
    return "-".join(changed) or "baseline"


def paper_model_row(args: argparse.Namespace) -> dict[str, Any]:
    """The shipped autoencoder on notes of MIDI 60: one's own, or those of a sound font that it never heard."""
    from ...training.timbre.log_mel import mean_scores

    model = FrameModel(args.paper)

    def again(picture: np.ndarray) -> np.ndarray:
        return np.concatenate([model.process(picture[None]), model.flush()], axis=2)[0]

    pictures = _pictures(args)
    return {"model": model.manifest.name, "notes": len(pictures), **mean_scores(again, pictures)}


def _pictures(args: argparse.Namespace) -> np.ndarray:
    from ...training.data.sound_fonts import PROGRAMS, SoundFont
    from ...training.timbre import log_mel

    if not args.audio:
        font = SoundFont(args.font or _test_font(args.data), log_mel.SAMPLE_RATE)
        return log_mel.rendered_pictures(font, len(PROGRAMS) * (1 if args.quick else 3)).pictures
    notes = [note for note in note_files(args.audio) if note.key == log_mel.KEY]
    if not notes:
        raise InvalidValue(f"{args.audio} holds no note of MIDI {log_mel.KEY}, the one pitch that this model knows")
    return np.stack([log_mel.log_mel(note.audio(log_mel.SAMPLE_RATE)) for note in notes])
