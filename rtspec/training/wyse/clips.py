"""What the classifier hears: levels of short frames, and of each clip its class and one of 16 bands of centroids."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import resample

from ...audio.files import read
from ...frames import stft
from ...style.networks import WYSE_PLAN
from ...style.spectra import FLOOR_DB, RATE, Seen
from ..data.packages import DataError
from ..data.scene_sets import folds
from ..data.scenes import Mixer, sources
from ..data.sound_fonts import (
    PROGRAMS,
    TEST_FONT,
    TRAINING_FONT,
    VALIDATION_PROGRAMS,
    SoundFont,
    family,
    fetched_font,
    grid,
    is_usable,
)

CENTROIDS = 16
"""Balanced classes of spectral centroid, the second task [1]_ of :mod:`rtspec.style.networks`."""
FASTEST = 1.25
"""By which a stretch is drawn faster or slower: a class is no rate, and packages are few."""
NOTE_S, KEYS, VELOCITIES = 2.0, (40, 52, 64, 76), (70, 120)
_HELD_SEED = 4_711


@dataclass(frozen=True)
class Labelled:
    """A mono sound at 22 050 Hz, float32 of shape (n_samples,), its class, and what must not be torn apart: its package
    or fold."""

    sound: np.ndarray
    label: str
    group: str


def labelled(
    folder: Path, fold: int, learnt: Sequence[str], held: Sequence[str]
) -> tuple[list[Labelled], list[Labelled], int]:
    """What is learnt from, what is held out, and how many clips are not judged, since nothing of their class is learnt.

    Parameters
    ----------
    folder : Path
        Of ``rtspec data scenes``, or ESC-50 or another labelled set of :mod:`rtspec.training.data.scene_sets`.
    fold : int
        Of a labelled set: what is held out.
    learnt, held : sequence of str
        Packages of the former.
    """
    if (folder / "packages").is_dir():
        parts = tuple([*_of_packages(folder / "packages", tuple(each))] for each in (learnt, held))
    else:
        parts = tuple([*_of_scenes(scenes, f"fold {fold}")] for scenes in folds(folder, fold))
    known = {clip.label for clip in parts[0]}
    heard = [clip for clip in parts[1] if clip.label in known]
    if len(known) < 2 or not heard:
        raise DataError(
            f"{folder} has {len(known)} classes to learn and {len(heard)} clips of them to judge; there must be 2 and 1"
        )
    return parts[0], heard, len(parts[1]) - len(heard)


def _of_packages(root: Path, packages: tuple[str, ...]) -> Iterator[Labelled]:
    if missing := [name for name in packages if not (root / name).is_dir()]:
        raise DataError(f"{root} has no {', '.join(missing)}; run rtspec data scenes, or name the packages it has")
    mixer = Mixer([])
    yield from _loud(Labelled(mixer.sound(s.path), s.kind, s.package) for s in sources(root, packages))


def _of_scenes(scenes, group: str) -> Iterator[Labelled]:
    yield from _loud(Labelled(read(s.path, RATE)[0].mean(axis=0), s.label, group) for s in scenes)


def instruments(folder: Path) -> tuple[list[Labelled], list[Labelled]]:
    """Notes of General MIDI's families as classes: what is learnt, of the training font, and what is held out, of the
    test font, which shares no recording with it. `folder` is of ``rtspec data notes``; fonts that it lacks are
    fetched."""
    programs = [p for p in PROGRAMS if p not in VALIDATION_PROGRAMS]
    learnt, held = (
        [*_of_font(fetched_font(package, folder)[0], package, played)]
        for package, played in ((TRAINING_FONT, programs), (TEST_FONT, PROGRAMS[::4]))
    )
    return learnt, held


def _of_font(path: Path, package: str, programs: Sequence[int]) -> Iterator[Labelled]:
    font = SoundFont(path, round(RATE))
    for note in grid(programs, KEYS, VELOCITIES):
        sound = font.render(note, NOTE_S)
        if is_usable(sound):
            yield Labelled(sound, family(note.program), package)


def _loud(clips: Iterator[Labelled]) -> Iterator[Labelled]:
    """Without those that say nothing: silent ones, and clicks of less than 50 ms."""
    return (clip for clip in clips if len(clip.sound) > 0.05 * RATE and np.abs(clip.sound).max() > 1e-4)


def seen(sound: np.ndarray) -> np.ndarray:
    """A clip as the network sees it: -80 to 0 dB below its loudest as 0 to 1. Mono float32 of shape (n_samples,) →
    float32 of shape (257, n_frames)."""
    magnitude = np.abs(stft(sound, WYSE_PLAN))
    return Seen(True, float(magnitude.max())).of(magnitude)


def centroid(sound: np.ndarray) -> float:
    """Mean frequency of a clip's power, Hz. Float32 of shape (n_samples,)."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    return float(power @ np.fft.rfftfreq(len(sound), 1 / RATE) / (power.sum() + 1e-12))


def bands_of(clips: Sequence[Labelled]) -> np.ndarray:
    """Which of :data:`CENTROIDS` classes each clip's centroid falls into, as many clips in each. Int64 of shape
    (n_clips,)."""
    ranks = np.argsort(np.argsort([centroid(clip.sound) for clip in clips]))
    return ranks * CENTROIDS // len(clips)


class Pieces:
    """Batches: classes alike, of each a random stretch of a random clip.

    Parameters
    ----------
    clips : sequence of Labelled
    seconds : float
        Of each piece; clips that are shorter are repeated.
    """

    def __init__(self, clips: Sequence[Labelled], seconds: float):
        self.labels = sorted({clip.label for clip in clips})
        self._clips, self._n, self._bands = clips, round(seconds * RATE), bands_of(clips)
        self._by_label = [[k for k, clip in enumerate(clips) if clip.label == label] for label in self.labels]

    def __call__(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is seen, float32 of shape (n, 257, n_frames), and the classes of sound and of centroid, int64 of shape
        (n,)."""
        labels = rng.permutation(np.arange(n) + rng.integers(len(self.labels))) % len(self.labels)
        chosen = [int(rng.choice(self._by_label[label])) for label in labels]
        views = [seen(self._stretch(self._clips[k].sound, rng)) for k in chosen]
        return np.stack(views), labels.astype(np.int64), self._bands[chosen]

    def _stretch(self, sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n = round(self._n * FASTEST ** rng.uniform(-1, 1))
        return np.asarray(resample(stretch(sound, n, rng), self._n), np.float32)


def stretch(sound: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` samples from a random place that is not silent; a shorter sound is repeated. Float32, (n_samples,) → (n,)."""
    if len(sound) <= n:
        return np.resize(sound, n)
    for _ in range(20):
        start = int(rng.integers(len(sound) - n + 1))
        if np.abs(sound[start : start + n]).max() > 10 ** (FLOOR_DB / 20) * np.abs(sound).max():
            break
    return sound[start : start + n]


def held_views(clips: Sequence[Labelled], seconds: float, n_each: int = 3) -> list[np.ndarray]:
    """Of each clip a few stretches that are always the same, float32 of shape (n_each, 257, n_frames)."""
    rng, n = np.random.default_rng(_HELD_SEED), round(seconds * RATE)
    return [np.stack([seen(stretch(clip.sound, n, rng)) for _ in range(n_each)]) for clip in clips]
