"""``rtspec data notes``: sound fonts, and what the timbre networks see of their notes."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...console import emit, progress, table
from ..timbre import log_mel, notes_cache
from .sound_fonts import FURTHER_FONTS, TEST_FONT, TRAINING_FONT, SoundFont, fetched_font


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, and which notes."""
    parser.add_argument("--out", default="data/notes", metavar="FOLDER", help="fonts and notes (default data/notes)")
    parser.add_argument("--font", metavar="FILE", help="another .sf2 for training than Debian's FluidR3")
    parser.add_argument("--quick", action="store_true", help="a seventh of the notes")
    parser.add_argument("--further", action="store_true", help="moments of two more fonts, for training alone")


def run(args: argparse.Namespace) -> None:
    """Fetch the sound fonts and measure their notes; what is there already stays."""
    root, rows, licences = Path(args.out), [], {}
    with progress(args.json) as bar:
        job = _Preparation(bar, 7 if args.quick else 1)
        for part, package in (("train", TRAINING_FONT), ("test", TEST_FONT)):
            if args.font and part == "train":
                path = Path(args.font)
            else:
                path, found = fetched_font(package, root, job.say)
                licences[package] = found.licence
            rows.append({"part": part, **job.prepare(path, root / part, part)})
        for i, package in enumerate(FURTHER_FONTS if args.further else ()):
            path, found = fetched_font(package, root, job.say)
            licences[package] = found.licence
            notes = job.further(path, root / "further" / str(i + 1), package)
            rows.append({"part": package, "notes": notes, "pictures": 0})
    lines = "\n".join(f"{name}: {text}" for name, text in licences.items())
    emit(args, {"folder": str(root), "parts": rows, "licences": licences}, f"{table(rows)}\n\n{lines}")


class _Preparation:
    """Measures a font's notes for both kinds of networks, and shows how far it is."""

    def __init__(self, bar: Any, thinned: int):
        self._bar, self._task, self._thinned = bar, bar.add_task("notes", total=None), thinned

    def say(self, text: str) -> None:
        """Show what is being done."""
        self._bar.update(self._task, description=text)

    def prepare(self, path: Path, folder: Path, part: str) -> dict[str, int]:
        """Both caches of one font; returns how many notes each has."""
        step = self._thinned * (1 if part == "train" else 5)  # no multiple of 2: there are four velocities
        if not (folder / notes_cache.FILE).exists():
            notes = notes_cache.training_notes()[::step]
            font = SoundFont(path, notes_cache.SAMPLE_RATE)
            notes_cache.write(notes_cache.rendered(font, notes, self._counted(f"{part}: moments", len(notes))), folder)
        if not (folder / log_mel.FILE).exists():
            n, font = log_mel.N_NOTES // step, SoundFont(path, log_mel.SAMPLE_RATE)
            log_mel.write(log_mel.rendered_pictures(font, n, self._counted(f"{part}: pictures", n)), folder)
        return {"notes": len(notes_cache.read(folder).notes), "pictures": len(log_mel.read(folder).programs)}

    def further(self, path: Path, folder: Path, package: str) -> int:
        """Moments of a third of another font's notes; returns how many there are."""
        if not (folder / notes_cache.FILE).exists():
            notes = [n for n in notes_cache.training_notes() if n.program not in FURTHER_FONTS[package]]
            notes, font = notes[:: 3 * self._thinned], SoundFont(path, notes_cache.SAMPLE_RATE)
            notes_cache.write(notes_cache.rendered(font, notes, self._counted(package, len(notes))), folder)
        return len(notes_cache.read(folder).notes)

    def _counted(self, text: str, total: int) -> Callable[[], None]:
        self._bar.reset(self._task, total=total, description=text)
        return lambda: self._bar.advance(self._task)
