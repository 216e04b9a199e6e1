"""``rtspec data rendered``: music that no coder has seen, rendered from free scores with sound fonts, kits and voices.

Each piece is drawn from a seed and its number alone: score, key, tempo, programs, which channels a synthesiser voice or
a drum kit of one-shots takes over, equalizer, drive, compression, room and limiter.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pedalboard

from ...console import emit, progress, table
from ...options import share
from .folders import CODEC_FREE, FACTS, Clip, held_out, keep_clip
from .music import SAMPLE_RATE, each_of, to_int16
from .one_shots import Kit, Voice, drums, kits
from .packages import DataError, Unpacked, fetch
from .scores import DRUMS, PlayedNote, Score, messages, notes, scores, transposed, write_midi
from .walls import upper_edge_hz

SCORES = ("freedoom", "freedm", "openttd-openmsx", "freedink-data", "pianobooster")
FONTS = {
    "train": ("fluid-soundfont-gm", "musescore-general-soundfont-lossless"),
    "validation": ("opl3-soundfont",),
}
"""Fonts and pieces are held out for validation, which shares neither with training."""
KITS = ("hydrogen-drumkits", "sonic-pi-samples", "avldrums.lv2-soundfont")
HELD_OUT_SHARE = 0.1
LONGEST_S = 150.0
_EDGE_HZ = 14000.0
_LEFT_OUT = "left-out.txt"
"""In the folder of a piece that came to nothing, so that no second run renders it again."""
_PATIENCE_S = 1800
_VOICE_SHARE, _KIT_SHARE, _PROGRAM_SHARE = 0.3, 0.5, 0.6


@dataclass(frozen=True)
class Studio:
    """What pieces of one part are rendered with."""

    scores: Sequence[Score]
    fonts: Sequence[Path]
    kits: Sequence[Kit]
    licences: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, and how much."""
    parser.add_argument("--out", default="data/rendered", metavar="FOLDER", help="default: data/rendered")
    parser.add_argument("--hours", type=float, default=20.0, metavar="H", help="of training music (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="another one renders other music (default 0)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that render (default 1)")
    parser.add_argument(
        "--shard",
        type=share,
        default=(1, 1),
        metavar="K/N",
        help="render every N-th piece, from the K-th, of H/N hours",
    )


def run(args: argparse.Namespace) -> None:
    """Fetch scores, fonts and kits that are missing, and render what is missing of the hours."""
    root, rows = Path(args.out), []
    with progress(args.json) as bar:
        task = bar.add_task("rendered music", total=None)

        def report(text: str) -> None:
            bar.update(task, description=text)

        pieces, boxes = fetch(SCORES, root, report), fetch(KITS, root, report)
        licences = {each.name: each.licence for each in (*pieces, *boxes)}
        for part, hours in (("train", args.hours), ("validation", args.hours / 40)):
            fonts = fetch(FONTS[part], root, report)
            licences |= {each.name: each.licence for each in fonts}
            studio = _studio(part, pieces, boxes, fonts)
            folder = root / "clips" / part
            made = list(render_part(studio, folder, hours, args.seed, args.jobs, report, args.shard))
            total = sum(clip.facts["n_samples"] for clip in made) / SAMPLE_RATE / 3600
            rows.append({"part": part, "pieces": len(made), "hours": round(total, 2), "scores": len(studio.scores)})
    lines = "\n".join(f"{name}: {text}" for name, text in licences.items())
    emit(args, {"folder": str(root), "parts": rows, "licences": licences}, f"{table(rows)}\n\n{lines}")


def _studio(part: str, pieces: list[Unpacked], drum_kits: list[Unpacked], fonts: list[Unpacked]) -> Studio:
    held = part == "validation"
    kept = [s for s in scores(pieces) if held_out(s.name, HELD_OUT_SHARE) == held]
    found = [path for font in fonts for path in font.files(lambda p: p.suffix.lower() in (".sf2", ".sf3"))]
    boxes = [kit for i, kit in enumerate(kits(drum_kits)) if (i % 8 == 0) == held]
    if not kept or not found:
        raise DataError(f"{part}: no score or no sound font in the packages; delete their folders to fetch them again")
    licences = ", ".join(f"{each.name} ({each.licence})" for each in (*pieces, *drum_kits, *fonts))
    return Studio(kept, found, boxes, licences)


def render_part(
    studio: Studio,
    folder: Path,
    hours: float,
    seed: int,
    jobs: int,
    report: Callable[[str], None],
    shard: tuple[int, int] = (1, 1),
) -> Iterator[Clip]:
    """Pieces until there are so many hours, or a shard's part of them; those that are there already stay and count.

    Of n shards the k-th has pieces k - 1, k - 1 + n, …: none is rendered by two, whatever machine each runs on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    k, n = shard
    wanted, first, made = hours / n * 3600 * SAMPLE_RATE, k - 1, 0
    while made < wanted:
        numbers = range(first, first + 8 * n * max(1, jobs), n)
        first = numbers.stop
        for clip in each_of(partial(_piece, studio, folder, seed), numbers, jobs):
            if clip is not None:
                made += clip.facts["n_samples"]
                report(f"{made / SAMPLE_RATE / 3600:.2f} of {hours / n:g} h")
                yield clip
            if made >= wanted:
                return


def _piece(studio: Studio, folder: Path, seed: int, number: int) -> Clip | None:
    """One piece as a clip; None where it came out dull, silent or short."""
    target = folder / f"{seed}-{number:05d}"
    if (target / FACTS).exists():
        return Clip(target)
    if (target / _LEFT_OUT).exists():
        return None
    rng = np.random.default_rng((seed, number))
    score = studio.scores[int(rng.integers(len(studio.scores)))]
    sound = rendered(studio, score, rng)
    if sound.shape[1] < 10 * SAMPLE_RATE or upper_edge_hz(sound, SAMPLE_RATE) < _EDGE_HZ:
        target.mkdir(exist_ok=True)
        (target / _LEFT_OUT).write_text("dull, silent or short\n")
        return None
    facts = {
        "name": f"{score.package}-{score.name}-{number}",
        "group": "rendered",
        "sample_rate": SAMPLE_RATE,
        "n_samples": sound.shape[1],
        "edge_hz": SAMPLE_RATE / 2,
        "wall_hz": None,
        "source": CODEC_FREE,
        "licence": studio.licences,
    }
    return keep_clip(target, {"original": to_int16(sound)}, facts)


def rendered(studio: Studio, score: Score, rng: np.random.Generator) -> np.ndarray:
    """A score, changed and played at random: float32 of shape (2, n_samples), at most 150 s."""
    timed = transposed(messages(score, rng.uniform(0.8, 1.25)), int(rng.integers(-5, 7)))
    longest = max((time for _, time in timed), default=0.0)
    start = rng.uniform(0, max(0.0, longest - LONGEST_S))
    timed = [(message, max(0.0, time - start)) for message, time in timed if _counts(message, time, start)]
    n_samples = round((min(LONGEST_S, longest - start) + 1.5) * SAMPLE_RATE)
    played = [note for note in notes(timed) if note.start_s * SAMPLE_RATE < n_samples]
    own = _own_channels(played, bool(studio.kits), rng)
    left = [(m, t) for m, t in _programmed(timed, rng) if m.channel not in own] + _silenced(n_samples / SAMPLE_RATE)
    parts = [_fitted(_by_font(left, studio.fonts[int(rng.integers(len(studio.fonts)))]), n_samples)]
    parts += [_own_sound(channel, played, studio, n_samples, rng) for channel in own]
    return _mixed([part for part in parts if np.abs(part).max(initial=0) > 1e-4], n_samples, rng)


def _counts(message: mido.Message, time: float, start: float) -> bool:
    """Settings count from the beginning, notes from where the piece is cut."""
    return time < start + LONGEST_S and (time >= start or message.type not in ("note_on", "note_off"))


def _silenced(time: float) -> list[tuple[mido.Message, float]]:
    """All sound off: fluidsynth writes on for ever while a note sounds that the cut took the end of."""
    return [(mido.Message("control_change", channel=channel, control=120), time) for channel in range(16)]


def _own_channels(played: list[PlayedNote], with_kits: bool, rng: np.random.Generator) -> set[int]:
    """Channels that no font plays."""
    chance = dict.fromkeys(sorted({note.channel for note in played}), _VOICE_SHARE)
    if DRUMS in chance:
        chance[DRUMS] = _KIT_SHARE if with_kits else 0.0
    return {channel for channel, share in chance.items() if rng.random() < share}


def _own_sound(channel: int, played: list[PlayedNote], studio: Studio, n_samples: int, rng) -> np.ndarray:
    mine = [note for note in played if note.channel == channel]
    if channel == DRUMS:
        return drums(mine, studio.kits[int(rng.integers(len(studio.kits)))], n_samples, rng)
    return Voice(rng).play(mine, n_samples)


def _programmed(timed: list[tuple[mido.Message, float]], rng: np.random.Generator) -> list[tuple[mido.Message, float]]:
    """With other programs on some channels, chosen among all that are pitched."""
    channels = sorted({message.channel for message, _ in timed} - {DRUMS})
    changed = {channel: int(rng.integers(112)) for channel in channels if rng.random() < _PROGRAM_SHARE}
    kept = [(m, t) for m, t in timed if m.type != "program_change" or m.channel not in changed]
    return [(mido.Message("program_change", channel=c, program=p), 0.0) for c, p in changed.items()] + kept


def _by_font(timed: list[tuple[mido.Message, float]], font: Path) -> np.ndarray:
    """Messages by fluidsynth, dry, interpolated by seven points: float32 of shape (2, n_samples)."""
    with tempfile.TemporaryDirectory() as folder:
        midi, raw, settings = (Path(folder) / name for name in ("piece.mid", "piece.raw", "settings"))
        write_midi(timed, midi)
        settings.write_text("interp 7\n")
        command = ["fluidsynth", "-ni", "-q", "-f", str(settings), "-R", "0", "-C", "0", "-g", "0.4", "-r"]
        command += [str(SAMPLE_RATE), "-T", "raw", "-O", "float", "-E", "little", "-F", str(raw), str(font), str(midi)]
        try:
            subprocess.run(command, capture_output=True, check=True, timeout=_PATIENCE_S)
        except FileNotFoundError:
            raise DataError("fluidsynth is not installed; type: sudo apt-get install fluidsynth") from None
        except subprocess.TimeoutExpired:
            raise DataError(f"fluidsynth took more than {_PATIENCE_S} s for a piece; start again later") from None
        except subprocess.CalledProcessError as error:
            raise DataError(f"fluidsynth cannot play {font} ({error}); delete its package's folder") from None
        return np.ascontiguousarray(np.fromfile(raw, np.float32).reshape(-1, 2).T)


def _fitted(sound: np.ndarray, n_samples: int) -> np.ndarray:
    return np.pad(sound[:, :n_samples], ((0, 0), (0, max(0, n_samples - sound.shape[1]))))


def _mixed(parts: list[np.ndarray], n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Parts at levels of their own, each through its own effects, then all through a bus."""
    total = np.zeros((2, n_samples), np.float32)
    for part in parts:
        level = 10 ** rng.uniform(-0.4, 0.2) * 0.08 / (part.std() + 1e-6)
        total += _part_effects(rng)(np.float32(level) * part, SAMPLE_RATE)
    made = _bus_effects(rng)(total, SAMPLE_RATE)
    return made * np.float32(10 ** rng.uniform(-0.5, 0))


def _part_effects(rng: np.random.Generator) -> pedalboard.Pedalboard:
    board: list[Any] = [pedalboard.HighShelfFilter(rng.uniform(2000, 8000), rng.uniform(-6, 10))]
    if rng.random() < 0.2:
        board.append(pedalboard.Distortion(rng.uniform(3, 18)))
        board.append(pedalboard.Gain(-9))
    if rng.random() < 0.15:
        board.append(pedalboard.Chorus(rate_hz=rng.uniform(0.3, 2), mix=0.3))
    if rng.random() < 0.15:
        board.append(pedalboard.Delay(rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.4)))
    return pedalboard.Pedalboard(board)


def _bus_effects(rng: np.random.Generator) -> pedalboard.Pedalboard:
    board: list[Any] = [
        pedalboard.LowShelfFilter(rng.uniform(80, 300), rng.uniform(-4, 6)),
        pedalboard.PeakFilter(np.exp(rng.uniform(np.log(300), np.log(9000))), rng.uniform(-5, 5), rng.uniform(0.5, 2)),
        pedalboard.HighShelfFilter(rng.uniform(3000, 9000), rng.uniform(-4, 8)),
    ]
    if rng.random() < 0.6:
        room, wet = rng.uniform(0.05, 0.9), rng.uniform(0.03, 0.3)
        board.append(pedalboard.Reverb(room, rng.uniform(0.1, 0.9), wet, 1 - wet, rng.uniform(0.3, 1)))
    if rng.random() < 0.6:
        board.append(pedalboard.Compressor(rng.uniform(-30, -12), rng.uniform(1.5, 6), rng.uniform(1, 30), 120))
        board.append(pedalboard.Gain(rng.uniform(3, 9)))
    return pedalboard.Pedalboard([*board, pedalboard.Limiter(-1.0, 100)])
