"""``rtspec data music``: game music of Debian packages, whole packages apart for training, validation and test.

Of every full-band track the middle is kept as it is and as MP3 decodes it, so that training reads pairs.
"""

import argparse
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from ...audio.files import write
from ...cli.output import emit, progress, table
from .folders import FACTS, Clip, Track, keep_clip, read_excerpts, tracks
from .packages import DataError, Unpacked, fetch

PARTS = {
    "train": (
        "ufoai-music",
        "warzone2100-music",
        "wesnoth-[0-9.]+-music",
        "singularity-music",
        "planetblupi-music-ogg",
        "colobot-common-sounds",
        "drascula-music",
        "hedgewars-data",
    ),
    "validation": ("hyperrogue-music", "pushover-data", "openclonk-data"),
    "test": ("nexuiz-music", "fretsonfire-songs-muldjord", "fretsonfire-songs-sectoid", "marsshooter-data"),
}
"""DATA of the shipped models: whole packages, never parts of one in two of them."""
SAMPLE_RATE = 44100
SHORTEST_S = 25.0
LOWEST_EDGE_HZ = 18000.0
OTHER_CODES = ((32, 1), (48, 2), (64, 2), (40, 2), (56, 1), (40, 1))
"""(kbit/s, channels) of the second coded version, one of them for each track by its name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, and how much."""
    parser.add_argument("--out", default="data/music", metavar="FOLDER", help="packages and clips (default data/music)")
    parser.add_argument("--part", choices=(*PARTS, "all"), default="all", help="default: all")
    parser.add_argument(
        "--seconds", type=float, default=50.0, metavar="N", help="of each track, from its middle (default 50)"
    )
    parser.add_argument("--audio", metavar="FOLDER", help="prepare your own music instead, as part train")


def run(args: argparse.Namespace) -> None:
    """Fetch the packages that are missing and prepare the tracks that are missing."""
    root = Path(args.out)
    parts = tuple(PARTS) if args.part == "all" else (args.part,)
    with progress(args.json) as bar:
        task = bar.add_task("music", total=None)

        def report(text: str) -> None:
            bar.update(task, description=text)

        if args.audio:
            sources = {"train": tracks(args.audio)}
            licences = {}
        else:
            packages = {part: fetch(PARTS[part], root, report) for part in parts}
            sources = {part: music_tracks(found) for part, found in packages.items()}
            licences = {each.name: each.licence for found in packages.values() for each in found}
        made = {
            part: list(prepare(found, root / "clips" / part, args.seconds, report)) for part, found in sources.items()
        }
    rows = [{"part": part, "tracks": len(each), "minutes": round(_minutes(each), 1)} for part, each in made.items()]
    lines = "\n".join(f"{name}: {text}" for name, text in licences.items())
    emit(args, {"folder": str(root), "parts": rows, "licences": licences}, f"{table(rows)}\n\n{lines}")


def music_tracks(packages: Iterable[Unpacked]) -> list[Track]:
    """Tracks of packages; the songs of Frets on Fire come as stems, which are summed."""
    found = []
    for package in packages:
        _decode_opus(package.folder)
        if package.sounds():
            found += tracks(package.folder, package.name, stems=package.name.startswith("fretsonfire"))
    return found


def _decode_opus(folder: Path) -> None:
    """Opus, which the readers do not know, as FLAC beside it; what is there already stays."""
    for path in folder.rglob("*.opus"):
        target = path.with_suffix(".flac")
        if not target.exists():
            sound, sample_rate = _soundfile().read(path, dtype="float32", always_2d=True)
            write(target, np.ascontiguousarray(sound.T), sample_rate)


def _soundfile() -> Any:
    try:
        import soundfile
    except ImportError:
        raise DataError('Opus needs soundfile, of the extra "train": pip install "rtspec[train]"') from None
    return soundfile


def prepare(
    sources: Iterable[Track], folder: Path, seconds: float, report: Callable[[str], None] = lambda _: None
) -> Iterator[Clip]:
    """The full-band tracks as clips, original and coded; those that are there already stay."""
    done = folder / "done.txt"
    seen = set(done.read_text().split("\n")) if done.exists() else set()
    for track in sources:
        target = folder / f"{track.group}-{track.name}"[:120]
        if str(target.name) not in seen:
            report(f"preparing {track.name}")
            _prepare_track(track, target, seconds)
            folder.mkdir(parents=True, exist_ok=True)
            with done.open("a") as file:
                file.write(f"{target.name}\n")
        if (target / FACTS).exists():
            _add_paper_pair(Clip(target))
            yield Clip(target)


def _prepare_track(track: Track, target: Path, seconds: float) -> None:
    from ..enhancement.degradation import mp3, upper_edge_hz, within_range

    for _, audio in read_excerpts([track], SAMPLE_RATE, seconds):
        edge = upper_edge_hz(audio, SAMPLE_RATE)
        if audio.shape[1] < SHORTEST_S * SAMPLE_RATE or edge < LOWEST_EDGE_HZ or len(audio) > 2:
            return
        audio = within_range(audio)
        kbps, channels = OTHER_CODES[zlib.crc32(track.name.encode()) % len(OTHER_CODES)]
        narrow = audio if channels == len(audio) else _with_channels(audio, channels)
        versions = {
            "original": audio,
            "mp3-32": mp3(audio, SAMPLE_RATE, 32),
            "other-mp3": mp3(narrow, SAMPLE_RATE, kbps),
        }
        facts = {
            "name": track.name,
            "group": track.group,
            "sample_rate": SAMPLE_RATE,
            "n_samples": audio.shape[1],
            "edge_hz": edge,
            "other": [kbps, channels],
        }
        keep_clip(target, versions, facts)


def _add_paper_pair(clip: Clip) -> None:
    """The clip as the paper has it, mono at 22.05 kHz, and that as MP3; where it is missing."""
    from ..enhancement.degradation import mp3

    if "paper-mp3" in clip.versions():
        return
    mono = np.asarray(clip.array("original")).mean(axis=0, keepdims=True)
    half = resample_poly(mono, 1, 2, axis=1).astype(np.float32)
    keep_clip(clip.folder, {"paper-original": half, "paper-mp3": mp3(half, SAMPLE_RATE // 2, 32)}, clip.facts)


def _with_channels(audio: np.ndarray, channels: int) -> np.ndarray:
    if channels == 1:
        return audio.mean(axis=0, keepdims=True)
    return np.broadcast_to(audio, (channels, audio.shape[1]))


def _minutes(found: list[Clip]) -> float:
    return sum(clip.facts["n_samples"] / clip.facts["sample_rate"] for clip in found) / 60
