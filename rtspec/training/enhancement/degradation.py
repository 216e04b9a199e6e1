"""What coders and narrow channels do to sound, aligned with the original to the sample."""

import io
from collections.abc import Sequence
from functools import cache

import numpy as np
from pedalboard.io import AudioFile
from scipy.signal import butter, oaconvolve, sosfilt, sosfiltfilt

from ...errors import AudioFileError

MP3_KBPS = (32, 40, 48, 56, 64)
"""Low constant bit rates that pedalboard's coder takes; it has none below 32."""
_SEARCH_SAMPLES = 4096
_EDGE_N_FFT = 2048
_EDGE_POWER = 10.0**-6.5
"""Power of a bin (Hann, n_fft 2048, no scaling) that is five times that of 16-bit rounding."""


def within_range(audio: np.ndarray, peak: float = 0.95) -> np.ndarray:
    """The sound, turned down where it exceeds `peak`: a coder would clip it."""
    loudest = float(np.abs(audio).max(initial=0.0))
    return audio if loudest <= peak else (audio * (peak / loudest)).astype(np.float32)


def mp3(audio: np.ndarray, sample_rate: int, kbps: int) -> np.ndarray:
    """Coded as constant-bit-rate MP3 and decoded, aligned with the original and as long.

    Parameters
    ----------
    audio : ndarray, float32, shape (1 or 2, n_samples)
    sample_rate : int
        8000 to 48000 Hz.
    kbps : int
        Of all channels together: 32, 40, 48, 56, 64, 80 … 320.

    Returns
    -------
    ndarray, float32, shape of `audio`
    """
    delay = mp3_delay(sample_rate)
    decoded = _coded(np.pad(audio, ((0, 0), (0, delay + 1152))), sample_rate, kbps)
    return np.ascontiguousarray(decoded[:, delay : delay + audio.shape[1]])


def _coded(audio: np.ndarray, sample_rate: int, kbps: int) -> np.ndarray:
    file = io.BytesIO()
    try:
        with AudioFile(file, "w", sample_rate, len(audio), format="mp3", quality=kbps) as writer:
            writer.write(np.ascontiguousarray(audio, np.float32))
    except ValueError as error:
        raise AudioFileError(f"MP3 at {kbps} kbit/s cannot be made at {sample_rate} Hz: {error}") from None
    file.seek(0)
    with AudioFile(file) as reader:
        return reader.read(reader.frames)


@cache
def mp3_delay(sample_rate: int) -> int:
    """Samples by which coder and decoder together lag: found by cross-correlation of noise."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 2 * sample_rate)).astype(np.float32)
    decoded = _coded(noise, sample_rate, 32)[0]
    n = min(len(decoded), noise.shape[1]) - _SEARCH_SAMPLES
    return int(np.argmax(np.correlate(decoded[: n + _SEARCH_SAMPLES], noise[0, :n], "valid")))


def low_pass(audio: np.ndarray, sample_rate: int, cutoff_hz: float, order: int | None = None) -> np.ndarray:
    """Without what lies above `cutoff_hz`, and without delay.

    Parameters
    ----------
    audio : ndarray, float32, shape (..., n_samples)
    order : int, optional
        Of a Butterworth filter run forth and back (6·2·order dB an octave); a steep linear-phase filter by default,
        100 dB down within 400 Hz, as resamplers have.
    """
    if order is not None:
        sos = butter(order, cutoff_hz, fs=sample_rate, output="sos")
        return sosfiltfilt(sos, audio).astype(np.float32)
    n_taps = 2 * (sample_rate // 140) + 1
    ideal = np.sinc(2 * (cutoff_hz - 150) / sample_rate * (np.arange(n_taps) - n_taps // 2))
    taps = ideal * np.kaiser(n_taps, 10.0)
    shaped = (taps / taps.sum()).reshape((1,) * (audio.ndim - 1) + (-1,))
    return oaconvolve(audio, shaped, mode="same", axes=-1).astype(np.float32)


def denser(parts: Sequence[np.ndarray], sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Louder, brighter and denser than either of two segments: added, treble lifted, overdriven.

    Parameters
    ----------
    parts : two ndarray, float32, shapes (channels, n_samples) of the first, (any, n_samples) of the second
    """
    mixed = parts[0] + rng.uniform(0.3, 1.0) * parts[1].mean(axis=0, keepdims=True)
    high = butter(1, rng.uniform(1000.0, 6000.0), "high", fs=sample_rate, output="sos")
    mixed = mixed + rng.uniform(-0.3, 2.0) * np.asarray(sosfilt(high, mixed))
    drive = 10 ** rng.uniform(-0.5, 1.0) / (4 * mixed.std() + 1e-6)
    return (0.9 * np.tanh(drive * mixed) / max(1e-3, np.tanh(drive * np.abs(mixed).max()))).astype(np.float32)


def tilted(sounds: Sequence[np.ndarray], sample_rate: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Sounds whose treble, from a corner between 1 and 6 kHz, is turned alike from 4 dB down to 12 dB up.

    Music differs in little so much as in its treble, and the data's is weak. What a coder left out stays out.
    """
    high = butter(1, np.exp(rng.uniform(np.log(1000.0), np.log(6000.0))), "high", fs=sample_rate, output="sos")
    more = 10 ** rng.uniform(-0.2, 0.6) - 1
    return [(sound + more * np.asarray(sosfilt(high, sound))).astype(np.float32) for sound in sounds]


def upper_edge_hz(audio: np.ndarray, sample_rate: int) -> float:
    """Where a recording's own band ends: the highest frequency whose mean power exceeds that of 16-bit rounding."""
    mono = np.mean(audio, axis=0)
    n_frames = len(mono) // _EDGE_N_FFT
    if not n_frames:
        return 0.0
    frames = mono[: n_frames * _EDGE_N_FFT].reshape(n_frames, -1) * np.hanning(_EDGE_N_FFT)
    power = np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0)
    present = np.flatnonzero(power > _EDGE_POWER)
    return float(present[-1] * sample_rate / _EDGE_N_FFT) if len(present) else 0.0
