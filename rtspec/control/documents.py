"""What control keeps on disk: small, readable, versioned JSON, written whole or not at all, and doubted when read."""

import json
import threading
from pathlib import Path
from typing import Any, NoReturn

from ..checks import fail, integer
from ..errors import InvalidValue
from ..storage import AtomicFile

FORMAT = 1
"""Version of all documents; readers refuse a later one."""

MAX_BYTES = 1 << 20
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
        with _writing, AtomicFile(path) as file:
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
    where = f"{path.name}: format"
    version = integer(where, found.get("format"), 1, remedy=f"this rtspec writes {FORMAT}")
    if version > FORMAT:
        fail(where, version, f"is newer than this rtspec reads ({FORMAT})", "update rtspec")
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
