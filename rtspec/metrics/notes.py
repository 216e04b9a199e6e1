"""What an ear asks of a played note, measured: how it begins, goes on and ends, how bright it is, in tune, clean."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfilt

from ..processors.timbre.levels import key_hz

SAMPLE_RATE = 48000
HELD_S, RELEASE_S = 10.0, 2.0
_HEARD_DB = 50.0
_COURSE_S = np.arange(0.5, 9.51, 0.5)
_WINDOW_S = 1.0
_SPECTRUM_S = (0.1, 1.5)
_N_FFT = 8192
_CLICK_HZ = 6000.0


@dataclass(frozen=True)
class Heard:
    """Measures of one note, held HELD_S and let go.

    Attributes
    ----------
    course_db : ndarray, shape (len(_COURSE_S),)
        Level from 0.5 to 10 s, each a mean over a second at most.
    attack_s : float
        From the key to 3 dB below the level that the first second reaches.
    fall_s : float
        From the loudest moment until 20 dB less; NaN where it falls less while it is held.
    release_s : float
        From letting go until 20 dB less; NaN where it was not heard any more.
    centroid_hz : float
        Mean frequency weighted by power.
    thirds_db : ndarray, shape (n_bands,)
        Levels of third octaves from 50 Hz to 16 kHz, relative to all together.
    loudness_db, peak, lag_s : float
        Effective value of the first second in dB, greatest sample, and time until it is heard at all.
    """

    course_db: np.ndarray
    attack_s: float
    fall_s: float
    release_s: float
    centroid_hz: float
    thirds_db: np.ndarray
    loudness_db: float
    peak: float
    lag_s: float


def heard(audio: np.ndarray, key: int, held_s: float = HELD_S) -> Heard:
    """Measure a note that begins at sample 0.

    Parameters
    ----------
    audio : ndarray, float32, shape (n_samples,)
        At 48 kHz.
    key : int
        MIDI key.
    held_s : float
        When it was let go.
    """
    times, level = levels_db(audio, key)
    power = spectrum(audio)
    hz = np.arange(len(power)) * SAMPLE_RATE / _N_FFT
    first = audio[:SAMPLE_RATE].astype(np.float64)
    return Heard(
        _course(audio, held_s),
        _attack(times, level),
        _fall(times, level, held_s),
        _release(times, level, held_s),
        float((power * hz).sum() / max(power.sum(), 1e-30)),
        _thirds(power, hz),
        float(10 * np.log10(np.mean(first**2) + 1e-12)),
        float(np.max(np.abs(audio))),
        float(times[np.argmax(level > level.max() - _HEARD_DB)]),
    )


def levels_db(audio: np.ndarray, key: int) -> tuple[np.ndarray, np.ndarray]:
    """Level each millisecond over whole periods of at least 5 ms: times in seconds, decibels. Float64 of shape
    (n_times,) each, of mono float32 (n_samples,)."""
    period = 1.0 / float(key_hz(key))
    half = round(0.5 * period * np.ceil(0.005 / period) * SAMPLE_RATE)
    total = np.r_[np.zeros(half + 1), np.cumsum(audio.astype(np.float64) ** 2)]
    total = np.r_[total, np.full(half, total[-1])]
    at = np.arange(0, len(audio) - 1, SAMPLE_RATE // 1000)
    return at / SAMPLE_RATE, 10 * np.log10((total[at + 2 * half] - total[at]) / (2 * half) + 1e-12)


def _course(audio: np.ndarray, held_s: float) -> np.ndarray:
    times = _COURSE_S[held_s - 0.5 >= _COURSE_S]
    spans = [(max(0.25, t - _WINDOW_S / 2), t + _WINDOW_S / 2) for t in times]
    parts = [audio[round(a * SAMPLE_RATE) : round(b * SAMPLE_RATE)].astype(np.float64) for a, b in spans]
    return np.array([10 * np.log10(np.mean(part**2) + 1e-12) for part in parts])


def _attack(times: np.ndarray, level: np.ndarray) -> float:
    early = level[times < 1.0]
    return float(times[np.argmax(level >= np.quantile(early, 0.9) - 3.0)])


def _fall(times: np.ndarray, level: np.ndarray, held_s: float) -> float:
    top = int(np.argmax(level[times < held_s]))
    below = np.flatnonzero(level[top : int(held_s * 1000)] < level[top] - 20.0)
    return float(times[below[0]]) if len(below) else np.nan


def _release(times: np.ndarray, level: np.ndarray, held_s: float) -> float:
    end = int(held_s * 1000)
    if end >= len(level):
        return float("nan")
    start = level[max(0, end - 100) : end].mean()
    below = np.flatnonzero(level[end:] < start - 20.0)
    return float(times[below[0]]) if len(below) and start > level.max() - _HEARD_DB else np.nan


def spectrum(audio: np.ndarray) -> np.ndarray:
    """Mean power of each bin in the note's first one and a half seconds. Float64 of shape (n_bins,), of mono float32
    (n_samples,)."""
    low, high = (round(t * SAMPLE_RATE) for t in _SPECTRUM_S)
    starts = range(low, max(low + 1, min(high, len(audio)) - _N_FFT), _N_FFT // 4)
    window = np.hanning(_N_FFT)
    return np.mean([np.abs(np.fft.rfft(audio[s : s + _N_FFT] * window)) ** 2 for s in starts], axis=0)


def _thirds(power: np.ndarray, hz: np.ndarray) -> np.ndarray:
    centres = 1000.0 * 2.0 ** (np.arange(-13, 13) / 3)
    sums = np.array([power[(hz >= c * 2 ** (-1 / 6)) & (hz < c * 2 ** (1 / 6))].sum() for c in centres])
    return 10 * np.log10(sums / max(power.sum(), 1e-30) + 1e-9)


# ------------------------------------------------------------------------------------------ ours beside theirs


def course_error_db(ours: Heard, theirs: Heard) -> float:
    """Greatest deviation of the level's course while the original is heard, whatever the volume."""
    n = min(len(ours.course_db), len(theirs.course_db))
    there = theirs.course_db[:n] > theirs.course_db.max() - _HEARD_DB
    apart = (ours.course_db[:n] - theirs.course_db[:n])[there]
    return float(np.max(np.abs(apart - 0.5 * (apart.max() + apart.min()))))


