"""Any folder of sound as tracks, and prepared clips as memory-mapped arrays from which batches are cut.

The papers' sets need no reader of their own here: GTZAN (``genres/blues/blues.00000.wav``) is a folder of folders of
sound, and a track's group is the folder that holds it.
"""

import hashlib
import json
import os
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...audio.files import FORMATS, Reader, is_audio
from ...errors import AudioFileError
from ...storage import WholeFile
from .packages import DataError

FACTS = "facts.json"


@dataclass(frozen=True)
class Track:
    """One piece of sound.

    Attributes
    ----------
    name : str
        Unique among those of a folder.
    group : str
        What must not be torn apart between training and test: a package, an album, a folder.
    paths : tuple of Path
        One file, or stems that are summed.
    """

    name: str
    group: str
    paths: tuple[Path, ...]

    def read(self, sample_rate: int, start_s: float = 0.0, seconds: float | None = None) -> np.ndarray:
        """Part of the track, float32 of shape (channels, n_samples); no more of the file is read than that."""
        parts = [_excerpt(path, sample_rate, start_s, seconds) for path in self.paths]
        length, channels = min(part.shape[1] for part in parts), max(len(part) for part in parts)
        return np.sum([np.broadcast_to(part[:, :length], (channels, length)) for part in parts], axis=0)

    @property
    def seconds(self) -> float:
        """Length."""
        with Reader(self.paths[0]) as reader:
            return reader.n_samples / reader.sample_rate


def _excerpt(path: Path, sample_rate: int, start_s: float, seconds: float | None) -> np.ndarray:
    with Reader(path, sample_rate) as reader:
        reader.seek(round(start_s * sample_rate))
        left = reader.n_samples if seconds is None else round(seconds * sample_rate)
        parts = []
        for chunk in reader.chunks():
            parts.append(chunk[:, :left])
            left -= parts[-1].shape[1]
            if left <= 0:
                break
    if not parts:
        raise AudioFileError(f"{path} ends before {start_s:g} s; ask for an earlier part")
    return np.concatenate(parts, axis=1)


def tracks(folder: str | os.PathLike, group: str | None = None, stems: bool = False) -> list[Track]:
    """The tracks of a folder and its sub-folders, sorted.

    Parameters
    ----------
    folder : path
    group : str, optional
        The group of all; each file's own folder by default.
    stems : bool
        The sound files of one folder are stems of one track.

    Raises
    ------
    DataError
        No such folder, or no sound in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"{root} is no folder; give one with sound files ({', '.join(FORMATS)})")
    files = sorted(p for p in root.rglob("*") if is_audio(p) and p.is_file() and not p.name.startswith("."))
    if not files:
        raise DataError(f"{root} holds no sound file ({', '.join(FORMATS)}), not in its sub-folders either")
    if not stems:
        return [Track(_name(root, path), group or _name(root, path.parent), (path,)) for path in files]
    songs: dict[Path, list[Path]] = defaultdict(list)
    for path in files:
        songs[path.parent].append(path)
    return [Track(_name(root, parent), group or _name(root, parent), tuple(each)) for parent, each in songs.items()]


def _name(root: Path, path: Path) -> str:
    """The path within the folder as one word."""
    inside = path.relative_to(root).with_suffix("") if path != root else Path(root.name)
    return "-".join(inside.parts[-3:]).replace(" ", "_")


def held_out(group: str, share: float) -> bool:
    """Whether a group belongs to the share that is kept for validation; depends on nothing but its name."""
    return int(hashlib.sha256(group.encode()).hexdigest()[:8], 16) < share * 2**32


# ------------------------------------------------------------------------------------------ prepared clips


@dataclass(frozen=True)
class Clip:
    """A prepared clip: a folder with one float32 array of shape (channels, n_samples) for each version of it."""

    folder: Path

    @property
    def facts(self) -> dict:
        """What was noted when it was made: name, group, sample_rate, n_samples, …"""
        return json.loads((self.folder / FACTS).read_text())

    def versions(self) -> list[str]:
        """Names of its arrays."""
        return sorted(path.stem for path in self.folder.glob("*.npy"))

    def array(self, version: str) -> np.ndarray:
        """One version, mapped from the disk: only what is used is read."""
        path = self.folder / f"{version}.npy"
        try:
            return np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is missing or damaged ({error}); delete its folder and prepare again") from None


def keep_clip(folder: Path, versions: dict[str, np.ndarray], facts: dict) -> Clip:
    """Write a clip; its facts come last, so a folder with facts is whole."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in versions.items():
            with WholeFile(folder / f"{name}.npy") as file:
                np.save(file, array)
        with WholeFile(folder / FACTS) as file:
            file.write(json.dumps(facts).encode())
    except OSError as error:
        raise DataError(
            f"cannot keep {folder}: {error.strerror or error}; what was prepared before is whole: make room "
            "and start the same command again"
        ) from None
    return Clip(folder)


def clips(folder: str | os.PathLike) -> list[Clip]:
    """The whole clips of a folder, sorted by name.

    Raises
    ------
    DataError
        If there is none.
    """
    found = sorted(path.parent for path in Path(folder).glob(f"*/{FACTS}"))
    if not found:
        raise DataError(f"{folder} holds no prepared clips; rtspec data prepares them")
    return [Clip(path) for path in found]


def distinct(found: Iterable[Clip], version: str = "original") -> list[Clip]:
    """The clips without those that hold the same sound again, as packages for several languages do."""
    seen: dict[int, Clip] = {}
    for clip in found:
        array = clip.array(version)
        middle = array.shape[1] // 2
        seen.setdefault(zlib.crc32(np.ascontiguousarray(array[:, middle : middle + 8192]).tobytes()), clip)
    return list(seen.values())


def read_excerpts(items: Iterable[Track], sample_rate: int, seconds: float) -> Iterable[tuple[Track, np.ndarray]]:
    """The middle of each track, at most so many seconds; files that cannot be read are left out."""
    for track in items:
        try:
            start = max(0.0, (track.seconds - seconds) / 2)
            yield track, track.read(sample_rate, start, seconds)
        except AudioFileError:
            continue


def chances(found: Sequence[Clip]) -> np.ndarray:
    """How often to draw each clip, adding up to 1: every group alike, however many clips it has."""
    groups = [clip.facts["group"] for clip in found]
    sizes = Counter(groups)
    return np.array([1 / (len(sizes) * sizes[group]) for group in groups])


def pieces(arrays: Sequence[np.ndarray], n: int, rng: np.random.Generator) -> tuple[list[np.ndarray], int]:
    """The same `n` samples, drawn at random, of arrays of one clip; zeros after its end. And where they begin."""
    length = min(array.shape[-1] for array in arrays)
    start = int(rng.integers(0, max(1, length - n + 1)))
    cut = [np.array(array[..., start : start + n], np.float32) for array in arrays]
    return [np.pad(each, [(0, 0)] * (each.ndim - 1) + [(0, n - each.shape[-1])]) for each in cut], start
