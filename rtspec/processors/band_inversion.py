"""Magnitudes from band powers without learning: the clipped pseudo-inverse, and non-negative least squares.

Both work on power and give its root. Each frame is scaled by its loudest band first and back at the end, so no
threshold is absolute: what comes out scales with what comes in, and silence stays silent.
"""

from functools import lru_cache

import numpy as np
from numba import carray, njit

from ..buffers.memory import aligned, aligned_copy, floats, integers, memmove, memset, pointer
from ..buffers.step import Stage, step
from ..errors import InvalidValue
from ..frames.bands import BandFilters

METHODS = ("pinv", "nnls")
"""Clipped Moore-Penrose pseudo-inverse; non-negative least squares started from it."""

ITERATIONS = 100
"""Of "nnls" by default."""

_LOUDEST = np.float32(3e38)

INVERSION = np.dtype(
    [(name, "i8") for name in ("n_bands", "n_bins", "iterations", "inverse", "weights", "ranges", "steps")]
    + [(name, "i8") for name in ("powers", "residual", "estimate", "ahead", "gradient")]
)


@njit
def _scaled(source, target, n):
    """Copy `n` powers divided by the largest, which is returned; what is negative or no number counts as nothing."""
    peak = np.float32(0)
    for b in range(n):
        target[b] = min(source[b], _LOUDEST) if source[b] > 0 else np.float32(0)
        peak = max(peak, target[b])
    if peak > 0:
        for b in range(n):
            target[b] /= peak
    return peak


@njit
def _add(total, values, factor, n):
    for i in range(n):
        total[i] += factor * values[i]


@njit(fastmath={"reassoc", "contract"})
def _dot(u, v, n):
    total = np.float32(0)
    for i in range(n):
        total += u[i] * v[i]
    return total


@njit
def _pseudo_inverse(s):
    """estimate = max(0, inverse · powers)."""
    memset(s.estimate, 0, 4 * s.n_bins)
    estimate, powers = floats(s.estimate, s.n_bins), floats(s.powers, s.n_bands)
    for b in range(s.n_bands):
        _add(estimate, floats(s.inverse + 4 * b * s.n_bins, s.n_bins), powers[b], s.n_bins)
    for k in range(s.n_bins):
        estimate[k] = max(estimate[k], np.float32(0))


@njit
def _residual_and_gradient(s):
    """residual = weights · ahead - powers, gradient = weightsᵀ · residual; returns ‖residual‖²."""
    memset(s.gradient, 0, 4 * s.n_bins)
    powers, residual, ranges = (
        floats(s.powers, s.n_bands),
        floats(s.residual, s.n_bands),
        integers(s.ranges, 2 * s.n_bands),
    )
    for b in range(s.n_bands):
        start, n_used = ranges[2 * b], ranges[2 * b + 1] - ranges[2 * b]
        weights = floats(s.weights + 4 * (b * s.n_bins + start), n_used)
        residual[b] = _dot(weights, floats(s.ahead + 4 * start, n_used), n_used) - powers[b]
        _add(floats(s.gradient + 4 * start, n_used), weights, residual[b], n_used)
    return _dot(residual, residual, s.n_bands)


@njit
def _descend(s, momentum):
    """estimate' = max(0, ahead - steps · gradient), ahead' = estimate' + momentum · (estimate' - estimate)."""
    n = s.n_bins
    estimate, ahead, gradient, steps = (
        floats(s.estimate, n),
        floats(s.ahead, n),
        floats(s.gradient, n),
        floats(s.steps, n),
    )
    for k in range(n):
        better = max(ahead[k] - steps[k] * gradient[k], np.float32(0))
        ahead[k] = better + momentum * (better - estimate[k])
        estimate[k] = better


@njit
def _least_squares(s):
    """Improve the estimate by accelerated projected gradients; momentum starts anew whenever the residual grows."""
    memmove(s.ahead, s.estimate, 4 * s.n_bins)
    last, t = np.float32(np.inf), 1.0
    for _ in range(s.iterations):
        error = _residual_and_gradient(s)
        t = 1.0 if error > last else t
        following = 0.5 + np.sqrt(0.25 + t * t)
        _descend(s, np.float32((t - 1.0) / following))
        last, t = error, following


