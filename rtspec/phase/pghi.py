"""PGHI: phase gradient heap integration over a whole spectrogram.

The phase spreads from the loudest bin to its four neighbours, always from the loudest bin reached so far; gradients
as in :mod:`rtspec.phase.rtpghi`, centred in time.

References
----------
.. [1] Z. Průša, P. Balazs and P. L. Søndergaard, "A noniterative method for reconstruction of phase from STFT
   magnitude", IEEE/ACM TASLP 25(5), 2017, algorithm 1.
"""

import numpy as np
from numba import njit

from ..frames.plan import FramePlan
from .direct import centre_turns

TOLERANCE = 1e-6
"""Bins this far below the loudest get random phases."""


@njit(cache=True, nogil=True)
def _push(heap, size, key, node):
    """Put a node on a binary heap of node numbers, largest key first; returns the new size."""
    at = size
    while at > 0 and key[heap[(at - 1) >> 1]] < key[node]:
        heap[at] = heap[(at - 1) >> 1]
        at = (at - 1) >> 1
    heap[at] = node
    return size + 1


@njit(cache=True, nogil=True)
def _pop(heap, size, key):
    """Take the top off the heap and mend it; the caller counts the size down."""
    top, node, at = heap[0], heap[size - 1], 0
    while True:
        child = 2 * at + 1
        if child >= size - 1:
            break
        if child + 1 < size - 1 and key[heap[child + 1]] > key[heap[child]]:
            child += 1
        if key[heap[child]] <= key[node]:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = node
    return top


@njit(cache=True, nogil=True)
def _spread(key, seeds, climb, rise, todo, phase, n_bins):
    """Integrate over all nodes t·n_bins + m marked `todo`, islands from the loudest seed down; phases in turns."""
    heap, size = np.empty(len(key), np.int64), 0
    for seed in seeds:
        if not todo[seed]:
            continue
        todo[seed] = False
        size = _push(heap, size, key, seed)
        while size:
            node = _pop(heap, size, key)
            size -= 1
            m = node % n_bins
            for way in range(4):
                step = n_bins if way < 2 else 1
                near = node + step if way % 2 == 0 else node - step
                inside = 0 <= near < len(key) if way < 2 else 0 <= m + near - node < n_bins
                if inside and todo[near]:
                    slope = climb if way < 2 else rise
                    phase[near] = phase[node] + 0.5 * (slope[node] + slope[near]) * (1 if way % 2 == 0 else -1)
                    todo[near] = False
                    size = _push(heap, size, key, near)


def gradients(logs: np.ndarray, plan: FramePlan) -> tuple[np.ndarray, np.ndarray]:
    """Phase steps to the next frame and to the next bin, turns, float64 of the shape of `logs` (n_frames, n_bins;
    natural)."""
    a, M = plan.hop, plan.n_fft
    up = np.pad(logs[:, 2:] - logs[:, :-2], ((0, 0), (1, 1)))
    climb = (np.arange(plan.n_bins) * a / M) % 1 + a * M / (4 * np.pi * plan.gamma) * up
    climb[:, [0, -1]] = 0
    on = np.pad(logs, ((1, 1), (0, 0)), mode="edge")
    return climb, -plan.gamma / (4 * np.pi * a * M) * (on[2:] - on[:-2])


def pghi(frames: np.ndarray, plan: FramePlan, *, seed: int = 0) -> np.ndarray:
    """Complex frames for magnitude frames.

    Parameters
    ----------
    frames : ndarray, float32, shape (n_frames, n_bins)
    plan : FramePlan
    seed : int
        For the phases of bins that are too quiet to have one.

    Returns
    -------
    ndarray, complex64, shape (n_frames, n_bins)
    """
    peak = frames.max(initial=0)
    if not peak:
        return np.zeros(frames.shape, np.complex64)
    logs = np.log(np.maximum(frames / peak, TOLERANCE).astype(float))
    phase = np.random.default_rng(seed).random(frames.size)
    todo = frames.ravel() > TOLERANCE * peak
    phase[todo] = 0
    climb, rise = (g.ravel() for g in gradients(logs, plan))
    seeds = np.argsort(-logs.ravel(), kind="stable")[: np.count_nonzero(todo)]
    _spread(logs.ravel(), seeds, climb, rise, todo, phase, plan.n_bins)
    turned = phase.reshape(frames.shape) - centre_turns(plan)
    return (frames * np.exp(2j * np.pi * turned)).astype(np.complex64)
