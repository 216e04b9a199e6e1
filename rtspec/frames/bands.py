"""Band features: third-octave and mel bands of a frame's power, as matrices, as a streaming stage, and in decibels.

All filters weigh *power* (squared magnitude). Bands that no bin falls into are dropped; `centres_hz` tells which stay.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numba import njit

from .. import checks
from ..buffers.memory import aligned_copy
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import float_rows, part
from ..errors import InvalidValue
from .plan import FramePlan

REFERENCE_HZ = 1000.0
"""Every third-octave grid has a band centred here."""

EDGE_ORDER = 3
"""How often the sin² edges of the paper's filters are steepened (l in Antoni 2010)."""

FAINT = 1e-3
"""A third-octave band all of whose weights are below this holds no bin, but merely the foot of its neighbour's edge."""


@dataclass(frozen=True, eq=False)
class BandFilters:
    """A filterbank over the bins of a plan. Immutable, compared by identity.

    Attributes
    ----------
    weights : ndarray, float32, shape (n_bands, n_bins)
        Non-negative, read-only; applied to power. Each band is one contiguous range of bins.
    centres_hz : ndarray, float64, shape (n_bands,)
        Exact centres of the bands that are there, rising, read-only.
    name : str
        "third-octave", "third-octave-paper", "mel" or "mel-htk".
    plan : FramePlan
    """

    weights: np.ndarray
    centres_hz: np.ndarray
    name: str
    plan: FramePlan

    @property
    def n_bands(self) -> int:
        """Bands that hold at least one bin."""
        return len(self.weights)

    @cached_property
    def ranges(self) -> np.ndarray:
        """First bin of each band and the one after its last, read-only int64 of shape (n_bands, 2)."""
        used = self.weights > 0
        return _constant(
            np.stack([used.argmax(axis=1), used.shape[1] - used[:, ::-1].argmax(axis=1)], axis=1), np.int64
        )

    def apply(self, magnitude: np.ndarray) -> np.ndarray:
        """Band powers of a whole spectrogram: the offline twin of :func:`bands_stage`.

        Parameters
        ----------
        magnitude : ndarray, real, shape (n_bins,) or (n_bins, n_frames)

        Returns
        -------
        ndarray, float32, shape (n_bands,) or (n_bands, n_frames)
        """
        magnitude = np.asarray(magnitude)
        if magnitude.ndim not in (1, 2) or len(magnitude) != self.plan.n_bins or np.iscomplexobj(magnitude):
            raise InvalidValue(
                f"magnitude of shape {magnitude.shape} and dtype {magnitude.dtype} must be real,"
                f" ({self.plan.n_bins},) or ({self.plan.n_bins}, n_frames) for this plan; take np.abs of its stft"
            )
        return self.weights @ np.square(magnitude, dtype=np.float32)


def third_octave_bands(
    plan: FramePlan, layout: str = "iec", low_hz: float = 20.0, high_hz: float | None = None
) -> BandFilters:
    """Third-octave bands, from the one that holds `low_hz` to the one that holds `high_hz`.

    Parameters
    ----------
    plan : FramePlan
    layout : str
        "iec": base-ten centres ``1000·10^(n/10)``; a bin counts by the fraction of its width inside the band.
        "paper": base-two centres ``1000·2^(n/3)`` and overlapping sin² edges, sampled at the centres of the bins.
    low_hz, high_hz : float
        0 < low_hz < high_hz ≤ sample_rate / 2, the default of `high_hz`. The last band may reach beyond it.

    Returns
    -------
    BandFilters
        In both layouts the weights of a bin add up to one, so the bands partition the power between the outermost
        edges. Of a band that only touches a bin (no weight above FAINT) nothing is kept.

    Raises
    ------
    InvalidValue
        If the layout is not known or the frequencies are out of bounds.

    References
    ----------
    IEC 61260-1:2014, equations 1 to 4.
    J. Antoni, "Orthogonal-like fractional-octave-band filters", J. Acoust. Soc. Am. 127 (2010).
    F. Gontier et al., "Privacy aware acoustic scene synthesis using deep spectral feature inversion", ICASSP 2020.

    Examples
    --------
    >>> third_octave_bands(FramePlan(16000, 1024, 512), layout="paper").n_bands
    24
    """
    checks.choice("layout", layout, _LAYOUTS)
    name, octave, weigh = _LAYOUTS[layout]
    low_hz, high_hz = _limits(plan, low_hz, high_hz, lowest=np.nextafter(0.0, 1.0))
    first, last = (round(3 * np.log(f / REFERENCE_HZ) / np.log(octave)) for f in (low_hz, high_hz))
    centres = REFERENCE_HZ * octave ** (np.arange(first, last + 2) / 3)
    steps = weigh(centres / octave ** (1 / 6), centres / octave ** (1 / 3), plan)
    weights = steps[:-1] - steps[1:]
    weights[weights.max(axis=1) < FAINT] = 0
    return _filters(weights, centres[:-1], name, plan)


