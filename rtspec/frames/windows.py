"""Analysis windows by name or by their values, and their canonical duals for synthesis. Named ones are periodic, as in
librosa, unless symmetric ones are asked for."""

from collections.abc import Callable, Sequence

import numpy as np

from .. import checks
from ..errors import InvalidValue

TRUNCATED_GAUSS_EDGE = 0.01
"""The truncated Gauss falls to this at its edges: exp(-π (n - N/2)² / γ), γ = -π (N/2)² / ln .01 = .17054704 N²."""


def _truncated_gauss(length: int) -> np.ndarray:
    x = (np.arange(length) - length / 2) / (length / 2)
    return TRUNCATED_GAUSS_EDGE ** (x * x)


def _cosines(*weights: float) -> Callable[[int], np.ndarray]:
    """A sum of cosines, as scipy.signal.windows.general_cosine has it; importing scipy.signal takes longer than a
    start may."""

    def make(length: int) -> np.ndarray:
        turn = 2 * np.pi * np.arange(length) / length
        return sum((-1) ** k * weight * np.cos(k * turn) for k, weight in enumerate(weights))  # type: ignore[return-value]

    return make


def _half_sample_sine(length: int) -> np.ndarray:
    return np.sin(np.pi * (np.arange(length) + 0.5) / length)


HALF_SAMPLE = ("rectangular", "sine", "vorbis")
"""Windows that are symmetric about the middle of their samples; the others are periodic."""

WINDOWS: dict[str, Callable[[int], np.ndarray]] = {
    "hann": _cosines(0.5, 0.5),
    "sqrt-hann": lambda length: np.sqrt(_cosines(0.5, 0.5)(length)),
    "hamming": _cosines(0.54, 0.46),
    "blackman": _cosines(0.42, 0.5, 0.08),
    "gauss": _truncated_gauss,
    "rectangular": np.ones,
    "sine": _half_sample_sine,
    "vorbis": lambda length: np.sin(np.pi / 2 * _half_sample_sine(length) ** 2),
}

GAMMA: dict[str, float] = {
    "hann": 0.25645,
    "sqrt-hann": 0.41532,
    "hamming": 0.29794,
    "blackman": 0.17954,
    "gauss": 0.17054704,
    "rectangular": 0.85732,
    "sine": 0.41532,
    "vorbis": 0.3295,
}
"""Cg of the closest Gaussian: γ = Cg · window_length² (Průša, Balazs, Søndergaard 2017; that of "vorbis" by
:func:`closest_gamma`)."""


def window(shape: str | Sequence[float], length: int, symmetric: bool = False) -> np.ndarray:
    """A window, float64 of shape (length,).

    Parameters
    ----------
    shape : str or sequence of float
        A name (periodic, peak 1 at index length / 2), or all `length` values.
    length : int
        Samples.
    symmetric : bool
        Named windows end as they begin, as those for filters do; the half-sample windows "sine" and "vorbis" and
        "rectangular" do so anyway.
    """
    if not isinstance(shape, str):
        values = np.array(shape, np.float64)
        if values.shape != (length,) or not np.isfinite(values).all() or not values.any():
            raise InvalidValue(
                f"a window given by its values needs {length} finite ones, not all 0; found {len(shape)}"
            )
        return values
    checks.choice("window", shape, WINDOWS)
    if not symmetric or shape in HALF_SAMPLE:
        return WINDOWS[shape](length)
    periodic = WINDOWS[shape](length - 1)
    return np.append(periodic, periodic[0])


def closest_gamma(values: np.ndarray) -> float:
    """γ of the Gaussian ``exp(-π n²/γ)`` that is closest to a window by least squares, over the window's length². The
    window is float64 of shape (length,)."""
    n = (np.arange(len(values)) - np.average(np.arange(len(values)), weights=values**2)) / len(values)
    shape = values / np.linalg.norm(values)
    tried = np.geomspace(0.02, GAMMA["rectangular"], 400)
    gaussians = np.exp(-np.pi * n * n / tried[:, None])
    likeness = gaussians @ shape / np.linalg.norm(gaussians, axis=1)
    return float(tried[likeness.argmax()])


def overlap_sum(product: np.ndarray, hop: int) -> np.ndarray:
    """Sum of all shifts of `product` by multiples of `hop`, at every index of `product`; same shape. Float64 of shape
    (length,)."""
    padded = np.pad(product, (0, -len(product) % hop)).reshape(-1, hop)
    return np.tile(padded.sum(axis=0), len(padded))[: len(product)]


def dual(analysis: np.ndarray, synthesis: np.ndarray, hop: int) -> np.ndarray:
    """`synthesis` scaled so that analysis and overlap-add give the input back: ``Σ_t analysis·dual(n - t·hop) = 1``.
    Windows are float64 of shape (length,)."""
    total = overlap_sum(analysis * synthesis, hop)
    if total.min() < 1e-3 * total.max():
        raise InvalidValue(
            f"hop={hop} leaves gaps between windows of {len(analysis)} samples; try hop={max(1, len(analysis) // 4)}"
        )
    return synthesis / total
