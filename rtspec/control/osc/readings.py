"""Readings over OSC: what compiled code finds, sent to whoever asks for it.

==========================================  ======================================================================
``/rtspec/<n>-<processor>/reading/<name>``  answer the value; a pattern (``/rtspec/*/reading/scene_*``) all it means
``/rtspec/readings [port]``                 from now on send every reading that has changed, ten times a second at most
``/rtspec/unsubscribe [port]``              no longer
==========================================  ======================================================================
"""

import time
from typing import Any

from ...errors import InvalidValue
from ..directory import Directory
from .patterns import is_pattern, matching

EVERY_S = 0.1
MOST_FOLLOWERS = 16
"""A further one takes the place of the oldest."""

_PLACE = "/reading/"


class Readings:
    """The readings of a chain, for whoever asks once or follows them.

    Parameters
    ----------
    directory : Directory
    root : str
        What stands before each address.
    """

    def __init__(self, directory: Directory, root: str):
        self._directory, self._root, self._next = directory, root, 0.0
        self._followers: dict[Any, dict[str, float]] = {}

    def follow(self, who: Any) -> None:
        """Tell somebody all readings at the next turn, and from then on what changes."""
        if who not in self._followers and len(self._followers) >= MOST_FOLLOWERS:
            del self._followers[next(iter(self._followers))]
        self._followers[who] = {}

    def forget(self, who: Any) -> None:
        """No longer."""
        self._followers.pop(who, None)

    def answers(self, address: str, arguments: list) -> list[tuple[str, list]] | None:
        """The readings that an address or a pattern means; None where it means none."""
        if _PLACE not in address:
            return None
        now = self._now()
        meant = matching(address, now) if is_pattern(address) else [address]
        found = [(each, [now[each]]) for each in meant if each in now]
        if found and arguments:
            raise InvalidValue(f"{found[0][0]} is a reading: it cannot be set; send the address without an argument")
        return found or None

    def due(self) -> list[tuple[Any, str, float]]:
        """What is to be sent now: to whom, address, value."""
        if not self._followers or time.monotonic() < self._next:
            return []
        self._next, now = time.monotonic() + EVERY_S, self._now()
        new = [(who, at, v) for who, sent in self._followers.items() for at, v in now.items() if sent.get(at) != v]
        self._followers = dict.fromkeys(self._followers, now)
        return new

    def _now(self) -> dict[str, float]:
        return {f"{self._root}/{at}": float(value) for at, value in self._directory.readings().items()}
