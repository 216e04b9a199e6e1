"""Sound files, whole or in chunks: read by :mod:`rtspec.audio.decoding`, written by pedalboard.io.

Every failure is an :class:`~rtspec.errors.AudioFileError` of one line that names the file. A file under its own name is
always a whole one: writing goes to a hidden file beside it, which takes the name only when all is on the disk.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from pedalboard.io import AudioFile, StreamResampler

from ..errors import AudioFileError
from ..frames.plan import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from ..storage import AtomicFile
from .decoding import Refused, open_decoder
from .decoding.ogg import ORDERS
from .formats import BIT_DEPTHS as BIT_DEPTHS
from .formats import FORMATS as FORMATS
from .formats import READABLE as READABLE
from .formats import is_audio as is_audio
from .formats import target_name as target_name
from .riff_chunks import is_sound_alone

CHUNK = 1 << 16
"""Frames of a chunk unless told otherwise."""
_SETTLED = 1024
"""Samples before a place from which a resampler is at work as if it had begun at the start."""

_LOSSY = {".ogg": "320 kbps", ".mp3": "320"}


def make_folder(folder: str | os.PathLike[str]) -> None:
    """Make a folder and those above it, where they are missing."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise AudioFileError(f"cannot make the folder {folder}: {error.strerror}") from error


def read(path: str | os.PathLike[str], sample_rate: int | None = None) -> tuple[np.ndarray, int]:
    """All of a sound file.

    Parameters
    ----------
    path : path
    sample_rate : int, optional
        Resample to this rate, Hz; the file's own by default.

    Returns
    -------
    audio : ndarray, float32, shape (channels, n_samples)
    sample_rate : int

    Raises
    ------
    AudioFileError
        Missing, unreadable, truncated, no sound file, empty, non-finite samples, or a sample rate outside 1 to 768 kHz.
    """
    with Reader(path, sample_rate) as reader:
        return np.concatenate(list(reader.chunks()), axis=1), reader.sample_rate


def write(path: str | os.PathLike[str], audio: np.ndarray, sample_rate: int, bit_depth: int = 24) -> None:
    """Write a sound file whose format follows from its name; all of it or nothing.

    Parameters
    ----------
    path : path
        Ends in .wav, .flac, .ogg or .mp3.
    audio : ndarray, shape (channels, n_samples) or (n_samples,)
    sample_rate : int
        Hz. MP3 takes 8 to 48 kHz.
    bit_depth : int
        16, 24, or 32 (float, WAV alone); lossy formats ignore it.
    """
    audio = np.atleast_2d(np.asarray(audio, np.float32))
    with Writer(path, sample_rate, audio.shape[0], bit_depth) as writer:
        writer.write(audio)


