"""One control moving one parameter, and the readable files that keep such assignments."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidValue
from . import documents
from .curves import CURVES, check_curve
from .midi.messages import ENCODINGS, Control
from .parameters import Parameter

KIND = "MIDI map"
FIELDS = ("parameter", "control", "channel", "minimum", "maximum", "curve", "take_over", "toggle")
"""What an assignment says, in a file and to whoever makes one."""


@dataclass(frozen=True)
class Assignment:
    """One control moving one parameter.

    Attributes
    ----------
    parameter : str
        Address, full or short (:class:`~rtspec.control.directory.Directory`).
    control : Control
    channel : int or None
        1 to 16; None: any.
    minimum, maximum : float or None
        Values at both ends of the travel, in the parameter's unit; `minimum` may be the larger. None: its own range.
    curve : str or None
        One of :data:`~rtspec.control.curves.CURVES`; None: the parameter's own.
    take_over : bool
        The control moves nothing until it has met the parameter's value, so that the sound does not jump.
    toggle : bool
        For a button that springs back: each press goes to the other end, letting go does nothing.
    """

    parameter: str
    control: Control
    channel: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    curve: str | None = None
    take_over: bool = False
    toggle: bool = False

    def ends(self, parameter: Parameter) -> tuple[str, float, float]:
        """Curve and values at both ends for this parameter, or :class:`InvalidValue`."""
        spec = parameter.spec
        low = spec.minimum if self.minimum is None else spec.check(self.minimum)
        high = spec.maximum if self.maximum is None else spec.check(self.maximum)
        return check_curve(self.curve or spec.curve, low, high), low, high

    def as_dict(self) -> dict:
        """For JSON."""
        return {name: str(value) if name == "control" else value for name, value in vars(self).items()}


def is_endless(assignment: Assignment) -> bool:
    """Whether the control says how far it was turned, not where it is."""
    return assignment.control.kind in ENCODINGS


# Reading --------------------------------------------------------------------------------------------------------------


def read_assignments(path: str | Path) -> list[Assignment]:
    """The assignments of a file that :meth:`MidiMap.save` wrote; :class:`InvalidValue` where anything is wrong."""
    name = Path(path).name
    found = documents.read_document(path, KIND)
    listed = documents.entries(name, "assignments", found.get("assignments"), list)
    return [read_assignment(f"{name}: assignment {i}", entry) for i, entry in enumerate(listed, 1)]


def read_assignment(where: str, entry: Any) -> Assignment:
    """What :meth:`Assignment.as_dict` has written; :class:`InvalidValue` where anything is wrong."""
    found = documents.known(where, documents.entries(where, "entry", entry, dict), FIELDS)
    curve = found.get("curve")
    if curve not in (None, *CURVES):
        documents.fail(where, "curve", curve, "is not known", f"choose one of {', '.join(CURVES)}")
    for name in ("take_over", "toggle"):
        if not isinstance(found.get(name, False), bool):
            documents.fail(where, name, found[name], "must be true or false", "correct it")
    return Assignment(
        documents.text(where, "parameter", found.get("parameter")),
        _control(where, documents.text(where, "control", found.get("control"))),
        _optional(found, "channel", lambda value: documents.whole(where, "channel", value, 1, 16)),
        _optional(found, "minimum", lambda value: documents.number(where, "minimum", value)),
        _optional(found, "maximum", lambda value: documents.number(where, "maximum", value)),
        curve,
        found.get("take_over", False),
        found.get("toggle", False),
    )


def _control(where: str, written: str) -> Control:
    try:
        return Control.parse(written)
    except InvalidValue as error:
        raise InvalidValue(f"{where}: {error}") from None


def _optional(found: dict, name: str, check: Callable[[Any], Any]) -> Any:
    value = found.get(name)
    return None if value is None else check(value)
