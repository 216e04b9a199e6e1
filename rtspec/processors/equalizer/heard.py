"""What Python reads of a scene equalizer's listening sides: one a program, of which several may be there at a time."""

import time
import weakref
from dataclasses import dataclass, field

import numpy as np

from ...buffers.step import Stage
from .listening import ONSETS

FAULTS = {
    1: "the sensor is silent (unplugged, muted, or no sensor at all)",
    2: "the sensor gives NaN or infinite samples",
    3: "the sensor clips; turn its gain down",
}
UNHEARD = "not heard yet"
"""What is told of a sensor as long as it has given nothing but silence, and that not for long enough to be a fault."""

STILL_S = 0.25
"""A live program whose listening side has done nothing for so long does not play any more."""


@dataclass(eq=False)
class Heard:
    """One program's listening side.

    Attributes
    ----------
    ear : Stage
    probabilities : ndarray, float64, shape (n_labels,)
    sample_rate : float
        Hz.
    is_live : bool
        Whether a stream plays it.
    news : list of str
        Lines to tell.
    """

    ear: Stage
    probabilities: np.ndarray
    sample_rate: float
    is_live: bool
    news: list[str]
    _reported: np.ndarray = field(default_factory=lambda: np.zeros(4, int))

    @property
    def is_playing(self) -> bool:
        """Whether a stream plays it now."""
        seconds, nanoseconds = self.ear.fields["timespec"]
        return self.is_live and time.monotonic() - (seconds + 1e-9 * nanoseconds) < STILL_S

    def fresh_news(self) -> list[str]:
        """What there is to tell since the last call."""
        onsets = self.ear.fields["status"][ONSETS : ONSETS + 4].astype(int)
        fresh, self._reported = onsets - self._reported, onsets
        news, self.news = self.news, []
        return news + [f"scene equalizer: {FAULTS[k]}: flat until it is well again" for k in FAULTS if fresh[k] > 0]


class AllHeard:
    """Those of one equalizer; each lives as long as its program, the one that is looked at at least as long as this."""

    def __init__(self) -> None:
        self._refs: list[weakref.ref[Heard]] = []
        self._last: Heard | None = None

    def add(self, heard: Heard) -> None:
        """Another program is made."""
        self._refs = [ref for ref in self._refs if ref() is not None] + [weakref.ref(heard)]
        self._last = heard

    def _alive(self) -> list[Heard]:
        return [heard for ref in self._refs if (heard := ref()) is not None]

    @property
    def now(self) -> Heard | None:
        """The one to read: what a stream plays, else what was made last."""
        playing = [heard for heard in self._alive() if heard.is_playing]
        if playing and self._last not in playing:
            self._last = playing[-1]
        return self._last

    def news(self) -> list[str]:
        """Of all, what there is to tell since the last call, a line each."""
        return [line for heard in self._alive() for line in heard.fresh_news()]
