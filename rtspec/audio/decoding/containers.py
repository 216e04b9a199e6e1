"""AIFF, AU, CAF and Wave64: read by libsndfile as they are, once the sound that they promise is found to be there."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from .content import Content
from .views import Bytes, Span, View
from .wav import MAX_CHUNKS, UNTOLD, chunks

_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_ENDLESS = 1 << 62
"""What writers into a pipe say of 64 bits is this or more; of 32 bits, :data:`rtspec.audio.decoding.wav.UNTOLD`."""


@dataclass(frozen=True)
class _Sound:
    """The chunk of sound: bytes that are promised and there, and where its header says how many, in what form; `extra`
    of them are no sound."""

    promised: int
    there: int
    size_at: int
    size_form: str
    extra: int = 0

    @property
    def is_untold(self) -> bool:
        """Whether the writer did not know the end."""
        return UNTOLD <= self.promised < 1 << 32 or self.promised >= _ENDLESS

    def true_size(self) -> bytes:
        """What the header would say of what is there."""
        return struct.pack(self.size_form, self.there + self.extra)


def container(file: BinaryIO, start: int, end: int) -> Content:
    """The file as it is, with what its chunk of sound promises compared with what is there."""
    file.seek(start)
    find = {b"FORM": _aiff, b".snd": _au, b"caff": _caf, b"riff": _w64}[file.read(4)]
    found = find(file, start, end)
    content = Content(View([Span(file, start, end)]))
    if found is None or 0 < found.promised <= found.there:
        return content
    if found.promised <= 0 < found.there:
        content.notes.append(f"its header says 0 bytes of sound; all {found.there} to its end are read")
    elif found.is_untold:
        content.notes.append("its header does not say where the sound ends; it is read to the file's end")
        behind = found.size_at + struct.calcsize(found.size_form)
        spans = [Span(file, start, found.size_at), Bytes(found.true_size()), Span(file, behind, end)]
        content.view = View(spans) if found.there > 0 else content.view
    elif found.promised > 0:
        content.missing = f"its header promises {found.promised} bytes of sound, {max(0, found.there)} are there"
    return content


def _aiff(file: BinaryIO, start: int, end: int) -> _Sound | None:
    for name, at, length in chunks(file, start + 12, end, ">"):
        if name == b"SSND":
            return _Sound(length - 8, end - at - 8, at - 4, ">I", extra=8)
    return None


def _au(file: BinaryIO, start: int, end: int) -> _Sound | None:
    file.seek(start + 4)
    head = file.read(8)
    if len(head) < 8:
        return None
    first, length = struct.unpack(">II", head)
    return _Sound(length, end - start - first, start + 8, ">I")


def _caf(file: BinaryIO, start: int, end: int) -> _Sound | None:
    at = start + 8
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(12)
        if len(head) < 12:
            return None
        name, length = struct.unpack(">4sQ", head)
        if name == b"data":
            return _Sound(length - 4, end - at - 16, at + 4, ">Q", extra=4)  # edits are counted first
        at += 12 + length
        if at >= end:
            return None
    return None


def _w64(file: BinaryIO, start: int, end: int) -> _Sound | None:
    at = start + 40
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(24)
        if len(head) < 24:
            return None
        length = struct.unpack("<Q", head[16:])[0]
        if head[:16] == _W64_DATA:
            return _Sound(length - 24, end - at - 24, at + 16, "<Q", extra=24)
        at += max(24, length + 7 & ~7)
        if at >= end:
            return None
    return None
