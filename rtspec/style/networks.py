"""Networks over spectrograms whose bins are channels: convolutions over time alone, and their gradients.

A layer's features are float32 of shape (n_filters, n_frames). Random weights are a function of a seed; trained ones are
read from a file, the shipped one's or another's.

References
----------
.. [1] D. Ulyanov, V. Lebedev: "Audio texture synthesis and style transfer", 2016.
.. [2] L. Wyse: "Audio spectrogram representations for processing with convolutional neural networks", 2017.
"""

import math
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import InvalidValue
from ..frames.plan import FramePlan
from .spectra import PLAN, RATE

N_BINS = PLAN.n_bins
N_FILTERS, KERNEL = 4096, 11
WYSE_PLAN = FramePlan(sample_rate=RATE, n_fft=512, hop=128)
"""257 bins, and about the paper's 856 frames in 5 s."""
WYSE_FILTERS, WYSE_KERNEL = (2048, 64), 5
RANDOM = ("ulyanov", "wyse-random")
WEIGHTS = "weights.npz"
"""A trained network's file: float16 `first` (kernel, n_filters, 257), `second` (kernel, n_more, n_filters), and
`first_bias`, `second_bias`."""
_LARGEST = 1 << 28
"""Bytes of a file's arrays."""


@dataclass(frozen=True)
class Convolution:
    """One convolution over time and a rectifier.

    Parameters
    ----------
    weight : ndarray, float32, shape (kernel, n_filters, n_channels)
    same : bool
        As many frames out as in, zeros around them; otherwise `kernel` - 1 fewer.
    bias : ndarray, float32, shape (n_filters,), optional
    """

    weight: np.ndarray
    same: bool = False
    bias: np.ndarray | None = None

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
        if self.bias is not None:
            total += self.bias[:, None]
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

    content_layer, style_weights, as_level, plan = 0, (1.0,), False, PLAN

    def __init__(self, seed: int = 0, kernel: int = KERNEL, n_filters: int = N_FILTERS, n_bins: int = N_BINS):
        self._layer = Convolution(random_filters(seed, kernel, n_filters, n_bins))
        self.n_least = kernel

    def small(self, n_filters: int, seed: int) -> "Ulyanov":
        """One of the same kind with few filters of another seed."""
        return Ulyanov(seed, self.n_least, n_filters, self._layer.weight.shape[2])

    def features(self, seen: np.ndarray) -> list[np.ndarray]:
        """What the network sees, (n_bins, n_frames) → the features of each layer. All float32."""
        return [self._layer(seen)]

    def slope(self, slopes: list[np.ndarray], features: list[np.ndarray], seen: np.ndarray) -> np.ndarray:
        """The slopes at the features of each layer → the slope at what is seen. All float32, (n_filters, n_frames) each
        → (n_bins, n_frames)."""
        return self._layer.backwards(slopes[0], features[0], seen.shape[1])


class Wyse:
    """Two layers of 5 frames, each pooled by 2; style is both, weighted 1 and 2 and each over the square of its number
    of filters; content is the second before it is pooled [2]_.

    Parameters
    ----------
    first, second : Convolution
        With as many frames out as in.
    """

    content_layer, as_level, n_least, plan = 1, True, 4, WYSE_PLAN

    def __init__(self, first: Convolution, second: Convolution):
        self._first, self._second = first, second
        n_first, n_second = first.weight.shape[1], second.weight.shape[1]
        self.style_weights = (1.0 / n_first**2, 2.0 / n_second**2)

    @classmethod
    def random(cls, seed: int = 0, filters: tuple[int, int] = WYSE_FILTERS, n_bins: int = WYSE_PLAN.n_bins) -> "Wyse":
        """With weights from a seed, as wide as the paper's."""
        generator = np.random.default_rng((seed, 2))
        shapes = ((WYSE_KERNEL, filters[0], n_bins), (WYSE_KERNEL, filters[1], filters[0]))
        made = [
            np.float32(math.sqrt(2 / (shape[0] * shape[2]))) * generator.standard_normal(shape, np.float32)
            for shape in shapes
        ]
        return cls(*(Convolution(each, same=True) for each in made))

    @classmethod
    def read(cls, path: Path) -> "Wyse":
        """A trained one, of a file as ``rtspec train wyse --export`` writes it.

        Raises
        ------
        InvalidValue
            No such file, or none of that kind; the text says what is wrong.
        """
        parts = _arrays(path)
        first, second = (
            Convolution(parts[name].astype(np.float32), True, parts[f"{name}_bias"].astype(np.float32))
            for name in ("first", "second")
        )
        return cls(first, second)

    def small(self, n_filters: int, seed: int) -> "Wyse":
        """The same with few filters of the first layer, drawn by the seed; what the second hears keeps its level."""
        n_first = self._first.weight.shape[1]
        kept = np.sort(np.random.default_rng(seed).permutation(n_first)[:n_filters])
        bias = None if self._first.bias is None else self._first.bias[kept]
        fewer = np.ascontiguousarray(self._second.weight[:, :, kept]) * np.float32(n_first / len(kept))
        second = Convolution(fewer, True, self._second.bias)
        return Wyse(Convolution(np.ascontiguousarray(self._first.weight[:, kept]), True, bias), second)

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


