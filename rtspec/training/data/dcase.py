"""Folders of labelled scenes, as DCASE 2017 task 1 lays them out; any folder of sounds will do as well.

``audio/*.wav``, ``meta.txt`` with one line ``audio/name.wav<TAB>label[<TAB>session]`` a scene, and, for the development
set, ``evaluation_setup/foldN_{train,test,evaluate}.txt`` with the same lines. The labels of sub-folders are taken where
there is no meta.txt: ``street/one.wav`` is a street.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...audio.files import is_audio, write
from ...errors import AudioFileError
from ...storage import AtomicFile

META, SETUP = "meta.txt", "evaluation_setup"


@dataclass(frozen=True)
class Scene:
    """A sound file and its label; "" where it has none."""

    path: Path
    label: str


def read_folder(folder: str | Path, split: str | None = None, fold: int = 1) -> list[Scene]:
    """The scenes of a folder, in the order of its lists.

    Parameters
    ----------
    folder : path
    split : str, optional
        "train", "test" or "evaluate": take the list ``evaluation_setup/fold<fold>_<split>.txt``; all scenes where None.
    fold : int
        1 to 4 in DCASE 2017.

    Raises
    ------
    AudioFileError
        No such folder or list, a line that names no file, or no sound at all.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AudioFileError(f"{folder} is no folder; give one with sound files, or laid out as DCASE 2017")
    listing = folder / META if split is None else folder / SETUP / f"fold{fold}_{split}.txt"
    if listing.is_file():
        return _listed(folder, listing)
    if split is not None:
        raise AudioFileError(f"{listing} is missing; leave the split out, or give a folder laid out as DCASE 2017")
    found = [p for p in sorted(folder.rglob("*")) if is_audio(p) and not p.name.startswith(".")]
    if not found:
        raise AudioFileError(f"{folder} holds no sound file, not in its sub-folders either; give another folder")
    return [Scene(p, "" if p.parent in (folder, folder / "audio") else p.parent.name) for p in found]


def _listed(folder: Path, listing: Path) -> list[Scene]:
    scenes = []
    labels = _labels(folder) if listing.name != META else {}
    for number, line in enumerate(listing.read_text(errors="replace").splitlines(), 1):
        words = line.split("\t")
        if not line.strip():
            continue
        path = folder / words[0].strip()
        if not path.is_file():
            raise AudioFileError(f"{listing}:{number} names {words[0]!r}, which is not there; is the set complete?")
        scenes.append(Scene(path, words[1].strip() if len(words) > 1 else labels.get(words[0].strip(), "")))
    if not scenes:
        raise AudioFileError(f"{listing} lists no scene; is the set complete?")
    return scenes


def _labels(folder: Path) -> dict[str, str]:
    """Labels by file, from meta.txt: the test lists of DCASE name files alone."""
    if not (folder / META).is_file():
        return {}
    lines = (line.split("\t") for line in (folder / META).read_text(errors="replace").splitlines())
    return {words[0].strip(): words[1].strip() for words in lines if len(words) > 1}


def write_folder(folder: Path, scenes: Iterable[tuple[str, str, np.ndarray]], sample_rate: int) -> Path:
    """Write scenes (label, session, audio) as 16-bit WAV with a meta.txt; returns the folder. Audio is float32 of shape
    (channels, n_samples)."""
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    lines = []
    for number, (label, session, audio) in enumerate(scenes):
        name = f"audio/{label}{number:04d}.wav"
        write(folder / name, audio, sample_rate, bit_depth=16)
        lines.append(f"{name}\t{label}\t{session}\n")
    meta = AtomicFile(folder / META)
    meta.file.write("".join(lines).encode())
    meta.keep()
    return folder
