"""Does a sound file hold all that its header promises? Decoders fill what is missing with silence: ask beforehand."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_OGG_PAGE_MAX = 65307
"""Bytes: 27 of header, 255 lengths, 255 segments of 255."""


def missing_bytes(path: Path) -> str | None:
    """What says that the file was cut off, in words, or None where nothing does."""
    size = path.stat().st_size
    with path.open("rb") as file:
        check = {b"RIFF": _wav, b"OggS": _ogg, b"fLaC": _flac}.get(file.read(4), _mp3)
        file.seek(0)
        return check(file, size)


def _short(promised: int, there: int) -> str | None:
    return f"its header promises {promised} bytes of sound, {max(0, there)} are there" if promised > there else None


def _wav(file: BinaryIO, size: int) -> str | None:
    for name, start, length in _chunks(file, size):
        # Writers that stream leave 0xFFFFFFFF (or 0) for "to the end of the file".
        if name == b"data" and length < 0xFFFFFFFF:
            return _short(length, size - start)
    return None


def _chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and length of each RIFF chunk."""
    at = 12
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        yield name, at + 8, length
        at += 8 + length + length % 2


def _ogg(file: BinaryIO, size: int) -> str | None:
    """The last page must be whole and bear the end-of-stream flag."""
    file.seek(max(0, size - 2 * _OGG_PAGE_MAX))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    whole = len(page) >= 27 and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
    return None if whole and page[5] & 4 else "its last page is cut off or not marked as the end"


def _flac(file: BinaryIO, size: int) -> str | None:
    """The last frame's number, times the block size, must reach the number of samples that STREAMINFO states."""
    info = file.read(42)
    if len(info) < 42:
        return "its header is cut off"
    smallest, block = struct.unpack(">HH", info[8:12])
    n_samples = int.from_bytes(info[18:26], "big") & (1 << 36) - 1
    if n_samples == 0 or smallest != block:
        return None  # streamed, or blocks of several sizes: the header promises nothing that can be counted
    last = _last_flac_frame(file, size, (n_samples - 1) // block)
    return None if last else f"its last frames are missing, out of {n_samples} samples"


def _last_flac_frame(file: BinaryIO, size: int, number: int) -> bool:
    """Is there the header of frame `number` near the end, and is the CRC-16 of all that follows it right?"""
    file.seek(max(0, size - (1 << 20)))
    tail = file.read()
    if tail[-128:-125] == b"TAG":  # an ID3v1 tag does not belong here, but some taggers put one
        tail = tail[:-128]
    header, at = _utf8_number(number), len(tail)
    while (at := tail.rfind(b"\xff\xf8", 0, at)) >= 0:
        if tail[at + 4 : at + 4 + len(header)] == header and _crc16(tail[at:]) == 0:
            return True
    return False


def _utf8_number(number: int) -> bytes:
    """FLAC's coding of a frame number: UTF-8 carried on to 36 bits."""
    if number < 0x80:
        return bytes([number])
    tail = []
    first_bits = 6
    while number >= 1 << first_bits:
        tail.insert(0, 0x80 | number & 0x3F)
        number >>= 6
        first_bits = 6 - len(tail)
    return bytes([0xFF << (7 - len(tail)) & 0xFF | number, *tail])


def _crc16(data: bytes) -> int:
    """FLAC's frame CRC (polynomial 0x8005); 0 over a frame with its own CRC at the end."""
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _CRC16[crc >> 8 ^ byte]
    return crc


def _crc16_entry(byte: int) -> int:
    crc = byte << 8
    for _ in range(8):
        crc = (crc << 1 ^ (0x8005 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


_CRC16 = [_crc16_entry(byte) for byte in range(256)]


def _mp3(file: BinaryIO, size: int) -> str | None:
    """The Xing or Info header, where there is one, states how many bytes of frames there are."""
    start = _after_id3(file.read(10))
    file.seek(start)
    head = file.read(256)
    at = max(head.find(b"Xing"), head.find(b"Info"))
    if at < 0 or len(head) < at + 16:
        return None
    flags, first, second = struct.unpack(">III", head[at + 4 : at + 16])
    return _short(second if flags & 1 else first, size - start) if flags & 2 else None


def _after_id3(header: bytes) -> int:
    """Where sound begins: behind an ID3v2 tag, whose size has 7 bits a byte."""
    if len(header) < 10 or header[:3] != b"ID3":
        return 0
    a, b, c, d = header[6:10]
    return 10 + (a << 21 | b << 14 | c << 7 | d)
