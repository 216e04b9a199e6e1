"""What control keeps on disk: small, readable, versioned JSON, written whole or not at all, and doubted when read."""

import json
import math
import threading
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from ..errors import InvalidValue
from ..storage import WholeFile

FORMAT = 1
"""Version of all documents; readers refuse a later one."""

MAX_BYTES = 1 << 20
_LONGEST, _MOST_LISTED = 60, 8
_writing = threading.Lock()


def write_document(path: str | Path, kind: str, content: dict) -> None:
    """Write ``{"rtspec": kind, "format": 1, …}``; an old file stays until all of the new one is on the disk.

    Raises
    ------
    InvalidValue
        The file cannot be written, or would be larger than :func:`read_document` takes.
    """
    path = Path(path)
    text = json.dumps({"rtspec": kind, "format": FORMAT, **content}, indent=2, ensure_ascii=False, allow_nan=False)
    data = (text + "\n").encode(errors="backslashreplace")  # bytes of a path that are no UTF-8: JSON's own escapes
    if len(data) > MAX_BYTES:
        raise InvalidValue(f"{path.name} would have {len(data)} bytes; the most is {MAX_BYTES}; store less in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _writing, WholeFile(path) as file:
            file.write(data)
    except OSError as error:
        raise InvalidValue(f"{path} cannot be written: {error.strerror or error}; choose another place") from None


def read_document(path: str | Path, kind: str) -> dict:
    """Read what :func:`write_document` wrote.

    Raises
    ------
    InvalidValue
        There is no such file, it is no such document, damaged, too large or of a later version; in one line.
    """
    path = Path(path)
    found = parsed(path, read_bytes(path))
    if not isinstance(found, dict) or found.get("rtspec") != kind:
        raise InvalidValue(f'{path.name} is no {kind}: it has no "rtspec": "{kind}"; give a file that rtspec wrote')
    version = found.get("format")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        fail(path.name, "format", version, "must be a whole number from 1", f"this rtspec writes {FORMAT}")
    if version > FORMAT:
        fail(path.name, "format", version, f"is newer than this rtspec reads ({FORMAT})", "update rtspec")
    return found


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """All of a file of at most `most` bytes, or :class:`InvalidValue`."""
    try:
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidValue(f"{str(path)!r} cannot be read: {reason}; check the name") from None
    if len(data) > most:
        raise InvalidValue(f"{path.name} has more than {most} bytes; such files are small; give the right one")
    return data


def parsed(path: Path, data: bytes) -> Any:
    """The JSON of a file, or :class:`InvalidValue`."""
    try:
        return json.loads(data.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else " ".join(str(error).split())[:100]
        raise InvalidValue(f"{path.name} is damaged: {reason}; restore it from a copy") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


# Checks ---------------------------------------------------------------------------------------------------------------


def fail(where: str, field: str, value: Any, rule: str, remedy: str) -> NoReturn:
    """Raise :class:`InvalidValue`: file or list, field, value, rule and remedy in one line."""
    raise InvalidValue(f"{where}: {field}={shown(value)} {rule}; {remedy}")


def shown(value: Any) -> str:
    """A value from outside, short and in one line."""
    try:
        found = ascii(value)
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


def number(where: str, field: str, value: Any, low: float = -1e12, high: float = 1e12) -> float:
    """A finite number, `low` to `high`, as float."""
    try:
        good = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:
        good = False
    if not (good and low <= value <= high):
        fail(where, field, value, f"must be a number from {low:g} to {high:g}", "correct it")
    return float(value)


def whole(where: str, field: str, value: Any, low: int, high: int) -> int:
    """A whole number, `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        fail(where, field, value, f"must be a whole number from {low} to {high}", "correct it")
    return value


def text(where: str, field: str, value: Any, longest: int = 200) -> str:
    """Printable text, neither empty nor long."""
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        fail(where, field, value, f"must be 1 to {longest} printable characters", "correct it")
    return value


def entries(where: str, field: str, value: Any, kind: type, most: int = 10_000) -> Any:
    """A list or dict (`kind`) of at most `most` entries."""
    if not isinstance(value, kind) or len(value) > most:
        form = "list" if kind is list else "object"
        fail(where, field, value, f"must be a JSON {form} of at most {most} entries", "correct it")
    return value


def known(where: str, found: dict, fields: tuple[str, ...]) -> dict:
    """`found` if it has no other fields than these."""
    for name in found:
        if name not in fields:
            fail(where, "field", name, "is not known", f"leave it out or use one of {', '.join(fields)}")
    return found
