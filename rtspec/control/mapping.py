"""Which control moves which parameter: MIDI maps, learning them, and keeping them in readable files."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import InvalidValue
from . import documents
from .assignments import FIELDS, KIND, Assignment, is_endless, read_assignments
from .controlled import instruments
from .curves import to_position, to_value
from .directory import Directory
from .learning import Learning
from .midi.messages import Control, MidiEvent, Motion, MotionReader, turned
from .parameters import Parameter

Write = Callable[[Parameter, float, float | None], object]
STEPS = 128
"""Of an endless knob, from end to end."""

NEAR = 1.5 / 127
"""A control this close to a parameter has met it: soft take-over."""

_DOWN = 0.5
"""Where a button counts as pressed."""

DEFAULTS: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
    ("cc 1", ("timbre.morph", "pad.x"), None),
    ("cc 7", ("channel.volume",), "volume"),
    ("cc 11", ("channel.expression",), None),
    ("cc 12", ("pad.x",), None),
    ("cc 13", ("pad.y",), None),
    ("cc 16", ("timbre.latent.1",), None),
    ("cc 17", ("timbre.latent.2",), None),
    ("cc 18", ("timbre.latent.3",), None),
    ("cc 19", ("timbre.latent.4",), None),
    ("cc 64", ("pedal.hold",), "switch"),
    ("cc 74", ("timbre.brightness",), None),
    ("bend", ("pitch.bend",), None),
)
"""What each control moves by default: the first of the roles that the chain has, and the curve (None: its own). CC 7
moves the level of the last processor, 0 dB at the top; the others the first processor that has the role. An instrument
reads many controllers itself (:attr:`~rtspec.processors.base.Instrument.reads`): these move nothing else."""

CUSTOMARY = {
    "morph": "timbre.morph",
    "amount": "timbre.morph",
    "output_db": "channel.volume",
    "expression": "channel.expression",
    "freeze": "pedal.hold",
    "brightness": "timbre.brightness",
    "bend": "pitch.bend",
    "pitch_bend": "pitch.bend",
    **{f"latent_{n}": f"timbre.latent.{n}" for n in (1, 2, 3, 4)},
}
"""Roles of parameters that state none, as those of a model's package, by names that mean one thing only."""


