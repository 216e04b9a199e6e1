"""Declared checks, one a field, which make others: ``number(0, 1)`` is a check, ``items(number(0, 1), most=8)`` too.

A manifest and the panel's messages declare their fields with these; each is ``check(where, value) -> value`` and fails
as :func:`rtspec.checks.fail` does.
"""

import keyword
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from . import checks
from .checks import fail

Check = Callable[[str, Any], Any]
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


def text(*, longest: int = 20_000, empty: bool = True) -> Check:
    """Text of at most `longest` characters."""

    def check(where: str, value: Any) -> str:
        if not isinstance(value, str):
            fail(where, value, "must be text", 'write it in "quotes"')
        if len(value) > longest:
            fail(where, value, f"must have at most {longest} characters, not {len(value)}", "shorten it")
        if not empty and not value.strip():
            fail(where, value, "must not be empty", "give it")
        return value

    return check


def texts(*, most: int) -> Check:
    """A list of texts; a single text counts as a list of one."""
    each = items(text(), most=most)
    return lambda where, value: each(where, [value] if isinstance(value, str) else value)


def integer(low: int, high: int) -> Check:
    """An integer, `low` to `high`."""
    remedy = f"try {max(low, 0)}"
    return lambda where, value: checks.within(where, checks.integer(where, value, remedy=remedy), low, high)


def number(low: float, high: float) -> Check:
    """A finite number, `low` to `high`."""
    remedy = f"try {max(low, 0):g}"

    def check(where: str, value: Any) -> float:
        if isinstance(value, float) and not math.isfinite(value):
            fail(where, value, f"must be a finite number, {low:g} to {high:g}", remedy)
        return checks.number(where, value, low, high, remedy)

    return check


def flag(where: str, value: Any) -> bool:
    """True or false."""
    return checks.flag(where, value, "try false")


def either(first: Check, second: Check) -> Check:
    """What passes `first` where it is text, else what passes `second`."""
    return lambda where, value: (first if isinstance(value, str) else second)(where, value)


def one_of(*choices: str) -> Check:
    """One of some words."""

    def check(where: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            fail(where, value, f"must be one of {', '.join(choices)}", f'try "{choices[0]}"')
        return value

    return check


def optional(check: Check) -> Check:
    """None (null), or what passes `check`."""
    return lambda where, value: None if value is None else check(where, value)


def items(check: Check, *, most: int) -> Check:
    """A list of at most `most` items that pass `check`, as a tuple."""

    def checked(where: str, value: Any) -> tuple:
        if not isinstance(value, list | tuple):
            fail(where, value, "must be a list", "write it in [brackets]")
        if len(value) > most:
            fail(where, f"{len(value)} items", f"must have at most {most} items", "shorten it")
        return tuple(check(f"{where}[{k}]", each) for k, each in enumerate(value))

    return checked


def by_name(check: Check, *, most: int) -> Check:
    """An object of at most `most` values that pass `check`, each by a printable name, as a dict."""

    def checked(where: str, value: Any) -> dict[str, Any]:
        found = checks.entries(where, value, dict, most)
        return {checks.text(where, name): check(f"{where}: {name}", each) for name, each in found.items()}

    return checked


def axes(names: tuple[str, ...]) -> Check:
    """Axes in order, as a list or as text with commas; "time" is one of them and none comes twice."""

    def check(where: str, value: Any) -> tuple[str, ...]:
        listed = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        found = items(one_of(*names), most=len(names))(where, listed)
        if len(set(found)) != len(found) or "time" not in found:
            fail(where, ",".join(found), 'must name each axis once, "time" among them', 'try "batch,bins,time"')
        return found

    return check


def identifier(reserved: tuple[str, ...]) -> Check:
    """A name that can be an attribute in Python and is not taken already."""

    def check(where: str, value: Any) -> str:
        if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value) or keyword.iskeyword(value):
            fail(where, value, "must be a lower-case Python identifier of at most 64 characters", 'try "brightness"')
        if value in reserved:
            fail(where, value, "is the name of something that every processor has", f'try "model_{value}"')
        return value

    return check


def texts_and_numbers(where: str, value: Any) -> dict[str, float | str]:
    """A mapping from texts to finite numbers or texts."""
    if not isinstance(value, Mapping) or len(value) > 1000:
        fail(where, value, "must be an object of at most 1000 figures by name", 'try {"SC dB": -20.8}')
    each = either(text(), number(-math.inf, math.inf))
    return {text(longest=256)(where, key): each(f"{where}.{key}", found) for key, found in value.items()}


def record(made: type, /, **checks: Check) -> Check:
    """An object whose fields are those of the dataclass `made`, each with its check; the others have defaults."""
    known = {f.name: f for f in fields(made)}
    if set(known) != set(checks):
        raise TypeError(f"{made.__name__}: checks and fields differ")
    needed = [n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING]
    is_no_field = f"is no field; the fields are {', '.join(known)}"

    def check(where: str, value: Any) -> Any:
        inside = f"{where}." if where else ""
        if not isinstance(value, Mapping):
            fail(where, value, f"must be an object with {', '.join(known)}", "write it in {braces}")
        for name in value:
            if name not in known:
                fail(f"{inside}{name}", value[name], is_no_field, "correct or drop it")
        for name in needed:
            if name not in value:
                fail(f"{inside}{name}", None, "must be given", "add it")
        return made(**{name: checks[name](f"{inside}{name}", each) for name, each in value.items()})

    return check
