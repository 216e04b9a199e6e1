"""What the page may ask for: a table of verbs, each with the fields that it takes and what checks them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import checks
from ..errors import InvalidValue
from ..schema import Check

_SENT = "message"


@dataclass(frozen=True)
class Verb:
    """A row of the table: `slow` ones read files or edit the chain, and wait for each other in a thread of their own;
    those that are `foreign` look at models, which may take minutes, and wait in another.

    `act` gets the desk, the client's number and the checked fields; `words` say what it does, where that takes long.
    """

    act: Callable[..., Any]
    fields: dict[str, Check]
    slow: bool
    foreign: bool = False
    words: str = "the last edit"


VERBS: dict[str, Verb] = {}


def verb(
    name: str, words: str = Verb.words, /, *, slow: bool = False, foreign: bool = False, **fields: Check
) -> Callable:
    """Add a row."""

    def added(act: Callable) -> Callable:
        VERBS[name] = Verb(act, fields, slow or foreign, foreign, words)
        return act

    return added


def checked(message: object) -> tuple[Verb, dict[str, Any]]:
    """The verb that a message names, and its fields, all of them in order; else :class:`InvalidValue`."""
    found = checks.entries(f"{_SENT}: content", message, dict, 40)
    name = checks.text(f"{_SENT}: do", found.get("do"), 40)
    if name not in VERBS:
        raise InvalidValue(f"unknown verb {checks.shown(name)}; the page knows {checks.candidates(VERBS, name)}")
    row, where = VERBS[name], f"{_SENT} {name}"
    checks.known(where, found, ("do", *row.fields))
    return row, {key: check(f"{where}: {key}", found.get(key)) for key, check in row.fields.items()}


def several(check: Check, most: int) -> Check:
    """A list of at most so many."""

    def all_checked(where: str, value: Any) -> list:
        return [check(where, each) for each in checks.entries(where, value, list, most)]

    return all_checked


def plain(where: str, value: Any) -> Any:
    """A word, a number, true or false, or a list of words."""
    if isinstance(value, list):
        return several(checks.text, 16)(where, value)
    if isinstance(value, str):
        return checks.text(where, value)
    if isinstance(value, bool):
        return value
    found = checks.number(where, value)
    return round(found) if found == round(found) else found
