"""FLAC: the number of samples is that of the last whole frame; what the header states is compared with it.

The decoder sees a STREAMINFO of our own and the frames, without pictures, tags and seek tables.

References
----------
RFC 9639: Free Lossless Audio Codec (FLAC).
"""

import struct
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from .content import Content, Refused
from .flac_frames import CRC16, Info, crc16, frame_span
from .flac_mending import mended
from .views import Bytes, Span, View
from .wav import UNTOLD

_TAIL = 1 << 20
"""Bytes at the end among which the last frame is looked for: the longest frame of 65535 × 8 × 32 bits is 2 MiB, which
no encoder writes."""

_TRIED = 4
"""Ends that are tried for a frame: what looks like the next frame's header may be an accident within this one."""


def flac(file: BinaryIO, start: int, end: int) -> Content:
    """The sound of a FLAC file that begins at `start`."""
    info, at = _metadata(file, start, end)
    file.seek(at)
    first = frame_span(file.read(16), 0, info)
    if first is not None and first[0] == 0 and first[1] >= 16:
        info = replace(info, smallest=first[1])  # numbers of frames of one size count in this unit, whatever is stated
    last = _last_frame(file, info, at, end)
    if last is None:
        if info.n_samples and at < end:
            return Content(View([]), 0, missing=f"none of its {info.n_samples} samples are there whole")
        return Content(View([]), 0)
    n_samples, stop = last
    missing, notes = None, list[str]()
    bytes_stated = info.n_samples * info.channels * info.bits // 8
    if info.n_samples > n_samples and stop == end and bytes_stated >= UNTOLD - 0xFFFF:
        notes.append(
            f"its header says {info.n_samples} samples, as of a sound of unknown length; all {n_samples} are read"
        )
    elif info.n_samples > n_samples:
        missing = f"its header promises {info.n_samples} samples, {n_samples} are there"
    elif info.n_samples and n_samples > info.n_samples:
        notes.append(f"its header promises {info.n_samples} samples, all {n_samples} that are there are read")
    elif not info.n_samples and stop < end:
        notes.append(f"its header does not say where the sound ends; {end - stop} bytes after its last whole frame")
    if n_samples > 1 << 36:
        raise Refused(f"its frames count to {n_samples} samples, more than a FLAC can hold")
    md5 = info.md5 if n_samples == info.n_samples else bytes(16)
    true = replace(info, n_samples=n_samples, md5=md5, frame_bytes=bytes(6))
    view, mend = View([Bytes(true.pack()), Span(file, at, stop)]), partial(mended, file, true, at, stop)
    return Content(view, n_samples, missing=missing, notes=notes, mended=mend)


def _metadata(file: BinaryIO, start: int, end: int) -> tuple[Info, int]:
    """STREAMINFO and where the frames begin."""
    file.seek(start)
    if file.read(4) != b"fLaC":
        raise Refused("no FLAC")
    at, info = start + 4, None
    for _ in range(1 << 16):
        file.seek(at)
        head = file.read(4)
        if len(head) < 4:
            raise Refused("its header is cut off")
        kind, length = head[0] & 0x7F, int.from_bytes(head[1:], "big")
        if kind == 0 and info is None:
            info = _info(file.read(34))
        elif info is None:
            raise Refused("it does not begin with a STREAMINFO block")
        at += 4 + length
        if head[0] & 0x80 or at >= end:
            return _known(info), min(at, end)
    raise Refused("its header never ends")


def _known(info: Info | None) -> Info:
    if info is None:
        raise Refused("it has no STREAMINFO block")
    return info


def _info(data: bytes) -> Info:
    if len(data) < 34:
        raise Refused("its header is cut off")
    smallest, largest = struct.unpack(">HH", data[:4])
    numbers = int.from_bytes(data[10:18], "big")
    info = Info(
        smallest,
        largest,
        numbers >> 44,
        (numbers >> 41 & 7) + 1,
        (numbers >> 36 & 31) + 1,
        numbers & (1 << 36) - 1,
        data[4:10],
        data[18:34],
    )
    if smallest < 16 or largest < smallest or info.bits < 4:
        raise Refused(f"its header says blocks of {smallest} to {largest} samples of {info.bits} bits; 16 is the least")
    return info


def _last_frame(file: BinaryIO, info: Info, at: int, end: int) -> tuple[int, int] | None:
    """Samples up to the end of the last whole frame, and the byte where it ends."""
    low = max(at, end - _TAIL)
    while True:
        file.seek(low)
        found = _last_in(file.read(end - low), info)
        if found is not None:
            return found[0], low + found[1]
        if low == at or end - low >= 1 << 24:
            return None
        low = max(at, low - 4 * _TAIL)


def _last_in(data: bytes, info: Info) -> tuple[int, int] | None:
    """The last frame in `data` whose header and CRC-16 are right: samples up to its end, and where it ends."""
    stops, place = [len(data) - _trailing_tags(data)], len(data)
    while (place := data.rfind(b"\xff", 0, place)) >= 0:
        span = frame_span(data, place, info)
        if span is None:
            continue
        for stop in stops:
            if place < stop and crc16(data[place:stop]) == 0:
                return span[1], stop
        if span[1] == info.n_samples and (end := _crc_end(data, place, stops[-1])):
            return span[1], end
        stops = [place, *stops[: _TRIED - 1]]
    return None


def _trailing_tags(data: bytes) -> int:
    """Bytes of tags that do not belong behind a FLAC's frames, but that some taggers put there."""
    n = 128 if data[-128:-125] == b"TAG" else 0
    tail = data[: len(data) - n]
    if tail[-32:-24] == b"APETAGEX":
        n += 32 + min(len(tail), int.from_bytes(tail[-20:-16], "little"))
    return min(n, len(data))


def _crc_end(data: bytes, start: int, stop: int) -> int | None:
    """Where the last frame that the header promises ends, by its CRC, before bytes that are none of it."""
    crc = 0
    for i, byte in enumerate(memoryview(data)[start:stop]):
        crc = (crc << 8 & 0xFFFF) ^ CRC16[crc >> 8 ^ byte]
        if crc == 0 and i > 8:
            return start + i + 1
    return None