def _fractions_above(edges: np.ndarray, _below: np.ndarray, plan: FramePlan) -> np.ndarray:
    """Fraction of every bin's width above every edge, shape (n_edges, n_bins); the outermost bins are half as wide."""
    nyquist, half = plan.sample_rate / 2, plan.sample_rate / plan.n_fft / 2
    low, high = np.maximum(plan.frequencies_hz - half, 0), np.minimum(plan.frequencies_hz + half, nyquist)
    return np.clip((high - edges[:, None]) / (high - low), 0, 1)


def _smooth_steps(edges: np.ndarray, below: np.ndarray, plan: FramePlan) -> np.ndarray:
    """Power of a high-pass at every edge, shape (n_edges, n_bins), rising from the centre below to its mirror image.

    No edge reaches into the next, and sin² + cos² = 1: differences of neighbouring steps are bands that add up to one.
    """
    half_width = (edges - below)[:, None]
    rise = np.clip((plan.frequencies_hz - edges[:, None]) / (2 * half_width) + 0.5, 0, 1)
    for _ in range(EDGE_ORDER + 1):  # the last one turns the amplitude's argument into power
        rise = np.sin(np.pi / 2 * rise) ** 2
    return rise


_LAYOUTS: dict[str, tuple[str, float, Callable]] = {
    "iec": ("third-octave", 10**0.3, _fractions_above),
    "paper": ("third-octave-paper", 2.0, _smooth_steps),
}
"""Layout: name of the filters, frequency ratio of an octave, and the steps whose differences are the bands."""


def mel_bands(
    plan: FramePlan,
    n_bands: int = 128,
    scale: str = "slaney",
    low_hz: float = 0.0,
    high_hz: float | None = None,
    norm: str | None = "slaney",
) -> BandFilters:
    """Triangular mel bands, those of ``librosa.filters.mel``.

    Parameters
    ----------
    plan : FramePlan
    n_bands : int
        At least 1; fewer come back where bands are narrower than the bins' spacing.
    scale : str
        "slaney" (linear below 1 kHz) or "htk".
    low_hz, high_hz : float
        0 ≤ low_hz < high_hz ≤ sample_rate / 2, the default of `high_hz`.
    norm : str or None
        "slaney": each triangle has unit area over Hz; None: unit height.

    Returns
    -------
    BandFilters

    Raises
    ------
    InvalidValue
        If scale or norm are not known, or a number is out of bounds.
    """
    checks.choice("scale", scale, _MEL)
    checks.choice("norm", norm, ("slaney", None))
    n_bands = checks.integral("n_bands", n_bands, 1, remedy="try 128")
    name, to_mel, to_hz = _MEL[scale]
    low_mel, high_mel = to_mel(np.array(_limits(plan, low_hz, high_hz)))
    corners = to_hz(np.linspace(low_mel, high_mel, n_bands + 2))
    weights = _triangles(corners, plan)
    if norm == "slaney":
        weights *= 2 / (corners[2:] - corners[:-2])[:, None]
    return _filters(weights, corners[1:-1], name, plan)


def _triangles(corners: np.ndarray, plan: FramePlan) -> np.ndarray:
    """Unit triangles between every three neighbouring corners (Hz), shape (n_corners - 2, n_bins)."""
    slopes = plan.frequencies_hz - corners[:, None]
    widths = np.diff(corners)[:, None]
    return np.maximum(0, np.minimum(slopes[:-2] / widths[:-1], -slopes[2:] / widths[1:]))


SLANEY_HZ_PER_MEL, SLANEY_BREAK_HZ, SLANEY_LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27
"""Slaney's Auditory Toolbox: linear up to the break, then 27 mels for a ratio of 6.4."""


def _hz_to_slaney(hz: np.ndarray) -> np.ndarray:
    octaves = np.log(np.maximum(hz, SLANEY_BREAK_HZ) / SLANEY_BREAK_HZ)
    return np.minimum(hz, SLANEY_BREAK_HZ) / SLANEY_HZ_PER_MEL + octaves / SLANEY_LOG_STEP


def _slaney_to_hz(mel: np.ndarray) -> np.ndarray:
    linear = np.minimum(mel * SLANEY_HZ_PER_MEL, SLANEY_BREAK_HZ)
    return linear * np.exp(SLANEY_LOG_STEP * np.maximum(mel - SLANEY_BREAK_HZ / SLANEY_HZ_PER_MEL, 0))


_MEL: dict[str, tuple[str, Callable, Callable]] = {
    "slaney": ("mel", _hz_to_slaney, _slaney_to_hz),
    "htk": ("mel-htk", lambda hz: 2595 * np.log10(1 + hz / 700), lambda mel: 700 * (10 ** (mel / 2595) - 1)),
}
"""Scale: name of the filters, Hz to mel, mel to Hz."""

