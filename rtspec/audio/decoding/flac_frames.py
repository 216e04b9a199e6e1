"""FLAC's frames: headers, numbers and checksums.

References
----------
RFC 9639: Free Lossless Audio Codec (FLAC), section 9.
"""

import struct
from dataclasses import dataclass

_SIZES = {1: 192, **{i: 144 << i for i in range(2, 6)}, **{i: 1 << i for i in range(8, 16)}}


@dataclass(frozen=True)
class Info:
    """STREAMINFO: block sizes, samples a channel (0: not said), rate in Hz, channels and bits."""

    smallest: int
    largest: int
    sample_rate: int
    channels: int
    bits: int
    n_samples: int
    frame_bytes: bytes
    md5: bytes

    def pack(self) -> bytes:
        """The block, and "fLaC" before it, as the last one of the metadata."""
        numbers = self.sample_rate << 44 | (self.channels - 1) << 41 | (self.bits - 1) << 36 | self.n_samples
        sizes = struct.pack(">HH", self.smallest, self.largest)
        return b"fLaC\x80\0\0\x22" + sizes + self.frame_bytes + numbers.to_bytes(8, "big") + self.md5


def frame_span(data: bytes, at: int, info: Info) -> tuple[int, int] | None:
    """First sample of the frame whose header stands at `at`, and the one after its last; None where there is none."""
    head = data[at : at + 16]
    if len(head) < 6 or head[1] & 0xFE != 0xF8 or head[3] & 1 or head[2] >> 4 == 0:
        return None
    number = _read_number(head[4:])
    if number is None:
        return None
    value, used = number
    used += 4
    size_code, rate_code = head[2] >> 4, head[2] & 15
    size, extra = _SIZES.get(size_code, 0), {6: 1, 7: 2}.get(size_code, 0)
    if extra:
        size = int.from_bytes(head[used : used + extra], "big") + 1
    used += extra + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if len(head) <= used or crc8(head[:used]) != head[used]:
        return None
    first = value if head[1] & 1 else value * info.smallest
    return first, first + size


def _read_number(data: bytes) -> tuple[int, int] | None:
    """A number in FLAC's coding, which is UTF-8 carried on to 36 bits, and the bytes that it takes."""
    lead = data[0]
    more = 0 if lead < 0x80 else {0xC0: 1, 0xE0: 2, 0xF0: 3, 0xF8: 4, 0xFC: 5, 0xFE: 6}.get(_ones(lead), -1)
    if more < 0 or len(data) <= more:
        return None
    value = lead & (0x7F if more == 0 else 0x3F >> more)
    for byte in data[1 : 1 + more]:
        if byte & 0xC0 != 0x80:
            return None
        value = value << 6 | byte & 0x3F
    return value, 1 + more


def number_code(value: int) -> bytes:
    """A number of up to 36 bits in the same coding."""
    if value < 0x80:
        return bytes([value])
    more = next(n for n in range(1, 7) if value >> 5 * n + 6 == 0)
    lead = 0xFF << 7 - more & 0xFF | value >> 6 * more
    return bytes([lead, *(0x80 | value >> 6 * i & 0x3F for i in reversed(range(more)))])


def _ones(lead: int) -> int:
    """The leading ones of a byte."""
    ones = 0
    while ones < 8 and lead >> (7 - ones) & 1:
        ones += 1
    return 0xFF << (8 - ones) & 0xFF


def crc16(data: bytes, crc: int = 0) -> int:
    """FLAC's frame CRC (polynomial 0x8005), going on from `crc`; 0 over a frame with its own CRC at the end."""
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ CRC16[crc >> 8 ^ byte]
    return crc


def crc8(data: bytes) -> int:
    """FLAC's header CRC (polynomial 0x07)."""
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def _crc_table(bits: int, polynomial: int) -> list[int]:
    table, top, most = [], 1 << bits - 1, (1 << bits) - 1
    for byte in range(256):
        crc = byte << bits - 8
        for _ in range(8):
            crc = (crc << 1 ^ (polynomial if crc & top else 0)) & most
        table.append(crc)
    return table


CRC16, _CRC8 = _crc_table(16, 0x8005), _crc_table(8, 0x07)