def thirds_distance_db(ours: Heard, theirs: Heard) -> float:
    """Mean distance of the third octaves that are within 40 dB of the loudest on either side."""
    loud = np.maximum(ours.thirds_db, theirs.thirds_db) > theirs.thirds_db.max() - 40.0
    floor = theirs.thirds_db.max() - 50.0
    return float(np.mean(np.abs(np.maximum(ours.thirds_db, floor) - np.maximum(theirs.thirds_db, floor))[loud]))


def ratio(ours: float, theirs: float, least: float = 0.0) -> float:
    """Ours over theirs, neither taken smaller than `least`; NaN where one is missing."""
    return float(max(ours, least) / max(theirs, least)) if max(theirs, least) > 0 else float("nan")


def click_db(audio: np.ndarray, at_s: float, background_s: tuple[float, float]) -> float:
    """Level above 6 kHz in the 10 ms after a moment, relative to the loudest such 10 ms in a span of background. Mono
    float32 of shape (n_samples,)."""
    above = np.asarray(sosfilt(butter(4, _CLICK_HZ, "high", fs=SAMPLE_RATE, output="sos"), audio.astype(np.float64)))
    n = SAMPLE_RATE // 100

    def loudest(low_s: float, high_s: float) -> float:
        at = range(round(low_s * SAMPLE_RATE), round(high_s * SAMPLE_RATE) - n + 1, n // 4)
        return max(float(np.mean(above[i : i + n] ** 2)) for i in at)

    return 10 * np.log10((loudest(at_s, at_s + 0.02) + 1e-12) / (loudest(*background_s) + 1e-12))
