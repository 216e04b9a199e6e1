"""What a command finds around it: a terminal of any alphabet, closed outputs.

Only a command that is a process of its own (:func:`prepare`) changes any of this.
"""

import codecs
import io
import os
import sys
from typing import Any

from .failures import StandardError, StandardOutput

_PLAIN = str.maketrans(
    {"→": "->", "×": "x", "…": "...", "µ": "u", "–": "-", "·": ".", "█": "#", "═": "=", "≥": ">=", "≤": "<=", "±": "+-"}
)
_RAW_BYTES = range(0xDC80, 0xDD00)
"""What Python makes of bytes in a file's name that are no UTF-8."""


def prepare() -> None:
    """Make outputs that always take what is printed; say when kernels are compiled."""
    _fill_closed()
    codecs.register_error("rtspec", in_other_words)
    sys.stdout, sys.stderr = _wrapped(sys.stdout, StandardOutput), _wrapped(sys.stderr, StandardError)
    if isinstance(sys.stdout, StandardOutput):
        os.dup2(2, 1)  # what libraries print (libsndfile does) must not come between JSON or sound
    _tell_of_compiling()


def _wrapped(stream: Any, kind: type[io.TextIOWrapper]) -> Any:
    """A stream as one that takes any sign, and knows what to do where it is full."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    buffer = stream.buffer
    if kind is StandardOutput:
        buffer = open(os.dup(stream.fileno()), "wb", 0 if stream.write_through else -1)  # noqa: SIM115 (for good)
    options = {
        "encoding": stream.encoding,
        "line_buffering": stream.line_buffering,
        "write_through": stream.write_through,
    }
    return kind(buffer, errors="rtspec", **options)


def in_other_words(error: UnicodeError) -> tuple[str | bytes, int]:
    """What an output's alphabet lacks, in signs that all have; the bytes of a file's name as they are."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    if all(ord(sign) in _RAW_BYTES for sign in text):
        return bytes(ord(sign) - 0xDC00 for sign in text), error.end
    sign = error.object[error.start]
    if ord(sign) in _RAW_BYTES:
        return bytes([ord(sign) - 0xDC00]), error.start + 1
    plain = sign.translate(_PLAIN)
    return (plain if plain.isascii() else sign.encode("ascii", "backslashreplace").decode()), error.start + 1


def _fill_closed() -> None:
    """Open what was closed before the start to nowhere: else the first sound file would become the standard output."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115 (for good)


def _tell_of_compiling() -> None:
    from ..cache import when_compiling

    when_compiling(lambda line: print("rtspec:", line, file=sys.stderr, flush=True))
