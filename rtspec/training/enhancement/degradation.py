"""What coders and narrow channels do to sound, aligned with the original to the sample."""

import io
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache

import numpy as np
from pedalboard.io import AudioFile
from scipy.signal import butter, oaconvolve, sosfilt, sosfiltfilt

from ...errors import AudioFileError
from ...metrics.distances import resampled

MP3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128)
"""Constant bit rates that pedalboard's coder takes; it has none below 32."""
_FFMPEG = {"aac": ("aac", "adts"), "opus": ("libopus", "ogg")}
"""Coder and container of what ffmpeg codes."""
_SEARCH_SAMPLES = 4096


def within_range(audio: np.ndarray, peak: float = 0.95) -> np.ndarray:
    """The sound, turned down where it exceeds `peak`: a coder would clip it. Float32 of shape (channels, n_samples)."""
    loudest = float(np.abs(audio).max(initial=0.0))
    return audio if loudest <= peak else (audio * (peak / loudest)).astype(np.float32)


def mp3(audio: np.ndarray, sample_rate: int, kbps: int) -> np.ndarray:
    """Coded as constant-bit-rate MP3 and decoded; see :func:`coded`. Float32 of shape (channels, n_samples)."""
    return coded(audio, sample_rate, "mp3", kbps)


def codecs() -> tuple[str, ...]:
    """What can be coded here beside MP3: AAC and Opus where ffmpeg is installed."""
    return tuple(_FFMPEG) if shutil.which("ffmpeg") else ()


def coded(audio: np.ndarray, sample_rate: int, codec: str, kbps: int) -> np.ndarray:
    """Coded at a constant bit rate and decoded, aligned with the original and as long.

    Parameters
    ----------
    audio : ndarray, float32, shape (1 or 2, n_samples)
    sample_rate : int
        8000 to 48000 Hz.
    codec : str
        "mp3", or of :func:`codecs`.
    kbps : int
        Of all channels together; MP3: 32, 40, 48, 56, 64, 80 … 320.

    Returns
    -------
    ndarray, float32, shape of `audio`
    """
    delay = coder_delay(codec, sample_rate)
    decoded = _coded(np.pad(audio, ((0, 0), (0, delay + 2048))), sample_rate, codec, kbps)
    return np.ascontiguousarray(decoded[:, delay : delay + audio.shape[1]])


def _coded(audio: np.ndarray, sample_rate: int, codec: str, kbps: int) -> np.ndarray:
    if codec in _FFMPEG:
        return _by_ffmpeg(audio, sample_rate, codec, kbps)
    file = io.BytesIO()
    try:
        with AudioFile(file, "w", sample_rate, len(audio), format="mp3", quality=kbps) as writer:
            writer.write(np.ascontiguousarray(audio, np.float32))
    except ValueError as error:
        raise AudioFileError(f"MP3 at {kbps} kbit/s cannot be made at {sample_rate} Hz: {error}") from None
    file.seek(0)
    with AudioFile(file) as reader:
        return reader.read(reader.frames)


def _by_ffmpeg(audio: np.ndarray, sample_rate: int, codec: str, kbps: int) -> np.ndarray:
    coder, container = _FFMPEG[codec]
    raw = ["-f", "f32le", "-ar", str(sample_rate), "-ac", str(len(audio))]
    there = _piped([*raw, "-i", "-", "-c:a", coder, "-b:a", f"{kbps}k", "-f", container, "-"], audio.T.tobytes())
    back = _piped(["-f", "aac" if codec == "aac" else container, "-i", "-", *raw, "-"], there)
    return np.ascontiguousarray(np.frombuffer(back, np.float32).reshape(-1, len(audio)).T)


def _piped(arguments: list[str], data: bytes) -> bytes:
    command = ["ffmpeg", "-v", "error", "-threads", "1", *arguments]
    try:
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout
    except subprocess.CalledProcessError as error:
        raise AudioFileError(f"ffmpeg cannot code this: {error.stderr.decode(errors='replace').strip()}") from None


@cache
def coder_delay(codec: str, sample_rate: int) -> int:
    """Samples by which coder and decoder together lag: found by cross-correlation of noise."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 2 * sample_rate)).astype(np.float32)
    decoded = _coded(noise, sample_rate, codec, 32)[0]
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


def telephone(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Sent at 8 kHz in the 8 bits of the μ-law (ITU-T G.711), without delay. Float32 of shape (channels, n_samples),
    and so is the result."""
    sent = np.clip(resampled(audio, sample_rate, 8000), -1, 1)
    law = np.round(np.sign(sent) * np.log1p(255 * np.abs(sent)) / np.log(256) * 127) / 127
    back = np.sign(law) * np.expm1(np.abs(law) * np.log(256)) / 255
    made = resampled(back, 8000, sample_rate)[..., : audio.shape[-1]]
    return np.pad(made, ((0, 0), (0, audio.shape[-1] - made.shape[-1])))


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


def equalised(sounds: Sequence[np.ndarray], sample_rate: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Sounds turned alike: treble from a corner between 1 and 6 kHz by 4 dB down to 12 dB up, bass by 6 dB either way.

    Music differs in little so much as in its treble, and the data's is weak. What a coder left out stays out. Float32
    of shape (channels, n_samples) each.
    """
    high = butter(1, np.exp(rng.uniform(np.log(1000.0), np.log(6000.0))), "high", fs=sample_rate, output="sos")
    low = butter(1, rng.uniform(80.0, 400.0), fs=sample_rate, output="sos")
    treble, bass = 10 ** rng.uniform(-0.2, 0.6) - 1, 10 ** rng.uniform(-0.3, 0.3) - 1
    return [
        (sound + treble * np.asarray(sosfilt(high, sound)) + bass * np.asarray(sosfilt(low, sound))).astype(np.float32)
        for sound in sounds
    ]
