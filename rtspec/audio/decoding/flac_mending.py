"""A damaged FLAC made whole: frames whose checksums are right, and silent ones in place of the others.

References
----------
RFC 9639: Free Lossless Audio Codec (FLAC), section 9.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import BinaryIO, NamedTuple

from .content import Content
from .flac_frames import Info, crc8, crc16, frame_span, number_code
from .views import Bytes, Span, View

_READ = 1 << 20
_HEADER = 16
"""Bytes that the longest header has."""

_LONGEST = 1 << 22
"""Bytes that no frame has: 65535 × 8 × 32 bits are 2 MiB."""

_SHORTEST = 10
"""Bytes of the least frame."""

_TRIED = 6
"""Ends that are tried for a frame: what looks like the next frame's header may be an accident within this one."""

_CUT_OUT = 1000
"""Frames that may be missing without a trace; beside them no more than the file's bytes can have held."""


class Frame(NamedTuple):
    """Where a frame begins and ends in the file, its first sample, the one after its last, and how frames are numbered:
    by their first samples where their sizes vary."""

    start: int
    stop: int
    first: int
    past: int
    varies: bool


def mended(file: BinaryIO, info: Info, at: int, end: int) -> Content:
    """The sound of the frames from byte `at` to `end`, silent where they are damaged or missing."""
    pieces, n, silent, places = list[Span | Bytes](), 0, 0, 0
    start = stop = at
    left = _CUT_OUT + (end - at) // _SHORTEST
    for frame in _whole_frames(file, info, at, end):
        gap = frame.first - n
        lost = -(-gap // (info.largest if frame.varies else info.smallest))
        if gap < 0 or lost > left:
            continue
        if lost or frame.start != stop:
            pieces += [Span(file, start, stop), Bytes(_silence(info, n, gap, frame.varies))]
            start, left, silent, places = frame.start, left - lost, silent + gap, places + (gap > 0)
        n, stop = frame.past, frame.stop
    pieces.append(Span(file, start, stop))
    header = Bytes(replace(info, n_samples=n, md5=bytes(16)).pack())
    return Content(View([header, *(p for p in pieces if p.size)]), n, silent=silent, silent_places=places)


def _whole_frames(file: BinaryIO, info: Info, at: int, end: int) -> Iterator[Frame]:
    """Frames of which the header's checksum is right and their own."""
    marks = [*_marks(file, info, at, end)]
    places = [mark[0] for mark in marks] + [end]
    i = 0
    while i < len(marks):
        start, span, varies = marks[i]
        stop = _stop(file, places[i : i + 1 + _TRIED]) if span else None
        if span is None or stop is None:
            i += 1
        else:
            yield Frame(start, stop, *span, varies)
            i = places.index(stop, i)


def _marks(file: BinaryIO, info: Info, at: int, end: int) -> Iterator[tuple[int, tuple[int, int] | None, bool]]:
    """Where headers begin; first sample and the one after the last where the header is right, since one that is not
    still ends the frame before it; and numbering."""
    for place in range(at, end, _READ):
        file.seek(place)
        data = file.read(min(_READ + _HEADER, end - place))
        i = -1
        while 0 <= (i := data.find(b"\xff", i + 1)) < _READ:
            if data[i + 1 : i + 2] in (b"\xf8", b"\xf9"):
                yield place + i, frame_span(data, i, info), data[i + 1] == 0xF9


def _stop(file: BinaryIO, starts: list[int]) -> int | None:
    """Which of the places after the first ends the frame that begins there, by its checksum."""
    crc = 0
    for start, stop in pairwise(starts):
        if stop - starts[0] > _LONGEST:
            break
        file.seek(start)
        crc = crc16(file.read(stop - start), crc)
        if crc == 0:
            return stop
    return None


def _silence(info: Info, first: int, n: int, varies: bool) -> bytes:
    """Frames of n samples of silence, from sample `first` on."""
    unit = info.largest if varies else info.smallest
    ends = [*range(first + unit, first + n, unit), first + n] if n > 0 else []
    return b"".join(_silent_frame(info, start, end - start, varies) for start, end in pairwise([first, *ends]))


def _silent_frame(info: Info, first: int, n: int, varies: bool) -> bytes:
    """A frame of which each channel is the constant 0; rate and bits are those of STREAMINFO."""
    number = number_code(first if varies else first // info.smallest)
    header = bytes([0xFF, 0xF8 | varies, 0x70, info.channels - 1 << 4]) + number + (n - 1).to_bytes(2, "big")
    frame = header + bytes([crc8(header)]) + bytes(-(-info.channels * (8 + info.bits) // 8))
    return frame + crc16(frame).to_bytes(2, "big")
