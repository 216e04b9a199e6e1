"""What a C library writes to standard error, heard, not shown: mpg123 tells of damaged frames no other way."""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

_MARK = b"[src/libmpg123/"
_lock = threading.Lock()


@contextmanager
def overheard(listen: bool) -> Iterator[list[bytes]]:
    """The library's lines, once the block has ended; what others wrote meanwhile goes on to standard error."""
    lines: list[bytes] = []
    with _lock if listen else nullcontext():
        shown = _redirected() if listen else None
        try:
            yield lines
        finally:
            if shown is not None:
                lines += _restored(*shown)


def _redirected() -> tuple[int, int] | None:
    """Standard error as it was, and the file that takes its place; None where it is closed."""
    try:
        before = os.dup(2)
    except OSError:
        return None
    heard = os.memfd_create("rtspec stderr") if hasattr(os, "memfd_create") else _unnamed()
    os.dup2(heard, 2)
    return before, heard


def _unnamed() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _restored(before: int, heard: int) -> list[bytes]:
    os.dup2(before, 2)
    os.close(before)
    os.lseek(heard, 0, os.SEEK_SET)
    with os.fdopen(heard, "rb") as file:
        lines = file.read().splitlines(keepends=True)
    others = [line for line in lines if not _is_complaint(line)]
    if others:
        os.write(2, b"".join(others))
    return [line for line in lines if _is_complaint(line)]


def _is_complaint(line: bytes) -> bool:
    return line.startswith((_MARK, b"Note: Illegal", b"Warning: ")) or b"libmpg123" in line
