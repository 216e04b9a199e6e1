"""Recording while playing: the callback puts sound into rings, a thread takes it out and writes it to the disk.

The file is a valid WAV at any moment: its header is brought up to date after every write, so what was recorded stays,
whatever ends the process. Beyond 4 GiB it becomes an RF64.

References
----------
EBU Tech 3306: MBWF / RF64, an extended file format for audio (2009): the JUNK chunk that becomes ds64.
"""

import os
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..buffers.ring import Ring
from ..errors import AudioFileError
from ..storage import check_replaceable, numbered

RING_S = 8.0
"""Sound that the rings hold: the disk, or a thread that burns the GIL, may take that long."""

TURN_S = 0.1
SYNC_S = 5.0
"""How often what is written is forced onto the disk, lest a power cut take it."""

_FLOAT = 3
_UNKNOWN = 0xFFFFFFFF
_RIFF_MOST = 0xFFFFFFFE
_HEADER_BYTES = 92


class GrowingWav:
    """A WAV file of 32-bit floats that is valid after every write.

    Parameters
    ----------
    path : path
    sample_rate : int
        Hz.
    channels : int
    riff_most : int
        Bytes beyond which the file becomes an RF64.
    overwrite : bool
        Replace a file of this name; else FileExistsError tells of it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sample_rate: int,
        channels: int,
        riff_most: int = _RIFF_MOST,
        overwrite: bool = True,
    ):
        self.path, self.sample_rate, self.channels = Path(path), sample_rate, channels
        self._riff_most, self.n_frames = riff_most, 0
        if overwrite:
            check_replaceable(self.path)
        keep = not overwrite and not self.path.is_char_device()  # a device holds nothing that could be lost
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | (os.O_EXCL if keep else os.O_TRUNC), 0o666)
        try:
            self._write_header()
        except OSError:
            os.close(self._file)
            raise

    def write(self, frames: np.ndarray) -> None:
        """Append interleaved frames, float32 of shape (n, channels); the part that fitted counts where the disk is
        full, and OSError tells."""
        data, frame_bytes = np.ascontiguousarray(frames, "<f4").tobytes(), 4 * self.channels
        start, done = _HEADER_BYTES + self.n_frames * frame_bytes, 0
        try:
            while done < len(data):
                done += os.pwrite(self._file, data[done:], start + done)
        finally:
            self.n_frames += done // frame_bytes
            if done:
                self._write_header()

    def sync(self) -> None:
        """Force what is written onto the disk."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write_header(self) -> None:
        os.pwrite(self._file, wav_header(self.sample_rate, self.channels, self.n_frames, self._riff_most), 0)


def wav_header(sample_rate: int, channels: int, n_frames: int, riff_most: int = _RIFF_MOST) -> bytes:
    """All that comes before the samples of a WAV, or RF64, of 32-bit floats: always as many bytes."""
    n_bytes = 4 * channels * n_frames
    riff = _HEADER_BYTES - 8 + n_bytes
    wide = riff > riff_most
    size, first = (_UNKNOWN, b"RF64") if wide else (riff, b"RIFF")
    sizes = struct.pack(
        "<4sIQQQI", b"ds64" if wide else b"JUNK", 28, *((riff, n_bytes, n_frames) if wide else (0, 0, 0)), 0
    )
    form = (b"fmt ", 16, _FLOAT, channels, sample_rate, 4 * channels * sample_rate, 4 * channels, 32)
    fact = struct.pack("<4sII", b"fact", 4, _UNKNOWN if wide else n_frames)
    data = struct.pack("<4sI", b"data", _UNKNOWN if wide else n_bytes)
    return struct.pack("<4sI4s", first, size, b"WAVE") + sizes + struct.pack("<4sIHHIIHH", *form) + fact + data


