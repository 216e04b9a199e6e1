"""Simulated rooms between loudspeakers and a microphone: a delay, a loudspeaker's colour, and a decay.

A path is a direct sound and diffuse sound that falls by 60 dB in RT60, more slowly at low frequencies; two loudspeakers
have paths of their own.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt


@dataclass(frozen=True)
class Room:
    """One room.

    Attributes
    ----------
    rt60_s : float
    delay_s : float
        From the loudspeaker to the microphone, the devices' own delays in it.
    low_hz, high_hz : float
        Edges of the loudspeaker.
    """

    rt60_s: float
    delay_s: float
    low_hz: float = 60.0
    high_hz: float = 7500.0


ROOMS = {
    "car": Room(0.08, 0.004),
    "small": Room(0.25, 0.010),
    "living": Room(0.4, 0.015, 80.0),
    "office": Room(0.6, 0.020, 100.0, 6500.0),
    "hall": Room(1.0, 0.025),
    "phone": Room(0.3, 0.060, 250.0, 7000.0),
}
"""Several kinds; "phone" is a small loudspeaker behind a slow device."""


def paths(room: Room, sample_rate: int, channels: int, rng: np.random.Generator) -> np.ndarray:
    """Impulse responses, float64 of shape (channels, n_samples)."""
    n = round((room.delay_s + 1.1 * room.rt60_s) * sample_rate)
    at = round(room.delay_s * sample_rate)
    time = np.arange(n - at) / sample_rate
    made = np.zeros((channels, n))
    for path in made:
        direct = at + rng.integers(0, round(0.002 * sample_rate) + 1)
        noise = rng.standard_normal(n - at)
        low = sosfilt(butter(1, 400, fs=sample_rate, output="sos"), noise)
        tail = noise * 10 ** (-3 * time / (0.7 * room.rt60_s)) + 2 * low * 10 ** (-3 * time / room.rt60_s)
        path[at:] = tail / np.sqrt(np.sum(tail**2)) * rng.uniform(0.6, 1.2)
        path[direct] += 1.0
    edges = butter(2, (room.low_hz, room.high_hz), "bandpass", fs=sample_rate, output="sos")
    return np.asarray(sosfilt(edges, made, axis=1), np.float64)


def heard(music: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """What of the music, shape (channels, n_samples), reaches the microphone: float64 (n_samples,)."""
    parts = (fftconvolve(x, h)[: music.shape[1]] for x, h in zip(music, responses, strict=True))
    return np.sum(list(parts), axis=0)


def moving(music: np.ndarray, before: np.ndarray, after: np.ndarray, at: int, fade: int) -> np.ndarray:
    """As :func:`heard`, the microphone being carried from one place to another within `fade` samples from `at`. `music`
    is float64 of shape (channels, n_samples), `before` and `after` are responses of shape (channels, n_taps);
    (n_samples,) comes back."""
    share = np.clip((np.arange(music.shape[1]) - at) / fade, 0, 1)
    return heard(music, before) * np.cos(np.pi / 2 * share) + heard(music, after) * np.sin(np.pi / 2 * share)