class Reader:
    """A sound file read in chunks, resampled if asked; a context manager.

    `salvage` reads what is there of a file that is cut off or damaged, which costs a pass through it beforehand.

    Attributes
    ----------
    sample_rate, channels, n_samples : int
    """

    def __init__(self, path: str | os.PathLike[str], sample_rate: int | None = None, *, salvage: bool = False):
        self.path = Path(path)
        with _failures(self.path, "read"):
            self._decoder = open_decoder(self.path, salvage)
        try:
            self._prepare(sample_rate)
        except BaseException:
            self._decoder.close()
            raise

    def _prepare(self, sample_rate: int | None) -> None:
        own = self._decoder.sample_rate
        _check_rate(self.path, own)
        if sample_rate is not None:
            _check_rate(self.path, sample_rate)
        self.sample_rate, self.channels = sample_rate or own, self._decoder.channels
        if self._decoder.n_samples < 1:
            raise AudioFileError(f"{self.path} holds no sound: its length is zero; record or export it again")
        self._step = Fraction(self.sample_rate, own)
        self.n_samples = max(1, round(self._decoder.n_samples * self._step))
        self._begin(0)

    def chunks(self, n: int = CHUNK) -> Iterator[np.ndarray]:
        """The rest of the file in order, float32 of shape (channels, at most n)."""
        while self._at < self.n_samples:
            audio = self._next(min(n, self.n_samples - self._at))
            _check_finite(self.path, audio, "holds")
            self._at += audio.shape[1]
            yield audio

    @property
    def notes(self) -> list[str]:
        """What the user should know, a line each: where the header does not say where the sound ends, and what was
        salvaged; once all is read, what was damaged."""
        return list(self._decoder.notes)

    def seek(self, sample: int) -> None:
        """Go on from this sample; at most the file's length."""
        self._begin(min(max(0, sample), self.n_samples))

    def _begin(self, sample: int) -> None:
        """Be at this sample of the result; a resampler begins earlier, at one that is one of the file's too."""
        if self._step == 1:
            start = source = sample
            self._resampler = None
        else:
            whole = max(0, int(sample / self._step) - _SETTLED) // self._step.denominator
            start, source = whole * self._step.numerator, whole * self._step.denominator
            self._resampler = StreamResampler(self._decoder.sample_rate, self.sample_rate, self.channels)
        with _failures(self.path, "read"):
            self._decoder.seek(source)
        self._left, self._rest = self._decoder.n_samples - source, np.zeros((self.channels, 0), np.float32)
        self._at = sample
        if sample > start:
            self._next(sample - start)

    def _next(self, n: int) -> np.ndarray:
        """The next n samples of the result."""
        pieces, there = [self._rest], self._rest.shape[1]
        while there < n:
            pieces.append(self._more(int((n - there) / self._step) + 1))
            there += pieces[-1].shape[1]
        joined = np.concatenate(pieces, axis=1) if there > pieces[0].shape[1] else pieces[0]
        self._rest = joined[:, n:]
        return joined[:, :n]

    def _more(self, n: int) -> np.ndarray:
        """What n more samples of the file give; silence behind its end, for the resampler's last ones."""
        n = min(n, self._left) if self._left else _SETTLED
        try:
            with _failures(self.path, "read"):
                audio = self._decoder.read(n) if self._left else np.zeros((self.channels, n), np.float32)
        except _Undecodable as error:
            raise AudioFileError(self._damaged()) from error
        if not audio.shape[1]:
            raise AudioFileError(self._damaged())
        self._left = max(0, self._left - audio.shape[1])
        return audio if self._resampler is None else self._resampler.process(audio)

    def _damaged(self) -> str:
        seconds = (self._decoder.n_samples - self._left) / self._decoder.sample_rate
        return f"{self.path} is damaged: it cannot be decoded beyond {seconds:.2f} s; export it again or try --salvage"

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._decoder.close()


