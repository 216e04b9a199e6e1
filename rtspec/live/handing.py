"""Sound that a program hands to a stream piece by piece, in place of the input, and input that it takes from it."""

import numpy as np

from ..audio.exchange import Exchange
from ..buffers.ring import Ring
from ..chain.latency import Latency
from ..errors import DroppedInput
from .session import Settings

AHEAD_S = 0.5
"""What is written lies ready for so long at most."""

BEHIND_S = 8.0
"""Input that nobody takes is kept for so long."""


class Handing:
    """What goes from hand to hand in one stream.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings):
        self._settings = settings
        self._given: Ring | None = None
        self._taken: tuple[Ring, Ring] | None = None
        self._n_dropped, self._at_end = 0, -1

    @property
    def has_written(self) -> bool:
        """Whether anything was written."""
        return self._given is not None

    @property
    def has_taken(self) -> bool:
        """Whether anything was read."""
        return self._taken is not None

    def give(self, frames: np.ndarray, exchange: Exchange) -> int:
        """Put interleaved frames, float32 (n, channels), where the device takes them; how many fitted."""
        if self._given is None:
            self._given = self._ring(AHEAD_S)
            exchange.play_written(self._given)
        self._at_end = -1
        return self._given.write(frames)

    @property
    def has_room(self) -> bool:
        """Whether more can be written."""
        return self._given is None or len(self._given) < self._given.capacity

    def is_heard(self, exchange: Exchange, latency: Latency) -> bool:
        """Whether all that was written has come out of the chain: asked again and again."""
        if self._given is None or len(self._given):
            return False
        now = exchange.clock()[0]
        if self._at_end < 0:
            self._at_end = now + exchange.period
        return now >= self._at_end + latency.total_samples

    def take(self, n: int, exchange: Exchange) -> np.ndarray:
        """Up to `n` frames of input, (n, channels); all that wait where 0."""
        if self._taken is None:
            self._taken = self._ring(BEHIND_S), self._ring(BEHIND_S)
            exchange.record_to(self._taken)
        heard, played = self._taken
        n = n or len(heard)
        played.read(n)
        return heard.read(n)

    @property
    def n_waiting(self) -> int:
        """Frames of input that wait to be taken."""
        return len(self._taken[0]) if self._taken else 0

    def n_dropped(self, exchange: Exchange) -> int:
        """Frames of input that found no room since :meth:`check_dropped`."""
        return exchange.counters()["unrecorded_frames"] - self._n_dropped if self._taken else 0

    def check_dropped(self, exchange: Exchange, ignore: bool) -> None:
        """Raise :class:`DroppedInput` where input was lost since this was last called."""
        lost = self.n_dropped(exchange)
        self._n_dropped += lost
        if lost and not ignore:
            raise DroppedInput(
                f"{lost} frames of input were lost: read comes too late; call it at least every {BEHIND_S:g} s, or set"
                " ignore_dropped_input"
            )

    def go_on(self, exchange: Exchange) -> None:
        """The device has come back with an exchange of its own."""
        self._n_dropped = 0
        if self._given is not None:
            exchange.play_written(self._given)
        if self._taken is not None:
            exchange.record_to(self._taken)

    def _ring(self, seconds: float) -> Ring:
        return Ring(round(seconds * self._settings.sample_rate), self._settings.channels)
