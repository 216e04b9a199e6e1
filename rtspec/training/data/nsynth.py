"""NSynth's folder format, and any folder of notes named in its manner: ``bass_electronic_018-036-100.wav``.

J. Engel et al.: "Neural audio synthesis of musical notes with WaveNet autoencoders", 2017: ``examples.json`` beside
``audio/``; names end in MIDI pitch and velocity.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...audio.files import Reader, is_audio
from .packages import DataError

_NAME = re.compile(r"(?P<instrument>.+)-(?P<key>\d{3})-(?P<velocity>\d{3})$")


@dataclass(frozen=True)
class NoteFile:
    """A note on the disk.

    Attributes
    ----------
    path : Path
    instrument : str
        What precedes pitch and velocity in the name.
    family : str
        NSynth's family: bass, brass, flute, guitar, keyboard, mallet, organ, reed, string, synth_lead, vocal.
    key, velocity : int
        MIDI, 0 to 127.
    """

    path: Path
    instrument: str
    family: str
    key: int
    velocity: int

    def audio(self, sample_rate: int) -> np.ndarray:
        """The note, mono float32 at a sample rate in Hz. Shape (n_samples,)."""
        with Reader(self.path, sample_rate) as reader:
            return np.concatenate([chunk.mean(0) for chunk in reader.chunks()]).astype(np.float32)


def note_files(folder: str | Path) -> list[NoteFile]:
    """All notes of a folder and its sub-folders, sorted by name; families from ``examples.json`` where there is one.

    Raises
    ------
    DataError
        There are none, or examples.json is damaged.
    """
    folder = Path(folder)
    facts = _examples(folder / "examples.json")
    files = sorted(path for path in folder.rglob("*") if is_audio(path) and path.is_file())
    found = [note for note in (_note(path, facts.get(path.stem, {})) for path in files) if note is not None]
    if not found:
        raise DataError(
            f'"{folder}" holds no notes; name sound files as NSynth does: instrument-PPP-VVV.wav, pitch and velocity'
        )
    return found


def _note(path: Path, facts: dict) -> NoteFile | None:
    parts = _NAME.fullmatch(path.stem)
    if parts is None:
        return None
    key, velocity = int(parts["key"]), int(parts["velocity"])
    if key > 127 or velocity > 127:
        return None
    family = facts.get("instrument_family_str") or parts["instrument"].split("_")[0]
    return NoteFile(path, parts["instrument"], str(family), key, velocity)


def _examples(path: Path) -> dict[str, dict]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text())
        if isinstance(found, dict) and all(isinstance(entry, dict) for entry in found.values()):
            return found
        raise ValueError("no object of objects")
    except ValueError:
        raise DataError(f"{path} is no JSON object of notes; fetch NSynth again, or delete it") from None
