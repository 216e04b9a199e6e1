"""AIFF, AU, CAF and Wave64: read by libsndfile as they are, once the sound that they promise is found to be there."""

import struct
from typing import BinaryIO

from .content import Content
from .views import Span, View
from .wav import MAX_CHUNKS, UNTOLD, chunks

_UNTOLD = ((1 << 64) - 1,)
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


def container(file: BinaryIO, start: int, end: int) -> Content:
    """The file as it is, with what its chunk of sound promises compared with what is there."""
    file.seek(start)
    find = {b"FORM": _aiff, b".snd": _au, b"caff": _caf, b"riff": _w64}[file.read(4)]
    found = find(file, start, end)
    content = Content(View([Span(file, start, end)]))
    if found is not None:
        promised, there = found
        if promised > there and (promised < UNTOLD or (promised >> 32 and promised not in _UNTOLD)):
            content.missing = f"its header promises {promised} bytes of sound, {max(0, there)} are there"
        elif promised > there:
            content.notes.append("its header does not say where the sound ends; it is read to the file's end")
    return content


def _aiff(file: BinaryIO, start: int, end: int) -> tuple[int, int] | None:
    for name, at, length in chunks(file, start + 12, end, ">"):
        if name == b"SSND":
            return length, end - at
    return None


def _au(file: BinaryIO, start: int, end: int) -> tuple[int, int] | None:
    file.seek(start + 4)
    head = file.read(8)
    if len(head) < 8:
        return None
    first, length = struct.unpack(">II", head)
    return length, end - start - first


def _caf(file: BinaryIO, start: int, end: int) -> tuple[int, int] | None:
    at = start + 8
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(12)
        if len(head) < 12:
            return None
        name, length = struct.unpack(">4sQ", head)
        if name == b"data":
            return length, end - at - 12
        at += 12 + length
        if at >= end:
            return None
    return None


def _w64(file: BinaryIO, start: int, end: int) -> tuple[int, int] | None:
    at = start + 40
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(24)
        if len(head) < 24:
            return None
        length = struct.unpack("<Q", head[16:])[0]
        if head[:16] == _W64_DATA:
            return length - 24, end - at - 24
        at += max(24, length + 7 & ~7)
        if at >= end:
            return None
    return None