class MidiMap:
    """Moves the parameters of a chain by MIDI. May be used and edited from any thread.

    Parameters
    ----------
    target : Directory, Pedalboard, processor or sequence of processors
    assignments : iterable of Assignment, optional
        The defaults for the chain where None (:meth:`defaults`).

    Attributes
    ----------
    write : callable
        Gets parameter, value and the event's time (None for a bare message), and moves the parameter; by default at
        once. A stream puts the change at its sample instead.

    Examples
    --------
    >>> from rtspec import SpectralInversion
    >>> import mido
    >>> processor = SpectralInversion()
    >>> midi_map = MidiMap(processor)
    >>> midi_map.feed(mido.Message("control_change", control=7, value=0))
    1
    >>> processor.output_db
    -60.0
    """

    def __init__(self, target: Any, assignments: Any = None):
        self.directory = target if isinstance(target, Directory) else Directory(target)
        self.write: Write = _at_once
        self._lock = threading.RLock()
        self._reader = MotionReader()
        self._hands: dict[Assignment, _Hand] = {}
        self._learning: Learning | None = None
        self._assignments: list[Assignment] = []
        for assignment in self.defaults() if assignments is None else assignments:
            self.add(assignment)

    # The list -----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Assignment]:
        return iter(list(self._assignments))

    def __len__(self) -> int:
        return len(self._assignments)

    def add(self, assignment: Assignment) -> None:
        """Add an assignment. What the chain does not have now is kept and does nothing until it does."""
        directory = self.directory.still()
        found = directory.find(assignment.parameter)
        if found is not None:
            assignment.ends(directory[found])
        with self._lock:
            self._assignments = [*self._assignments, assignment]

    def remove(self, parameter: str) -> int:
        """Remove all assignments of a parameter; says how many there were."""
        with self._lock:
            full = self.directory.find(parameter)
            kept = [a for a in self if a.parameter != parameter and self.directory.find(a.parameter) != (full or "")]
            removed, self._assignments = len(self._assignments) - len(kept), kept
        return removed

    def defaults(self) -> list[Assignment]:
        """The usual controls for what the chain has: :data:`DEFAULTS`, and what its parameters themselves propose."""
        found = [self._default(Control.parse(control), names, curve) for control, names, curve in DEFAULTS]
        proposed = [Assignment(a, Control("cc", p.spec.cc)) for a, p in self.directory.items() if p.spec.cc is not None]
        taken = {assignment.control for assignment in proposed}
        return [*proposed, *(a for a in found if a is not None and a.control not in taken)]

    def _default(self, control: Control, roles: tuple[str, ...], curve: str | None) -> Assignment | None:
        if self._is_read(control):
            return None
        known = self.directory.still()
        for role in roles:
            fitting = [address for address, parameter in known.items() if role_of(parameter) == role]
            if fitting:
                address = fitting[-1 if role == "channel.volume" else 0]
                top = known[address].spec.maximum
                return Assignment(address, control, maximum=min(0.0, top) if curve == "volume" else None, curve=curve)
        return None

    def _is_read(self, control: Control) -> bool:
        """Whether an instrument of the chain reads a controller itself."""
        played = instruments(self.directory.processors())
        numbers = frozenset().union(*(p.reads for p in played))
        return bool(numbers) and (control.kind == "bend" or (control.kind == "cc" and control.number in numbers))

    # Playing ------------------------------------------------------------------------------------------------------

    def feed(self, message: Any) -> int:
        """Take a mido message or :class:`MidiEvent` into account; says how many parameters it moved.

        This is what a :class:`~rtspec.control.midi.inputs.MidiInput` takes as `listener`.
        """
        timed = isinstance(message, MidiEvent)
        bare, time_s = (message.message, message.time_s) if timed else (message, None)
        with self._lock:
            motions = self._reader.read(bare)
            if self._learning is not None:
                self._learn_from(motions)
                return 0
            return sum(self._move(a, m, time_s) for m in motions for a in self._assignments if _fits(a, m))

    __call__ = feed

    def _move(self, assignment: Assignment, motion: Motion, time_s: float | None) -> bool:
        address = self.directory.find(assignment.parameter)
        parameter = None if address is None else self.directory.get(address)  # an edit may have come in between
        if parameter is None:
            return False
        try:
            hand = self._hand(assignment)
            value = hand.moved(parameter, motion.position)
            if value is not None:
                self.write(parameter, value, time_s)
            return value is not None
        except InvalidValue:  # the chain was edited, and the range of the assignment does not fit the new parameter
            return False

    def _hand(self, assignment: Assignment) -> "_Hand":
        return self._hands.setdefault(assignment, _Hand(assignment))

    def moves(self, number: int, kind: str = "cc") -> bool:
        """Whether a controller of this number ("cc"), or a non-registered parameter ("nrpn"), moves a parameter of the
        chain."""
        kinds = ("cc", "cc14") if kind == "cc" else (kind,)
        listed = [a for a in self if a.control.kind in kinds and a.control.number == number]
        return any(self.directory.find(a.parameter) is not None for a in listed)

    # Learning -----------------------------------------------------------------------------------------------------

    def learn(self, parameter: str | Parameter, **options: Any) -> Learning:
        """Assign the control that moves next to a parameter, in place of the parameter's present ones.

        Parameters
        ----------
        parameter : str or Parameter
        **options
            channel, minimum, maximum, curve, take_over and toggle of the :class:`Assignment`.

        Raises
        ------
        InvalidValue
            There is no such parameter, or the options do not fit it.
        """
        address = self.directory.address_of(parameter)
        try:
            Assignment(address, Control("cc"), **options).ends(self.directory.parameter(address))
        except TypeError:
            raise InvalidValue(f"{', '.join(options)} must be of {', '.join(FIELDS[2:])}; leave out the rest") from None
        with self._lock:
            learning = self._learning = Learning(address, options)
            learning.on_timeout = lambda control: self._settle(learning, control)
            return learning

    def cancel(self) -> None:
        """Learn no longer."""
        with self._lock:
            self._learning = None

    def _learn_from(self, motions: list[Motion]) -> None:
        learning = self._learning
        wanted = learning.options.get("channel") if learning else None
        control = learning.offer([m for m in motions if wanted in (None, m.channel)]) if learning else None
        if learning is not None and control is not None:
            self._settle(learning, control)

    def _settle(self, learning: Learning, control: Control) -> None:
        with self._lock:
            if self._learning is learning:
                self._learning = None
                self._assign(learning, control)

    def _assign(self, learning: Learning, control: Control) -> None:
        assignment = Assignment(learning.address, control, **learning.options)
        self.remove(learning.address)
        self.add(assignment)
        learning.settle(assignment)

    # Files --------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the assignments as readable JSON, whole or not at all."""
        documents.write_document(path, KIND, {"assignments": [a.as_dict() for a in self]})

    def load(self, path: str | Path) -> None:
        """Replace the assignments by those of a file; nothing changes where it is refused.

        Raises
        ------
        InvalidValue
            The file is damaged, of a later version, or an assignment does not fit the chain.
        """
        self.replace(read_assignments(path))

    def replace(self, assignments: list[Assignment]) -> None:
        """Let these be all assignments; nothing changes where one does not fit the chain."""
        checked = MidiMap(self.directory, assignments)
        with self._lock:
            self._assignments, self._hands = list(checked), {}

    def exchange(self, old: Assignment, new: Assignment | None) -> None:
        """Put an assignment in the place of one that is there, or take that out; the others' hands stay as they are.

        Raises
        ------
        InvalidValue
            The old one is not there (any more), or the new one does not fit the chain.
        """
        if new is not None:
            MidiMap(self.directory, [new])
        with self._lock:
            if old not in self._assignments:
                raise InvalidValue(
                    f"{old.control} on {old.parameter} is no longer in the map as it was; look at it as it is now"
                )
            at = self._assignments.index(old)
            self._assignments = [*self._assignments[:at], *([new] if new else []), *self._assignments[at + 1 :]]
            self._hands.pop(old, None)

    @property
    def learning(self) -> Learning | None:
        """The parameter that waits for its control."""
        return self._learning


