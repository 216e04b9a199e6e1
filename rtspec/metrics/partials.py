"""Measures of the timbre paper: RMSE and SSIM of pictures, and which partials were found again.

References
----------
A. Natsiou, L. Longo, S. O'Leary: "An investigation of the reconstruction capacity of stacked convolutional autoencoders
for log-mel-spectrograms", 2022, section V, equations 8 to 10.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.signal import find_peaks

TOLERANCE = 0.03
BELOW_PEAK_DB = 30.0
RIPPLE_DB = 1.0
_SSIM_WINDOW = 7


@dataclass(frozen=True)
class Found:
    """Peaks of the original that were found again, all values 0 to 1."""

    recall: float
    precision: float
    f1: float


def rmse(made: np.ndarray, wanted: np.ndarray) -> float:
    """Root of the mean square difference. Arrays of one shape, float32 or float64."""
    return float(np.sqrt(np.mean((made.astype(np.float64) - wanted) ** 2)))


def ssim(made: np.ndarray, wanted: np.ndarray) -> float:
    """Structural similarity of two pictures, float32 (height, width) with values 0 to 1: windows of 7 × 7, as
    scikit-image computes it.

    Z. Wang et al.: "Image quality assessment: from error visibility to structural similarity", 2004, equation 13.
    """
    a, b = made.astype(np.float64), wanted.astype(np.float64)
    n = _SSIM_WINDOW**2
    mean_a, mean_b = uniform_filter(a, _SSIM_WINDOW), uniform_filter(b, _SSIM_WINDOW)
    sample = n / (n - 1)
    var_a = sample * (uniform_filter(a * a, _SSIM_WINDOW) - mean_a**2)
    var_b = sample * (uniform_filter(b * b, _SSIM_WINDOW) - mean_b**2)
    both = sample * (uniform_filter(a * b, _SSIM_WINDOW) - mean_a * mean_b)
    c1, c2 = 0.01**2, 0.03**2
    similar = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    edge = _SSIM_WINDOW // 2
    return float(similar[edge:-edge, edge:-edge].mean())


def peaks(levels_db: np.ndarray) -> np.ndarray:
    """Local maxima along frequency no further than 30 dB below their frame's strongest, bool as (n_bins, n_frames).

    The paper names no algorithm; a ripple of less than 1 dB is no peak here.
    """
    marked = np.zeros(levels_db.shape, bool)
    for t, frame in enumerate(levels_db.T):
        marked[find_peaks(frame, height=frame.max() - BELOW_PEAK_DB, prominence=RIPPLE_DB)[0], t] = True
    return marked


def found(made: np.ndarray, wanted: np.ndarray, frequencies_hz: np.ndarray) -> Found:
    """Which peaks lie within ±3 % of one on the other side, over all frames in which the original has any.

    Parameters
    ----------
    made, wanted : ndarray of bool, shape (n_bins, n_frames)
        Peaks.
    frequencies_hz : ndarray, shape (n_bins,)
        Centre of each bin.
    """
    sounding = wanted.any(0)
    made, wanted = made[:, sounding], wanted[:, sounding]
    in_made, in_wanted = made & near(wanted, frequencies_hz), wanted & near(made, frequencies_hz)
    recall = in_wanted.sum() / max(1, wanted.sum())
    precision = in_made.sum() / max(1, made.sum())
    return Found(float(recall), float(precision), float(2 * precision * recall / max(1e-12, precision + recall)))


def near(marked: np.ndarray, frequencies_hz: np.ndarray) -> np.ndarray:
    """Which bins have a marked one within ±3 % of their frequency. Bool of shape (n_bins, n_frames), frequencies
    float64 of shape (n_bins,)."""
    low = np.searchsorted(frequencies_hz, frequencies_hz * (1 - TOLERANCE), "left")
    high = np.searchsorted(frequencies_hz, frequencies_hz * (1 + TOLERANCE), "right")
    sums = np.concatenate([np.zeros((1, marked.shape[1]), np.int64), np.cumsum(marked, 0)])
    return sums[high] > sums[low]


def picture_scores(
    made: np.ndarray, wanted: np.ndarray, frequencies_hz: np.ndarray, range_db: float
) -> dict[str, float]:
    """All of the paper's measures for one log-mel picture with values 0 to 1, which stand for `range_db`. Pictures are
    float32 of shape (n_bands, n_frames), frequencies float64 of shape (n_bands,)."""
    pair = [peaks(range_db * x.astype(np.float64)) & (x > 0) for x in (made, wanted)]
    again = found(pair[0], pair[1], frequencies_hz)
    return {
        "RMSE": rmse(made, wanted),
        "SSIM": ssim(made, wanted),
        "Recall": again.recall,
        "Precision": again.precision,
        "F1": again.f1,
    }
