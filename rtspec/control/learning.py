"""Learning which control moves a parameter, from what comes in: faders, endless knobs, NRPN, buttons, pads, keys.

An absolute control says where it is, so it never says the same twice in a row and passes what lies between. An endless
one says how far it was turned, so it repeats few values next to its rest (0 or 64). Touch-sensitive knobs send a note
first: a note is believed when it ends, or nothing else has come.
"""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .midi.messages import RESERVED, Control, Motion

if TYPE_CHECKING:
    from .mapping import Assignment

LEARN_TRAVEL = 4 / 127
"""How far a control must move to be learnt; less may be a knob that trembles."""

_NEAR = 15
_SURE, _ONE_SIDED = 3, 6
"""Values that make an endless knob: turned both ways, and turned one way only."""


@dataclass
class Learning:
    """A parameter that waits for its control; done when one has moved."""

    address: str
    options: dict
    assignment: "Assignment | None" = None
    _done: threading.Event = field(default_factory=threading.Event)
    _seen: dict[tuple[Control, int], tuple[float, float]] = field(default_factory=dict)
    _values: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    _key: Control | None = None
    on_timeout: "Callable[[Control], object] | None" = None

    def wait(self, timeout_s: float | None = None) -> "Assignment | None":
        """The assignment once a control has moved; None at the timeout. A key that was pressed alone is one then."""
        if not self._done.wait(timeout_s) and self._key is not None and self.on_timeout is not None:
            self.on_timeout(self._key)
        return self.assignment

    def offer(self, motions: list[Motion]) -> Control | None:
        """Look at motions; the control that has moved far enough, if any."""
        motions = [m for m in motions if m.control.kind not in ("cc", "cc14") or m.control.number not in RESERVED]
        for motion in motions:
            key = motion.control, motion.channel
            low, high = self._seen.get(key, (motion.position, motion.position))
            self._seen[key] = min(low, motion.position), max(high, motion.position)
        endless = [self._endless(motion) for motion in motions if motion.control.kind == "cc"]
        if endless and endless[0] is not None:
            return Control(endless[0], motions[0].control.number) if endless[0] else None
        moved = [m for m in motions if self._travel(m) >= LEARN_TRAVEL and m.control.kind != "note"]
        return self._chosen(moved[0]) if moved else self._ended_key(motions)

    def settle(self, assignment: "Assignment") -> None:
        """The assignment is made."""
        self.assignment = assignment
        self._done.set()

    def _ended_key(self, motions: list[Motion]) -> Control | None:
        """A key that was pressed and let go with nothing between."""
        for motion in motions:
            if motion.control.kind == "note" and motion.position > 0:
                self._key = motion.control
            elif motion.control.kind == "note" and motion.control == self._key and not self._values:
                return motion.control
        return None

    def _endless(self, motion: Motion) -> str | None:
        """What :func:`encoding_of` says of a controller's values so far."""
        values = self._values.setdefault((motion.control.number, motion.channel), [])
        values.append(round(127 * motion.position))
        return encoding_of(values)

    def _travel(self, motion: Motion) -> float:
        low, high = self._seen[motion.control, motion.channel]
        return high - low

    def _chosen(self, motion: Motion) -> Control:
        """A controller both of whose halves have come is a 14-bit one."""
        control, channel = motion.control, motion.channel
        number = control.number % 32
        halves = [(Control("cc", number), channel), (Control("cc", number + 32), channel)]
        wide = control.kind in ("cc", "cc14") and control.number < 64 and all(half in self._seen for half in halves)
        return Control("cc14", number) if wide else Control("cc", control.number) if control.kind == "cc14" else control


def encoding_of(values: list[int]) -> str | None:
    """The encoding of an endless knob that sent these values; "" while it may be one; None where it is none.

    Examples
    --------
    >>> encoding_of([1, 1, 127]), encoding_of([65, 63, 65]), encoding_of([1, 1, 65]), encoding_of([1, 2, 3, 4, 5])
    ('rel-twos', 'rel-offset', 'rel-sign', None)
    """
    sides = {_side(value) for value in values}
    if "" in sides or len(sides) > 2:
        return None
    repeats = sum(a == b for a, b in itertools.pairwise(values))
    if len(sides) == 2:
        return _two_sided(values, sides, repeats)
    if repeats == 0 and len(values) > 1:
        return None
    if len(values) < _ONE_SIDED:
        return ""
    return "rel-twos" if sides <= {"up", "down"} else "rel-offset"


def _two_sided(values: list[int], sides: set[str], repeats: int) -> str | None:
    found = {
        frozenset(("up", "down")): "rel-twos",
        frozenset(("below", "above")): "rel-offset",
        frozenset(("up", "above")): "rel-sign",
    }.get(frozenset(sides))
    turns = sum(_side(a) != _side(b) for a, b in itertools.pairwise(values))
    if found is None:
        return None
    if repeats or turns > 1:
        return found if len(values) >= _SURE else ""
    clicks = {1, 127} if found == "rel-twos" else {63, 65} if found == "rel-offset" else {1, 65}
    return "" if set(values) <= clicks else None


def _side(value: int) -> str:
    """Where a value lies that an endless knob may send; "" where it cannot be one's."""
    places = (("up", 1, _NEAR), ("down", 128 - _NEAR, 127), ("below", 64 - _NEAR, 63), ("above", 65, 64 + _NEAR))
    return next((name for name, low, high in places if low <= value <= high), "")
