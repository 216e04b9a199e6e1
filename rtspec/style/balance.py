"""The content's weight that leaves about half of a content, found for each pair on a small network of the same kind."""

import math

import numpy as np
from scipy.optimize import Bounds, minimize

from .losses import StyleLoss
from .networks import Network

LEAST, MOST = 0.002, 2.0
"""Weights between which it is sought."""
GOAL = 0.58
"""Share of silence's distance to the content, after a few rounds of a few filters; more of both bring it to half."""
N_FILTERS, ROUNDS, TRIALS = 256, 30, 5
MOST_S = 4.0
"""Of style and content, each."""
_SEED = 77_001


def balanced_weight(network: Network, style: np.ndarray, content: np.ndarray) -> float:
    """The content weight that is to leave half of a content, from :data:`LEAST` to :data:`MOST`.

    Halving, on a logarithmic scale: a few rounds of a few filters tell how much is left with each weight, each trial
    from where the one before it ended.

    Parameters
    ----------
    network : Network
        That is going to be optimised.
    style, content : ndarray, float32, shape (n_bins, n_frames)
        As the network sees them.
    """
    n_most = round(MOST_S * network.plan.sample_rate / network.plan.hop)
    style, content = _excerpt(style, n_most), _excerpt(content, n_most)
    loss = StyleLoss(network.small(N_FILTERS, _SEED), style, content)
    noise = np.abs(np.random.default_rng(_SEED).standard_normal(content.shape)).astype(np.float32)
    seen, low, high = noise * style.mean(axis=1, keepdims=True), math.log(LEAST), math.log(MOST)
    for _ in range(TRIALS):
        middle = (low + high) / 2
        loss.content_weight = math.exp(middle)
        seen = _moved(loss, seen)
        is_kept = loss.measured(seen).content <= GOAL
        low, high = (low, middle) if is_kept else (middle, high)
    return float(f"{math.exp((low + high) / 2):.2g}")


def _excerpt(seen: np.ndarray, n_most: int) -> np.ndarray:
    """The loudest stretch of so many frames, or all."""
    sums = np.cumsum(np.pad(seen.sum(axis=0, dtype=np.float64), (1, 0)))
    n = min(n_most, seen.shape[1])
    start = int(np.argmax(sums[n:] - sums[:-n]))
    return seen[:, start : start + n]


def _moved(loss: StyleLoss, seen: np.ndarray) -> np.ndarray:
    def evaluated(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = loss(flat.reshape(seen.shape).astype(np.float32))
        return value, slope.ravel().astype(np.float64)

    options = {"maxiter": ROUNDS, "maxfun": 2 * ROUNDS, "ftol": 0.0, "gtol": 0.0}
    found = minimize(evaluated, seen.ravel(), jac=True, method="L-BFGS-B", bounds=Bounds(0.0, np.inf), options=options)
    return found.x.reshape(seen.shape).astype(np.float32)