@step
def invert_bands(state, x, n, y):
    """`n` float32 frames of n_bands powers → `n` float32 frames of n_bins magnitudes."""
    s = carray(pointer(state), 1, INVERSION)[0]
    estimate, powers = floats(s.estimate, s.n_bins), floats(s.powers, s.n_bands)
    for t in range(n):
        peak = _scaled(floats(x + 4 * t * s.n_bands, s.n_bands), powers, s.n_bands)
        _pseudo_inverse(s)
        if s.iterations > 0:
            _least_squares(s)
        magnitude, scale = floats(y + 4 * t * s.n_bins, s.n_bins), np.sqrt(peak)
        for k in range(s.n_bins):
            magnitude[k] = np.sqrt(estimate[k]) * scale
    return n


def inversion_stage(filters: BandFilters, method: str = "pinv", iterations: int = ITERATIONS) -> Stage:
    """Band powers to magnitudes as a stage: (n_bands,) float32 power → (n_bins,) float32 magnitude, no delay.

    Parameters
    ----------
    filters : BandFilters
    method : str
        "pinv": the clipped pseudo-inverse. "nnls": min ‖weights · y - powers‖ over y ≥ 0, started from it.
    iterations : int
        Of "nnls", at least 1; time grows in proportion.

    Raises
    ------
    InvalidValue
        If the method is not known or `iterations` is out of bounds.

    Notes
    -----
    Every frame stands for itself: the stage remembers nothing. Powers that are negative or no numbers count as zero.

    Steps are 1 / (weightsᵀ · weights · 1) for each bin: a diagonal bound of the curvature (De Pierro 1995) which makes
    wide and narrow bands converge equally fast. Momentum after Beck and Teboulle (2009), restarts after O'Donoghue and
    Candès (2015).
    """
    if method not in METHODS:
        raise InvalidValue(f"method={method!r} is not known; choose one of {', '.join(METHODS)}")
    if iterations != int(iterations) or iterations < 1:
        raise InvalidValue(f"iterations={iterations} must be a whole number of at least 1; the default is {ITERATIONS}")
    n_bands, n_bins = filters.weights.shape
    inverse, steps = _constants(filters)
    bands = {"powers": aligned(n_bands), "residual": aligned(n_bands)}
    return Stage(
        invert_bands,
        INVERSION,
        n_bands=n_bands,
        n_bins=n_bins,
        iterations=iterations if method == "nnls" else 0,
        inverse=inverse,
        weights=filters.weights,
        ranges=filters.ranges,
        steps=steps,
        **bands,
        **{name: aligned(n_bins) for name in ("estimate", "ahead", "gradient")},
    )


def invert(filters: BandFilters, powers: np.ndarray, method: str = "pinv", iterations: int = ITERATIONS) -> np.ndarray:
    """Magnitudes of a whole spectrogram from its band powers: the offline twin of :func:`inversion_stage`.

    Parameters
    ----------
    filters : BandFilters
    powers : ndarray, real, shape (n_bands,) or (n_bands, n_frames)
    method, iterations
        As in :func:`inversion_stage`.

    Returns
    -------
    ndarray, float32, shape (n_bins,) or (n_bins, n_frames)

    Examples
    --------
    >>> from rtspec.frames import FramePlan
    >>> from rtspec.frames.bands import band_filters
    >>> filters = band_filters("mel", FramePlan(), n_bands=40)
    >>> invert(filters, np.ones((40, 3))).shape
    (1025, 3)
    """
    powers = np.asarray(powers)
    if powers.ndim not in (1, 2) or len(powers) != filters.n_bands or np.iscomplexobj(powers):
        raise InvalidValue(
            f"powers of shape {powers.shape} and dtype {powers.dtype} must be real, ({filters.n_bands},) or"
            f" ({filters.n_bands}, n_frames) for these filters; take filters.apply(magnitude)"
        )
    frames = np.ascontiguousarray(powers.T, np.float32)
    magnitude = np.empty((*frames.shape[:-1], filters.plan.n_bins), np.float32)
    inversion_stage(filters, method, iterations).run(frames, frames.size // filters.n_bands, magnitude)
    return np.ascontiguousarray(magnitude.T)


@lru_cache(maxsize=16)
def _constants(filters: BandFilters) -> tuple[np.ndarray, np.ndarray]:
    """The pseudo-inverse, transposed to (n_bands, n_bins) so that loops run along bins, and the steps of "nnls".

    Computed in float64; directions that only the rounding of the float32 weights tells apart are left out.
    """
    weights = filters.weights.astype(np.float64)
    inverse = np.linalg.pinv(weights, rcond=max(weights.shape) * np.finfo(np.float32).eps).T
    curvature = weights.T @ weights.sum(axis=1)
    steps = np.divide(1, curvature, out=np.zeros_like(curvature), where=curvature > 0)
    constants = aligned_copy(inverse, np.float32), aligned_copy(steps, np.float32)
    for array in constants:
        array.flags.writeable = False
    return constants
