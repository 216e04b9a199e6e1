"""Levels of rendered notes on the disk, as the playable model learns from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...processors.timbre.levels import HIGHEST_KEY, LOWEST_KEY, N_LEVELS, note_levels
from ...processors.timbre.notes import TIMES_S
from ...storage import AtomicFile
from ..data.sound_fonts import PROGRAMS, VALIDATION_PROGRAMS, Note, SoundFont, grid, is_usable

SAMPLE_RATE = 48000
HELD_S = 2.5
HEARD_DB = 50.0
"""Frames further below a note's loudest one are not learned from."""

FILE = "levels.npz"
FONT_STEP = 128


@dataclass(frozen=True)
class NoteLevels:
    """Rendered notes as the networks see them.

    Attributes
    ----------
    notes : ndarray, int64, shape (n_notes, 3)
        Program (of the k-th further font FONT_STEP·k more), key, velocity.
    levels : ndarray, float16, shape (n_notes, len(TIMES_S), N_LEVELS)
        dB relative to each frame's whole level.
    whole_db : ndarray, float32, shape (n_notes, len(TIMES_S))
        Whole level relative to the note's loudest frame.
    """

    notes: np.ndarray
    levels: np.ndarray
    whole_db: np.ndarray

    @property
    def heard(self) -> np.ndarray:
        """Which frames are loud enough, bool of shape (n_notes, len(TIMES_S))."""
        return self.whole_db > -HEARD_DB

    @property
    def is_validation(self) -> np.ndarray:
        """Which notes are of programs kept out of training, bool of shape (n_notes,)."""
        return np.isin(self.notes[:, 0] % FONT_STEP, VALIDATION_PROGRAMS)


def rendered(font: SoundFont, notes: Sequence[Note], advance: Callable[[], None] = lambda: None) -> NoteLevels:
    """Render notes and measure them; those that are silent or clipped are left out."""
    kept, levels, whole = [], [], []
    for note in notes:
        audio = font.render(note, HELD_S)
        advance()
        if not is_usable(audio):
            continue
        measured, db = note_levels(audio, font.sample_rate, note.key, TIMES_S)
        kept.append((note.program, note.key, note.velocity))
        levels.append(measured.astype(np.float16))
        whole.append(db - db.max())
    return NoteLevels(
        np.array(kept, np.int64).reshape(-1, 3),
        np.array(levels, np.float16).reshape(-1, len(TIMES_S), N_LEVELS),
        np.array(whole, np.float32).reshape(-1, len(TIMES_S)),
    )


def training_notes() -> list[Note]:
    """Every second key of every pitched program, four velocities."""
    return grid(PROGRAMS, range(LOWEST_KEY, HIGHEST_KEY + 1, 2), (32, 64, 96, 127))


def write(levels: NoteLevels, folder: Path) -> None:
    """Keep levels in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with AtomicFile(folder / FILE) as file:
        np.savez(file, notes=levels.notes, levels=levels.levels, whole_db=levels.whole_db)


def read(folder: str | Path) -> NoteLevels:
    """What :func:`write` kept."""
    with np.load(Path(folder) / FILE) as bundle:
        return NoteLevels(bundle["notes"], bundle["levels"], bundle["whole_db"])


def read_all(data: str | Path) -> NoteLevels:
    """Training notes of all fonts in a folder of ``rtspec data notes``; those of further fonts have programs of their
    own."""
    folders = sorted((Path(data) / "further").glob("[0-9]*"), key=lambda folder: int(folder.name))
    parts = [read(Path(data) / "train"), *map(read, folders)]
    for part, folder in zip(parts[1:], folders, strict=True):
        part.notes[:, 0] += FONT_STEP * int(folder.name)
    return NoteLevels(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("notes", "levels", "whole_db")))
