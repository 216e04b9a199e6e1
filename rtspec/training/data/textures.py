"""Sounds whose texture is a style: ambience of Debian's game packages, a crowd mixed from spoken clips, and bells and a
choir rendered from a sound font."""

import argparse
import fnmatch
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...audio.files import write
from ...console import emit
from .folders import Track
from .packages import DataError, Unpacked, fetch, licence_list
from .sound_fonts import TRAINING_FONT, Note, SoundFont, fetched_font

SAMPLE_RATE = 48000
SECONDS = 40.0
"""At most, of each style."""

RECORDED = {
    "rain": ("ardentryst", "*/Sounds/Rain_Loop.ogg"),
    "fire": ("ardentryst", "*/Sounds/fire_loop.ogg"),
    "water": ("redeclipse-data", "*/ambience/waterfall2.ogg"),
    "birds": ("megaglest-data", "*/birch_forest/sounds/day.ogg"),
    "machine": ("endless-sky-data", "*/ambient/machinery.mp3"),
}
"""Style → package, and the file in it."""
VOICES = ("hedgewars-data", "*/voices/*.ogg")
"""Spoken clips, of which a crowd is mixed."""
TONAL = ("bells", "choir")
"""Styles that have pitches of their own."""
PACKAGES = (*dict.fromkeys([*(package for package, _ in RECORDED.values()), VOICES[0]]), TRAINING_FONT)
_TALKERS = 24
_BELLS, _CHOIR = 14, 52
"""General MIDI's tubular bells and choir."""
_SCALE, _ALL_NOTES = (0, 2, 4, 7, 9), tuple(range(12))
"""Pitch classes of the choir, and of the bells: those have no key of their own, which chords that are kept would be
bent to."""


def write_styles(packages: Path, folder: Path, report: Callable[[str], None] = lambda _: None) -> list[Path]:
    """Write every style as ``folder/NAME.flac``, mono, 48 kHz; what is there already stays.

    Parameters
    ----------
    packages : Path
        Holds one unpacked package a folder.
    folder : Path
    report : callable
        Told what is being done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[], np.ndarray]] = {
        **{name: lambda place=place: _recorded(packages, *place) for name, place in RECORDED.items()},
        "crowd": lambda: _crowd(packages),
        "bells": lambda: _rendered(packages, _BELLS, _ALL_NOTES, (60, 86), 5.0, 0.3, 2.5),
        "choir": lambda: _rendered(packages, _CHOIR, _SCALE, (50, 74), 4.0, 2.5, 0.5),
    }
    made = []
    for name, make in makers.items():
        path = folder / f"{name}.flac"
        if not path.exists():
            report(f"making {name}")
            _write(path, make())
        made.append(path)
    return made


def _write(path: Path, sound: np.ndarray) -> None:
    level = 0.1 / (np.sqrt(np.mean(sound**2)) + 1e-12)
    sound = sound * min(level, 0.98 / (np.abs(sound).max() + 1e-12))
    write(path, sound[np.newaxis].astype(np.float32), SAMPLE_RATE)


def _found(packages: Path, package: str, pattern: str) -> list[Path]:
    files = sorted(p for p in (packages / package).rglob("*") if p.is_file() and fnmatch.fnmatch(str(p), pattern))
    if not files:
        raise DataError(f"{packages / package} holds no {pattern}; fetch {package} anew: delete that folder")
    return files


def _recorded(packages: Path, package: str, pattern: str) -> np.ndarray:
    path = _found(packages, package, pattern)[0]
    return Track(path.stem, package, (path,)).read(SAMPLE_RATE, 0.0, SECONDS).mean(0)


def _crowd(packages: Path) -> np.ndarray:
    """Voices over each other, each as loud as the next."""
    rng, n = np.random.default_rng(0), round(SECONDS * SAMPLE_RATE)
    files, sound = _found(packages, *VOICES), np.zeros(n, np.float32)
    for _ in range(_TALKERS):
        at = int(rng.integers(SAMPLE_RATE))
        while at < n:
            path = files[rng.integers(len(files))]
            voice = Track(path.stem, "", (path,)).read(SAMPLE_RATE).mean(0)[: n - at]
            level = np.sqrt(np.mean(voice**2)) if len(voice) else 0.0
            if level > 1e-3:
                sound[at : at + len(voice)] += voice / level * rng.uniform(0.5, 1)
            at += len(voice) + int(rng.uniform(0.05, 0.8) * SAMPLE_RATE)
    return sound


def _rendered(
    packages: Path,
    program: int,
    pitches: tuple[int, ...],
    keys: tuple[int, int],
    per_second: float,
    held_s: float,
    release_s: float,
) -> np.ndarray:
    """Notes of a scale at random over each other, from where there are as many as ever."""
    full = round((held_s + release_s) * SAMPLE_RATE)
    rng, n = np.random.default_rng(program), round(SECONDS * SAMPLE_RATE) + full
    font, sound = SoundFont(_font(packages), SAMPLE_RATE), np.zeros(n, np.float32)
    scale = [key for key in range(*keys) if key % 12 in pitches]
    for at in np.sort(rng.integers(0, n, round(per_second * n / SAMPLE_RATE))):
        note = Note(program, int(rng.choice(scale)), int(rng.integers(60, 120)))
        heard = font.render(note, held_s, release_s)[: n - at]
        sound[at : at + len(heard)] += heard
    return sound[full:]


def _font(packages: Path) -> Path:
    return _found(packages, TRAINING_FONT, "*.sf2")[0]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument("--out", default="data/styles", type=Path, metavar="FOLDER", help="gets packages/ and styles/")


def run(args: argparse.Namespace) -> None:
    """Fetch what is missing and write the styles."""
    report = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
    fetched: list[Unpacked] = fetch(PACKAGES[:-1], args.out, report)
    fetched.append(fetched_font(TRAINING_FONT, args.out, report)[1])
    made = write_styles(args.out / "packages", args.out / "styles", report)
    data = {"styles": [str(path) for path in made], "licences": {each.name: each.licence for each in fetched}}
    emit(args, data, f"{len(made)} styles: {args.out / 'styles'}\n{licence_list(fetched)}")
