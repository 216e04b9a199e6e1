"""What the page may ask for: a table of verbs, each with the fields that it takes and what checks them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..control import documents
from ..errors import InvalidValue

Check = Callable[[str, str, Any], Any]
_SENT = "message"


@dataclass(frozen=True)
class Verb:
    """A row of the table: `slow` ones read files or edit the chain, and wait for each other in a thread of their own;
    those that are `foreign` look at models, which may take minutes, and wait in another.

    `act` gets the desk, the client's number and the checked fields.
    """

    act: Callable[..., Any]
    fields: dict[str, Check]
    slow: bool
    foreign: bool = False


VERBS: dict[str, Verb] = {}


def verb(name: str, /, *, slow: bool = False, foreign: bool = False, **fields: Check) -> Callable:
    """Add a row."""

    def added(act: Callable) -> Callable:
        VERBS[name] = Verb(act, fields, slow or foreign, foreign)
        return act

    return added


def checked(message: object) -> tuple[Verb, dict[str, Any]]:
    """The verb that a message names, and its fields, all of them in order; else :class:`InvalidValue`."""
    found = documents.entries(_SENT, "content", message, dict, 40)
    name = documents.text(_SENT, "do", found.get("do"), 40)
    if name not in VERBS:
        raise InvalidValue(f"unknown verb {documents.shown(name)}; the page knows {documents.candidates(VERBS, name)}")
    row = VERBS[name]
    documents.known(f"{_SENT} {name}", found, ("do", *row.fields))
    return row, {key: check(f"{_SENT} {name}", key, found.get(key)) for key, check in row.fields.items()}


# Checks ---------------------------------------------------------------------------------------------------------------


def word(where: str, field: str, value: Any) -> str:
    """Printable text."""
    return documents.text(where, field, value)


def number(where: str, field: str, value: Any) -> float:
    """A finite number."""
    return documents.number(where, field, value)


def switch(where: str, field: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        documents.fail(where, field, value, "must be true or false", "correct it")
    return value


def whole(low: int, high: int) -> Check:
    """A whole number, `low` to `high`."""
    return lambda where, field, value: documents.whole(where, field, value, low, high)


def optional(check: Check) -> Check:
    """As `check` says, or nothing."""
    return lambda where, field, value: None if value is None else check(where, field, value)


def several(check: Check, most: int) -> Check:
    """A list of at most so many."""

    def all_checked(where: str, field: str, value: Any) -> list:
        return [check(where, field, each) for each in documents.entries(where, field, value, list, most)]

    return all_checked


def by_name(check: Check, most: int = 512) -> Check:
    """An object of at most so many, each by a name."""

    def all_checked(where: str, field: str, value: Any) -> dict:
        found = documents.entries(where, field, value, dict, most)
        return {word(where, field, key): check(where, key, each) for key, each in found.items()}

    return all_checked


def plain(where: str, field: str, value: Any) -> Any:
    """A word, a number, true or false, or a list of words."""
    if isinstance(value, list):
        return several(word, 16)(where, field, value)
    if isinstance(value, str):
        return word(where, field, value)
    if isinstance(value, bool):
        return value
    found = number(where, field, value)
    return round(found) if found == round(found) else found
