"""Where a recording's own band ends: what a lossy coder cut off above it can be neither learnt nor measured."""

import numpy as np

_N_FFT = 2048
_PRESENT = 10.0**-6.5
"""Power of a bin (Hann, n_fft 2048, no scaling) that is five times that of 16-bit rounding."""
_LOWEST_WALL_HZ, _HIGHEST_HZ = 10000.0, 21400.0
"""Where walls are looked for; just below the Nyquist frequency digital filters fall steeply by nature."""
_STEP_DB, _STEP_HZ, _GAP_HZ = 15.0, 500.0, 250.0
"""A wall: the level within 500 Hz below it is so much above that within 500 Hz beyond it, 250 Hz apart on each side.
Music that fades by nature falls by some dB in a kilohertz."""
WALL_FOOT_HZ = 300.0
"""How far below its middle a wall may begin."""


def upper_edge_hz(audio: np.ndarray, sample_rate: int) -> float:
    """Where a recording's own band ends: the highest frequency whose mean power exceeds that of 16-bit rounding.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, n_samples)
    """
    present = np.flatnonzero(_mean_power(audio) > _PRESENT)
    return float(present[-1] * sample_rate / _N_FFT) if len(present) else 0.0


def wall_hz(audio: np.ndarray, sample_rate: int) -> float | None:
    """Where a coder or resampler cut the recording off: the highest frequency at which the long-term spectrum falls
    off a wall; None where it fades by nature or reaches up to the Nyquist frequency.

    Parameters
    ----------
    audio : ndarray, float32, shape (channels, n_samples)
    """
    power = _mean_power(audio)
    if not len(power):
        return None
    level = 10 * np.log10(power + _PRESENT / 10)
    width, gap = (round(hz * _N_FFT / sample_rate) for hz in (_STEP_HZ, _GAP_HZ))
    first, end = (round(hz * _N_FFT / sample_rate) for hz in (_LOWEST_WALL_HZ, _HIGHEST_HZ))
    bins = np.arange(first, min(end, len(level)) - gap - width)
    sums = np.concatenate([[0.0], np.cumsum(level)])
    below = (sums[bins - gap] - sums[bins - gap - width]) / width
    beyond = (sums[bins + gap + width] - sums[bins + gap]) / width
    steps = below - beyond
    cliffs = np.flatnonzero(steps > _STEP_DB)
    if not len(cliffs):
        return None
    top = cliffs[cliffs > cliffs[-1] - 2 * gap]
    return float(bins[top[np.argmax(steps[top])]] * sample_rate / _N_FFT)


def _mean_power(audio: np.ndarray) -> np.ndarray:
    """Long-term power of each bin, mono; empty where the sound is shorter than a frame."""
    mono = np.mean(audio, axis=0)
    n_frames = len(mono) // _N_FFT
    total, window = np.zeros(_N_FFT // 2 + 1 if n_frames else 0), np.hanning(_N_FFT)
    for start in range(0, n_frames, 4096):
        part = mono[start * _N_FFT : min(n_frames, start + 4096) * _N_FFT].reshape(-1, _N_FFT)
        total += np.sum(np.abs(np.fft.rfft(part * window)) ** 2, axis=0)
    return total / max(1, n_frames)
