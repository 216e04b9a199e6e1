"""What a command says when it fails: one line on stderr, and with --json an object on stdout too."""

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from ..errors import RtspecError


class OutputFailed(RtspecError):
    """Standard output takes no more."""


class Failures:
    """How failures are told.

    Parameters
    ----------
    as_json : bool
        Print ``{"error": {"kind": ..., "message": ..., "status": ...}}`` on stdout as well.
    """

    def __init__(self, as_json: bool):
        self._as_json = as_json

    def tell(self, status: int, kind: str, text: str) -> int:
        """Tell of a failure in one line; gives the exit status back."""
        line = " ".join(text.split())
        print("rtspec:", line, file=sys.stderr)
        self._object(status, kind, line)
        return status

    def ended(self, status: Any, text: str) -> int:
        """A signal ended the command: nothing to complain of, but --json tells."""
        self._object(status, "Interrupted", text)
        return status

    def last_words(self, status: int, text: str) -> None:
        """Tell of an end by force, from another thread."""
        self.tell(status, "Interrupted", text)

    def _object(self, status: int, kind: str, text: str) -> None:
        try:
            if self._as_json:
                print(error_object(status, kind, text))
            sys.stdout.flush()
        except (OSError, ValueError, OutputFailed):
            forget_stdout()


def error_object(status: int, kind: str, text: str) -> str:
    """A failure as one JSON object on a line."""
    return json.dumps({"error": {"kind": kind, "message": text, "status": status}})


@contextmanager
def printing() -> Iterator[None]:
    """Standard output that takes no more, a full disk, as an error that says so."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        said = f"cannot write to standard output: {error.strerror}; make room there or send the output elsewhere"
        raise OutputFailed(said) from error


class StandardOutput(io.TextIOWrapper):
    """Standard output that says so where it takes no more, whoever prints."""

    def write(self, text: str) -> int:
        with printing():
            return super().write(text)

    def flush(self) -> None:
        with printing():
            super().flush()


class StandardError(io.TextIOWrapper):
    """Where lines for people go. That it takes no more can be told nowhere and is no reason to end."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            _forget(self)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            _forget(self)


def forget_stdout() -> None:
    """Print no more: the interpreter flushes once again when it ends, and would complain."""
    _forget(sys.stdout)


def _forget(stream: TextIO) -> None:
    """Have a stream's output go nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
