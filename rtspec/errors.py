"""Every error that rtspec raises on purpose.

A message says the value, the rule it breaks and the remedy, in one line: ``hop=300 must divide n_fft=1024; try 256``.
"""

from typing import Any, TypeVar

T = TypeVar("T")


class RtspecError(Exception):
    """Base of all errors that rtspec raises on purpose; the command line prints its text as one line and exits 1."""


class InvalidValue(RtspecError, ValueError):
    """An argument is out of range, of the wrong type or at odds with another one."""


class BrokenRule(InvalidValue):
    """A value broke one rule of :mod:`rtspec.checks`; its parts, for an edge that says them in its own words."""

    where: str
    value: Any
    rule: str
    remedy: str


class InvalidType(InvalidValue, TypeError):
    """An argument is of another type than asked for; pedalboard raises TypeError there."""


class InvalidShape(InvalidValue, RuntimeError):
    """A sound's array has a shape that tells no channels; pedalboard raises RuntimeError there."""


class SharedPlugin(InvalidValue, RuntimeError):
    """One object, which has one state, is asked to play at two places at once; pedalboard raises RuntimeError there."""


class ModelError(RtspecError, ValueError):
    """A model file, its manifest or its tensors are wrong; the text names the field, the value and the rule."""


class AudioFileError(RtspecError):
    """A sound file cannot be read or written."""


class DeviceError(RtspecError):
    """An audio or MIDI device is missing, refuses its settings or has vanished."""


class DroppedInput(DeviceError, RuntimeError):
    """Input that came in was not taken in time; pedalboard raises RuntimeError there."""


def existing(value: T | None) -> T:
    """A value that cannot be None here by construction; checked under ``python -O`` too, unlike an assertion."""
    if value is None:
        raise TypeError("None where something must be: a fault of rtspec itself")
    return value


def of_kind(value: object, kind: type[T]) -> T:
    """A value that can only be of this kind here by construction."""
    if not isinstance(value, kind):
        raise TypeError(f"a {type(value).__name__} where only a {kind.__name__} can be: a fault of rtspec itself")
    return value
