"""What the taggers see: log-mel frames (live) and 39 MFCC, Δ, ΔΔ (the paper, section 3.3)."""

from functools import cache

import numpy as np
from scipy.fft import dct

from ...frames import FramePlan, stft
from ...frames.bands import mel_bands
from ..data.scene_mix import SAMPLE_RATE

LIVE_PLAN = FramePlan(sample_rate=SAMPLE_RATE, n_fft=1024, hop=512)
PAPER_PLAN = FramePlan(sample_rate=SAMPLE_RATE, n_fft=400, hop=200)
"""Windows of .025 s (the paper), each two hops."""

N_MELS, N_MFCC = 40, 13
FLOOR = 1e-9
"""Power of a mel band below which there is nothing: about -120 dB re full scale."""


@cache
def mel_weights(name: str) -> np.ndarray:
    """Unit triangles over the bins, float32 of shape (N_MELS, n_bins)."""
    plan = {"live": LIVE_PLAN, "paper": PAPER_PLAN}[name]
    return mel_bands(plan, N_MELS, low_hz=30.0, high_hz=7600.0, norm=None).weights


def log_mel(sound: np.ndarray) -> np.ndarray:
    """Natural logarithms of the mel powers of a sound at 16 kHz, float32 of shape (N_MELS, n_frames)."""
    return _log_power(sound, LIVE_PLAN, "live")


def mfcc(sound: np.ndarray) -> np.ndarray:
    """13 cepstral coefficients with first and second differences over time, float32 of shape (39, n_frames / 2).

    Every second frame, so that one comes each 25 ms.
    """
    log = _log_power(sound, PAPER_PLAN, "paper")[:, ::2]
    cepstrum = np.asarray(dct(log, axis=0, norm="ortho"))[:N_MFCC] * 0.1
    first = _difference(cepstrum)
    return np.concatenate([cepstrum, first, _difference(first)]).astype(np.float32)


def _log_power(sound: np.ndarray, plan: FramePlan, name: str) -> np.ndarray:
    power = np.abs(stft(sound, plan)) ** 2
    return np.log(mel_weights(name) @ power + FLOOR).astype(np.float32)


def _difference(x: np.ndarray) -> np.ndarray:
    """Slope over five frames, of past ones alone at the ends."""
    padded = np.pad(x, ((0, 0), (2, 2)), mode="edge")
    n = x.shape[1]
    return (2 * (padded[:, 4 : 4 + n] - padded[:, :n]) + padded[:, 3 : 3 + n] - padded[:, 1 : 1 + n]) / 10
