"""Sound files by pedalboard.io: WAV, FLAC, OGG and MP3, whole or in chunks.

Every failure is an :class:`~rtspec.errors.AudioFileError` of one line that names the file. A file under its own name is
always a whole one: writing goes to a hidden file beside it, which takes the name only when all is on the disk.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from pedalboard.io import AudioFile

from ..errors import AudioFileError
from ..frames.plan import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from ..storage import WholeFile
from .integrity import missing_bytes

FORMATS = (".wav", ".flac", ".ogg", ".mp3")
"""Endings of the files that rtspec writes."""

READABLE = FORMATS
"""Endings of the files that rtspec reads."""

BIT_DEPTHS = {"16": 16, "24": 24, "32f": 32}
"""What ``--bit-depth`` may be; lossy formats ignore it, and 32f is for WAV alone."""

CHUNK = 1 << 16
"""Frames of a chunk unless told otherwise."""
_LOSSY = {".ogg": "320 kbps", ".mp3": "320"}


def is_audio(path: str | os.PathLike) -> bool:
    """Whether the name ends like a sound file that rtspec reads."""
    return Path(path).suffix.lower() in READABLE


def target_name(source: str | os.PathLike, format: str | None = None) -> str:
    """The name of what a file becomes: its own, with the ending of `format` ("flac", say) where one is given, and .wav
    where rtspec cannot write the file's own format."""
    name = Path(source)
    suffix = f".{format}" if format else name.suffix if name.suffix.lower() in FORMATS else ".wav"
    return name.with_suffix(suffix).name


def make_folder(folder: str | os.PathLike) -> None:
    """Make a folder and those above it, where they are missing."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise AudioFileError(f"cannot make the folder {folder}: {error.strerror}") from error


def read(path: str | os.PathLike, sample_rate: int | None = None) -> tuple[np.ndarray, int]:
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


def write(path: str | os.PathLike, audio: np.ndarray, sample_rate: int, bit_depth: int = 24) -> None:
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

    Attributes
    ----------
    sample_rate, channels, n_samples : int
    notes : list of str
        What the user should know: where the header does not say where the sound ends, what was salvaged.
    """

    def __init__(self, path: str | os.PathLike, sample_rate: int | None = None, *, salvage: bool = False):
        self.path, self.notes = Path(path), list[str]()
        with _failures(self.path, "read"):
            self._reject_truncated()
            self._file = AudioFile(str(self.path))
        _check_rate(self.path, self._file.samplerate)
        if sample_rate is not None and sample_rate != self._file.samplerate:
            _check_rate(self.path, sample_rate)
            self._file = self._file.resampled_to(sample_rate)
        self.sample_rate, self.channels = round(self._file.samplerate), self._file.num_channels
        self.n_samples = self._file.frames
        if not self.n_samples or not self.channels:
            raise AudioFileError(f"{self.path} holds no sound: its length is zero; record or export it again")

    def chunks(self, n: int = CHUNK) -> Iterator[np.ndarray]:
        """The rest of the file in order, float32 of shape (channels, at most n)."""
        while True:
            with _failures(self.path, "read"):
                audio = self._file.read(n)
            if audio.shape[-1] == 0:
                return
            _check_finite(self.path, audio, "holds")
            yield audio

    def seek(self, sample: int) -> None:
        """Go on from this sample; at most the file's length."""
        with _failures(self.path, "read"):
            self._file.seek(min(sample, self.n_samples))

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def _reject_truncated(self) -> None:
        with self.path.open("rb") as file:
            if not file.read(1):
                raise AudioFileError(f"{self.path} holds no sound: it is empty (0 bytes)")
        reason = missing_bytes(self.path)
        if reason:
            raise AudioFileError(f"{self.path} is truncated: {reason}; copy or export it again")


class Writer:
    """A sound file written in chunks; a context manager. There is a file once its block has ended without an error.

    `like` is a sound file whose tags, cover, time and loop points the new one keeps.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        sample_rate: int,
        channels: int,
        bit_depth: int = 24,
        like: str | os.PathLike | None = None,
    ):
        self.path = Path(path)
        suffix = self.path.suffix.lower()
        if suffix not in FORMATS:
            raise AudioFileError(f"{self.path}: the name must end in one of {', '.join(FORMATS)}, not {suffix!r}")
        _check_rate(self.path, sample_rate)
        quality: dict[str, Any] = {"quality": _LOSSY[suffix]} if suffix in _LOSSY else {"bit_depth": bit_depth}
        with _failures(self.path, "write"):
            self._whole = WholeFile(self.path)
        with self._guarded():
            self._file = AudioFile(self._whole.file, "w", sample_rate, channels, format=suffix[1:], **quality)
        self._n_samples = 0

    def write(self, audio: np.ndarray) -> None:
        """Append float audio, shape (channels, n_samples); all formats but 32-bit WAV clip values beyond ±1."""
        _check_finite(self.path, audio, "would hold")
        with self._guarded():
            self._file.write(np.ascontiguousarray(audio, np.float32))
        self._n_samples += audio.shape[-1]

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is not None:
            self._discard()
            return
        if not self._n_samples:
            self._discard()
            raise AudioFileError(f"{self.path} would hold no sound: there are 0 samples to write")
        with self._guarded():
            self._file.close()
            self._whole.keep()

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
        self._whole.discard()


@contextmanager
def _failures(path: Path, verb: str):
    """Errors of the system and of the decoders as one line."""
    try:
        yield
    except AudioFileError:
        raise
    except OSError as error:
        raise AudioFileError(f"cannot {verb} {path}: {error.strerror or error}") from error
    except (ValueError, RuntimeError, TypeError, SystemError) as error:
        if isinstance(error.__cause__, OSError):  # pedalboard wraps what a file object raises
            raise AudioFileError(f"cannot {verb} {path}: {error.__cause__.strerror}") from error
        if verb == "read":
            raise AudioFileError(f"cannot read {path}: no sound in a format that rtspec knows ({_known()})") from error
        raise AudioFileError(f"cannot write {path}: {' '.join(str(error).split())}") from error


def _known() -> str:
    return ", ".join(suffix[1:].upper() for suffix in FORMATS)


def _check_rate(path: Path, sample_rate: float) -> None:
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE or sample_rate % 1:
        raise AudioFileError(
            f"{path}: sample_rate={sample_rate:g} must be a whole number from {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE}"
            " Hz; resample it or mend its header"
        )


def _check_finite(path: Path, audio: np.ndarray, verb: str) -> None:
    bad = int(audio.size - np.count_nonzero(np.isfinite(audio)))
    if bad:
        raise AudioFileError(f"{path} {verb} {bad} samples that are NaN or infinite; sound must be finite numbers")
