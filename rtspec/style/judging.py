"""How near a sound is to a style, by random networks that no optimiser saw, and what of a content is left in it."""

import numpy as np

from .losses import GramTarget
from .networks import Ulyanov
from .spectra import RATE, frames_of

KERNELS = (3, 11)
SEEDS = (90_001, 90_002)
"""Far from those that anybody would optimise."""
N_FILTERS = 512


class Judges:
    """Unseen networks, which hear one style and one untouched content.

    Parameters
    ----------
    style, content : ndarray, float32, shape (n_samples,)
        Mono, at 22 050 Hz, at one level.
    kernels : sequence of int
        Frames of the networks; each with every seed of :data:`SEEDS`.
    """

    def __init__(self, style: np.ndarray, content: np.ndarray, kernels=KERNELS):
        self._networks = [Ulyanov(seed, kernel, N_FILTERS) for kernel in kernels for seed in SEEDS]
        self._targets = [GramTarget(features) for features in self._features(style)]
        self._far = np.maximum(self._distances(content), 1e-12)
        half = len(style) // 2
        self.own = float("nan")
        if half >= 0.3 * RATE:
            first = [GramTarget(features) for features in self._features(style[:half])]
            heard = zip(first, self._features(style[half:]), strict=True)
            self.own = float(np.mean([t.distance(f)[0] for t, f in heard] / self._far))
        """The share of one half of the style by the other."""

    def _features(self, sound: np.ndarray) -> list[np.ndarray]:
        seen = np.log1p(np.abs(frames_of(sound)))
        return [network.features(seen)[0] for network in self._networks]

    def _distances(self, sound: np.ndarray) -> np.ndarray:
        heard = zip(self._targets, self._features(sound), strict=True)
        return np.array([target.distance(features)[0] for target, features in heard])

    def share(self, sound: np.ndarray) -> float:
        """The sound's distance to the style as a share of the untouched content's: 0 is the style, 1 the content."""
        return float(np.mean(self._distances(sound) / self._far))


def content_kept(sound: np.ndarray, content: np.ndarray) -> dict[str, float]:
    """Correlations of a sound's envelope, onsets and chroma with the content's, -1 to 1.

    Parameters
    ----------
    sound, content : ndarray, float32, shape (n_samples,)
        At 22 050 Hz.
    """
    pair = [np.abs(frames_of(each)) for each in (sound, content)]
    measures = {"envelope": _envelope, "onset": _onsets, "chroma": _chroma}
    return {name: _correlation(*(measure(each) for each in pair)) for name, measure in measures.items()}


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    n = min(len(one), len(other))
    one, other = one[:n] - one[:n].mean(), other[:n] - other[:n].mean()
    return float(one @ other / max(np.sqrt((one @ one) * (other @ other)), 1e-12))


def _envelope(magnitude: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(magnitude**2, axis=0))


def _onsets(magnitude: np.ndarray) -> np.ndarray:
    """How much 32 bands' levels in dB rise from frame to frame, from 60 dB below the loudest up."""
    edges = np.unique(np.geomspace(2, len(magnitude), 33).astype(int))
    bands = np.add.reduceat(magnitude**2, edges[:-1], axis=0)
    level = 10 * np.log10(np.maximum(bands, 1e-6 * bands.max() + 1e-20))
    return np.maximum(np.diff(level, axis=1), 0).mean(axis=0)


def _chroma(magnitude: np.ndarray) -> np.ndarray:
    hz = np.maximum(np.arange(len(magnitude)) * RATE / (2 * (len(magnitude) - 1)), 1.0)
    pitch = np.round(12 * np.log2(hz / 440)).astype(int) % 12
    inside = (hz > 100) & (hz < 4000)
    energy = np.array([(magnitude[inside & (pitch == k)] ** 2).sum(axis=0) for k in range(12)])
    return (energy / np.maximum(energy.max(axis=0), 1e-6)).ravel()
