"""OSC as control surfaces send it: address patterns, switches, buttons that report their release too.

References
----------
Open Sound Control 1.0 (Wright, 2002), "OSC Message Dispatching and Pattern Matching".
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

SPECIAL = frozenset("*?[{")
LONGEST, MOST_STARS = 256, 8
"""Of a pattern: longer ones, and those with more stars, are no pattern that a surface sends."""

_NEAR = 0.5
_PARTS = re.compile(r"\*|\?|\[!?[^\]/]*\]|\{[^}/]*\}|[^*?\[{]+|.")


def is_pattern(address: str) -> bool:
    """Whether an address means several."""
    return not SPECIAL.isdisjoint(address)


def matching(pattern: str, addresses: Iterable[str]) -> list[str]:
    """The addresses that a pattern means; none where it is malformed or absurd."""
    if len(pattern) > LONGEST or pattern.count("*") > MOST_STARS:
        return []
    try:
        found = re.compile("".join(map(_part, _PARTS.findall(pattern))))
    except re.error:
        return []
    return [address for address in addresses if found.fullmatch(address)]


def _part(part: str) -> str:
    if part == "*":
        return "[^/]*"
    if part == "?":
        return "[^/]"
    if part[0] == "[" and part[-1] == "]":
        inside = re.escape(part[1:-1].removeprefix("!")).replace(r"\-", "-")
        return f"[{'^' if part[1:2] == '!' else ''}{inside}]"
    if part[0] == "{" and part[-1] == "}":
        return f"(?:{'|'.join(map(re.escape, part[1:-1].split(',')))})"
    return re.escape(part)


def nearest(address: str, addresses: Iterable[str]) -> str:
    """Words that name the known address that is most like an unknown one."""
    close = get_close_matches(address[:LONGEST], list(addresses), n=1, cutoff=_NEAR)
    return f"the nearest is {close[0]}" if close else "send /rtspec/list for all there are"


def is_release(arguments: list[Any]) -> bool:
    """Whether a button says that it was let go: it acted when it was pressed."""
    return len(arguments) == 1 and not isinstance(arguments[0], str | bytes) and not arguments[0]


def is_press(arguments: list[Any]) -> bool:
    """Whether a button says that it was pressed, by a number or by T."""
    return len(arguments) == 1 and isinstance(arguments[0], int | float) and bool(arguments[0])
