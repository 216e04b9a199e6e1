"""Pictures of sound: spectrograms one below the other, on one scale."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import AudioFileError
from ..frames import FramePlan, stft
from ..storage import AtomicFile, numbered
from .figures import new_figure

RANGE_DB = 90.0
"""What is drawn, down from the loudest point of all panels."""
_LONGEST_S = 60.0
_MADE_BY = {"Software": "rtspec"}
_MARK = b"tEXtSoftware\0rtspec"


def is_own(path: Path) -> bool:
    """Whether a file is a picture that rtspec made, and may be drawn anew."""
    try:
        with path.open("rb") as file:
            return _MARK in file.read(512)
    except OSError:
        return False


def free_name(path: Path) -> Path:
    """The first of picture.png, picture-2.png, … that is not there, or is rtspec's own."""
    return next(each for each in numbered(path) if is_own(each) or not os.path.lexists(each))


def spectrograms(
    path: str | os.PathLike[str], sounds: Mapping[str, np.ndarray], sample_rate: int, title: str = ""
) -> None:
    """Draw sounds as spectrograms with one level scale, into a PNG.

    Parameters
    ----------
    path : path
        The file to write, whole or not at all.
    sounds : mapping of str to ndarray, float32, shape (channels, n_samples)
        Panels from top to bottom; channels are averaged, and only the first minute is drawn.
    sample_rate : int
        Hz.
    title : str
        Above the panels.
    """
    levels = {name: _levels_db(audio, sample_rate) for name, audio in sounds.items()}
    top = max(float(level.max()) for level in levels.values())
    try:
        with AtomicFile(path) as file:
            _figure(levels, top, sample_rate, title).savefig(file, format="png", dpi=110, metadata=_MADE_BY)
    except OSError as error:
        raise AudioFileError(f"cannot write {Path(path)}: {error.strerror or error}") from error


def _plan(sample_rate: int) -> FramePlan:
    """About 40 ms of window, 10 ms of hop, whatever the sample rate."""
    n_fft = 1 << max(6, round(np.log2(0.043 * sample_rate)))
    return FramePlan(sample_rate=sample_rate, n_fft=n_fft, hop=n_fft // 4)


def _levels_db(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Level of each bin and frame, dB, float32 of shape (n_bins, n_frames)."""
    mono = audio[:, : round(_LONGEST_S * sample_rate)].mean(axis=0)
    magnitude = np.abs(stft(np.ascontiguousarray(mono, np.float32), _plan(sample_rate)))
    return 20 * np.log10(np.maximum(magnitude, 1e-7))


def _figure(levels: Mapping[str, np.ndarray], top: float, sample_rate: int, title: str):
    figure = new_figure(figsize=(10, 1 + 2.6 * len(levels)), layout="constrained")
    axes = figure.subplots(len(levels), 1, sharex=True, squeeze=False)[:, 0]
    panels = zip(axes, levels.items(), strict=True)
    images = [_panel(ax, name, level, top, sample_rate) for ax, (name, level) in panels]
    axes[-1].set_xlabel("time (s)")
    figure.colorbar(images[0], ax=list(axes), label="level (dB)", pad=0.01)
    figure.suptitle(title)
    return figure


def _panel(ax, name: str, level: np.ndarray, top: float, sample_rate: int):
    seconds = level.shape[1] * _plan(sample_rate).hop / sample_rate
    extent = (0.0, seconds, 0.0, sample_rate / 2000)
    image = ax.imshow(
        level - top, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-RANGE_DB, vmax=0, rasterized=True
    )
    ax.set_ylim(0, min(20.0, sample_rate / 2000))
    ax.set_ylabel("frequency (kHz)")
    ax.set_title(_drawable(name), loc="left", fontsize=10, parse_math=False)
    return image


def _drawable(name: str) -> str:
    """A name with question marks for bytes that are no UTF-8, which no font has."""
    return name.encode(errors="replace").decode()
