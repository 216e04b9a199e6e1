"""Long sounds in short pieces, so that memory holds what goes in, what comes out, and little else."""

from collections.abc import Iterator

import numpy as np

PIECE = 1 << 16
"""Samples a piece; a multiple of the usual blocks."""


def cut(audio: np.ndarray, n_samples: int) -> Iterator[tuple[int, np.ndarray]]:
    """Pieces of a sound with silence behind it, `n_samples` in all: where each begins, and the piece.

    Float32, (channels, n_samples); each is C-contiguous.
    """
    for start in range(0, n_samples, PIECE):
        length = min(PIECE, n_samples - start)
        piece = np.ascontiguousarray(audio[:, start : start + length])
        missing = length - piece.shape[1]
        yield start, np.pad(piece, ((0, 0), (0, missing))) if missing else piece


def put(out: np.ndarray, at: int, piece: np.ndarray) -> None:
    """Write a piece into `out` from sample `at` on, as far as it lies inside. Float32, (channels, n_samples) both."""
    first, last = max(0, -at), min(piece.shape[1], out.shape[1] - at)
    if first < last:
        out[:, at + first : at + last] = piece[:, first:last]
