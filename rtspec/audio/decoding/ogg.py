"""Ogg: Vorbis and Opus. The last page must be whole and marked as the end; chains of streams are told."""

from typing import BinaryIO

from .content import Content, Refused
from .views import Span, View

ORDERS = {
    3: [0, 2, 1],
    5: [0, 2, 1, 3, 4],
    6: [0, 2, 1, 5, 3, 4],
    7: [0, 2, 1, 6, 5, 3, 4],
    8: [0, 2, 1, 7, 5, 6, 3, 4],
}
"""Where in Vorbis's and Opus's order (left, centre, right, …, low-frequency last) the channels of WAV's and FLAC's
order (left, right, centre, low-frequency, back, side) stand. RFC 7845, section 5.1.1.2; Vorbis I, section 4.3.9."""

_END, _BEGIN = 4, 2
_RESYNC = 1 << 16
_RUN_UP = 1 << 16
"""Samples: libsndfile finds no place on the last pages, and Opus takes 80 ms to be as if decoded from the start."""


def ogg(file: BinaryIO, start: int, end: int) -> Content:
    """The sound of an Ogg file that begins at `start`."""
    file.seek(start)
    first = file.read(64)
    body = first[27 + first[26] :] if len(first) > 27 else b""
    vorbis, opus = body[:7] == b"\x01vorbis", body[:8] == b"OpusHead"
    channels = body[11] if vorbis and len(body) > 11 else body[9] if opus and len(body) > 9 else 0
    stop, ended, links = _pages(file, start, end)
    if stop == start:
        raise Refused("it holds no whole Ogg page")
    if not (vorbis or opus):
        return Content(View([]), external="ogg")
    content = Content(View([Span(file, start, stop)]), order=ORDERS.get(channels), run_up=_RUN_UP)
    if not ended:
        content.missing = "its last page is cut off or not marked as the end"
    if links > 1:
        content.missing, content.fault = f"{links} streams, of which the first alone is read", "a chain"
    return content


def _pages(file: BinaryIO, start: int, end: int) -> tuple[int, bool, int]:
    """Where the last whole page ends, whether it is marked as the end, and how many streams begin behind an end."""
    at, stop, ended, links = start, start, False, 0
    while at + 27 <= end:
        file.seek(at)
        head = file.read(27 + 255)
        if head[:4] != b"OggS":
            at = _next_page(file, at, end)
            continue
        flags, segments = head[5], head[26]
        length = 27 + segments + sum(head[27 : 27 + segments])
        if at + length > end:
            return stop, False, links
        if flags & _BEGIN and (ended or links == 0):
            links += 1
        at = stop = at + length
        ended = bool(flags & _END)
    return stop, ended, links


def _next_page(file: BinaryIO, at: int, end: int) -> int:
    while at < end:
        file.seek(at)
        data = file.read(_RESYNC + 3)
        if (i := data.find(b"OggS")) >= 0:
            return at + i
        at += _RESYNC
    return end