class TakeWriter:
    """Input and output of a stream on the disk, written by a thread of its own.

    Parameters
    ----------
    path : path
        Of the output; ends in .wav. The input goes beside it: ``take.wav`` and ``take-input.wav``. Where either is
        there already, the next free name is taken for both: ``take-2.wav`` and ``take-2-input.wav``.
    sample_rate : int
        Hz.
    channels : int
    report : callable
        Gets a line of text when recording ends before it should, and when another name is taken.
    overwrite : bool
        Replace what is there under these names.

    Attributes
    ----------
    rings : tuple of Ring
        Where the callback puts input and output.
    paths : tuple of Path
        Of input and output.

    Raises
    ------
    AudioFileError
        A file cannot be opened; before anything plays.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sample_rate: int,
        channels: int,
        report: Callable[[str], object],
        overwrite: bool = False,
    ):
        wanted = checked_path(path)
        self.sample_rate, self._report = sample_rate, report
        self._files = _opened(wanted, sample_rate, channels, overwrite)
        self.paths = self._files[0].path, self._files[1].path
        if self.paths[1] != wanted:
            report(f"{wanted} is kept, an earlier take: recording to {self.paths[1].name} (--overwrite replaces it)")
        capacity = round(RING_S * sample_rate)
        self.rings = Ring(capacity, channels), Ring(capacity, channels)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rtspec recording", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """What is in the files so far."""
        return self._files[1].n_frames / self.sample_rate

    @property
    def active(self) -> bool:
        """Whether it still records."""
        return self._thread.is_alive() and not self._ending.is_set()

    def end(self) -> None:
        """Record no more; :meth:`close` waits until the files are whole."""
        self._ending.set()

    def close(self) -> None:
        """Write what is left in the rings and close the files; safe to call twice."""
        self.end()
        if self._thread is not threading.current_thread():  # a line that it said may have ended the take
            self._thread.join()

    def _run(self) -> None:
        sync_at = time.monotonic() + SYNC_S
        try:
            while not self._ending.wait(TURN_S):
                self._empty()
                if time.monotonic() >= sync_at:
                    sync_at = time.monotonic() + SYNC_S
                    self._sync()
            self._empty()
        except OSError as error:
            self._report(
                f"recording ended: {self.paths[1]}: {error.strerror or error}; the {self.seconds:.1f} s so far are kept"
                " and playing goes on"
            )
        finally:
            for file in self._files:
                file.close()

    def _empty(self) -> None:
        for ring, file in zip(self.rings, self._files, strict=True):
            frames = ring.read(len(ring))
            if len(frames):
                file.write(frames)

    def _sync(self) -> None:
        for file in self._files:
            file.sync()


def checked_path(path: str | os.PathLike[str]) -> Path:
    """`path` if it can be recorded to, or :class:`AudioFileError`."""
    found = Path(path)
    if found.suffix.lower() != ".wav":
        raise AudioFileError(f"{found}: a recording's name must end in .wav, the format that a crash leaves readable")
    return found


def take_paths(path: Path) -> tuple[Path, Path]:
    """Where a take's input and output go."""
    return path.with_name(f"{path.stem}-input{path.suffix}"), path


def _opened(wanted: Path, sample_rate: int, channels: int, overwrite: bool) -> list[GrowingWav]:
    for path in numbered(wanted):
        with suppress(FileExistsError):
            return _opened_pair(take_paths(path), sample_rate, channels, overwrite)
    raise AudioFileError(f"cannot record to {wanted}: all numbers are taken; choose another name")


def _opened_pair(paths: tuple[Path, Path], sample_rate: int, channels: int, overwrite: bool) -> list[GrowingWav]:
    files: list[GrowingWav] = []
    try:
        for path in paths:
            files.append(GrowingWav(path, sample_rate, channels, overwrite=overwrite))
    except OSError as error:
        for file in files:
            file.close()
            if not overwrite:
                file.path.unlink()
        if isinstance(error, FileExistsError):
            raise
        where = error.filename or paths[1]
        raise AudioFileError(f"cannot record to {where}: {error.strerror or error}; choose another place") from None
    return files
