"""What libsndfile does not read (AAC, WMA, …) through ffmpeg, where it is installed: a child that writes float samples.

The child may open this one file and no address, and knows nothing of playlists: the kind of file is named to it.
"""

import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from ...errors import AudioFileError, existing


class FfmpegDecoder:
    """A sound decoded by ffmpeg, from the start to the end.

    Attributes
    ----------
    sample_rate, channels, n_samples : int
        As counted by decoding it once.
    notes : list of str
        What went wrong where it is salvaged all the same.
    """

    def __init__(self, path: Path, demuxer: str, salvage: bool = False):
        self._program = shutil.which("ffmpeg")
        if self._program is None:
            raise AudioFileError(
                f"cannot read {path}: {path.suffix[1:] or demuxer} files are read through ffmpeg, which is not"
                " installed here; install it, or convert the file to WAV or FLAC"
            )
        self._path, self._demuxer, self.notes = path, demuxer, list[str]()
        self._child: subprocess.Popen | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._begin()
        n_bytes = 0
        while data := self._pipe().read(1 << 20):
            n_bytes += len(data)
        self.n_samples = n_bytes // (4 * self.channels)
        trouble = self._trouble()
        if trouble is not None:
            if not (salvage and self.n_samples):
                raise AudioFileError(f"cannot read {path}: {trouble}")
            self.notes.append(f"salvaged, {trouble}")
        self._begin()

    def read(self, n: int) -> np.ndarray:
        """The next samples, float32 of shape (channels, at most n)."""
        data = self._pipe().read(4 * self.channels * n)
        frames = np.frombuffer(data, "<f4", len(data) // (4 * self.channels) * self.channels)
        self._at += len(frames) // self.channels
        return np.ascontiguousarray(frames.reshape(-1, self.channels).T, np.float32)

    def seek(self, sample: int) -> None:
        """Go on from this sample, by decoding up to it."""
        if sample < self._at:
            self._begin()
        while self._at < sample and self.read(min(1 << 16, sample - self._at)).size:
            pass

    def close(self) -> None:
        """End the child."""
        self._end()
        self._said.close()

    def _begin(self) -> None:
        self._end()
        words = ["-v", "error", "-nostdin", "-protocol_whitelist", "file,pipe", "-f", self._demuxer]
        words += ["-i", f"file:{self._path}", "-map", "0:a:0", "-c:a", "pcm_f32le", "-bitexact", "-f", "wav", "pipe:1"]
        self._said.seek(0)
        self._said.truncate()
        self._child = subprocess.Popen(
            [str(self._program), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._said
        )
        self._at = 0
        self._read_header()

    def _read_header(self) -> None:
        """The header that ffmpeg writes: fmt, perhaps others, data."""
        head = self._pipe().read(12)
        while len(chunk := self._pipe().read(8)) == 8 and chunk[:4] != b"data":
            body = self._pipe().read(int.from_bytes(chunk[4:], "little"))
            if chunk[:4] == b"fmt ":
                _, self.channels, self.sample_rate = struct.unpack("<HHI", body[:8])
        if len(head) < 12 or len(chunk) < 8:
            raise AudioFileError(f"cannot read {self._path}: {self._trouble() or 'ffmpeg finds no sound in it'}")

    def _trouble(self) -> str | None:
        """What went wrong in ffmpeg's words, None where nothing did."""
        status = 0 if self._child is None else self._child.wait()
        self._said.seek(0)
        lines = os.fsdecode(self._said.read(1 << 16)).splitlines()  # with the file's name as this program knows it
        if not status and not lines:
            return None
        said = lines[-1].replace(f"file:{self._path}", "it") if lines else f"status {status}"
        return f"ffmpeg says: {said[:200]}"

    def _pipe(self) -> IO[bytes]:
        return existing(existing(self._child).stdout)

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            if child.stdout is not None:
                child.stdout.close()
            child.wait()
