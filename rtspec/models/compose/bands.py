"""Bands of a spectrum as matrices: powers into bands, gains of bands onto bins."""

import numpy as np

from ...errors import ModelError
from ...frames.bands import mel_bands, third_octave_bands
from ...frames.plan import FramePlan
from ..manifest.fields import Bands
from .deepfilter import DeepFilterSettings, erb_widths

KINDS = ("third-octave", "mel-htk", "mel-slaney", "erb", "bark")


def band_weights(bands: Bands, plan: FramePlan) -> np.ndarray:
    """Weights of the power: ERB bands are means of bins, the others as :mod:`rtspec.frames.bands` has them.

    Returns
    -------
    ndarray
        float32 (n_bands, n_bins).
    """
    if bands.kind == "erb":
        sizes = {"sample_rate": plan.sample_rate, "n_fft": plan.n_fft, "n_bands": bands.n_bands}
        widths = erb_widths(DeepFilterSettings(**sizes))
        return np.repeat(np.eye(len(widths)) / widths[:, None], widths, axis=1).astype(np.float32)
    if bands.kind == "bark":
        return _bark(bands, plan)
    if bands.kind == "third-octave":
        made = third_octave_bands(plan, low_hz=bands.low_hz or 20.0, high_hz=bands.high_hz)
    else:
        scale = bands.kind.removeprefix("mel-")
        made = mel_bands(plan, bands.n_bands, scale, bands.low_hz, bands.high_hz)
    if len(made.weights) != bands.n_bands:
        raise ModelError(f"bands.n_bands={bands.n_bands} must be {len(made.weights)} for {bands.kind}; correct it")
    return np.asarray(made.weights, np.float32)


def _bark(bands: Bands, plan: FramePlan) -> np.ndarray:
    """Triangles that are as far apart on the Bark scale (Traunmüller 1990), each 1 at its centre."""

    def bark(hz: np.ndarray) -> np.ndarray:
        return 26.81 * hz / (1960 + hz) - 0.53

    hz = np.arange(plan.n_bins) * plan.sample_rate / plan.n_fft
    ends = bark(np.array([bands.low_hz, bands.high_hz or plan.sample_rate / 2]))
    corners = np.linspace(ends[0], ends[1], bands.n_bands + 2)
    step = corners[1] - corners[0]
    return np.maximum(0, 1 - np.abs(bark(hz)[None] - corners[1:-1, None]) / step).astype(np.float32)


def spread_of(bands: Bands, plan: FramePlan) -> np.ndarray:
    """Gains of bands to gains of bins: the mean of those that cover a bin, by their weight there; a bin that none
    covers follows the nearest that is covered.

    Returns
    -------
    ndarray
        float32 (n_bands, n_bins), columns that sum to 1.
    """
    weights = np.array(band_weights(bands, plan), np.float64)
    total = weights.sum(0)
    covered = np.flatnonzero(total > 0)
    nearest = covered[np.abs(np.arange(plan.n_bins)[:, None] - covered).argmin(1)]
    return (weights / np.where(total > 0, total, 1))[:, nearest].astype(np.float32)
