"""Magnitudes from band powers without learning: the clipped pseudo-inverse, and non-negative least squares.

Both work on power and give its root. Each frame is scaled by its loudest band first and back at the end, so no
threshold is absolute: what comes out scales with what comes in, and silence stays silent.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from ... import checks
from ...buffers.memory import aligned, aligned_copy
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import clear, copy, float_rows, part
from ...errors import InvalidValue
from ...frames.bands import BandFilters

METHODS = ("pinv", "nnls")
"""Clipped Moore-Penrose pseudo-inverse; non-negative least squares started from it."""

ITERATIONS = 150
"""Of "nnls" at most, by default. Bands of a real spectrum need some 3 to 15, arbitrary ones seldom more than 60."""

RIDGES = (1e-3, 1e-5, 1e-7)
"""Weights of the distance to the pseudo-inverse against the residual, in the order in which "nnls" lowers them."""

TOLERANCE = 1e-6
"""Relative to ‖powers‖, on the optimality condition of "nnls"."""

SHORTER, SHORTEST = 0.25, 1e-6
"""What a Newton step that went too far is cut by, and the length below which it is taken as it is."""

_LOUDEST = np.float32(3e38)

INVERSION = Record(
    "Inversion",
    counts="n_bands n_bins reach iterations",
    constants="inverse:f4[n_bands,n_bins] weights:f4[n_bands,n_bins] ranges:i8[n_bands,2] curvature:f8[n_bins]",
    arrays="powers:f4[n_bands] pinv:f4[n_bins] estimate:f8[n_bins] active:f8[n_bins] multiplier:f8[n_bands]"
    " trial:f8[n_bands] direction:f8[n_bands] imbalance:f8[n_bands] jacobian:f8[n_bands,reach+1]",
    reals="ridge=0",
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
    total = 0.0
    for i in range(n):
        total += np.float64(u[i]) * v[i]
    return total


@njit
def _pseudo_inverse(s):
    """pinv = max(0, inverse · powers)."""
    pinv, powers = s.pinv, s.powers
    clear(pinv)
    for b in range(s.n_bands):
        _add(pinv, s.inverse[b], powers[b], s.n_bins)
    for k in range(s.n_bins):
        pinv[k] = max(pinv[k], np.float32(0))


# "nnls" solves min ½‖W·y - p‖² + ½ε·Σ c·(y - y0)² over y ≥ 0, where y0 is the clipped pseudo-inverse and c = Wᵀ·W·1
# makes wide and narrow bands alike. With one multiplier λ a band the solution is y = max(0, y0 + Wᵀ·λ / c), and λ
# minimises the convex ½Σ c·y² - p·λ + ½ε‖λ‖², whose gradient is W·y - p + ε·λ. Newton's method finds it: bands overlap
# few others, so its matrix W·diag(1/c where y > 0)·Wᵀ + ε·I is banded and costs next to nothing.


@njit(inline="always")
def _band(s, b):
    """First bin, number of bins and weights of band `b`."""
    start, n_used = s.ranges[b, 0], s.ranges[b, 1] - s.ranges[b, 0]
    return start, n_used, part(s.weights[b], start, n_used)


@njit(fastmath={"reassoc", "contract"})
def _clip_and_weigh(estimate, active, pinv, curvature, n):
    """estimate = max(0, pinv + estimate / c) for curvature c, active = 1 / c where that is positive; gives Σ c·y²."""
    energy = 0.0
    for k in range(n):
        inverse = 1.0 / curvature[k]
        value = max(0.0, pinv[k] + estimate[k] * inverse)
        estimate[k] = value
        active[k] = inverse if value > 0.0 else 0.0
        energy += curvature[k] * value * value
    return energy


@njit
def _evaluate(s, at):
    """Set estimate, active and imbalance (the gradient) for these multipliers; returns the dual value."""
    powers, estimate, imbalance = s.powers, s.estimate, s.imbalance
    clear(estimate)
    for b in range(s.n_bands):
        start, n_used, weights = _band(s, b)
        _add(part(estimate, start, n_used), weights, at[b], n_used)
    value = 0.5 * _clip_and_weigh(estimate, s.active, s.pinv, s.curvature, s.n_bins)
    for b in range(s.n_bands):
        start, n_used, weights = _band(s, b)
        seen = _dot(weights, part(estimate, start, n_used), n_used)
        imbalance[b] = seen - powers[b] + s.ridge * at[b]
        value += at[b] * (0.5 * s.ridge * at[b] - powers[b])
    return value


@njit(fastmath={"reassoc", "contract"})
def _dot_active(u, v, active, n):
    total = 0.0
    for i in range(n):
        total += np.float64(u[i]) * v[i] * active[i]
    return total


@njit
def _fill_jacobian(s):
    """Row b: W·diag(active)·Wᵀ + ε·I at columns b … b + reach."""
    ranges, n = s.ranges, s.n_bands
    for b in range(n):
        row = s.jacobian[b]
        for i in range(min(s.reach + 1, n - b)):
            start = max(ranges[b, 0], ranges[b + i, 0])
            n_used = max(0, min(ranges[b, 1], ranges[b + i, 1]) - start)
            ours, theirs = part(s.weights[b], start, n_used), part(s.weights[b + i], start, n_used)
            row[i] = _dot_active(ours, theirs, part(s.active, start, n_used), n_used)
        row[0] += s.ridge


@njit
def _solve_banded(matrix, x, n, reach):
    """x ← matrix⁻¹·x for a positive definite matrix, its upper band stored by rows of reach + 1; spoils it."""
    width = reach + 1
    for b in range(n):
        for i in range(1, min(width, n - b)):
            factor = matrix[b * width + i] / matrix[b * width]
            for j in range(i, width):
                matrix[(b + i) * width + j - i] -= factor * matrix[b * width + j]
            x[b + i] -= factor * x[b]
    for b in range(n - 1, -1, -1):
        for i in range(1, min(width, n - b)):
            x[b] -= matrix[b * width + i] * x[b + i]
        x[b] /= matrix[b * width]


@njit
def _aim(s):
    """direction = -jacobian⁻¹ · imbalance; returns the slope of the dual value along it."""
    _fill_jacobian(s)
    direction, imbalance = s.direction, s.imbalance
    for b in range(s.n_bands):
        direction[b] = -imbalance[b]
    _solve_banded(part(s.jacobian, 0, s.jacobian.size), direction, s.n_bands, s.reach)
    return _dot(imbalance, direction, s.n_bands)


@njit
def _balanced(s):
    powers, imbalance = s.powers, s.imbalance
    return _dot(imbalance, imbalance, s.n_bands) <= TOLERANCE**2 * _dot(powers, powers, s.n_bands)


@njit
def _newton(s, budget):
    """Newton steps, cut until the dual value falls, at one ridge; returns what is left of the budget of evaluations."""
    value, length = _evaluate(s, s.multiplier), 1.0
    if _balanced(s):
        return budget
    slope = _aim(s)
    trial, multiplier, direction = s.trial, s.multiplier, s.direction
    while budget > 0:
        budget -= 1
        for b in range(s.n_bands):
            trial[b] = multiplier[b] + length * direction[b]
        tried = _evaluate(s, s.trial)
        if tried > value + 1e-4 * length * slope + 1e-12 * abs(value) and length > SHORTEST:
            length *= SHORTER
            continue
        copy(multiplier, trial)
        if _balanced(s):
            return budget
        value, length, slope = tried, 1.0, _aim(s)
    _evaluate(s, s.multiplier)
    return budget


@njit
def _least_squares(s):
    """Lower the ridge by stages, each started from the one before."""
    clear(s.multiplier)
    budget = s.iterations
    for stage in range(len(RIDGES)):
        s.ridge = RIDGES[stage]
        budget = _newton(s, budget)
        if budget == 0:
            return


@njit
def _write_magnitudes(powers, scale, magnitudes, n):
    for k in range(n):
        magnitudes[k] = np.sqrt(powers[k]) * scale


# Two steps rather than one with a switch: whoever plays the pseudo-inverse need not wait for Newton's compilation.


@step
def invert_clipped(state, x, n, y):
    """`n` float32 frames of n_bands powers → `n` float32 frames of n_bins magnitudes, by the clipped pseudo-inverse."""
    s = INVERSION(state)
    powers, magnitudes = float_rows(x, n, s.n_bands), float_rows(y, n, s.n_bins)
    for t in range(n):
        peak = _scaled(powers[t], s.powers, s.n_bands)
        _pseudo_inverse(s)
        _write_magnitudes(s.pinv, np.sqrt(peak), magnitudes[t], s.n_bins)
    return n


@step
def invert_least_squares(state, x, n, y):
    """`n` float32 frames of n_bands powers → `n` float32 frames of n_bins magnitudes, by non-negative least squares."""
    s = INVERSION(state)
    powers, magnitudes = float_rows(x, n, s.n_bands), float_rows(y, n, s.n_bins)
    for t in range(n):
        peak = _scaled(powers[t], s.powers, s.n_bands)
        _pseudo_inverse(s)
        _least_squares(s)
        _write_magnitudes(s.estimate, np.sqrt(peak), magnitudes[t], s.n_bins)
    return n


def inversion_stage(filters: BandFilters, method: str = "pinv", iterations: int = ITERATIONS) -> Stage:
    """Band powers to magnitudes as a stage: (n_bands,) float32 power → (n_bins,) float32 magnitude, no delay.

    Parameters
    ----------
    filters : BandFilters
    method : str
        "pinv": the clipped pseudo-inverse. "nnls": min ‖weights · y - powers‖ over y ≥ 0, started from it.
    iterations : int
        Bound on the Newton steps of "nnls" for one frame, tried ones included, at least 1.

    Raises
    ------
    InvalidValue
        If the method is not known or `iterations` is out of bounds.

    Notes
    -----
    Every frame stands for itself: the stage remembers nothing. Powers that are negative or no numbers count as zero.
    Of the many solutions of "nnls" this is, but for the last ridge, the one nearest to the clipped pseudo-inverse.

    References
    ----------
    D. Goldfarb and A. Idnani (1983) on dual methods for strictly convex quadratic programs; L. Qi and J. Sun (1993) on
    Newton's method for functions with kinks.
    """
    checks.choice("method", method, METHODS)
    iterations = checks.integral("iterations", iterations, 1, remedy=f"the default is {ITERATIONS}")
    inverse, curvature = _constants(filters)
    n_bands, n_bins = filters.weights.shape
    reach = _reach(filters.ranges)
    return Stage(
        invert_least_squares if method == "nnls" else invert_clipped,
        INVERSION,
        n_bands=n_bands,
        n_bins=n_bins,
        reach=reach,
        iterations=iterations,
        inverse=inverse,
        weights=filters.weights,
        ranges=filters.ranges,
        curvature=curvature,
        powers=aligned(n_bands),
        pinv=aligned(n_bins),
        estimate=aligned(n_bins, np.float64),
        active=aligned(n_bins, np.float64),
        multiplier=aligned(n_bands, np.float64),
        trial=aligned(n_bands, np.float64),
        direction=aligned(n_bands, np.float64),
        imbalance=aligned(n_bands, np.float64),
        jacobian=aligned((n_bands, reach + 1), np.float64),
    )


def _reach(ranges: np.ndarray) -> int:
    """How many of the bands that follow any band share bins with it, at most."""
    overlap = (ranges[:, None, 0] < ranges[None, :, 1]) & (ranges[None, :, 0] < ranges[:, None, 1])
    lower, upper = np.nonzero(overlap)
    return int((upper - lower).max())


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


def pseudo_inverse(filters: BandFilters) -> np.ndarray:
    """The Moore-Penrose pseudo-inverse that "pinv" clips, transposed: read-only float32 of shape (n_bands, n_bins)."""
    return _constants(filters)[0]


@lru_cache(maxsize=16)
def _constants(filters: BandFilters) -> tuple[np.ndarray, np.ndarray]:
    """The pseudo-inverse, transposed to (n_bands, n_bins) so that loops run along bins, and the curvature of "nnls".

    Computed in float64; directions that only the rounding of the float32 weights tells apart are left out.
    """
    weights = filters.weights.astype(np.float64)
    inverse = np.linalg.pinv(weights, rcond=max(weights.shape) * np.finfo(np.float32).eps).T
    curvature = weights.T @ weights.sum(axis=1)
    nowhere = curvature == 0  # bins of no band stay at zero
    inverse[:, nowhere], curvature[nowhere] = 0, 1
    constants = aligned_copy(inverse, np.float32), aligned_copy(curvature)
    for array in constants:
        array.flags.writeable = False
    return constants
