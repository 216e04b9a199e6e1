"""``rtspec data voices``: full-band speech of Debian packages, the clips of a voice joined, for bandwidth extension.

Spoken clips last a second or two, while a network wants to hear a voice for longer. Whole voices are apart for training
and validation, and for the test a whole package is.
"""

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ...audio.files import read
from ...console import emit, progress, table
from ...errors import AudioFileError
from ...metrics.distances import resampled
from ...options import share
from .folders import CODED, FACTS, Clip, keep_clip
from .music import SAMPLE_RATE, each_of, rows_of, to_int16
from .packages import Unpacked, fetch
from .walls import upper_edge_hz, wall_hz

SPOKEN = {
    "tuxpaint-stamps-default": r"_desc(?:_(?P<voice>[a-z]+))?\.ogg$",
    "hedgewars-data": r"voices/(?P<voice>[^/]+)/[^/]+\.ogg$",
    "klettres-data": r"klettres/(?P<voice>[^/]+)/.*\.ogg$",
}
"""What of a package's paths (in lower case) is spoken, and by whom: a language has one voice or few."""
PARTS = {
    "train": ("tuxpaint-stamps-default", "hedgewars-data"),
    "validation": ("tuxpaint-stamps-default",),
    "test": ("klettres-data",),
}
HELD_OUT = ("da", "el", "lt", "nl")
"""Voices of tuxpaint-stamps-default that are kept for validation."""
LOWEST_EDGE_HZ = 14000.0
JOINED_S, SHORTEST_S = 90.0, 15.0
PAUSE_S = (0.1, 0.5)


@dataclass(frozen=True)
class Voice:
    """Some clips of one voice, and what is known of them."""

    name: str
    package: str
    group: str
    licence: str
    paths: tuple[Path, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument("--out", default="data/voices", metavar="FOLDER", help="packages and clips")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that decode (default 1)")
    parser.add_argument(
        "--shard", type=share, default=(1, 1), metavar="K/N", help="join the K-th of N shares of each part's voices"
    )


def run(args: argparse.Namespace) -> None:
    """Fetch the packages that are missing and join what is missing."""
    root, rows, licences = Path(args.out), [], {}
    with progress(args.json) as bar:
        task = bar.add_task("voices", total=None)

        def report(text: str) -> None:
            bar.update(task, description=text)

        for part, names in PARTS.items():
            packages = fetch(names, root, report)
            licences |= {each.name: each.licence for each in packages}
            mine = islice(voices(packages, part), args.shard[0] - 1, None, args.shard[1])
            rows += rows_of(part, list(prepare(mine, root / "clips" / part, args.jobs, report)))
    lines = "\n".join(f"{name}: {text}" for name, text in licences.items())
    emit(args, {"folder": str(root), "parts": rows, "licences": licences}, f"{table(rows)}\n\n{lines}")


def voices(packages: list[Unpacked], part: str) -> Iterator[Voice]:
    """The spoken clips of packages by voice, in groups of which each makes about :data:`JOINED_S`."""
    for package in packages:
        found: dict[str, list[Path]] = {}
        for path in package.files(lambda path: path.suffix == ".ogg"):
            said = re.search(SPOKEN[package.name], path.as_posix().lower())
            if said:
                found.setdefault(said["voice"] or "en", []).append(path)
        for voice, paths in sorted(found.items()):
            held = package.name == "tuxpaint-stamps-default" and voice in HELD_OUT
            if part == "test" or held == (part == "validation"):
                yield from _shared_out(package, voice, paths)


def _shared_out(package: Unpacked, voice: str, paths: list[Path], each: int = 60) -> Iterator[Voice]:
    order = np.random.default_rng(0).permutation(len(paths))
    for k, first in enumerate(range(0, len(paths), each)):
        mine = tuple(sorted(paths)[i] for i in order[first : first + each])
        yield Voice(f"{voice}-{k}", package.name, f"{package.name}-{voice}", package.licence, mine)


def prepare(found: Iterator[Voice], folder: Path, jobs: int, report: Callable[[str], None]) -> Iterator[Clip]:
    """The voices as clips; those that are there already stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, clip in each_of(partial(_prepared, folder), found, jobs):
        report(name)
        if clip is not None:
            yield clip


def _prepared(folder: Path, voice: Voice) -> tuple[str, Clip | None]:
    """None where too little of it is full-band."""
    name = f"{voice.group}-{voice.name}"
    target = folder / name
    if (target / FACTS).exists():
        return name, Clip(target)
    sound = joined(voice.paths, np.random.default_rng(len(voice.paths)))
    if len(sound) < SHORTEST_S * SAMPLE_RATE:
        return name, None
    facts: dict[str, Any] = {
        "name": voice.name,
        "package": voice.package,
        "group": voice.group,
        "sample_rate": SAMPLE_RATE,
        "n_samples": len(sound),
        "edge_hz": upper_edge_hz(sound[None], SAMPLE_RATE),
        "wall_hz": wall_hz(sound[None], SAMPLE_RATE),
        "source": CODED,
        "licence": voice.licence,
    }
    return name, keep_clip(target, {"original": to_int16(sound[None])}, facts)


def joined(paths: tuple[Path, ...], rng: np.random.Generator) -> np.ndarray:
    """The full-band ones of some files, in a row with pauses, alike in level: float32 of shape (n_samples,)."""
    parts, n = [], 0
    for path in paths:
        sound = _full_band(path)
        if sound is None or n > JOINED_S * SAMPLE_RATE:
            continue
        pause = np.zeros(int(rng.uniform(*PAUSE_S) * SAMPLE_RATE), np.float32)
        parts += [sound * np.float32(0.1 / np.sqrt(np.mean(sound**2))), pause]
        n += len(sound) + len(pause)
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _full_band(path: Path) -> np.ndarray | None:
    try:
        audio, rate = read(path)
    except AudioFileError:
        return None
    if rate < SAMPLE_RATE or audio.shape[1] < rate // 4:
        return None
    sound = resampled(audio.mean(axis=0, keepdims=True), rate, SAMPLE_RATE)
    loud = np.sqrt(np.mean(sound**2)) > 1e-3
    return sound[0] if loud and upper_edge_hz(sound, SAMPLE_RATE) > LOWEST_EDGE_HZ else None
