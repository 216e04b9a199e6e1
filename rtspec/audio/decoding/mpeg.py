"""MPEG audio (MP3, MP2): frames are counted, and what a header promises is only compared with the count.

The decoder gets the frames alone, behind a header of our own that states their true number: no tags, no junk, no header
of a second file in the middle. The delay of encoder and decoder, and the padding at the end, are left out.

References
----------
ISO/IEC 11172-3 and 13818-3, frame headers; the LAME Tag (gabriel.mp3-tech.org/mp3infotag.html): delay and padding.
"""

import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from ...errors import existing
from .content import Content, Refused
from .views import Bytes, Span, View

DECODER_DELAY = 529
"""Samples by which every decoder's output lags behind: 528 of the filter bank and one."""

USUAL_DELAY = 576
"""Samples that an encoder puts before the sound where no tag says more; the decoder's own come on top: 1105 in all."""

SEARCHED = 1 << 20
"""Bytes from the start within which frames must begin."""

_KBPS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_SURE = 3
"""Frames in a row, alike, that are no accident."""


class Header(NamedTuple):
    """What four bytes say about a frame: its kind (version, layer, rate, mono), length in bytes and in samples."""

    kind: tuple[int, int, int, bool]
    length: int
    samples: int
    rate: int


@lru_cache(4096)
def parse_header(word: int) -> Header | None:
    """A frame's header from its 32 bits; None where they are none, or the bit rate is "free"."""
    version, layer = word >> 19 & 3, 4 - (word >> 17 & 3)
    bit_rate, rate, padding = word >> 12 & 15, word >> 10 & 3, word >> 9 & 1
    if word >> 21 != 0x7FF or version == 1 or layer == 4 or not 0 < bit_rate < 15 or rate == 3:
        return None
    mpeg = 1 if version == 3 else 2
    kbps, hz = _KBPS[mpeg, layer if mpeg == 1 else min(layer, 2)][bit_rate - 1], _RATES[version][rate]
    samples = 384 if layer == 1 else 576 if layer == 3 and mpeg == 2 else 1152
    length = (12000 * kbps // hz + padding) * 4 if layer == 1 else samples // 8 * 1000 * kbps // hz + padding
    return Header((version, layer, rate, word >> 6 & 3 == 3), length, samples, hz)


@dataclass
class Walk:
    """What was met on the way through the file's frames."""

    first: Header
    spans: list[list[int]] = field(default_factory=list)
    frames: int = 0
    info: list[bytes] = field(default_factory=list)
    junk: int = 0
    cut: int = 0
    other: Header | None = None
    at_other: int = 0

    def add(self, at: int, length: int) -> None:
        """A frame of sound."""
        self.frames += 1
        if self.spans and self.spans[-1][1] == at:
            self.spans[-1][1] = at + length
        else:
            self.spans.append([at, at + length])


def find_frames(file: BinaryIO, start: int, end: int) -> int:
    """Where frames that follow one another begin, or -1."""
    file.seek(start)
    data = file.read(min(end - start, SEARCHED))
    at = -1
    while (at := data.find(b"\xff", at + 1)) >= 0:
        if _run(file, start + at, end):
            return start + at
    return -1


def _header(file: BinaryIO, at: int) -> Header | None:
    file.seek(at)
    word = file.read(4)
    return parse_header(int.from_bytes(word, "big")) if len(word) == 4 else None


def _run(file: BinaryIO, at: int, end: int) -> bool:
    """Are there as many frames as make sure, alike, one behind the other; or fewer that end with the file?"""
    kind = None
    for i in range(_SURE):
        header = _header(file, at)
        if header is None or kind not in (None, header.kind):
            return False
        kind, at = header.kind, at + header.length
        if at >= end:
            return i > 0 or at == end
    return True


def walk(file: BinaryIO, start: int, end: int) -> Walk:
    """All frames from `start`, where one begins; tags and junk between them are stepped over."""
    first = _header(file, start)
    if first is None:
        raise Refused("no sound in a format that rtspec knows")
    way, at = Walk(first), start
    while at + 4 <= end:
        file.seek(at)
        head = file.read(40)
        header = parse_header(int.from_bytes(head[:4], "big"))
        if header is None or header.kind != first.kind:
            at = _step_over(file, way, header, at, end)
        elif at + header.length > end:
            way.cut = end - at
            break
        else:
            if _is_info(head, header):
                file.seek(at)
                way.info.append(file.read(header.length))
            else:
                way.add(at, header.length)
            at += header.length
    return way


def _step_over(file: BinaryIO, way: Walk, header: Header | None, at: int, end: int) -> int:
    """Behind the tag, the frame of another kind or the junk at `at`; only the latter two are noted."""
    length = tag_length(file, at, end)
    if length:
        return at + length
    if header is not None and _run(file, at, end):
        if way.other is None:
            way.other, way.at_other = header, way.frames
        return at + header.length
    found = _next_frame(file, way, at + 1, end)
    way.junk += found - at
    return found


def _next_frame(file: BinaryIO, way: Walk, at: int, end: int) -> int:
    """Where the next frame of the same kind begins that another one, a tag or the end follows."""
    while at < end:
        file.seek(at)
        data = file.read(1 << 16)
        i = -1
        while (i := data.find(b"\xff", i + 1)) >= 0:
            if _run(file, at + i, end) and (found := _header(file, at + i)) and found.kind == way.first.kind:
                return at + i
        for name in (b"TAG", b"APETAGEX", b"ID3"):
            if (i := data.find(name)) >= 0 and tag_length(file, at + i, end):
                return at + i
        at += max(1, len(data))
    return end


def tag_length(file: BinaryIO, at: int, end: int) -> int:
    """Bytes of the ID3v1, ID3v2, APE or Lyrics3 tag that begins at `at`, at most to the end; 0 where there is none."""
    file.seek(at)
    head = file.read(32)
    length = 0
    if head[:3] == b"TAG" and at + 128 >= end - 32:
        length = 128
    elif head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 0x80:
        length = id3_length(head)
    elif head[:8] == b"APETAGEX" and len(head) == 32:
        size, _, flags = struct.unpack("<III", head[12:24])
        length = 32 + (size if flags >> 29 & 1 else 0)
    elif head[:11] == b"LYRICSBEGIN":
        length = end - at
    return min(length, end - at)


def id3_length(head: bytes) -> int:
    """Bytes of an ID3v2 tag, its header included: its size has 7 bits a byte."""
    a, b, c, d = head[6:10]
    return 10 + (a << 21 | b << 14 | c << 7 | d) + (10 if head[5] & 0x10 else 0)


def _info_at(kind: tuple[int, int, int, bool]) -> int:
    """Where in a frame of layer III a Xing or Info header stands: behind the side information."""
    version, _, _, mono = kind
    return 4 + ((17 if mono else 32) if version == 3 else (9 if mono else 17))


def _is_info(head: bytes, header: Header) -> bool:
    at = _info_at(header.kind)
    return header.kind[1] == 3 and (head[at : at + 4] in (b"Xing", b"Info") or head[36:40] == b"VBRI")


class Promise(NamedTuple):
    """What a Xing or Info header says: frames, bytes, and the encoder's delay and padding where LAME wrote them."""

    frames: int | None
    n_bytes: int | None
    delay: int | None
    padding: int


def read_info(frame: bytes, header: Header) -> Promise:
    """The parts of a Xing, Info or VBRI header that can be believed once they agree with the count."""
    if frame[36:40] == b"VBRI":
        n_bytes, frames = struct.unpack(">II", frame[46:54]) if len(frame) >= 54 else (0, 0)
        return Promise(frames or None, n_bytes or None, None, 0)
    at = _info_at(header.kind) + 4
    flags = int.from_bytes(frame[at : at + 4], "big")
    frames = n_bytes = None
    at += 4
    if flags & 1:
        frames, at = int.from_bytes(frame[at : at + 4], "big"), at + 4
    if flags & 2:
        n_bytes, at = int.from_bytes(frame[at : at + 4], "big"), at + 4
    at += (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
    tag = frame[at : at + 24]
    if len(tag) < 24 or not any(tag[:9]):
        return Promise(frames, n_bytes, None, 0)
    both = int.from_bytes(tag[21:24], "big")
    return Promise(frames, n_bytes, both >> 12, both & 0xFFF)


def own_info(header: bytes, frames: int, n_bytes: int) -> bytes:
    """A frame of the same kind with an Info header that states the true number of frames and bytes. Its reader, mpg123,
    then leaves out the decoder's delay at the start."""
    word = int.from_bytes(header, "big") | 0x1F000  # no CRC, and the bit rates from the highest
    word &= ~0x11200
    word |= 0x10000 | 14 << 12
    found = existing(parse_header(word))  # every kind has a highest bit rate
    at = _info_at(found.kind)
    info = struct.pack(">4sIII", b"Info", 3, frames, n_bytes + found.length)
    body = word.to_bytes(4, "big") + bytes(at - 4) + info
    return body.ljust(found.length, b"\0")


def mpeg(file: BinaryIO, start: int, end: int) -> Content:
    """The frames between `start` and `end`; :class:`Refused` where there are none."""
    at = find_frames(file, start, end)
    if at < 0:
        raise Refused("no sound in a format that rtspec knows")
    way = walk(file, at, end)
    if not way.frames:
        return Content(View([]), 0)
    file.seek(way.spans[0][0])
    head = file.read(4)
    n_bytes = sum(b - a for a, b in way.spans)
    pieces: list[Span | Bytes] = [Span(file, a, b) for a, b in way.spans]
    if way.first.kind[1] == 3:
        pieces.insert(0, Bytes(own_info(head, way.frames, n_bytes)))
    return _measured(way, Content(View(pieces), talks=True), at - start)


def _measured(way: Walk, content: Content, before: int) -> Content:
    """Length, delay and doubts."""
    total, layer = way.frames * way.first.samples, way.first.kind[1]
    promises = [read_info(frame, way.first) for frame in way.info]
    promise = promises[0] if promises else Promise(None, None, None, 0)
    tagged = promise.delay is not None
    if layer == 3:  # mpg123 leaves out the decoder's delay by itself: see own_info
        total -= DECODER_DELAY
        content.skip = min(USUAL_DELAY if promise.delay is None else promise.delay, max(0, total - 1))
    trusted = tagged and len(promises) == 1 and promise.frames == way.frames
    padding = max(0, promise.padding - DECODER_DELAY) if trusted else 0
    content.n_samples = max(1, total - content.skip - padding)
    _say(way, content, promises, promise, before)
    return content


def _say(way: Walk, content: Content, promises: list[Promise], promise: Promise, before: int) -> None:
    seconds = way.first.samples / way.first.rate
    if len(promises) > 1:
        content.notes.append(f"{len(promises)} MP3 files joined; all {way.frames} frames are read")
    elif promise.frames is not None and promise.frames < way.frames - 1:
        content.notes.append(f"its header promises {promise.frames} frames, all {way.frames} that are there are read")
    if promise.frames is not None and promise.frames > way.frames:
        content.missing = f"its header promises {promise.frames} frames of sound, {way.frames} are there"
    elif way.cut and promise.frames is None:
        content.missing = f"of its last frame {way.cut} bytes alone are there"
    if way.other is not None:
        content.missing = f"at {way.at_other * seconds:.1f} s it goes on as another kind of MP3, of {way.other.rate} Hz"
        content.fault = "joined from unlike parts"
    if way.junk or before > 0:
        content.notes.append(f"{way.junk + before} bytes between its frames are no sound and were left out")
