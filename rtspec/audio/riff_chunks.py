"""What a WAV file holds beside its sound: time, loop points, markers and descriptions, taken over to another WAV.

References
----------
EBU Tech 3285: Broadcast Wave Format (bext); Microsoft and IBM, Multimedia Programming Interface (smpl, cue, LIST).
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO

from .decoding.wav import chunks

KEPT = (b"bext", b"iXML", b"LIST", b"smpl", b"cue ", b"inst", b"acid", b"axml", b"afsp", b"plst")
"""Chunks that hold for another sound of the same length and rate too."""

NAMES = {b"bext": "BWF time", b"smpl": "loop points", b"cue ": "markers", b"iXML": "iXML"}
"""What they are for people."""

INFO = {
    b"INAM": "title",
    b"IART": "artist",
    b"IPRD": "album",
    b"ICRD": "date",
    b"ICMT": "comment",
    b"IGNR": "genre",
    b"IPRT": "tracknumber",
    b"ITRK": "tracknumber",
    b"ICOP": "copyright",
}
_MOST = 1 << 24
"""Bytes of a chunk that is taken over."""
_SOUND = (b"fmt ", b"data", b"fact", b"PEAK", b"JUNK", b"junk", b"PAD ", b"FLLR")
"""Chunks that say nothing but what the sound is."""


def is_sound_alone(path: Path) -> bool:
    """Whether a file is a WAV without anything but its sound, so that nobody needs to look for tags in it."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(0)
        head, at = file.read(12), 12
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return False
        for name, start, length in chunks(file, at, end):
            if name not in _SOUND:
                return False
            at = start + length
    return end - 1 <= at <= end


def read_chunks(path: Path) -> list[tuple[bytes, bytes]]:
    """Names and contents of the chunks that another WAV can keep, in order."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(12)
        if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
            return []
        return [(name, _content(file, at, length)) for name, at, length in _fitting(file, end) if name in KEPT]


def _fitting(file: BinaryIO, end: int):
    wide = 0
    at, found = 12, []
    while at + 8 <= end and len(found) < 1000:
        for name, start, length in chunks(file, at, end):
            if name == b"ds64":
                file.seek(start + 8)
                wide = int.from_bytes(file.read(8), "little")
            if name == b"data" and length == 0xFFFFFFFF and wide:
                at = start + wide + wide % 2  # go on behind a chunk whose size stands in ds64
                break
            if length <= min(_MOST, end - start):
                found.append((name, start, length))
        else:
            return found
    return found


def _content(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    return file.read(length)


def read_info(found: list[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    """What LIST INFO chunks say, by the names of Vorbis comments."""
    said: dict[str, list[str]] = {}
    for name, content in found:
        if name != b"LIST" or content[:4] != b"INFO":
            continue
        at = 4
        while at + 8 <= len(content):
            key, length = struct.unpack("<4sI", content[at : at + 8])
            text = content[at + 8 : at + 8 + length].split(b"\0")[0]
            if key in INFO and text:
                said.setdefault(INFO[key], []).append(_decoded(text))
            at += 8 + length + length % 2
    return said


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("cp1252", "replace")


def info_chunk(comments: dict[str, list[str]]) -> list[tuple[bytes, bytes]]:
    """A LIST INFO chunk of what it has names for; none where that is nothing."""
    body = b""
    for key, name in INFO.items():
        if comments.get(name):
            text = "; ".join(comments[name]).encode() + b"\0"
            body += struct.pack("<4sI", key, len(text)) + text + b"\0" * (len(text) % 2)
    return [(b"LIST", b"INFO" + body)] if body else []


def append_chunks(file: BinaryIO, found: list[tuple[bytes, bytes]]) -> bool:
    """Put chunks behind the sound of a finished WAV or RF64; False where a RIFF cannot grow so far."""
    data = b"".join(struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2) for name, body in found)
    end = file.seek(0, os.SEEK_END)
    size = end + end % 2 + len(data) - 8
    file.seek(0)
    wide = file.read(4) == b"RF64"
    if not wide and size > 0xFFFFFFFE:
        return False
    file.seek(end)
    file.write(b"\0" * (end % 2) + data)
    file.seek(20 if wide else 4)
    file.write(struct.pack("<Q" if wide else "<I", size))
    return True
