"""How near a sound is to a style, by random networks that no optimiser saw; training and evaluations judge by this."""

from collections.abc import Sequence

import numpy as np

from .losses import GramTarget
from .networks import Ulyanov
from .spectra import PLAN, frames_of

KERNELS = (3, 11)
SEEDS = (90_001, 90_002)
"""Far from those that anybody would optimise."""
N_FILTERS = 512
LEVEL = 0.1
"""Root mean square at which sounds are compared."""
LEAST = PLAN.length + 14 * PLAN.hop
"""Samples of 15 whole frames, as many as any judge sees at once; what is shorter is repeated."""
_HISTORY = 3
"""Frames at a sound's start that reach back before it."""


def levelled(sound: np.ndarray) -> np.ndarray:
    """A sound at :data:`LEVEL`, float32; silence stays silence. Shape (n_samples,)."""
    level = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
    return (sound * (LEVEL / max(level, 1e-9))).astype(np.float32)


def magnitudes(sound: np.ndarray) -> np.ndarray:
    """What is judged of a mono sound at 22 050 Hz: its whole frames, levelled, of one shorter than :data:`LEAST` those
    of its repetition; float32 of shape (n_bins, n_frames)."""
    sound = np.resize(sound, max(len(sound), LEAST))
    n_whole = (len(sound) - PLAN.length) // PLAN.hop + 1
    return np.abs(frames_of(levelled(sound))[:, _HISTORY : _HISTORY + n_whole])


def unseen_networks(kernels: Sequence[int] = KERNELS, seeds: Sequence[int] = SEEDS) -> list[Ulyanov]:
    """Random networks that see so many frames at once: each of these kernels with each of these seeds."""
    return [Ulyanov(seed, kernel, N_FILTERS) for kernel in kernels for seed in seeds]


class Texture:
    """A style as unseen networks hear it.

    Parameters
    ----------
    style : ndarray, float32, shape (n_samples,)
        Mono, at 22 050 Hz, of any level.
    networks : list of Ulyanov
        Of :func:`unseen_networks`.
    """

    def __init__(self, style: np.ndarray, networks: list[Ulyanov]):
        self._networks = networks
        self._targets = [GramTarget(features) for features in self._features(style)]

    def _features(self, sound: np.ndarray) -> list[np.ndarray]:
        seen = np.log1p(magnitudes(sound))
        return [network.features(seen)[0] for network in self._networks]

    def distances(self, sound: np.ndarray) -> np.ndarray:
        """The squared distance of a sound's Gram matrix to the style's, by each network. Float64 of shape
        (n_networks,); the sound is mono float32 of shape (n_samples,)."""
        heard = zip(self._targets, self._features(sound), strict=True)
        return np.array([target.distance(features)[0] for target, features in heard])


class Judges:
    """Unseen networks, which hear one style and one untouched content.

    Parameters
    ----------
    style, content : ndarray, float32, shape (n_samples,)
        Mono, at 22 050 Hz.
    kernels : sequence of int
        Frames of the networks; each with every seed of :data:`SEEDS`.

    Attributes
    ----------
    own : float
        The share of one half of the style by the other; NaN of a style too short for that.
    """

    def __init__(self, style: np.ndarray, content: np.ndarray, kernels: Sequence[int] = KERNELS):
        networks = unseen_networks(kernels)
        self._style = Texture(style, networks)
        self._far = np.maximum(self._style.distances(content), 1e-12)
        half = len(style) // 2
        self.own = float("nan")
        if half >= LEAST:
            self.own = float(np.mean(Texture(style[:half], networks).distances(style[half:]) / self._far))

    def share(self, sound: np.ndarray) -> float:
        """The sound's distance to the style as a share of the untouched content's: 0 is the style, 1 the content. The
        sound is mono float32 of shape (n_samples,)."""
        return float(np.mean(self._style.distances(sound) / self._far))