BAND_NAMES = ("third-octave", "third-octave-paper", "mel", "mel-htk")
"""What :func:`band_filters` knows."""


@lru_cache(maxsize=32)
def band_filters(name: str, plan: FramePlan, n_bands: int | None = None) -> BandFilters:
    """The filterbank called `name`, over all frequencies of the plan; equal arguments share one object.

    Parameters
    ----------
    name : str
        "third-octave" (IEC 61260), "third-octave-paper" (Gontier et al.), "mel" (Slaney) or "mel-htk".
    plan : FramePlan
    n_bands : int, optional
        For the mel scales alone, 128 by default: third-octave bands follow from the sample rate.

    Raises
    ------
    InvalidValue
        If the name is not known, or `n_bands` is given with third-octave bands.
    """
    checks.choice("bands", name, BAND_NAMES)
    if name.startswith("mel"):
        return mel_bands(plan, 128 if n_bands is None else n_bands, scale="htk" if name == "mel-htk" else "slaney")
    if n_bands is not None:
        raise InvalidValue(
            f"n_bands={n_bands} must be left out for bands={name!r}, which the sample rate fixes; try 'mel'"
        )
    return third_octave_bands(plan, layout="paper" if name == "third-octave-paper" else "iec")


def log_scale(power: np.ndarray, floor_db: float = -100.0) -> np.ndarray:
    """Powers in decibels re 1, ``10·log10(power)``, nothing below `floor_db`; float32 of the same shape."""
    floor = 10.0 ** (floor_db / 10)
    return (10 * np.log10(np.maximum(np.asarray(power, np.float64), floor))).astype(np.float32)


def linear_scale(level_db: np.ndarray, floor_db: float = -np.inf) -> np.ndarray:
    """The inverse of :func:`log_scale`: decibels to powers, zero at and below `floor_db`; float32 of the same shape."""
    level_db = np.asarray(level_db, np.float64)
    return np.where(level_db > floor_db, 10 ** (level_db / 10), 0).astype(np.float32)


def _filters(weights: np.ndarray, centres_hz: np.ndarray, name: str, plan: FramePlan) -> BandFilters:
    """Round to float32, drop what is empty then, freeze."""
    weights = weights.astype(np.float32)
    there = weights.any(axis=1)
    if not there.any():
        raise InvalidValue(
            f"no bin of n_fft={plan.n_fft} falls into any {name} band; try a larger n_fft or a wider range"
        )
    return BandFilters(_constant(weights[there]), _constant(centres_hz[there]), name, plan)


def _constant(values: np.ndarray, dtype=None) -> np.ndarray:
    out = aligned_copy(values, dtype)
    out.flags.writeable = False
    return out


def _limits(plan: FramePlan, low_hz: float, high_hz: float | None, lowest: float = 0.0) -> tuple[float, float]:
    nyquist = plan.sample_rate / 2
    high_hz = nyquist if high_hz is None else high_hz
    if not high_hz <= nyquist:
        raise InvalidValue(f"high_hz={high_hz} must be at most sample_rate/2; try {nyquist:g}")
    if not lowest <= low_hz < high_hz:
        sign = ">" if lowest else "≥"
        raise InvalidValue(f"low_hz={low_hz} must be {sign} 0 and below high_hz={high_hz:g}; try {high_hz / 400:g}")
    return low_hz, high_hz


BANDS = Record("Bands", counts="n_bands n_bins", constants="weights:f4[n_bands,n_bins] ranges:i8[n_bands,2]")


@njit(fastmath={"reassoc", "contract"})
def _weighted_power(weights, magnitude, n):
    total = np.float32(0)
    for i in range(n):
        total += weights[i] * (magnitude[i] * magnitude[i])
    return total


@step
def sum_bands(state, x, n, y):
    """`n` float32 frames of n_bins magnitudes → `n` float32 frames of n_bands powers."""
    s = BANDS(state)
    magnitudes, powers = float_rows(x, n, s.n_bins), float_rows(y, n, s.n_bands)
    for t in range(n):
        for b in range(s.n_bands):
            start, n_used = s.ranges[b, 0], s.ranges[b, 1] - s.ranges[b, 0]
            weights = part(s.weights[b], start, n_used)
            powers[t, b] = _weighted_power(weights, part(magnitudes[t], start, n_used), n_used)
    return n


def bands_stage(filters: BandFilters) -> Stage:
    """The filterbank as a stage: (n_bins,) float32 magnitude → (n_bands,) float32 band power, no delay."""
    return Stage(
        sum_bands,
        BANDS,
        n_bands=filters.n_bands,
        n_bins=filters.plan.n_bins,
        weights=filters.weights,
        ranges=filters.ranges,
    )