class Network(Protocol):
    """What a transfer asks of a network."""

    @property
    def content_layer(self) -> int:
        """Of its layers, the one whose features are the content."""
        ...

    @property
    def style_weights(self) -> tuple[float, ...]:
        """Of each layer's Gram matrix in the style."""
        ...

    @property
    def as_level(self) -> bool:
        """Whether it sees levels of 0 to 1; else log1p of magnitudes."""
        ...

    @property
    def n_least(self) -> int:
        """How many frames it must see."""
        ...

    @property
    def plan(self) -> FramePlan:
        """The frames that it sees."""
        ...

    def small(self, n_filters: int, seed: int) -> "Network":
        """One of the same kind with few filters of another seed."""
        ...

    def features(self, seen: np.ndarray) -> list[np.ndarray]:
        """What the network sees, (n_bins, n_frames) → the features of each layer. All float32."""
        ...

    def slope(self, slopes: list[np.ndarray], features: list[np.ndarray], seen: np.ndarray) -> np.ndarray:
        """The slopes at the features of each layer → the slope at what is seen. All float32, (n_filters, n_frames) each
        → (n_bins, n_frames)."""
        ...


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """A weights file's arrays, finite and of shapes that fit each other."""
    wrong = f'network="{path}" is no network of rtspec train wyse'
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(each.file_size for each in archive.infolist())
        if size > _LARGEST:
            raise InvalidValue(f"{wrong}: its arrays take {size >> 20} MiB, at most {_LARGEST >> 20} are read")
        with np.load(path, allow_pickle=False) as file:
            parts = {name: file[name] for name in ("first", "second", "first_bias", "second_bias")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidValue(f"{wrong} ({error}); give the file that its --export wrote") from None
    shapes = tuple(parts[name].shape for name in ("first", "second", "first_bias", "second_bias"))
    if not _fit(*shapes):
        raise InvalidValue(
            f"{wrong}: shapes {', '.join(map(str, shapes))} must be (kernel, n_filters, {WYSE_PLAN.n_bins}), "
            "(kernel, n_more, n_filters), (n_filters,), (n_more,)"
        )
    if any(each.dtype.kind != "f" or not np.isfinite(each).all() for each in parts.values()):
        raise InvalidValue(f"{wrong}: its weights must be finite numbers; train it again with a lower --learning-rate")
    return parts


def _fit(first: tuple, second: tuple, first_bias: tuple, second_bias: tuple) -> bool:
    if len(first) != 3 or len(second) != 3 or 0 in first + second:
        return False
    return (
        first[2] == WYSE_PLAN.n_bins
        and second[2] == first[1]
        and (first_bias, second_bias)
        == (
            first[1:2],
            second[1:2],
        )
    )


def network_named(name: str) -> Network:
    """A network by its name: "ulyanov" or "wyse-random", with ":SEED" behind either for another draw, "wyse", or a file
    of ``rtspec train wyse``.

    Raises
    ------
    InvalidValue
        The name is unknown, its seed no whole number, or the file none of a network's.
    """
    if name == "wyse":
        return _read(_shipped(), 0)
    if name.endswith(".npz") or Path(name).is_file():
        return _read(Path(name), Path(name).stat().st_mtime_ns if Path(name).is_file() else 0)
    return _random(name)


def _shipped() -> Path:
    from ..models.catalogue import FOLDERS

    found = [path for folder in FOLDERS if (path := folder / "wyse" / WEIGHTS).is_file()]
    if not found:
        raise InvalidValue(
            'network="wyse" has no weights here; make them by rtspec train wyse --data FOLDER --export exports/wyse, '
            "or give a file of that command"
        )
    return found[0]


@cache
def _read(path: Path, changed: int) -> Wyse:
    """The file's network as it is since it was `changed`, in nanoseconds."""
    del changed
    return Wyse.read(path)


@cache
def _random(name: str) -> Network:
    kind, _, seed = name.partition(":")
    if kind not in RANDOM or (seed and not seed.isdigit()) or (":" in name and not seed):
        raise InvalidValue(
            f'network="{name}" is unknown; choose {" or ".join(RANDOM)}, with :SEED for another draw, wyse, or a file '
            "of rtspec train wyse"
        )
    return Ulyanov(int(seed or 0)) if kind == "ulyanov" else Wyse.random(int(seed or 0))
