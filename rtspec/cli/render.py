"""``rtspec render IN OUT``."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..errors import AudioFileError, RtspecError
from .chain import add_chain_arguments, make_chain
from .output import emit, progress
from .score import is_score, opened, tour
from .sensor import has_levels, hear_levels

EXAMPLE = "rtspec render recordings/ out/ --processor inversion --set bands=mel --picture"
_PICTURED_S = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to read, where to write, and the chain."""
    parser.add_argument(
        "source",
        metavar="IN",
        help="a sound or .mid file, a sensor's levels (.csv, .jsonl, .npy), or a folder",
    )
    parser.add_argument("target", metavar="OUT", help="a file whose name tells the format, or a folder")
    add_chain_arguments(parser)
    parser.add_argument(
        "--automation", metavar="FILE", help="what changes when: .csv or .json of time_s, name, value; or a .mid file"
    )
    parser.add_argument("--sweep", metavar="NAME", help="take a parameter through its range and back: --sweep z1")
    parser.add_argument("--map", metavar="FILE", help="what the controllers of a .mid automation move")
    parser.add_argument(
        "--picture", action="store_true", help="draw input and output spectrograms beside each output, as PNG"
    )


def run(args: argparse.Namespace) -> int:
    """Render all files; those that fail are named at the end, the others stay."""
    from ..host.board import Pedalboard

    jobs = plan(Path(args.source), Path(args.target))
    chain = make_chain(args)
    if len(jobs) == 1 and has_levels(jobs[0][0]):
        hear_levels(chain, str(jobs[0][0]))
    board = Pedalboard(chain)
    automation = _automation(args, board)
    done, failed = [], []
    with progress(args.json) as bar:
        for i, (source, target) in enumerate(jobs):
            try:
                label = f"{i + 1}/{len(jobs)} {source.name}"
                done.append(_one(board, source, target, bar, label, args.picture, automation))
            except RtspecError as error:
                if len(jobs) == 1:
                    raise
                failed.append({"file": str(source), "error": str(error)})
    emit(args, {"done": done, "failed": failed}, "\n".join(map(_line, done)))
    for failure in failed:
        print(f"rtspec: {failure['error']}", file=sys.stderr)
    if failed:
        print(f"rtspec: {len(failed)} of {len(jobs)} files failed; the others are done", file=sys.stderr)
    return 1 if failed else 0


def _automation(args: argparse.Namespace, board):
    """What gives the automation of a file of so many seconds; None where nothing moves."""
    from ..control.automation import Automation, read_automation
    from ..control.mapping import MidiMap, read_assignments

    midi_map = MidiMap(board, read_assignments(args.map)) if args.map else None
    given = read_automation(args.automation, board, midi_map) if args.automation else Automation([], [])

    def of(source: Path, seconds: float) -> Automation | None:
        played = read_automation(source, board, midi_map) if is_score(source) else Automation([], [])
        swept = tour(board, args.sweep, seconds) if args.sweep else []
        changes, messages = [*given.changes, *played.changes, *swept], [*given.messages, *played.messages]
        moves = sorted(changes, key=lambda change: change.time_s), sorted(messages, key=lambda timed: timed[0])
        return Automation(*moves) if changes or messages else None

    return of


def plan(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Every file to read with the file to write; the folder's shape is kept."""
    if source.is_dir():
        jobs = [(file, target / file.relative_to(source)) for file in _sounds(source, target)]
    else:
        into_folder = target.is_dir() or not target.suffix
        name = source.with_suffix(".wav").name if is_score(source) or has_levels(source) else source.name
        jobs = [(source, target / name if into_folder else target)]
    for file, result in jobs:
        if result.resolve() == file.resolve():
            raise AudioFileError(f"{file} would be overwritten by its own rendering; choose another OUT")
    return jobs


def _sounds(folder: Path, target: Path) -> list[Path]:
    from ..audio.files import FORMATS, is_audio

    visible = (f for f in sorted(folder.rglob("*")) if not f.name.startswith(".") and is_audio(f))
    found = [f for f in visible if target == folder or target not in f.parents]
    if not found:
        raise AudioFileError(f"{folder} holds no sound file ({', '.join(FORMATS)}), not in its sub-folders either")
    return found


def _one(board, source: Path, target: Path, bar, label: str, picture: bool, automation=None) -> dict:
    task = bar.add_task(label, total=None)
    start = time.perf_counter()

    def advance(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)

    try:
        facts = render_file(board, source, target, advance, automation)
    finally:
        bar.remove_task(task)
    facts["times_real_time"] = round(facts["seconds"] / (time.perf_counter() - start), 1)
    if picture:
        facts["picture"] = str(_draw(source, target))
    return facts


def render_file(board, source: Path, target: Path, advance: Callable[[int, int], None], automation=None) -> dict:
    """Render one file in chunks, however long; the output is as long as the input, its delay removed."""
    from ..audio.files import Writer, make_folder

    peak = 0.0
    with ExitStack() as open_files:
        reader = open_files.enter_context(opened(source))
        make_folder(target.parent)
        writer = open_files.enter_context(Writer(target, reader.sample_rate, reader.channels))
        moves = automation(source, reader.n_samples / reader.sample_rate) if automation else None
        play = open_files.enter_context(_playing(board, reader, moves))
        left = reader.n_samples
        for chunk in _endless(reader):
            out = play(chunk)[:, :left]
            if out.shape[1]:
                writer.write(out)
                peak, left = max(peak, float(abs(out).max())), left - out.shape[1]
            advance(reader.n_samples - left, reader.n_samples)
            if not left:
                break
        seconds = reader.n_samples / reader.sample_rate
    return {"input": str(source), "output": str(target), "seconds": round(seconds, 3), "peak": round(peak, 4)}


@contextmanager
def _playing(board, reader, automation):
    """What takes a chunk and gives it processed, from the board's start; what automation moves is put back after."""
    if automation is None:
        board.reset()
        yield lambda chunk: board.process(chunk, reader.sample_rate, reset=False)
        return
    from ..control.presets import apply, capture
    from ..host.automated import AutomatedPlayback

    before = capture(board, "before")
    try:
        yield AutomatedPlayback(board, reader.sample_rate, reader.channels, automation).piece
    finally:
        apply(board, before)


def _endless(reader) -> Iterator:
    """The file in chunks of one size, then silence, for which the chain gives what it still holds."""
    import numpy as np

    from ..audio.files import CHUNK

    for chunk in reader.chunks():
        yield np.pad(chunk, ((0, 0), (0, CHUNK - chunk.shape[1])))
    while True:
        yield np.zeros((reader.channels, CHUNK), np.float32)


def _draw(source: Path, target: Path) -> Path:
    from ..evaluation.pictures import spectrograms

    sounds = {}
    for name, path in (("input", source), ("output", target)):
        with opened(path) as reader:
            sounds[f"{name}: {path.name}"] = next(reader.chunks(_PICTURED_S * reader.sample_rate))
            rate = reader.sample_rate
    picture = target.with_suffix(".png")
    spectrograms(picture, sounds, rate)
    return picture


def _line(facts: dict) -> str:
    clipped = f"; clipped at peak {facts['peak']:.2f}, try --set output_db=-6" if facts["peak"] > 1 else ""
    speed = f"{facts['seconds']:g} s at {facts['times_real_time']:g} × real time"
    return f"{facts['input']} → {facts['output']}: {speed}{clipped}"
