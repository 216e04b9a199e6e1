"""Random networks that see a spectrogram in other ways: linear, logarithmic, in mel bands; bins as channels or rows."""

import numpy as np

from .measures import mel_weights
from .networks import KERNEL, N_FILTERS, Convolution, random_filters
from .spectra import PLAN

VIEWS = ("raw", "log", "mel")
LAYOUTS = ("channels", "rows")
N_MELS = 128
N_PICTURES, HEIGHT, WIDTH = 64, 5, 11
"""Filters that move over bins as well as frames, and how many of both each sees."""


class View:
    """What is made of log1p of magnitudes before a network sees it.

    Parameters
    ----------
    name : str
        One of :data:`VIEWS`: the magnitudes, log1p of them, or log1p of mel bands of them.
    """

    def __init__(self, name: str):
        self._name = name
        self._mels = mel_weights(N_MELS, PLAN.n_fft) if name == "mel" else None
        self.n_rows = N_MELS if name == "mel" else PLAN.n_bins

    def of(self, seen: np.ndarray) -> np.ndarray:
        """(n_bins, n_frames) → (n_rows, n_frames). Float32, both."""
        if self._name == "log":
            return seen
        magnitude = np.expm1(seen)
        return magnitude if self._mels is None else np.log1p(self._mels @ magnitude)

    def slope(self, slope: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """The slope at what :meth:`of` gave, (n_rows, n_frames) → at what it was given, (n_bins, n_frames). Float32."""
        if self._name == "log":
            return slope
        if self._mels is not None:
            slope = self._mels.T @ (slope * np.exp(-self.of(seen)))
        return slope * np.exp(seen)


class Picture:
    """A convolution over bins and frames, as over a picture of one colour, and a rectifier.

    Parameters
    ----------
    seed : int
    n_filters : int
    """

    def __init__(self, seed: int, n_filters: int = N_PICTURES):
        drawn = np.random.default_rng((seed, HEIGHT, WIDTH)).standard_normal((n_filters, HEIGHT * WIDTH), np.float32)
        self._weight = drawn * np.float32(np.sqrt(2 / (HEIGHT * WIDTH)))

    def __call__(self, seen: np.ndarray) -> np.ndarray:
        """(n_rows, n_frames) → (n_filters, n_places), float32: every place at which a filter fits."""
        windows = np.lib.stride_tricks.sliding_window_view(seen, (HEIGHT, WIDTH))
        patches = windows.transpose(2, 3, 0, 1).reshape(HEIGHT * WIDTH, -1)
        made = self._weight @ patches
        return np.maximum(made, 0, out=made)

    def backwards(self, slope: np.ndarray, features: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The slope at the features → at what is seen, float32 of that shape."""
        height, width = shape[0] - HEIGHT + 1, shape[1] - WIDTH + 1
        patches = self._weight.T @ np.where(features > 0, slope, np.float32(0))
        out = np.zeros(shape, np.float32)
        for k, patch in enumerate(patches.reshape(-1, height, width)):
            row, column = divmod(k, WIDTH)
            out[row : row + height, column : column + width] += patch
        return out


class Represented:
    """One layer of random filters, as :class:`rtspec.style.networks.Ulyanov`, over another view of the spectrogram.

    Parameters
    ----------
    view : str
        One of :data:`VIEWS`.
    layout : str
        "channels": 4096 filters of all rows and 11 frames; "rows": 64 of 5 rows and 11 frames, wherever they fit.
    seed : int
    n_filters : int, optional
    """

    content_layer, style_weights, as_level, plan, n_least = 0, (1.0,), False, PLAN, KERNEL

    def __init__(self, view: str, layout: str, seed: int = 0, n_filters: int | None = None):
        self._view, self._kind = View(view), (view, layout)
        self._layer: Picture | Convolution = Picture(seed, n_filters or N_PICTURES)
        if layout == "channels":
            self._layer = Convolution(random_filters(seed, KERNEL, n_filters or N_FILTERS, self._view.n_rows))

    def small(self, n_filters: int, seed: int) -> "Represented":
        """One of the same kind with few filters of another seed."""
        most = n_filters if self._kind[1] == "channels" else N_PICTURES
        return Represented(*self._kind, seed, min(n_filters, most))

    def features(self, seen: np.ndarray) -> list[np.ndarray]:
        """What the network sees, (n_bins, n_frames) → the features of each layer. All float32."""
        return [self._layer(self._view.of(seen))]

    def slope(self, slopes: list[np.ndarray], features: list[np.ndarray], seen: np.ndarray) -> np.ndarray:
        """The slopes at the features of each layer → the slope at what is seen. All float32, (n_filters, n_frames) each
        → (n_bins, n_frames)."""
        n_frames = seen.shape[1]
        if isinstance(self._layer, Convolution):
            return self._view.slope(self._layer.backwards(slopes[0], features[0], n_frames), seen)
        return self._view.slope(self._layer.backwards(slopes[0], features[0], (self._view.n_rows, n_frames)), seen)
