"""One control moving one parameter, and the readable files that keep such assignments."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import checks
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
    listed = checks.entries(f"{name}: assignments", found.get("assignments"), list)
    return [read_assignment(f"{name}: assignment {i}", entry) for i, entry in enumerate(listed, 1)]


def read_assignment(where: str, entry: Any) -> Assignment:
    """What :meth:`Assignment.as_dict` has written; :class:`InvalidValue` where anything is wrong."""
    found = checks.known(where, checks.entries(f"{where}: entry", entry, dict), FIELDS)
    curve = found.get("curve")
    if curve is not None:
        checks.choice(f"{where}: curve", curve, CURVES)
    return Assignment(
        checks.text(f"{where}: parameter", found.get("parameter")),
        _control(where, checks.text(f"{where}: control", found.get("control"))),
        _optional(found, "channel", lambda value: checks.integer(f"{where}: channel", value, 1, 16)),
        _optional(found, "minimum", lambda value: checks.number(f"{where}: minimum", value)),
        _optional(found, "maximum", lambda value: checks.number(f"{where}: maximum", value)),
        curve,
        checks.flag(f"{where}: take_over", found.get("take_over", False)),
        checks.flag(f"{where}: toggle", found.get("toggle", False)),
    )


def _control(where: str, written: str) -> Control:
    try:
        return Control.parse(written)
    except InvalidValue as error:
        raise InvalidValue(f"{where}: {error}") from None


def _optional(found: dict, name: str, check: Callable[[Any], Any]) -> Any:
    value = found.get(name)
    return None if value is None else check(value)
