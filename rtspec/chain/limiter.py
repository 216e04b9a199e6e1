"""A true-peak limiter for what is rendered: bit-transparent below its ceiling, no peak above it between samples.

The gain that a peak needs is known before it comes: the smallest of a window is averaged over a window as long, so the
gain has arrived when the sample does, and moves without a kink.

References
----------
ITU-R BS.1770-4, annex 2: true peak by four times oversampling.
"""

from math import exp

import numpy as np
from numba import njit

CEILING_DB = -1.0
"""dBTP: peaks above it are turned down, those below are left as they are."""

LOOK_AHEAD_S, RELEASE_S = 0.004, 0.08
OVERSAMPLING, TAPS = 4, 16
_AT_REST = 1e-6


def _interpolator() -> np.ndarray:
    """Windowed sinc, one row a place between two samples, (OVERSAMPLING - 1, TAPS) float32."""
    at = np.arange(TAPS) - TAPS / 2 + 1
    rows = [np.sinc(at - k / OVERSAMPLING) * np.kaiser(TAPS, 6.0) for k in range(1, OVERSAMPLING)]
    return np.array([row / row.sum() for row in rows], np.float32)


@njit(cache=True, nogil=True)
def _peaks(audio, taps, peaks):
    """The largest magnitude at and behind each sample, of all channels; `audio` has TAPS samples more than `peaks`."""
    for c in range(audio.shape[0]):
        for i in range(len(peaks)):
            at = i + TAPS // 2 - 1
            peak = abs(audio[c, at])
            for k in range(taps.shape[0]):
                total = np.float32(0.0)
                for j in range(TAPS):
                    total += taps[k, j] * audio[c, i + j]
                peak = max(peak, abs(total))
            peaks[i] = max(peaks[i], peak)


@njit(cache=True, nogil=True)
def _gains(peaks, ceiling, release, wanted, smallest, state, gains):
    """Gains of samples `len(wanted) - 1` ago. state: gain now, place in the rings, sum of what is taken away, number of
    samples that something is taken away from."""
    n = len(wanted)
    for i in range(len(peaks)):
        needed = ceiling / peaks[i] if peaks[i] > ceiling else 1.0
        now = min(needed, state[0] + release * (1.0 - state[0]))
        state[0] = 1.0 if 1.0 - now < _AT_REST else now
        at = int(state[1])
        wanted[at] = state[0]
        least = wanted.min()
        state[2] += (1.0 - least) - (1.0 - smallest[at])
        state[3] += (least < 1.0) - (smallest[at] < 1.0)
        smallest[at] = least
        state[1] = at + 1 if at + 1 < n else 0
        gains[i] = 1.0 - state[2] / n if state[3] > 0 else 1.0
        if state[3] == 0:
            state[2] = 0.0


class Limiter:
    """A limiter that a sound goes through piece by piece; what comes out is as long and not delayed.

    Parameters
    ----------
    sample_rate : float
        Hz.
    channels : int
    ceiling_db : float
        dB of full scale.

    Attributes
    ----------
    most_db : float
        The most that was taken away so far, in dB; 0 where nothing was.
    samples : int
        Samples that were turned down.
    """

    def __init__(self, sample_rate: float, channels: int, ceiling_db: float = CEILING_DB):
        n = max(2, round(LOOK_AHEAD_S * sample_rate))
        self._ceiling, self._release = 10 ** (ceiling_db / 20), 1.0 - exp(-1.0 / (RELEASE_S * sample_rate))
        self._taps, self._state = _interpolator(), np.array([1.0, 0.0, 0.0, 0.0])
        self._wanted, self._smallest = np.ones(n), np.ones(n)
        self._history, self._n = np.zeros((channels, TAPS), np.float32), n
        self._held, self._to_skip = np.zeros((channels, n - 1 + TAPS // 2), np.float32), n - 1 + TAPS // 2
        self.most_db, self.samples = 0.0, 0

    def process(self, audio: np.ndarray) -> np.ndarray:
        """The next piece, float32 (channels, n): fewer samples come out at first, and the rest by :meth:`flush`."""
        heard = np.concatenate([self._history, audio], axis=1)
        self._history = heard[:, audio.shape[1] :]
        peaks, gains = np.zeros(audio.shape[1]), np.ones(audio.shape[1])
        _peaks(heard, self._taps, peaks)
        _gains(peaks, self._ceiling, self._release, self._wanted, self._smallest, self._state, gains)
        line = np.concatenate([self._held, audio], axis=1)
        out, self._held = line[:, : audio.shape[1]], line[:, audio.shape[1] :]
        self.samples += int((gains < 1.0).sum())
        self.most_db = max(self.most_db, float(-20 * np.log10(gains.min(initial=1.0))))
        skipped = min(self._to_skip, out.shape[1])
        self._to_skip -= skipped
        return (out * gains.astype(np.float32))[:, skipped:]

    def flush(self) -> np.ndarray:
        """What is still inside. Float32 of shape (channels, n_samples)."""
        return self.process(np.zeros_like(self._held))


def limited(audio: np.ndarray, sample_rate: float) -> tuple[np.ndarray, float]:
    """A whole sound through a limiter: float32 (channels, n), and the most that was taken away in dB."""
    limiter = Limiter(sample_rate, len(audio))
    pieces = [limiter.process(audio), limiter.flush()]
    return np.concatenate(pieces, axis=1), limiter.most_db
