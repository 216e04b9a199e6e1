"""Sound that a program hands to a stream piece by piece, in place of the input, and input that it takes from it."""

import threading

import numpy as np

from ..audio.exchange import Exchange
from ..buffers.ring import Ring
from ..chain.latency import Latency
from ..errors import DroppedInput
from .session import Settings, resampled

AHEAD_S = 0.5
"""What is written lies ready for so long at most."""

BEHIND_S = 8.0
"""Input that nobody takes is kept for so long."""


class Handing:
    """What goes from hand to hand in one stream.

    Parameters
    ----------
    settings : Settings
    exchange : Exchange
        What plays now; another one from :meth:`go_on` on.

    Attributes
    ----------
    sample_rate : float
        Hz, of what is handed over now.
    """

    def __init__(self, settings: Settings, exchange: Exchange):
        self.sample_rate, self._channels, self._exchange = settings.sample_rate, settings.channels, exchange
        self._turning = threading.Lock()  # a device may come back, at another rate, while a program gives and takes
        self._input: Ring | None = None
        self._taken: tuple[Ring, Ring] | None = None
        self._n_dropped, self._at_end = 0, -1

    @property
    def has_written(self) -> bool:
        """Whether anything was written."""
        return self._input is not None

    @property
    def has_taken(self) -> bool:
        """Whether anything was read."""
        return self._taken is not None

    def give(self, frames: np.ndarray, rate: float) -> tuple[np.ndarray, float]:
        """Put interleaved frames of `rate` Hz, float32 (n, channels), where the device takes them; those that did not
        fit, and the rate that they have now."""
        with self._turning:
            if rate != self.sample_rate:
                frames = resampled(frames, rate, self.sample_rate)
            if self._input is None:
                self._input = self._ring(AHEAD_S)
                self._exchange.play_written(self._input)
            self._at_end = -1
            return frames[self._input.write(frames) :], self.sample_rate

    @property
    def has_room(self) -> bool:
        """Whether more can be written."""
        return self._input is None or len(self._input) < self._input.capacity

    def is_heard(self, latency: Latency) -> bool:
        """Whether all that was written has come out of the chain: asked again and again."""
        with self._turning:
            if self._input is None or len(self._input):
                return False
            now = self._exchange.clock()[0]
            if self._at_end < 0:
                self._at_end = now + self._exchange.period
            return now >= self._at_end + latency.total_samples

    def take(self, n: int) -> np.ndarray:
        """Up to `n` frames of input, float32 (n, channels); all that wait where 0."""
        with self._turning:
            if self._taken is None:
                self._taken = self._ring(BEHIND_S), self._ring(BEHIND_S)
                self._exchange.record_to(self._taken)
            heard, played = self._taken
            n = n or len(heard)
            played.read(n)
            return heard.read(n)

    @property
    def n_waiting(self) -> int:
        """Frames of input that wait to be taken."""
        return len(self._taken[0]) if self._taken else 0

    @property
    def n_dropped(self) -> int:
        """Frames of input that found no room since :meth:`check_dropped`."""
        return self._exchange.counters()["unrecorded_frames"] - self._n_dropped if self._taken else 0

    def check_dropped(self, ignore: bool) -> None:
        """Raise :class:`DroppedInput` where input was lost since this was last called."""
        with self._turning:
            lost = self.n_dropped
            self._n_dropped += lost
        if lost and not ignore:
            raise DroppedInput(
                f"{lost} frames of input were lost: read comes too late; call it at least every {BEHIND_S:g} s, or set"
                " ignore_dropped_input"
            )

    def go_on(self, exchange: Exchange, sample_rate: float) -> None:
        """The device has come back with an exchange of its own, at this rate, Hz: what waits goes with it."""
        with self._turning:
            before, self.sample_rate, self._exchange = self.sample_rate, sample_rate, exchange
            self._n_dropped, self._at_end = 0, -1  # another exchange counts from its own start
            if self._input is not None:
                self._input = self._moved(self._input, AHEAD_S, before)
                exchange.play_written(self._input)
            if self._taken is not None:
                heard, played = self._taken
                self._taken = self._moved(heard, BEHIND_S, before), self._moved(played, BEHIND_S, before)
                exchange.record_to(self._taken)

    def _moved(self, ring: Ring, seconds: float, rate: float) -> Ring:
        """A ring of `rate` Hz with what waits in it, at the present rate."""
        if rate == self.sample_rate:
            return ring
        frames = resampled(ring.read(len(ring)), rate, self.sample_rate)
        moved = self._ring(seconds, at_least=len(frames))
        moved.write(frames)
        return moved

    def _ring(self, seconds: float, at_least: int = 0) -> Ring:
        return Ring(max(at_least, round(seconds * self.sample_rate)), self._channels)
