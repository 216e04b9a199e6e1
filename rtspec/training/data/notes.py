"""Notes of sound fonts: rendered dry, at exact pitch, for the timbre networks and their evaluation."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...console import emit, progress, table
from .packages import DataError, Unpacked, fetch

TRAINING_FONT, TEST_FONT = "fluid-soundfont-gm", "timgm6mb-soundfont"
"""Debian packages: FluidR3 (MIT) trains, TimGM6mb, which shares no recording with it, tests."""

FURTHER_FONTS = {
    "musescore-general-soundfont-lossless": (5, 10, 39, 42, 88, 92, 98),
    "opl3-soundfont": (),
}
"""More Debian packages to train on, and the programs of each that are left out: recordings of the test font."""

PROGRAMS = range(112)
"""General MIDI's pitched programs; beyond lie percussion and effects."""

VALIDATION_PROGRAMS = (3, 8, 15, 18, 22, 26, 33, 39, 41, 49, 53, 57, 63, 67, 70, 77, 84, 90, 98, 107)
"""Programs kept out of training, at least one of each family but the organs' and ensembles' two."""

FAMILIES = (
    "piano", "mallet", "organ", "guitar", "bass", "strings", "ensemble", "brass", "reed", "pipe", "lead", "pad",
    "effects", "folk",
)  # fmt: skip
"""General MIDI's families of eight programs each."""

CLIPPED, SILENT = 0.999, 1e-3
"""Peaks at which a note is dropped."""
_TAIL_S = 0.05


@dataclass(frozen=True)
class Note:
    """Which note it is: MIDI program (or another number of an instrument), key and velocity."""

    program: int
    key: int
    velocity: int

    @property
    def file_name(self) -> str:
        """In NSynth's manner: instrument, pitch, velocity."""
        return f"{family(self.program)}_sampled_{self.program:03d}-{self.key:03d}-{self.velocity:03d}.wav"


def family(program: int) -> str:
    """General MIDI's family of a program."""
    return FAMILIES[program // 8]


class SoundFont:
    """A sound font that renders single notes, dry, without reverberation or chorus.

    Parameters
    ----------
    path : path
        An .sf2 file.
    sample_rate : int
        Hz.
    """

    def __init__(self, path: str | Path, sample_rate: int):
        self.path, self.sample_rate = Path(path), sample_rate
        if not self.path.is_file():
            raise DataError(f'"{path}" is no file; give an .sf2 sound font, or fetch one with rtspec data notes')

    @cached_property
    def _synth(self) -> tuple[Any, int]:
        try:
            import tinysoundfont  # pyright: ignore[reportMissingImports] (in no extra: what it needs does not build)
        except ImportError:
            raise DataError(
                "tinysoundfont is not installed; pip install --no-deps tinysoundfont (live play, which rtspec does not"
                " use, would need more)"
            ) from None
        synth = tinysoundfont.Synth(samplerate=self.sample_rate)
        try:
            return synth, synth.sfload(str(self.path))
        except Exception as error:  # its errors share no base class
            raise DataError(f'"{self.path}" cannot be read as a sound font ({error}); give an .sf2 file') from None

    def name(self, program: int) -> str:
        """What the font calls a program."""
        synth, font = self._synth
        return str(synth.sfpreset_name(font, 0, program))

    def render(self, note: Note, held_s: float, release_s: float = 0.0, cents: float = 0.0) -> np.ndarray:
        """One note, mono float32; `cents` tunes it, at most a semitone up or down."""
        synth, font = self._synth
        synth.program_select(0, font, 0, note.program)
        synth.pitchbend(0, round(8192 + cents / 200 * 8191))
        synth.noteon(0, note.key, note.velocity)
        held = self._stereo(held_s)
        synth.noteoff(0, note.key)
        released = self._stereo(release_s)
        synth.sounds_off(0)
        self._stereo(_TAIL_S)
        return np.concatenate([held, released]).mean(1)

    def _stereo(self, seconds: float) -> np.ndarray:
        synth, _ = self._synth
        n = round(seconds * self.sample_rate)
        return np.frombuffer(bytes(synth.generate(n)), np.float32).reshape(-1, 2) if n else np.zeros((0, 2), np.float32)


def is_usable(audio: np.ndarray) -> bool:
    """Whether a note sounds and does not clip."""
    return SILENT < float(np.max(np.abs(audio), initial=0.0)) < CLIPPED


def fetched_font(
    package: str, folder: str | Path, report: Callable[[str], None] = lambda _: None
) -> tuple[Path, Unpacked]:
    """The .sf2 of a Debian package, fetched without installing, and the package it came in."""
    (found,) = fetch([package], folder, report)
    fonts = sorted(path for path in found.folder.rglob("*.sf2") if path.is_file())
    if not fonts:
        raise DataError(f"{package} holds no .sf2 file; name another package")
    return fonts[0], found


def grid(programs: Iterable[int], keys: Sequence[int], velocities: Sequence[int]) -> list[Note]:
    """All notes of a grid, program by program."""
    return [Note(p, k, v) for p in programs for k in keys for v in velocities]


# ------------------------------------------------------------------------------------------ rtspec data notes


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
        from ..timbre import log_mel, notes_cache

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
        from ..timbre import notes_cache

        if not (folder / notes_cache.FILE).exists():
            notes = [n for n in notes_cache.training_notes() if n.program not in FURTHER_FONTS[package]]
            notes, font = notes[:: 3 * self._thinned], SoundFont(path, notes_cache.SAMPLE_RATE)
            notes_cache.write(notes_cache.rendered(font, notes, self._counted(package, len(notes))), folder)
        return len(notes_cache.read(folder).notes)

    def _counted(self, text: str, total: int) -> Callable[[], None]:
        self._bar.reset(self._task, total=total, description=text)
        return lambda: self._bar.advance(self._task)
