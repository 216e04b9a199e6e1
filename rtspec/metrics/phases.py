"""Metrics of reconstructed phases."""

import numpy as np

from ..frames import FramePlan, stft


def spectral_convergence_db(signal: np.ndarray, magnitude: np.ndarray, plan: FramePlan) -> float:
    """How far a signal's magnitudes are from S: ``20·log10(‖|STFT(signal)| - S‖ / ‖S‖)``, lower is better.

    Parameters
    ----------
    signal : ndarray, float32, shape (n_samples,)
        Padded with n_fft zeros on both sides before it was analysed, so that its ends do not count.
    magnitude : ndarray, float32, shape (n_bins, n_frames)
        S, of the original.
    plan : FramePlan

    Returns
    -------
    float
        dB, -inf for equal magnitudes or a silent original.
    """
    found = np.abs(stft(signal, plan)).astype(float)
    wanted = magnitude[:, : found.shape[1]].astype(float)
    wrong, right = np.linalg.norm(found[:, : wanted.shape[1]] - wanted), np.linalg.norm(wanted)
    return float(20 * np.log10(wrong / right)) if wrong and right else -np.inf


def pre_echo_db(signal: np.ndarray, onset: int) -> float:
    """Energy before sample `onset`, where the original is silent, relative to all energy; dB, -inf if there is none.
    Mono float32 of shape (n_samples,)."""
    energy = np.asarray(signal, float) ** 2
    early, whole = energy[:onset].sum(), energy.sum()
    return float(10 * np.log10(early / whole)) if early and whole else -np.inf
