"""What an option of a command may be: the rules of :mod:`rtspec.checks`, said as argparse says them."""

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

from . import checks
from .errors import BrokenRule

T = TypeVar("T")


def integer(low: int | None = None, high: int | None = None, remedy: str = checks.CORRECT) -> Callable[[str], int]:
    """What reads a whole number, at least `low` and at most `high`, where they are given."""
    return lambda text: _said(lambda: checks.integer("", _as_integer(text), low, high, remedy))


def integers(low: int, high: int | None = None) -> Callable[[str], tuple[int, ...]]:
    """What reads whole numbers with commas between them."""
    one = integer(low, high, "write them with commas, e.g. 64,128,256")
    return lambda text: tuple(one(word) for word in text.split(","))


def number(low: float, high: float, remedy: str = checks.CORRECT, unit: str = "") -> Callable[[str], float]:
    """What reads a number, `low` to `high` of the unit."""
    return lambda text: _said(lambda: checks.number("", _as_float(text), low, high, remedy, unit))


seconds = number(0.001, 1e7, unit="s")
"""What reads how long something lasts."""


def word_or(words: tuple[str, ...], otherwise: Callable[[str], T]) -> Callable[[str], str | T]:
    """What reads one of some words, or what `otherwise` reads."""
    return lambda text: text if text in words else otherwise(text)


def share(text: str) -> tuple[int, int]:
    """Which share of some work is done here, of how many: "2/3" is (2, 3)."""
    k, slash, n = text.partition("/")
    if not (slash and k.isdecimal() and n.isdecimal() and 1 <= int(k) <= int(n)):
        raise argparse.ArgumentTypeError(f"{text!r} is no share; write K/N, 1 to N of N, e.g. 2/3")
    return int(k), int(n)


def _said(check: Callable[[], T]) -> T:
    try:
        return check()
    except BrokenRule as error:
        raise argparse.ArgumentTypeError(f"{checks.shown(error.value)} {error.rule}; {error.remedy}") from None


def _as_integer(text: str) -> Any:
    return int(text) if text.removeprefix("-").isdecimal() else text


def _as_float(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
