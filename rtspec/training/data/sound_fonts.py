"""Sound fonts, and single notes of them: rendered dry, at exact pitch, for the timbre networks and their evaluation."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

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

DRUMS = 128
"""The standard drum kit as a program: sound fonts have programs from 128 on in their bank for drums."""

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
        """One note, mono float32; `cents` tunes it, at most a semitone up or down. Shape (n_samples,)."""
        synth, font = self._synth
        bank, preset = divmod(note.program, DRUMS)
        synth.program_select(0, font, DRUMS * bank, preset)
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
    """Whether a note sounds and does not clip. Mono float32 of shape (n_samples,)."""
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
