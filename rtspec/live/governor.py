"""Overload: phases and bands found by iteration do with fewer iterations before any sound comes too late.

The governor watches how much of its time the engine uses. Where that stays high it halves the iterations; once it has
been low for a while it doubles them again. A step up that was too early makes the next one wait twice as long.
"""

import numpy as np
from numba import carray, njit

from ..buffers.atomics import store_release
from ..buffers.memory import address, aligned, integers, pointer

HIGH, LOW = 0.8, 0.35
"""Shares of its time above which the engine has too much to do, and below which it could do twice as much."""

DEEPEST = 5
"""Halvings at most; one iteration is always left."""

AVERAGE_S, PATIENCE_S, LONGEST_PATIENCE_S = 0.04, 2.0, 60.0
_COUNTS = ("level", "steps_down", "calm", "pause", "settling", "patience", "shortest", "longest")
GOVERNOR = np.dtype([(name, "i8") for name in _COUNTS] + [(name, "f8") for name in ("load", "share", "block_ns")])


@njit
def apply_level(governor, words, n_words):
    """Give the stages their iterations: pairs (address, iterations in full) at address `words`."""
    level = carray(pointer(governor), 1, GOVERNOR)[0].level
    for i in range(n_words):
        word = integers(words + 16 * i, 2)
        store_release(word[0], max(1, word[1] >> level))


@njit
def govern(governor, words, n_words, duration_ns, behind):
    """After a block that took `duration_ns`: take it into account; `behind` where another block waits already."""
    g = carray(pointer(governor), 1, GOVERNOR)[0]
    g.load += g.share * (duration_ns / g.block_ns - g.load)
    g.pause = max(0, g.pause - 1)
    g.calm = g.calm + 1 if g.load < LOW else 0
    if n_words == 0 or g.pause > 0:
        return
    if (g.load > HIGH or (behind and g.load > 0.5 * HIGH)) and g.level < DEEPEST:
        g.level += 1
        g.steps_down += 1
        g.patience = min(2 * g.patience, g.longest)
    elif g.level > 0 and g.calm > g.patience:
        g.level -= 1
    elif g.level == 0 and g.calm > g.longest:
        g.patience = g.shortest
        return
    else:
        return
    g.calm, g.pause = 0, g.settling
    apply_level(governor, words, n_words)


class Governor:
    """The governor's memory; `address` is what compiled code takes.

    Parameters
    ----------
    block : int
        Samples of the engine's block.
    sample_rate : float
        Hz.
    """

    def __init__(self, block: int, sample_rate: float):
        self._record = aligned(1, GOVERNOR)
        blocks_a_second = sample_rate / block
        for name, seconds in (("settling", AVERAGE_S), ("shortest", PATIENCE_S), ("longest", LONGEST_PATIENCE_S)):
            self._record[name] = max(1, round(seconds * blocks_a_second))
        self._record["patience"] = self._record["shortest"]
        self._record["share"] = min(1.0, 1.0 / (AVERAGE_S * blocks_a_second))
        self._record["block_ns"] = 1e9 / blocks_a_second
        self.address = address(self._record)

    @property
    def load(self) -> float:
        """Share of its time that the engine uses, averaged over 40 ms."""
        return float(self._record["load"][0])

    @property
    def level(self) -> int:
        """How often the iterations are halved now."""
        return int(self._record["level"][0])

    @property
    def steps_down(self) -> int:
        """How often they were halved so far."""
        return int(self._record["steps_down"][0])
