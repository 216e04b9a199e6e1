"""Files made of pieces of other files: what a decoder gets to see, so that no foreign header reaches it unchecked."""

import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO


class Span:
    """Bytes `start` to `end` of an open file."""

    def __init__(self, file: BinaryIO, start: int, end: int):
        self._file, self._start, self.size = file, start, max(0, end - start)

    def at(self, offset: int, n: int) -> bytes:
        """Up to n bytes from there."""
        self._file.seek(self._start + offset)
        return self._file.read(min(n, self.size - offset))


class Bytes:
    """Bytes that are in memory."""

    def __init__(self, data: bytes):
        self._data, self.size = data, len(data)

    def at(self, offset: int, n: int) -> bytes:
        """Up to n bytes from there."""
        return self._data[offset : offset + n]


class View(io.RawIOBase):
    """Pieces one behind the other, as one file to read.

    Attributes
    ----------
    size : int
        Bytes.
    failure : OSError or None
        What the disk said while a decoder, which has no ears for exceptions, read.
    """

    def __init__(self, pieces: Sequence[Span | Bytes]):
        self._pieces = pieces
        self._ends = list(accumulate(piece.size for piece in pieces))
        self.size, self._at = self._ends[-1] if self._ends else 0, 0
        self.failure: OSError | None = None

    def __repr__(self) -> str:
        return "it"  # in what the decoder says of the file

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go there; never before the start."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer) -> int:
        """Fill as much of `buffer` as there is; 0 where the disk fails, which `failure` then tells."""
        room, done = memoryview(buffer).cast("B"), 0
        try:
            while done < len(room) and (data := self._some(len(room) - done)):
                room[done : done + len(data)] = data
                done, self._at = done + len(data), self._at + len(data)
        except OSError as error:
            self.failure = error
        return done

    def _some(self, n: int) -> bytes:
        i = bisect_right(self._ends, self._at)
        if i == len(self._pieces):
            return b""
        piece = self._pieces[i]
        return piece.at(self._at - self._ends[i] + piece.size, n)
