"""What a score's sound goes through last: a limiter that acts where it would clip, and the cut where it has ended."""

import numpy as np

from ..chain.limiter import CEILING_DB, Limiter

SILENCE = 1e-4
"""-80 dB: what is quieter to the last sample, after the score's end, is cut off."""

FADE_S = 0.05


class Mastering:
    """Takes a sound piece by piece and gives it back, never shorter than the score: a loop keeps its bars.

    Parameters
    ----------
    sample_rate : float
        Hz.
    channels : int
    end : int
        Samples that the score has; what sounds on is kept until it has died away.

    Attributes
    ----------
    n_samples : int
        What was given back so far.
    """

    def __init__(self, sample_rate: float, channels: int, end: int):
        self._limiter, self._rate, self._end = Limiter(sample_rate, channels), sample_rate, end
        self._held, self.n_samples = np.zeros((channels, 0), np.float32), 0

    def process(self, audio: np.ndarray) -> np.ndarray:
        """The next piece. float32, (channels, n_samples) in, (channels, n_samples or fewer) out."""
        return self._sounding(self._limiter.process(audio))

    def finish(self) -> np.ndarray:
        """The rest; where it still sounds after all its time, it fades. float32, (channels, n_samples)."""
        rest = self._sounding(self._limiter.flush())
        n = min(rest.shape[1], round(FADE_S * self._rate))
        if n and not self._held.shape[1]:
            rest[:, -n:] *= np.linspace(1, 0, n, dtype=np.float32)
        return rest

    def _sounding(self, audio: np.ndarray) -> np.ndarray:
        line = np.concatenate([self._held, audio], axis=1)
        loud = np.flatnonzero(np.abs(line).max(axis=0, initial=0.0) > SILENCE)
        n = max(self._end - self.n_samples, int(loud[-1]) + 1 if len(loud) else 0)
        out, self._held = line[:, :n], line[:, n:]
        self.n_samples += out.shape[1]
        return out

    def notes(self) -> list[str]:
        """What was done, in words; nothing where the sound is as it was."""
        if not self._limiter.samples:
            return []
        seconds = self._limiter.samples / self._rate
        most = f"{self._limiter.most_db:.1f} dB at most, for {seconds:.2f} s"
        return [f"limited to {CEILING_DB:g} dBTP: {most}; --set output_db=-6 keeps its dynamics"]
