"""Analysis windows by name, and their canonical duals for synthesis. All are periodic, as in librosa."""

from collections.abc import Callable

import numpy as np

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


WINDOWS: dict[str, Callable[[int], np.ndarray]] = {
    "hann": _cosines(0.5, 0.5),
    "sqrt-hann": lambda length: np.sqrt(_cosines(0.5, 0.5)(length)),
    "hamming": _cosines(0.54, 0.46),
    "blackman": _cosines(0.42, 0.5, 0.08),
    "gauss": _truncated_gauss,
}

GAMMA: dict[str, float] = {
    "hann": 0.25645,
    "sqrt-hann": 0.41532,
    "hamming": 0.29794,
    "blackman": 0.17954,
    "gauss": 0.17054704,
}
"""Cg of the closest Gaussian: γ = Cg · window_length² (Průša, Balazs, Søndergaard 2017)."""


def window(name: str, length: int) -> np.ndarray:
    """A periodic window, float64 of shape (length,), peak 1 at index length / 2."""
    if name not in WINDOWS:
        raise InvalidValue(f"window={name!r} is not known; choose one of {', '.join(WINDOWS)}")
    return WINDOWS[name](length)


def overlap_sum(product: np.ndarray, hop: int) -> np.ndarray:
    """Sum of all shifts of `product` by multiples of `hop`, at every index of `product`; same shape."""
    padded = np.pad(product, (0, -len(product) % hop)).reshape(-1, hop)
    return np.tile(padded.sum(axis=0), len(padded))[: len(product)]


def dual(analysis: np.ndarray, synthesis: np.ndarray, hop: int) -> np.ndarray:
    """`synthesis` scaled so that analysis and overlap-add give the input back: ``Σ_t analysis·dual(n - t·hop) = 1``."""
    total = overlap_sum(analysis * synthesis, hop)
    if total.min() < 1e-3 * total.max():
        raise InvalidValue(
            f"hop={hop} leaves gaps between windows of {len(analysis)} samples; try hop={max(1, len(analysis) // 4)}"
        )
    return synthesis / total
