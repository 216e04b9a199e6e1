"""WAV, RF64, BW64 and RIFX: the header is checked here, the samples go to the decoder without one.

References
----------
Microsoft and IBM, Multimedia Programming Interface (1991); EBU Tech 3306: RF64 (2009); ITU-R BS.2088: BW64.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ...frames.plan import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from .content import Content, Refused
from .mpeg import mpeg
from .views import Bytes, Span, View

PCM, MS_ADPCM, FLOAT, ALAW, MULAW, IMA_ADPCM, GSM, MP2, MP3, EXTENSIBLE = 1, 2, 3, 6, 7, 17, 49, 80, 85, 0xFFFE
MAX_CHANNELS = 64
MAX_CHUNKS = 100_000

_RAW = {
    (PCM, 8): "PCM_U8",
    (PCM, 16): "PCM_16",
    (PCM, 24): "PCM_24",
    (PCM, 32): "PCM_32",
    (FLOAT, 32): "FLOAT",
    (FLOAT, 64): "DOUBLE",
    (ALAW, 8): "ALAW",
    (MULAW, 8): "ULAW",
}
_NAMES = {PCM: "PCM", FLOAT: "float", ALAW: "A-law", MULAW: "µ-law"}
_BLOCKS = (MS_ADPCM, IMA_ADPCM, GSM)
_USUAL = (b"data", b"fmt ", b"fact", b"LIST", b"bext", b"smpl", b"cue ", b"COMM", b"SSND")
UNTOLD = 0x7F000000
"""Sizes from here on that a file does not have are a writer's way to say "to the end": ffmpeg's 0xFFFFFFFF, sox's
0x7FFFF000, or 0x7F000008 in AIFF."""


@dataclass
class Form:
    """The fmt chunk: tag, channels, rate in Hz, bytes of a frame (or of a block) and bits of a sample."""

    tag: int
    channels: int
    sample_rate: int
    align: int
    bits: int
    extra: bytes


def chunks(file: BinaryIO, start: int, end: int, order: str = "<") -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and stated length of each chunk from `start`; a missing pad byte does not lose the next."""
    at = start
    for _ in range(MAX_CHUNKS):
        if at + 8 > end:
            return
        file.seek(at)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        yield name, at + 8, length
        at += 8 + length + length % 2
        if length % 2 and _name(file, at) not in _USUAL and _name(file, at - 1) in _USUAL:
            at -= 1


def _name(file: BinaryIO, at: int) -> bytes:
    file.seek(at)
    return file.read(4)


def _is_name(file: BinaryIO, at: int) -> bool:
    name = _name(file, at)
    return len(name) == 4 and all(32 <= c < 127 for c in name)


def wav(file: BinaryIO, start: int, end: int) -> Content:
    """The sound of a RIFF, RIFX, RF64 or BW64 file that begins at `start`."""
    file.seek(start)
    head = file.read(12)
    order = ">" if head[:4] == b"RIFX" else "<"
    if head[8:12] != b"WAVE":
        raise Refused(f"RIFF of kind {head[8:12]!r}, not WAVE")
    form, wide = None, None
    for name, at, length in chunks(file, start + 12, end, order):
        if name == b"fmt " and form is None:
            form = _form(file, at, min(length, end - at), order)
        elif name == b"ds64" and end - at >= 24:
            file.seek(at)
            wide = struct.unpack("<QQQ", file.read(24))[1]
        elif name == b"data":
            if form is None:
                raise Refused("its sound comes before its fmt chunk, or there is none")
            return _content(file, form, at, end, wide if wide is not None and length == 0xFFFFFFFF else length, order)
    raise Refused("it has no data chunk" if form else "it has no fmt chunk")


def _form(file: BinaryIO, at: int, length: int, order: str) -> Form:
    file.seek(at)
    data = file.read(min(length, 4096))
    if len(data) < 16:
        raise Refused(f"its fmt chunk has {len(data)} bytes; 16 are the least")
    tag, channels, rate, _, align, bits = struct.unpack(f"{order}HHIIHH", data[:16])
    if tag == EXTENSIBLE and len(data) >= 26:
        tag = struct.unpack(f"{order}H", data[24:26])[0]
    return Form(tag, channels, rate, align, bits, data[16:])


def _content(file: BinaryIO, form: Form, at: int, end: int, stated: int, order: str) -> Content:
    if form.sample_rate > 1 << 30:  # which the decoder would not take; lesser ones are refused where all files are
        raise Refused(
            f"its header says {form.sample_rate} Hz; sample rates from {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz are"
            " read; mend its header or export it again"
        )
    if not 1 <= form.channels <= MAX_CHANNELS:
        raise Refused(f"its header says {form.channels} channels; 1 to {MAX_CHANNELS} are possible")
    length, missing, notes = _data_length(file, stated, at, end)
    if form.tag in (MP2, MP3):
        content = mpeg(file, at, at + length)
    elif form.tag in _BLOCKS:
        content = _blocks(file, form, at, length)
    else:
        content = _plain(file, form, at, length, order)
    content.missing = missing or content.missing
    if not missing:
        content.notes += notes
    return content


