"""Anybody's sound file, for the decoders: what it is follows from its first bytes, how long it is from what is there.

Headers are read by our own code, which checks every number; the decoders (libsndfile with its FLAC, Vorbis, Opus and
MP3 libraries) get bare samples, or frames behind a header of our own. So no foreign header reaches a decoder, except
those of AIFF, AU, CAF, Wave64 and Ogg.

=============  =====================================================================
module         what
=============  =====================================================================
`wav`          WAV, RF64, BW64, RIFX: PCM, float, A-law, µ-law, ADPCM, MP3 inside
`flac`         FLAC; `flac_frames`, its frames; `flac_mending`, damaged ones
`mpeg`         MP3, MP2
`ogg`          Ogg Vorbis, Ogg Opus
`containers`   AIFF, AU, CAF, Wave64
`external`     AAC, WMA and others through ffmpeg, where it is installed
`views`        pieces of files as one file
=============  =====================================================================
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import soundfile

from ...errors import AudioFileError
from ..formats import DEMUXERS
from .containers import container
from .content import Content, Refused
from .external import FfmpegDecoder
from .flac import flac
from .mpeg import id3_length, mpeg
from .ogg import ogg
from .overheard import overheard
from .wav import MAX_CHANNELS, wav

__all__ = ["MAX_CHANNELS", "Decoder", "Refused", "open_decoder"]

_MAGIC = {
    b"RIFF": wav,
    b"RIFX": wav,
    b"RF64": wav,
    b"BW64": wav,
    b"fLaC": flac,
    b"OggS": ogg,
    b"FORM": container,
    b".snd": container,
    b"caff": container,
    b"riff": container,
}
_PROBED = 1 << 12
"""Samples that are decoded at a time to see what a damaged file still gives."""


class _Straight(soundfile.SoundFile):
    """A sound file that is read on and on: after each read of one that can seek soundfile seeks to where it already is,
    which costs time and fails at the end of what is cut off."""

    def seekable(self) -> bool:
        return False


class Decoder:
    """Decoded samples of a file, in WAV's order of channels.

    Attributes
    ----------
    sample_rate, channels, n_samples : int
    notes : list of str
        What was in doubt; at the end, what was damaged too.
    complaints : int
        Of the decoder about damaged frames so far.
    """

    def __init__(self, path: Path, file: BinaryIO, content: Content):
        self._file, self._content, self.notes = file, content, list(content.notes)
        self.complaints = 0
        if content.n_samples == 0:
            raise AudioFileError(f"{path} holds no sound: its length is zero; record or export it again")
        self._open()
        if self._sound.channels > MAX_CHANNELS:
            raise Refused(f"its header says {self._sound.channels} channels; 1 to {MAX_CHANNELS} are possible")
        self.sample_rate, self.channels = self._sound.samplerate, self._sound.channels
        self.n_samples = self._sound.frames - content.skip if content.n_samples is None else content.n_samples
        self.seek(0)

    def _open(self) -> None:
        self._content.view.seek(0)
        with overheard(self._content.talks):
            self._sound = _Straight(cast(Any, self._content.view), **self._content.raw)
        self._at = -1

    def read(self, n: int) -> np.ndarray:
        """The next samples, float32 of shape (channels, at most n); none at the end."""
        n = max(0, min(n, self.n_samples - self._at))
        with overheard(self._content.talks) as heard:
            frames = self._sound.read(n, dtype="float32", always_2d=True)
        self._note_damage(len(heard))
        failure = getattr(self._content.view, "failure", None)
        if failure is not None:
            raise failure
        self._at += len(frames)
        planar = frames.T if self._content.order is None else frames.T[self._content.order]
        return np.ascontiguousarray(planar)

    def _note_damage(self, n: int) -> None:
        """Count what the decoder complained of, in the last of the notes."""
        if n:
            if self.complaints:
                self.notes.pop()
            self.complaints += n
            self.notes.append(f"damaged: its decoder complained {self.complaints} times and went on")

    def seek(self, sample: int) -> None:
        """Go on from this sample."""
        if sample != self._at and (self._at >= 0 or self._content.skip):
            with overheard(self._content.talks):
                self._at = max(0, sample - self._content.run_up)
                self._sound.seek(self._at + self._content.skip)
            while self._at < sample and self.read(sample - self._at).size:
                pass
        self._at = sample

    def count(self) -> int:
        """Samples that the decoder really gives, found by decoding all."""
        n = 0
        try:
            while got := self.read(_PROBED).shape[1]:
                n += got
        except soundfile.SoundFileError:
            pass
        self._sound.close()
        self._open()
        self.seek(0)
        return n

    def close(self) -> None:
        """Close the file."""
        self._sound.close()
        self._file.close()


def open_decoder(path: Path, salvage: bool = False) -> Decoder | FfmpegDecoder:
    """What decodes a file.

    Raises
    ------
    AudioFileError
        Cut off or damaged, unless `salvage`, which then reads what is there; or no sound.
    Refused
        In a format or with a header that is not read.
    """
    file = path.open("rb")
    try:
        return _opened(path, file, salvage)
    except BaseException:
        file.close()
        raise


def _opened(path: Path, file: BinaryIO, salvage: bool) -> Decoder | FfmpegDecoder:
    end = file.seek(0, 2)
    if not end:
        raise AudioFileError(f"{path} holds no sound: it is empty (0 bytes)")
    start = _behind_tags(file, end)
    file.seek(start)
    magic = file.read(12)
    examine = _MAGIC.get(magic[:4], mpeg)
    demuxer = _external(path, magic) if examine is mpeg else None
    if demuxer is None:
        content = examine(file, start, end)
        if content.external is None:
            return _checked(path, file, content, salvage)
        demuxer = content.external
    file.close()
    return FfmpegDecoder(path, demuxer, salvage)


def _checked(path: Path, file: BinaryIO, content: Content, salvage: bool) -> Decoder:
    """A decoder of what is whole; of what is there, counted, where it is to be salvaged."""
    if content.missing and not salvage:
        raise AudioFileError(f"{path} is {content.fault}: {content.missing}; copy or export it again, or try --salvage")
    return _salvaged(path, file, content) if salvage else Decoder(path, file, content)


def _salvaged(path: Path, file: BinaryIO, content: Content) -> Decoder:
    """A decoder of what is there, with damaged places mended where that gives more; a note says how much."""
    decoder = Decoder(path, file, content)
    promised, there = decoder.n_samples, decoder.count()
    if there < promised and content.mended is not None:
        mended = content.mended()
        if (mended.n_samples or 0) - mended.silent > there:
            content = replace(mended, missing=content.missing, notes=content.notes)
            decoder = Decoder(path, file, content)
            there = decoder.count() - content.silent
    decoder.n_samples = there + content.silent
    if content.missing or there < promised:
        of = f" of {promised / decoder.sample_rate:.2f}" if there < promised else ""
        why = "; ".join(filter(None, (content.missing, _silent_places(content)))) or "the rest is damaged"
        decoder.notes.append(f"salvaged {there / decoder.sample_rate:.2f}{of} s: {why}")
    return decoder


def _silent_places(content: Content) -> str:
    n = content.silent_places
    return f"{n} damaged place{'s are' if n > 1 else ' is'} silent" if n else ""


def _behind_tags(file: BinaryIO, end: int) -> int:
    """Where the sound begins: behind ID3v2 tags, which some writers put before any format."""
    start = 0
    while start + 10 <= end:
        file.seek(start)
        head = file.read(10)
        if head[:3] != b"ID3" or max(head[6:]) >= 0x80:
            break
        start += id3_length(head)
    return min(start, end)


def _external(path: Path, magic: bytes) -> str | None:
    """ffmpeg's word for a file that it has to read; None for what may be MPEG audio."""
    if magic[4:8] == b"ftyp":
        return "mov"
    if magic[:1] == b"\xff" and magic[1:2] and magic[1] & 0xF6 == 0xF0:
        return "aac"
    return DEMUXERS.get(path.suffix.lower())
