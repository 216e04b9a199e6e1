"""``rtspec evaluate enhancement``: coded and narrow-band music, extended and mended, against the original.

Every figure stands beside the unprocessed sound's, and beside a baseline that copies bands up.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from .. import checks
from ..audio.files import make_folder
from ..batch import measuring
from ..console import emit, progress, table
from ..errors import AudioFileError
from ..storage import AtomicFile
from .enhancement_tables import artefacts_of, frechets, means, parts
from .enhancement_tracks import CONDITIONS, Condition, Listener, sources
from .never_worse import harmless, opening

DEFAULT_CONDITIONS = "mp3-32,low-4000,low-8000,low-12000"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which sound, which conditions, which models, and where the report goes."""
    parser.add_argument("--audio", metavar="FOLDER", help="your own full-band music")
    parser.add_argument("--data", default="data/music", metavar="FOLDER", help="of rtspec data music: its test part")
    parser.add_argument("--models", default="live", help="of BandwidthExtension, with commas: live,paper,FILE.onnx")
    known = ", ".join(CONDITIONS)
    parser.add_argument("--conditions", default=DEFAULT_CONDITIONS, help=f"with commas, of: {known}")
    parser.add_argument("--seconds", type=float, default=20.0, metavar="N", help="of each track (default 20)")
    parser.add_argument("--tracks", type=int, metavar="N", help="so many, evenly spread (default: all)")
    parser.add_argument("--perception", action="store_true", help="PESQ, STOI and ViSQOL too (slow)")
    parser.add_argument(
        "--ears",
        action="store_true",
        help="cdpam's distance and aisfx's Fréchet distance too (slow; pip install --no-deps)",
    )
    parser.add_argument(
        "--quantised", action="store_true", help="the models in float16 and int8 too: size, time, change"
    )
    parser.add_argument("--wave-u-net", metavar="FOLDER", help="a run of rtspec train enhancement --model wave-u-net")
    parser.add_argument(
        "--oracle", action="store_true", help="also the best weights of nine neighbouring bins, fitted to each track"
    )
    measuring.add_arguments(parser)
    parser.add_argument("--each", action="store_true", help="list every track")
    parser.add_argument("--out", metavar="FOLDER", help="write report.md, report.json, pictures and WAV pairs there")


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    names = [checks.choice("condition", name, CONDITIONS) for name in args.conditions.split(",")]
    rows = _rows_shared(args, names) if measuring.is_shared(args) else _rows(args, names)
    models = args.models.split(",")
    heard = frechets(rows)
    data = _tables(rows, models) | ({"frechet": heard} if heard else {})
    if args.quantised:
        data["quantised"] = _quantised(models, CONDITIONS[names[0]])
    text = "\n\n".join(table(part) for part in [*data.values(), *([rows] if args.each else [])])
    data["tracks"] = rows
    if args.out:
        _keep(Path(args.out), text, data)
    emit(args, data, text)


def _settings(args: argparse.Namespace) -> dict:
    names = ("audio", "data", "models", "seconds", "tracks", "perception", "ears", "wave_u_net", "oracle", "out")
    return {name: getattr(args, name) for name in names}


def _rows(args: argparse.Namespace, names: list[str]) -> list[dict]:
    """In this process; the user's own files that cannot be read are told and left out."""
    settings, rows = _settings(args), []
    listener, paths, unread = Listener(settings), sources(settings), dict[Path, str]()
    with progress(args.json) as bar:
        task = bar.add_task("enhancement", total=len(names) * len(paths))
        for name in names:
            for path in paths:
                bar.update(task, advance=1, description=f"{name}: {path.stem}")
                try:
                    rows += listener.rows(name, path)
                except AudioFileError as error:
                    unread[path] = str(error)
    for text in unread.values():
        print(f"rtspec: left out: {text}", file=sys.stderr)
    if not rows:
        raise AudioFileError(f"no sound file in {args.audio} can be read; check one with: rtspec render FILE out.wav")
    return rows


def _rows_shared(args: argparse.Namespace, names: list[str]) -> list[dict]:
    """By worker processes, and what other shards left in the same folder."""
    settings = _settings(args)
    wanted = [(name, path) for name in names for path in sources(settings)]
    found = measuring.shared_figures(args, "rtspec.evaluation.enhancement_tracks", settings, wanted)
    return [row for rows in found.values() for row in rows]


def _tables(rows: list[dict], models: list[str]) -> dict[str, list[dict]]:
    """Means of all, by genre and brightness, and what is done to sound that needs nothing."""
    return {
        "means": means(rows),
        "artefacts": artefacts_of(rows),
        "genres": parts(rows, "genre"),
        "brightness": parts(rows, "brightness"),
        "harmless": harmless(models[0]),
        "opening": [{"model": model, **opening(model)} for model in models],
    }


def _quantised(models: list[str], condition: Condition) -> list[dict]:
    from .quantisation import rows

    t = np.arange(4 * condition.sample_rate) / condition.sample_rate
    noise = np.random.default_rng(0).standard_normal((1, len(t)))
    sound = condition.degrade((0.1 * np.exp(-5 * (t % 0.25)) * noise).astype(np.float32))
    return [{"model": model, **row} for model in models for row in rows(model, sound, condition.sample_rate)]


def _keep(folder: Path, text: str, data: dict) -> None:
    make_folder(folder)
    for name, content in (("report.md", text + "\n"), ("report.json", json.dumps(data))):
        with AtomicFile(folder / name) as file:
            file.write(content.encode())
