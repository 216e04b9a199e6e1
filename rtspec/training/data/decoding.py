"""Whole tracks of any package as arrays: sound files, Opus, and tracker modules, which ffmpeg plays."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from ...audio.files import is_audio, read
from ...errors import AudioFileError
from ...metrics.distances import resampled
from .folders import Track
from .packages import MODULES, DataError

LONGEST_S = 1800.0
"""A module may loop for ever: no more than this is played of any."""


def decoded(track: Track, sample_rate: int) -> np.ndarray:
    """All of a track, its stems summed: float32 of shape (channels, n_samples).

    Raises
    ------
    AudioFileError
        A file that cannot be read.
    """
    parts = [_decoded(path, sample_rate) for path in track.paths]
    length, channels = min(part.shape[1] for part in parts), max(len(part) for part in parts)
    return np.sum([np.broadcast_to(part[:, :length], (channels, length)) for part in parts], axis=0)


def _decoded(path: Path, sample_rate: int) -> np.ndarray:
    if path.suffix.lower() in MODULES:
        return _played(path, sample_rate)
    if is_audio(path):
        sound, rate = read(path)
    else:
        sound, rate = soundfile().read(path, dtype="float32", always_2d=True)
        sound = sound.T
    return resampled(sound, rate, sample_rate)


def _played(path: Path, sample_rate: int) -> np.ndarray:
    """A tracker module, stereo, by ffmpeg's libopenmpt."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-t", str(LONGEST_S), "-ac", "2"]
    command += ["-ar", str(sample_rate), "-f", "f32le", "-"]
    try:
        made = subprocess.run(command, capture_output=True, check=True, timeout=600).stdout
    except FileNotFoundError:
        raise DataError("tracker modules need ffmpeg; type: sudo apt-get install ffmpeg") from None
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise AudioFileError(f"{path} cannot be played as a module: {error}") from None
    return np.ascontiguousarray(np.frombuffer(made, np.float32).reshape(-1, 2).T)


def soundfile() -> Any:
    """The package of that name."""
    try:
        import soundfile
    except ImportError:
        raise DataError('this file needs soundfile, of the extra "train": pip install "rtspec[train]"') from None
    return soundfile
