"""Batches: scenes mixed anew of the open recipe's layers, or pieces of a labelled set's clips."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ...audio.files import read
from ..data.dcase import Scene, read_folder
from ..data.scene_mix import CLASSES, OTHER, SAMPLE_RATE, SceneMixer
from .features import log_mel, mfcc

FEATURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"live": log_mel, "paper": mfcc}
CLIP_S = 5.0
"""Of a training example."""
OTHER_SHARE = 0.1
"""Of scenes that belong to no class, whose answer is to be undecided."""
_WIDEST_MASK = 8


class Pool:
    """Examples that batches are drawn from: `n` scenes mixed from layers, classes in turn.

    Parameters
    ----------
    layers : path
        A folder of labelled layers, as ``rtspec data scene`` writes it.
    network : str
        "live" or "paper", for its features.
    n : int
    seed : int
    """

    def __init__(self, layers: str | Path, network: str, n: int, seed: int):
        self.labels: list[str] = list(CLASSES)
        mixer = SceneMixer((s.label, read(s.path, SAMPLE_RATE)[0][0]) for s in read_folder(layers))
        made = [_labelled(mixer, np.random.default_rng((seed, 1, k)), k) for k in range(n)]
        self.features = np.stack([FEATURES[network](sound) for _, sound in made])
        self.targets = np.stack([target for target, _ in made])

    def __call__(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, rows, n_frames) and probabilities that are wanted, (n, n_classes). Both float32."""
        chosen = rng.integers(len(self.features), size=n)
        return _varied(self.features[chosen], rng), self.targets[chosen]


def _labelled(mixer: SceneMixer, rng: np.random.Generator, k: int) -> tuple[np.ndarray, np.ndarray]:
    """One scene and its probabilities: alike where it is of no class."""
    if OTHER in mixer.labels and rng.random() < OTHER_SHARE:
        label, target = OTHER, np.full(len(CLASSES), 1 / len(CLASSES))
    else:
        labels = [label for label in CLASSES if label in mixer.labels]
        label = labels[k % len(labels)]
        target = np.eye(len(CLASSES))[CLASSES.index(label)]
    return target.astype(np.float32), mixer.scene(label, rng, CLIP_S)


class Pieces:
    """Examples from a labelled set: a piece of a random clip, classes alike.

    Parameters
    ----------
    scenes : sequence of Scene
    network : str
    """

    def __init__(self, scenes: Sequence[Scene], network: str):
        self.labels = sorted({s.label for s in scenes})
        self._features = [FEATURES[network](sound_of(s)) for s in scenes]
        self._by_label = [[k for k, s in enumerate(scenes) if s.label == label] for label in self.labels]
        self._n = FEATURES[network](np.zeros(round(CLIP_S * SAMPLE_RATE), np.float32)).shape[1]

    def __call__(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        """As :class:`Pool`'s. Float32 of shapes (n, rows, n_frames) and (n, n_classes)."""
        labels = rng.integers(len(self.labels), size=n)
        chosen = [self._by_label[k][rng.integers(len(self._by_label[k]))] for k in labels]
        pieces = np.stack([_piece(self._features[k], self._n, rng) for k in chosen])
        return _varied(pieces, rng), np.eye(len(self.labels), dtype=np.float32)[labels]


def sound_of(scene: Scene) -> np.ndarray:
    """A scene's sound, mono at 16 kHz. Float32 of shape (n_samples,)."""
    return np.ascontiguousarray(read(scene.path, SAMPLE_RATE)[0].mean(axis=0), np.float32)


def _piece(features: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` frames from a random place; a clip that is too short, again and again."""
    while features.shape[1] < n:
        features = np.concatenate([features, features], axis=1)
    start = rng.integers(features.shape[1] - n + 1)
    return features[:, start : start + n]


def _varied(batch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half of the examples with some rows replaced by their means: no single band decides."""
    batch = np.array(batch, np.float32)
    for each in batch[rng.random(len(batch)) < 0.5]:
        width, start = rng.integers(1, _WIDEST_MASK), rng.integers(len(each))
        each[start : start + width] = each[start : start + width].mean(axis=1, keepdims=True)
    return batch