def _data_length(file: BinaryIO, stated: int, at: int, end: int) -> tuple[int, str | None, list[str]]:
    """Bytes of sound that are there, what says that some are missing, and what was in doubt."""
    there = end - at
    if stated == 0 and there and not _holds_chunks(file, at, end):
        return there, None, [f"its header says 0 bytes of sound; all {there} to its end are read"]
    if stated > there:
        if stated >= UNTOLD and (stated >> 32 == 0 or stated == (1 << 64) - 1):
            return there, None, ["its header does not say where the sound ends; it is read to the file's end"]
        return there, f"its header promises {stated} bytes of sound, {there} are there", []
    if there - stated >= 1 << 32 and stated >> 32 == 0 and not _holds_chunks(file, at + stated + stated % 2, end):
        return there, None, ["its header cannot count beyond 4 GiB; the sound is read to the file's end"]
    return stated, None, []


def _holds_chunks(file: BinaryIO, at: int, end: int) -> bool:
    """Is what follows a chain of chunks that ends where the file does?"""
    last = at
    for _, start, length in chunks(file, at, end):
        if not _is_name(file, start - 8):
            return False
        last = start + length + length % 2
    return at == end or (last > at and end <= last <= end + 1)


def _plain(file: BinaryIO, form: Form, at: int, length: int, order: str) -> Content:
    """Samples of one size, which need no header."""
    if form.tag not in (PCM, FLOAT, ALAW, MULAW):
        raise Refused(f"its samples are coded in format {form.tag:#06x}, which is not read; convert it by ffmpeg")
    subtype = _RAW.get((form.tag, _bits(form)))
    if subtype is None:
        raise Refused(
            f"its samples are {_NAMES[form.tag]} of {form.bits} bits in {form.align} bytes a frame, which is not read"
        )
    width = _bits(form) // 8 * form.channels
    raw = {
        "samplerate": form.sample_rate,
        "channels": form.channels,
        "format": "RAW",
        "subtype": subtype,
        "endian": "BIG" if order == ">" else "LITTLE",
    }
    rest = length % width
    notes = [f"{rest} bytes after its last whole frame are left out"] if rest and length > width else []
    return Content(View([Span(file, at, at + length - rest)]), length // width, raw=raw, notes=notes)


def _bits(form: Form) -> int:
    """Bits that a sample takes in the file: 12 or 20 bits stand to the left in a larger word."""
    held = form.align * 8 // form.channels
    fits = form.align % form.channels == 0 and held - 8 < form.bits <= held
    if not fits:
        raise Refused(
            f"its header says {form.bits} bits a sample, {form.channels} channels and {form.align} bytes a frame,"
            " which do not agree"
        )
    return held


def _blocks(file: BinaryIO, form: Form, at: int, length: int) -> Content:
    """Blocks of 4-bit differences, or of GSM, behind a header of our own: samples follow from the number of blocks."""
    a_block, extra = _block_samples(form)
    blocks = length // form.align
    rate = form.sample_rate * form.align // a_block
    fmt = struct.pack("<HHIIHH", form.tag, form.channels, form.sample_rate, rate, form.align, form.bits) + extra
    size = blocks * form.align
    parts = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + struct.pack("<4sII", b"fact", 4, blocks * a_block)
    header = struct.pack("<4sI", b"RIFF", len(parts) + 8 + size) + parts + struct.pack("<4sI", b"data", size)
    pad = b"\0" * (size % 2)
    return Content(View([Bytes(header), Span(file, at, at + size), Bytes(pad)]), blocks * a_block)


def _block_samples(form: Form) -> tuple[int, bytes]:
    """Samples of a block, and what the fmt chunk says beyond its usual fields."""
    if form.tag == GSM:
        if form.channels != 1 or form.align != 65:
            raise Refused(f"its header says {form.channels} channels in blocks of {form.align} bytes, which is no GSM")
        return 320, struct.pack("<HH", 2, 320)
    head = 7 if form.tag == MS_ADPCM else 4
    if form.bits != 4 or form.channels > 2 or not head * form.channels < form.align <= 1 << 15:
        raise Refused(
            f"its header says {form.bits} bits, {form.channels} channels and {form.align} bytes a block,"
            " which is no ADPCM"
        )
    a_block = (form.align - head * form.channels) * 2 // form.channels + (2 if form.tag == MS_ADPCM else 1)
    if form.tag == IMA_ADPCM:
        return a_block, struct.pack("<HH", 2, a_block)
    if form.extra[6:34] != _MS_COEFFICIENTS:
        raise Refused("its ADPCM has coefficients of its own, which is not read")
    return a_block, struct.pack("<HHH", 32, a_block, 7) + _MS_COEFFICIENTS


_MS_COEFFICIENTS = struct.pack("<14h", 256, 0, 512, -256, 0, 0, 192, 64, 240, 0, 460, -208, 392, -232)
