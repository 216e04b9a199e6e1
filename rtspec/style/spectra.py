"""The way from sound to what a network sees, and slopes on the way back."""

from typing import Any

import numpy as np
from scipy.fft import irfft

from ..frames.plan import FramePlan
from ..frames.stft import istft, stft
from ..phase import reconstruct

RATE = 22050
PLAN = FramePlan(sample_rate=RATE, n_fft=2048, hop=512)
FLOOR_DB = -80.0
TINY = 1e-8


def frames_of(sound: np.ndarray, plan: FramePlan = PLAN) -> np.ndarray:
    """The complex spectrogram of a mono sound, complex64 of shape (n_bins, n_frames)."""
    return stft(sound, plan)


def sound_of(magnitude: np.ndarray, n_samples: int, phase: str, plan: FramePlan = PLAN) -> np.ndarray:
    """A sound by reconstructed phases, float32 of shape (n_samples,); magnitudes are of `plan`."""
    method, _, rounds = phase.partition(":")
    options: dict[str, Any] = {"iterations": int(rounds)} if rounds else {}
    return istft(reconstruct(magnitude, plan, method=method, **options), plan, length=n_samples)


class Seen:
    """What a network sees of magnitudes: log1p of them [1]_, or levels of -80 to 0 dB below the loudest as 0 to 1.

    Parameters
    ----------
    as_level : bool
    loudest : float
        The magnitude that counts as 0 dB.
    """

    def __init__(self, as_level: bool, loudest: float):
        self._as_level, self._loudest = as_level, max(loudest, TINY)

    def of(self, magnitude: np.ndarray) -> np.ndarray:
        """Magnitudes → what is seen, float32 of the same shape."""
        if not self._as_level:
            return np.log1p(magnitude)
        level = 20 * np.log10(np.maximum(magnitude / self._loudest, TINY))
        return (1 - level / FLOOR_DB).clip(0, None).astype(np.float32)

    def magnitude(self, seen: np.ndarray) -> np.ndarray:
        """The magnitudes that are seen so; what is below 0 counts as 0. Float32 of shape (n_bins, n_frames), both."""
        if not self._as_level:
            return np.expm1(np.maximum(seen, 0))
        made = self._loudest * 10 ** ((1 - np.maximum(seen, 0)) * FLOOR_DB / 20)
        return np.where(seen > 0, made, 0).astype(np.float32)

    def slope(self, slope: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
        """The slope at what is seen → at the magnitudes. All float32 of shape (n_bins, n_frames)."""
        if not self._as_level:
            return slope / (1 + magnitude)
        floor = self._loudest * np.float32(10 ** (FLOOR_DB / 20))
        inside = magnitude > floor
        return np.where(inside, slope * (-20 / np.log(10) / FLOOR_DB) / np.maximum(magnitude, floor), 0)


def sound_slope(slope: np.ndarray, spectrum: np.ndarray, n_samples: int, plan: FramePlan = PLAN) -> np.ndarray:
    """The slope at magnitudes → the slope at the samples of the sound whose frames they are: the adjoint of
    :func:`frames_of`.

    Parameters
    ----------
    slope : ndarray, float32, shape (n_bins, n_frames)
    spectrum : ndarray, complex64, shape (n_bins, n_frames)
        The sound's frames.
    n_samples : int
    plan : FramePlan
        Of the frames.
    """
    turned = (slope * spectrum / np.maximum(np.abs(spectrum), TINY)).T
    turned[:, 1:-1] *= 0.5  # irfft counts every bin but the first and last twice
    frames = np.asarray(irfft(turned, plan.n_fft)) * plan.n_fft * _window(plan.n_fft)
    delay, n_frames = plan.length - plan.hop, len(frames)
    out = np.zeros(delay + n_frames * plan.hop, np.float64)
    for k, frame in enumerate(frames):
        out[k * plan.hop : k * plan.hop + plan.length] += frame
    return out[delay : delay + n_samples]


def _window(n_fft: int) -> np.ndarray:
    """A plan's analysis window, as its stage applies it: periodic Hann."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
