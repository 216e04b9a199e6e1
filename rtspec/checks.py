"""Checks of values from outside, wherever they come from: ``check(where, value) -> value``.

Each fails as :func:`fail` does, with the place, the value, the rule and the remedy in one line. Who reads a file of its
own kind says so at its edge: a manifest's errors become :class:`~rtspec.errors.ModelError` there.
"""

import math
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, NoReturn, TypeGuard, TypeVar

from .errors import BrokenRule, InvalidType

T = TypeVar("T")
CORRECT = "correct it"
_LONGEST, _MOST_LISTED = 80, 8


def fail(where: str, value: Any, rule: str, remedy: str) -> NoReturn:
    """Raise :class:`~rtspec.errors.BrokenRule`: ``where=value rule; remedy``."""
    error = BrokenRule(f"{where}={shown(value)} {rule}; {remedy}")
    error.where, error.value, error.rule, error.remedy = where, value, rule, remedy
    raise error


@contextmanager
def type_errors(is_of_type: bool) -> Iterator[None]:
    """What breaks a rule within is a TypeError too, as pedalboard's is, where the value is of another type."""
    try:
        yield
    except BrokenRule as error:
        if is_of_type:
            raise
        raise InvalidType(str(error)) from None


def shown(value: Any) -> str:
    """A value from outside as Python writes it, short and in one line; a number of numpy's without its type."""
    try:
        found = str(value) if isinstance(value, Real) else ascii(value)
    except (ValueError, RecursionError):
        found = f"a {type(value).__name__}"
    return found if len(found) <= _LONGEST else found[: _LONGEST - 3] + "..."


def candidates(names: Iterable[str], wanted: str = "") -> str:
    """What there is to choose from, in words: all of a few names, of many those most like what was wanted."""
    listed = list(names)
    if len(listed) <= _MOST_LISTED:
        return ", ".join(listed) or "none"
    like = get_close_matches(wanted, listed, _MOST_LISTED, 0.0)
    return f"{', '.join(like)} and {len(listed) - len(like)} more"


# Numbers --------------------------------------------------------------------------------------------------------------


def is_integer(value: Any) -> TypeGuard[int]:
    """Whether a value is an integer, of Python's or of numpy's, and no truth value."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_real(value: Any) -> TypeGuard[float]:
    """Whether a value is a number, of Python's or of numpy's, NaN and infinity among them, and no truth value."""
    return isinstance(value, Real) and not isinstance(value, bool)


def integer(
    where: str, value: Any, low: int | None = None, high: int | None = None, remedy: str = CORRECT, unit: str = ""
) -> int:
    """An integer; at least `low` and at most `high` of the unit, where they are given, which the same rule names."""
    if not is_integer(value) or not (low is None or value >= low) or not (high is None or value <= high):
        fail(where, value, f"must be a whole number{_bounds(low, high)}{f' {unit}' if unit else ''}", remedy)
    return int(value)


def _bounds(low: int | None, high: int | None) -> str:
    if high is None:
        return "" if low is None else f" of at least {low}"
    return f" from {low} to {high}"


def integral(where: str, value: Any, low: int | None = None, high: int | None = None, remedy: str = CORRECT) -> int:
    """An integer as :func:`integer` has it, or a float that is one: what numpy's arithmetic gives for sizes."""
    is_one = isinstance(value, float) and value.is_integer()
    return integer(where, int(value) if is_one else value, low, high, remedy)


def number(
    where: str, value: Any, low: float = -1e12, high: float = 1e12, remedy: str = CORRECT, unit: str = ""
) -> float:
    """A finite number, `low` to `high` of the unit, as float."""
    if not (_is_finite(value) and low <= value <= high):
        fail(where, value, f"must be a number from {low:g} to {high:g}{f' {unit}' if unit else ''}", remedy)
    return float(value)


def _is_finite(value: Any) -> bool:
    try:
        return is_real(value) and math.isfinite(value)
    except OverflowError:  # an integer beyond what a float holds
        return False


def within(where: str, value: T, low: float, high: float, remedy: str | None = None) -> T:
    """A number that is known to be one, `low` to `high`; the remedy is the nearer end unless another is told."""
    if not low <= value <= high:  # type: ignore[operator]  # NaN is refused too
        nearest = low if not value > high else high  # type: ignore[operator]
        fail(where, value, f"must be {_figure(low)} to {_figure(high)}", remedy or f"try {_figure(nearest)}")
    return value


def at_least(where: str, value: T, low: float, remedy: str) -> T:
    """A number that is known to be one, of at least `low`."""
    if not value >= low:  # type: ignore[operator]
        fail(where, value, f"must be at least {_figure(low)}", remedy)
    return value


def _figure(value: float) -> str:
    return str(int(value)) if isinstance(value, Integral) else f"{value:g}"


# Words and collections ------------------------------------------------------------------------------------------------


def flag(where: str, value: Any, remedy: str = CORRECT) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        fail(where, value, "must be true or false", remedy)
    return value


def text(where: str, value: Any, longest: int = 200) -> str:
    """Printable text, neither empty nor long."""
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        fail(where, value, f"must be 1 to {longest} printable characters", CORRECT)
    return value


def choice(where: str, value: T, choices: Collection[Any]) -> T:
    """One of some words, or numbers."""
    if not _is_among(value, choices):
        fail(where, value, "is not known", f"choose one of {', '.join(map(str, choices))}")
    return value


def _is_among(value: Any, choices: Collection[Any]) -> bool:
    try:
        return value in choices
    except (TypeError, ValueError):  # a list is no key; an array has no single truth
        return False


def entries(where: str, value: Any, kind: type, most: int = 10_000) -> Any:
    """A list or dict (`kind`) of at most `most` entries."""
    if not isinstance(value, kind) or len(value) > most:  # type: ignore[arg-type]
        form = "list" if kind is list else "object"
        fail(where, value, f"must be a JSON {form} of at most {most} entries", CORRECT)
    return value


def known(where: str, found: dict[str, T], fields: Collection[str]) -> dict[str, T]:
    """`found` if it has no other fields than these."""
    for name in found:
        if name not in fields:
            fail(f"{where}: field", name, "is not known", f"leave it out or use one of {', '.join(fields)}")
    return found