def role_of(parameter: Parameter) -> str:
    """What a parameter is to a player, as it states or by custom; "" for nothing of that kind."""
    return parameter.spec.role or CUSTOMARY.get(parameter.name, "")


def _at_once(parameter: Parameter, value: float, time_s: float | None) -> None:
    parameter.value = value


def _fits(assignment: Assignment, motion: Motion) -> bool:
    control = Control("cc", assignment.control.number) if is_endless(assignment) else assignment.control
    return control == motion.control and assignment.channel in (None, motion.channel)


class _Hand:
    """One assignment at play: where the control was, and whether it has taken over."""

    def __init__(self, assignment: Assignment):
        self.assignment = assignment
        self._last: float | None = None
        self._own: tuple[float | None, float | None] = (None, None)

    def moved(self, parameter: Parameter, position: float) -> float | None:
        """Where the parameter shall go; None where the control moves nothing now."""
        if is_endless(self.assignment):
            return self.turned(parameter, position)
        return (self.pressed if self.assignment.toggle else self.value)(parameter, position)

    def pressed(self, parameter: Parameter, position: float) -> float | None:
        """The other end of the travel where a button goes down."""
        curve, low, high = self.assignment.ends(parameter)
        down, was_down = position >= _DOWN, (self._last or 0.0) >= _DOWN
        self._last = position
        if not down or was_down:
            return None
        now = self._own[1] if self._own[1] is not None and parameter.value == self._own[0] else parameter.value
        value = low if to_position(curve, now, low, high) >= _DOWN else high
        self._own = parameter.value, value  # a timed change may be on its way still
        return value

    def turned(self, parameter: Parameter, position: float) -> float:
        """Where an endless knob takes the parameter: a step is 1/128 of the travel, half of it for a switch."""
        curve, low, high = self.assignment.ends(parameter)
        steps = turned(self.assignment.control.kind, round(127 * position))
        before = to_position(curve, parameter.value, low, high)
        if self._own[1] is not None and parameter.value == self._own[0]:
            before = self._own[1]  # a timed change may be on its way still
        place = min(1.0, max(0.0, before + steps / STEPS if curve != "switch" else float(steps > 0)))
        value = to_value(curve, place, low, high)
        self._own = parameter.value, place
        return value

    def value(self, parameter: Parameter, position: float) -> float | None:
        """Where the parameter shall go; None while the control has yet to meet it."""
        curve, low, high = self.assignment.ends(parameter)
        last, self._last, before = self._last, position, parameter.value
        if self.assignment.take_over and before not in self._own:
            there = to_position(curve, before, low, high)
            if not (abs(position - there) <= NEAR or (last is not None and (last - there) * (position - there) <= 0)):
                return None
        value = to_value(curve, position, low, high)
        self._own = before, value  # a timed change may still be on its way when the control moves on
        return value
