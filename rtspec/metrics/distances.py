"""Distances between a sound and the one it should be, each with its definition and the base of its logarithm.

Sounds are float32 of shape (channels, n_samples) or (n_samples,), aligned to the sample. Measures of perception
(:func:`pesq`, :func:`stoi`, :func:`visqol`) come from packages of the extra ``evaluate``.
"""

from functools import cache

import numpy as np
from scipy.signal import resample_poly

from ..errors import InvalidValue

LSD_N_FFT, LSD_HOP, LSD_FLOOR = 2048, 512, 1e-8
PESQ_RATE, STOI_RATE, VISQOL_RATE = 16000, 10000, 48000


def snr_db(original: np.ndarray, made: np.ndarray) -> float:
    """Signal-to-noise ratio ``10·log10(‖original‖² / ‖original - made‖²)`` over all channels; inf where equal.

    Both float32 of shape (channels, n_samples) or (n_samples,).

    References
    ----------
    Deshpande et al., equation 4.
    """
    original, made = paired(original, made)
    noise = float(np.sum((original - made) ** 2))
    signal = float(np.sum(original**2))
    if noise == 0:
        return float("inf")
    return 10 * float(np.log10(signal / noise)) if signal else float("-inf")


def log_spectral_distance(
    original: np.ndarray,
    made: np.ndarray,
    band: tuple[float, float] = (0.0, 1.0),
    *,
    n_fft: int = LSD_N_FFT,
    hop: int = LSD_HOP,
    floor: float = LSD_FLOOR,
) -> float:
    """Mean over frames of the root mean square over bins of ``log10(max(|S|², floor))``'s difference.

    Parameters
    ----------
    original, made : ndarray
    band : tuple of float
        The bins that count, as shares of the Nyquist frequency: (0, .25) is below a quarter of it.
    n_fft, hop : int
        Samples; Hann window, no scaling, no padding.
    floor : float
        Least power; 1e-8 is 134 dB below a full-scale sine.

    Returns
    -------
    float
        In powers of ten of power (1 is 10 dB), mean over channels.

    References
    ----------
    Deshpande et al., equation 6 (where the base of the logarithm and the floor are left open).
    """
    original, made = paired(original, made)
    a, b = (_log_powers(sound, n_fft, hop, floor) for sound in (original, made))
    low, high = (round(share * (n_fft // 2)) for share in band)
    if high <= low:
        raise InvalidValue(f"band={band} holds no bin; give two shares of the Nyquist frequency, low before high")
    difference = a[..., low : high + 1] - b[..., low : high + 1]
    return float(np.mean(np.sqrt(np.mean(difference**2, axis=-1))))


def envelope_correlation(original: np.ndarray, made: np.ndarray, edge: float, range_db: float = 60.0) -> float:
    """Correlation (Pearson's, -1 to 1) over frames of the levels above an edge, in dB.

    Parameters
    ----------
    original, made : ndarray
    edge : float
        Share of the Nyquist frequency.
    range_db : float
        Levels that far below the original's loudest frame count as that; 1 s is some 86 frames at 44.1 kHz.

    Returns
    -------
    float
        0 where either level never changes.
    """
    original, made = paired(original, made)
    start = round(edge * LSD_N_FFT / 2)
    levels = [np.mean(powers(sound, LSD_N_FFT, LSD_HOP)[..., start:], axis=(0, 2)) for sound in (original, made)]
    floor = levels[0].max() * 10 ** (-range_db / 10) + 1e-30
    a, b = (10 * np.log10(np.maximum(level, floor)) for level in levels)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def pesq(original: np.ndarray, made: np.ndarray, sample_rate: int) -> float:
    """Wide-band PESQ (ITU-T P.862.2), -0.5 to 4.64, of the channels' mean at 16 kHz; saturated for coded music, least
    where it hears no utterance. Both float32 of shape (channels, n_samples) or (n_samples,)."""
    from pesq import PesqError
    from pesq import pesq as measure

    a, b = (_at(sound, sample_rate, PESQ_RATE) for sound in (original, made))
    return max(-0.5, float(measure(PESQ_RATE, a, b, "wb", on_error=PesqError.RETURN_VALUES)))


def stoi(original: np.ndarray, made: np.ndarray, sample_rate: int) -> float:
    """Short-time objective intelligibility (Taal et al. 2011), 0 to 1, of the channels' mean at 10 kHz. Both float32 of
    shape (channels, n_samples) or (n_samples,)."""
    from pystoi import stoi as measure

    a, b = (_at(sound, sample_rate, STOI_RATE) for sound in (original, made))
    return float(measure(a, b, STOI_RATE))


def visqol(original: np.ndarray, made: np.ndarray, sample_rate: int) -> float:
    """ViSQOL in audio mode, 1 to 5, of the channels' mean at 48 kHz. Never judge phase with it. Both float32 of shape
    (channels, n_samples) or (n_samples,)."""
    a, b = (_at(sound, sample_rate, VISQOL_RATE).astype(np.float64) for sound in (original, made))
    return float(_visqol().measure_from_arrays(a, b, VISQOL_RATE).moslqo)


@cache
def _visqol():
    from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode="audio")
    return api


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet's distance (squared) between two sets of vectors taken for normal: how far their means are apart, and how
    differently they spread. Float of shapes (n, n_features) and (m, n_features), two vectors each at least.

    ``|μa - μb|² + tr(Ca) + tr(Cb) - 2·tr((Ca·Cb)^½)``; the last trace is the sum of the singular values of the centred
    vectors' products with each other, so that no matrix of features squared is made. Few vectors make it too large, by
    as much for every set of as many.

    References
    ----------
    Kilgour et al., Fréchet audio distance, equation 1.
    """
    if min(len(a), len(b)) < 2:
        raise InvalidValue(f"{min(len(a), len(b))} vectors have no spread; give longer sounds, or more")
    centred = [(each - each.mean(axis=0)) / np.sqrt(len(each) - 1) for each in (a, b)]
    spread = sum(float(np.sum(each**2)) for each in centred)
    shared = float(np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum())
    apart = float(np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2))
    return max(0.0, apart + spread - 2 * shared)


def paired(original: np.ndarray, made: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 of shape (channels, n_samples).

    Raises
    ------
    InvalidValue
        Their shapes differ.
    """
    a, b = np.atleast_2d(np.asarray(original, np.float64)), np.atleast_2d(np.asarray(made, np.float64))
    if a.shape != b.shape:
        raise InvalidValue(f"sounds of shapes {a.shape} and {b.shape} cannot be compared; align and cut them first")
    return a, b


def powers(sound: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """Power of each bin under a Hann window, no scaling, no padding: float64 of shape (channels, n_frames, n_bins).

    Parameters
    ----------
    sound : ndarray, shape (channels, n_samples)
    n_fft, hop : int
        Samples.

    Raises
    ------
    InvalidValue
        It is shorter than `n_fft`.
    """
    if sound.shape[1] < n_fft:
        raise InvalidValue(f"{sound.shape[1]} samples are too few to compare spectra; give at least {n_fft}")
    frames = np.lib.stride_tricks.sliding_window_view(sound, n_fft, axis=1)[:, ::hop]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    return np.abs(np.fft.rfft(frames * window)) ** 2


def _log_powers(sound: np.ndarray, n_fft: int, hop: int, floor: float) -> np.ndarray:
    return np.log10(np.maximum(powers(sound, n_fft, hop), floor))


def _at(sound: np.ndarray, sample_rate: int, wanted: int) -> np.ndarray:
    """The channels' mean at another rate."""
    return resampled(np.atleast_2d(sound).mean(axis=0), sample_rate, wanted)


def resampled(sound: np.ndarray, sample_rate: int, wanted: int) -> np.ndarray:
    """The sound at another rate, without delay: float32 of shape (..., n_samples)."""
    common = np.gcd(sample_rate, wanted)
    return resample_poly(sound, wanted // common, sample_rate // common, axis=-1).astype(np.float32)
