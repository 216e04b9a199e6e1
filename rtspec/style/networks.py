"""Networks over spectrograms whose bins are channels: convolutions over time alone, and their gradients.

A layer's features are float32 of shape (n_filters, n_frames). Weights are a function of a seed: nothing is shipped.

References
----------
.. [1] D. Ulyanov, V. Lebedev: "Audio texture synthesis and style transfer", 2016.
.. [2] L. Wyse: "Audio spectrogram representations for processing with convolutional neural networks", 2017.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..errors import InvalidValue

N_BINS = 1025
N_FILTERS, KERNEL = 4096, 11
WYSE_FILTERS, WYSE_KERNEL = (2048, 64), 5
NAMES = ("ulyanov", "wyse-random")


@dataclass(frozen=True)
class Convolution:
    """One convolution over time and a rectifier.

    Parameters
    ----------
    weight : ndarray, float32, shape (kernel, n_filters, n_channels)
    same : bool
        As many frames out as in, zeros around them; otherwise `kernel` - 1 fewer.
    """

    weight: np.ndarray
    same: bool = False

    @property
    def _before(self) -> int:
        return (len(self.weight) - 1) // 2 if self.same else 0

    def _padded(self, frames: np.ndarray) -> np.ndarray:
        if not self.same:
            return frames
        return np.pad(frames, ((0, 0), (self._before, len(self.weight) - 1 - self._before)))

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """(n_channels, n_frames) → (n_filters, n_frames or fewer). Both float32."""
        frames = self._padded(frames)
        n_out = frames.shape[1] - len(self.weight) + 1
        total = self.weight[0] @ frames[:, :n_out]
        for k in range(1, len(self.weight)):
            total += self.weight[k] @ frames[:, k : k + n_out]
        return np.maximum(total, 0, out=total)

    def backwards(self, slope: np.ndarray, features: np.ndarray, n_frames: int) -> np.ndarray:
        """The slope at the features → the slope at the n_frames that were given in. Float32 of shape (n_filters,
        n_frames or fewer) → (n_channels, n_frames)."""
        slope = np.where(features > 0, slope, np.float32(0))
        padded = np.zeros((self.weight.shape[2], slope.shape[1] + len(self.weight) - 1), np.float32)
        for k, weight in enumerate(self.weight):
            padded[:, k : k + slope.shape[1]] += weight.T @ slope
        return padded[:, self._before : self._before + n_frames]


def pooled(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The louder of each two frames, and whether it was the second; an odd last frame stands alone.

    Parameters
    ----------
    features : ndarray, float32, shape (n_filters, n_frames), ≥ 0
    """
    even = np.pad(features, ((0, 0), (0, features.shape[1] % 2)))
    first, second = even[:, ::2], even[:, 1::2]
    return np.maximum(first, second), second > first


def unpooled(slope: np.ndarray, is_second: np.ndarray, n_frames: int) -> np.ndarray:
    """The slope of what :func:`pooled` gave → of what it was given. Float32 of shape (n_filters, n_pooled) →
    (n_filters, n_frames); `is_second` is bool."""
    out = np.zeros((slope.shape[0], 2 * slope.shape[1]), np.float32)
    out[:, ::2], out[:, 1::2] = np.where(is_second, 0, slope), np.where(is_second, slope, 0)
    return out[:, :n_frames]


def random_filters(seed: int, kernel: int, n_filters: int, n_bins: int = N_BINS) -> np.ndarray:
    """Weights drawn as in [1]_, float32 of shape (kernel, n_filters, n_bins)."""
    scale = math.sqrt(2) * math.sqrt(2 / ((n_bins + n_filters) * KERNEL))
    drawn = np.random.default_rng((seed, kernel)).standard_normal((kernel, n_filters, n_bins), np.float32)
    return np.float32(scale) * drawn


class Ulyanov:
    """One layer; content and style are the same features [1]_.

    Parameters
    ----------
    seed : int
    kernel, n_filters : int
    """

    content_layer, style_weights, as_level = 0, (1.0,), False

    def __init__(self, seed: int = 0, kernel: int = KERNEL, n_filters: int = N_FILTERS, n_bins: int = N_BINS):
        self._layer = Convolution(random_filters(seed, kernel, n_filters, n_bins))
        self.n_least = kernel

    def features(self, seen: np.ndarray) -> list[np.ndarray]:
        """What the network sees, (n_bins, n_frames) → the features of each layer. All float32."""
        return [self._layer(seen)]

    def slope(self, slopes: list[np.ndarray], features: list[np.ndarray], seen: np.ndarray) -> np.ndarray:
        """The slopes at the features of each layer → the slope at what is seen. All float32, (n_filters, n_frames) each
        → (n_bins, n_frames)."""
        return self._layer.backwards(slopes[0], features[0], seen.shape[1])


class Wyse:
    """Two layers of 5 frames, each pooled by 2; style is both, content the second before it is pooled [2]_.

    Parameters
    ----------
    weights : pair of ndarray, float32, shapes (5, n_filters, n_bins), (5, n_more, n_filters)
    """

    content_layer, style_weights, as_level, n_least = 1, (1.0, 2.0), True, 4

    def __init__(self, weights: tuple[np.ndarray, np.ndarray]):
        self._first, self._second = (Convolution(each, same=True) for each in weights)

    @classmethod
    def random(cls, seed: int = 0, filters: tuple[int, int] = WYSE_FILTERS, n_bins: int = N_BINS) -> "Wyse":
        """With weights from a seed, as wide as the paper's."""
        generator = np.random.default_rng((seed, 2))
        shapes = ((WYSE_KERNEL, filters[0], n_bins), (WYSE_KERNEL, filters[1], filters[0]))
        made = [
            np.float32(math.sqrt(2 / (shape[0] * shape[2]))) * generator.standard_normal(shape, np.float32)
            for shape in shapes
        ]
        return cls((made[0], made[1]))

    def features(self, seen: np.ndarray) -> list[np.ndarray]:
        """What the network sees, (n_bins, n_frames) → the features of each layer. All float32."""
        first = self._first(seen)
        return [first, self._second(pooled(first)[0])]

    def slope(self, slopes: list[np.ndarray], features: list[np.ndarray], seen: np.ndarray) -> np.ndarray:
        """The slopes at the features of each layer → the slope at what is seen. All float32, (n_filters, n_frames) each
        → (n_bins, n_frames)."""
        half, is_second = pooled(features[0])
        more = unpooled(self._second.backwards(slopes[1], features[1], half.shape[1]), is_second, features[0].shape[1])
        return self._first.backwards(slopes[0] + more, features[0], seen.shape[1])


Network = Ulyanov | Wyse


@cache
def network_named(name: str) -> Network:
    """A network by its name, "ulyanov" or "wyse-random", with ":SEED" behind it for another draw.

    Raises
    ------
    InvalidValue
        The name is unknown, or its seed no whole number.
    """
    kind, _, seed = name.partition(":")
    if kind not in NAMES or (seed and not seed.isdigit()) or (":" in name and not seed):
        raise InvalidValue(f'network="{name}" is unknown; choose {" or ".join(NAMES)}, with :SEED for another draw')
    return Ulyanov(int(seed or 0)) if kind == "ulyanov" else Wyse.random(int(seed or 0))
