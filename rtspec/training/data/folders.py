"""Any folder of sound as tracks, and prepared clips as memory-mapped arrays from which batches are cut.

The papers' sets need no reader of their own here: GTZAN (``genres/blues/blues.00000.wav``) is a folder of folders of
sound, and a track's group is the folder that holds it.
"""

import hashlib
import json
import os
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...audio.files import FORMATS, Reader, is_audio
from ...errors import AudioFileError
from ...storage import AtomicFile
from .packages import DataError

FACTS = "facts.json"
CODED, CODEC_FREE = "coded", "codec-free"
"""Sources of music: what a lossy coder has seen, and what none has."""
MOST_MINUTES = 60.0
INT16_SCALE = 32768
"""What full scale is in clips that are kept as 16-bit integers."""


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

    def middle(self, sample_rate: int, seconds: float) -> np.ndarray:
        """Its middle, at most so many seconds; float32 of shape (channels, n_samples)."""
        return self.read(sample_rate, max(0.0, (self.seconds - seconds) / 2), seconds)

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


def tracks(
    folder: str | os.PathLike[str], group: str | None = None, stems: bool = False, files: Sequence[Path] | None = None
) -> list[Track]:
    """The tracks of a folder and its sub-folders, sorted.

    Parameters
    ----------
    folder : path
    group : str, optional
        The group of all; each file's own folder by default.
    stems : bool
        The sound files of one folder are stems of one track.
    files : sequence of Path, optional
        Which of the folder's files; all that rtspec reads as sound by default.

    Raises
    ------
    DataError
        No such folder, or no sound in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"{root} is no folder; give one with sound files ({', '.join(FORMATS)})")
    if files is None:
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
    """A prepared clip: a folder with an array of shape (channels, n_samples), float32 or int16, for each version."""

    folder: Path

    @property
    def facts(self) -> dict:
        """What was noted when it was made: name, group, sample_rate, n_samples, …"""
        return json.loads((self.folder / FACTS).read_text())

    def versions(self) -> list[str]:
        """Names of its arrays."""
        return sorted(path.stem for path in self.folder.glob("*.npy"))

    def part(self, version: str, start: int = 0, n: int | None = None) -> np.ndarray:
        """Samples of one version as float32 of shape (channels, n), whichever way they are kept; fewer at its end."""
        kept = self.array(version)[..., start : None if n is None else start + n]
        if kept.dtype == np.int16:
            return kept.astype(np.float32) / np.float32(INT16_SCALE)
        return np.array(kept, np.float32)

    def array(self, version: str) -> np.ndarray:
        """One version as it is kept (int16 or float32), mapped from the disk: only what is used is read. Shape
        (channels, n_samples)."""
        path = self.folder / f"{version}.npy"
        try:
            return np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is missing or damaged ({error}); delete its folder and prepare again") from None


def keep_clip(folder: Path, versions: dict[str, np.ndarray], facts: dict) -> Clip:
    """Write a clip; its facts come last, so a folder with facts is whole. Versions are int16 or float32 of shape
    (channels, n_samples)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in versions.items():
            with AtomicFile(folder / f"{name}.npy") as file:
                np.save(file, array)
        with AtomicFile(folder / FACTS) as file:
            file.write(json.dumps(facts).encode())
    except OSError as error:
        raise DataError(
            f"cannot keep {folder}: {error.strerror or error}; what was prepared before is whole: make room "
            "and start the same command again"
        ) from None
    return Clip(folder)


def clips(folder: str | os.PathLike[str]) -> list[Clip]:
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
    """The middle of each track, at most so many seconds; files that cannot be read are left out. Float32 of shape
    (channels, n_samples)."""
    for track in items:
        try:
            yield track, track.middle(sample_rate, seconds)
        except AudioFileError:
            continue


def chances(found: Sequence[Clip], codec_free_share: float = 0.0) -> np.ndarray:
    """How often to draw each clip, adding up to 1: groups by the square root of their minutes, up to
    :data:`MOST_MINUTES`, and within a group by length: with groups alike a package of one minute would count as much as
    one of four hours.

    Parameters
    ----------
    codec_free_share : float
        What clips with the source "codec-free" have of it, where there are both.

    Returns
    -------
    ndarray, float64, shape (n_clips,)
    """
    facts = [clip.facts for clip in found]
    lengths = np.array([each.get("n_samples", 1) / each.get("sample_rate", 1) for each in facts], np.float64)
    groups = np.array([each["group"] for each in facts])
    weight = np.zeros(len(facts))
    for group in set(groups.tolist()):
        mine = groups == group
        minutes = lengths[mine].sum() / 60
        weight[mine] = np.sqrt(min(minutes, MOST_MINUTES)) * lengths[mine] / lengths[mine].sum()
    free = np.array([each.get("source") == CODEC_FREE for each in facts])
    if codec_free_share and free.any() and not free.all():
        weight[free] *= codec_free_share / weight[free].sum()
        weight[~free] *= (1 - codec_free_share) / weight[~free].sum()
    return weight / weight.sum()
