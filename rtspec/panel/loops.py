"""Paths that a hand has drawn on a pad, played again and again."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidValue

SHORTEST_S, LONGEST_S = 0.1, 120.0


@dataclass
class Loop:
    """A path: float64 `times_s` (n,), which begin at 0 and rise, and `values` (n, addresses)."""

    addresses: list[str]
    times_s: np.ndarray
    values: np.ndarray
    began_s: float

    def at(self, now_s: float) -> Iterator[tuple[str, float]]:
        """Address and value at a moment."""
        at = (now_s - self.began_s) % self.times_s[-1]
        for address, course in zip(self.addresses, self.values.T, strict=True):
            yield address, float(np.interp(at, self.times_s, course))


class Loops:
    """The loops of a panel, one for a pad: a pad is told by the first address that it moves."""

    def __init__(self) -> None:
        self._loops: dict[str, Loop] = {}

    def begin(self, addresses: list[str], points: list[list[float]], now_s: float) -> None:
        """Play a path: each point is a time in seconds and a value for each address."""
        if len(points) < 2 or any(len(point) != len(addresses) + 1 for point in points):
            raise InvalidValue(f"a path of {len(points)} points needs 2 or more, each a time and a value per parameter")
        path = np.array(points, float)
        times = path[:, 0] - path[0, 0]
        if not SHORTEST_S <= times[-1] <= LONGEST_S or (np.diff(times) < 0).any():
            raise InvalidValue(f"a path of {times[-1]:g} s must rise in time, from {SHORTEST_S:g} to {LONGEST_S:g} s")
        self._loops[addresses[0]] = Loop(addresses, times, path[:, 1:], now_s)

    def end(self, address: str) -> None:
        """Play the loop of this pad no longer."""
        self._loops.pop(address, None)

    @property
    def playing(self) -> list[str]:
        """The pads whose loops play."""
        return sorted(self._loops)

    def now(self, now_s: float) -> Iterator[tuple[str, float]]:
        """Where all loops are at a moment of :func:`time.monotonic`."""
        for loop in list(self._loops.values()):
            yield from loop.at(now_s)