class Writer:
    """A sound file written in chunks; a context manager. There is a file once its block has ended without an error.

    `like` is a sound file whose tags, cover, time and loop points the new one keeps; `notes` says, once the block has
    ended, what could not be kept.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sample_rate: int,
        channels: int,
        bit_depth: int = 24,
        like: str | os.PathLike[str] | None = None,
    ):
        self.path, self.notes = Path(path), list[str]()
        self._like = None if like is None else Path(like)
        self._suffix = suffix = self.path.suffix.lower()
        if suffix not in FORMATS:
            raise AudioFileError(f"{self.path}: the name must end in one of {', '.join(FORMATS)}, not {suffix!r}")
        _check_rate(self.path, sample_rate)
        quality: dict[str, Any] = {"quality": _LOSSY[suffix]} if suffix in _LOSSY else {"bit_depth": bit_depth}
        with _failures(self.path, "write"):
            self._atomic = AtomicFile(self.path)
        with self._guarded():
            self._file = AudioFile(self._atomic.file, "w", sample_rate, channels, format=suffix[1:], **quality)
        self._bits = bit_depth if suffix not in _LOSSY and bit_depth in (16, 24) else None
        self._order = ORDERS.get(channels) if suffix == ".ogg" else None
        self._n_samples = 0

    def write(self, audio: np.ndarray) -> None:
        """Append float audio, shape (channels, n_samples); all formats but 32-bit WAV clip values beyond ±1."""
        _check_finite(self.path, audio, "would hold")
        with self._guarded():
            self._file.write(np.ascontiguousarray(self._encoded(audio)))
        self._n_samples += audio.shape[-1]

    def __enter__(self) -> "Writer":
        return self

    def _encoded(self, audio: np.ndarray) -> np.ndarray:
        """In the format's order of channels; whole numbers rounded here, since the encoder cuts off the last bit."""
        if self._order is not None:
            audio = audio[np.argsort(self._order)]
        if self._bits is None:
            return np.asarray(audio, np.float32)
        top = 1 << self._bits - 1
        return np.clip(np.rint(audio * np.float64(top)), -top, top - 1).astype(np.int32) << 32 - self._bits

    def _keep_tags(self, source: Path) -> None:
        """Take over what the source says of itself; a line where something of it cannot be."""
        with suppress(OSError):
            if is_sound_alone(source):
                return  # mutagen takes as long to load as a second of sound to render
        from .tags import MutagenError, read_tags, write_tags

        try:
            tags = read_tags(source)
        except Exception as error:  # mutagen lets many kinds through, and tags are no reason to lose the sound
            said = " ".join(str(error).split())[:99]
            self.notes.append(f"its tags cannot be read and are not kept ({said})")
            return
        try:
            lost = write_tags(self._atomic.file, self._suffix, tags)
        except MutagenError as error:
            raise AudioFileError(f"cannot write {self.path}: its tags: {' '.join(str(error).split())}") from error
        if lost:
            self.notes.append(f"{', '.join(lost)} not kept: a place for them is in WAV alone")

    def __exit__(self, kind, *_) -> None:
        if kind is not None:
            self._discard()
            return
        if not self._n_samples:
            self._discard()
            raise AudioFileError(f"{self.path} would hold no sound: there are 0 samples to write")
        with self._guarded():
            self._file.close()
            if self._like is not None:
                self._keep_tags(self._like)
            self._atomic.keep()

    @contextmanager
    def _guarded(self):
        """What fails inside leaves no file behind."""
        try:
            with _failures(self.path, "write"):
                yield
        except BaseException:
            self._discard()
            raise

    def _discard(self) -> None:
        with suppress(Exception):  # the encoder cannot write its last bytes to a full disk
            self._file.close()
        self._atomic.discard()


class _Undecodable(AudioFileError):
    """What the decoder itself gives up on."""


@contextmanager
def _failures(path: Path, verb: str):
    """Errors of the system and of the decoders as one line."""
    try:
        yield
    except AudioFileError:
        raise
    except OSError as error:
        raise AudioFileError(f"cannot {verb} {path}: {error.strerror or error}") from error
    except Refused as error:
        raise AudioFileError(f"cannot {verb} {path}: {error}{_known(error)}") from error
    except (ValueError, RuntimeError, TypeError, SystemError) as error:
        if verb == "read" and isinstance(error, soundfile.SoundFileError):
            said = " ".join(str(error).removeprefix("Error opening ").split())
            raise _Undecodable(f"cannot read {path}: its decoder says: {said}") from error
        if isinstance(error.__cause__, OSError):  # pedalboard wraps what a file object raises
            raise AudioFileError(f"cannot {verb} {path}: {error.__cause__.strerror}") from error
        raise AudioFileError(f"cannot write {path}: {' '.join(str(error).split())}") from error


def _known(error: Refused) -> str:
    return (
        f" ({', '.join(suffix[1:].upper() for suffix in FORMATS)} …)"
        if "format that rtspec knows" in str(error)
        else ""
    )


def _check_rate(path: Path, sample_rate: float) -> None:
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE or sample_rate % 1:
        raise AudioFileError(
            f"{path}: sample_rate={sample_rate:.12g} must be a whole number from {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE}"
            " Hz; resample it or mend its header"
        )


def _check_finite(path: Path, audio: np.ndarray, verb: str) -> None:
    bad = int(audio.size - np.count_nonzero(np.isfinite(audio)))
    if bad:
        raise AudioFileError(f"{path} {verb} {bad} samples that are NaN or infinite; sound must be finite numbers")
