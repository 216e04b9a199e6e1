"""``-`` for standard input and output: sound through a pipe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..errors import AudioFileError, InvalidValue
from .failures import printing

PIPE = "-"
_NAMES = {b"fLaC": "stdin.flac", b"OggS": "stdin.ogg", b"MThd": "stdin.mid", b"ID3": "stdin.mp3", b"\xff": "stdin.mp3"}


@contextmanager
def piped(sources: list[str], target: str) -> Iterator[tuple[list[str], str, Callable[[str], str]]]:
    """Files in place of pipes: what comes in is there before the body, what the body wrote goes out after it.

    Yields
    ------
    sources, target : the same with files in place of "-"
    shown : callable
        A file's name as the user knows it.
    """
    import tempfile  # few commands need it

    if len(sources) > 1:
        raise InvalidValue("- stands for one sound; render several files to a folder")
    with tempfile.TemporaryDirectory(prefix="rtspec-") as folder:
        read, written = sources[0], target
        if read == PIPE:
            read = str(_taken_in(Path(folder)))
        if written == PIPE:
            written = str(Path(folder, "stdout.wav"))
        yield (
            [read],
            written,
            lambda name: PIPE if name in (read, written) and name not in (sources[0], target) else name,
        )
        if target == PIPE and Path(written).exists():
            _given_out(Path(written))


def _taken_in(folder: Path) -> Path:
    with open(sys.stdin.fileno(), "rb", closefd=False) as pipe:
        start = pipe.read(16)
        if not start:
            raise AudioFileError("standard input holds no sound: it is empty (0 bytes)")
        path = folder / next((name for mark, name in _NAMES.items() if start.startswith(mark)), "stdin.wav")
        with path.open("wb") as file:
            file.write(start)
            _copy(pipe, file)
    return path


def _given_out(path: Path) -> None:
    sys.stdout.flush()
    with printing(), path.open("rb") as file, open(sys.stdout.fileno(), "wb", closefd=False) as pipe:
        _copy(file, pipe)


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    while some := source.read(1 << 20):
        target.write(some)
