"""Sounds to measure phase methods on: anyone's folder, or what ships with the package and three made here."""

import os
from pathlib import Path

import numpy as np

from ..audio import files
from ..errors import AudioFileError

SECONDS, SAMPLE_RATE = 5.0, 44100
_PACKAGE = Path(__file__).resolve().parent.parent
SHIPPED = (_PACKAGE / "examples", _PACKAGE.parent / "examples" / "audio")
"""Where the real sounds lie: in a wheel, in a checkout."""

Clip = tuple[np.ndarray, int]
"""Mono float32 samples and their rate in Hz."""


def clips(folder: str | os.PathLike[str] | None = None, seconds: float = SECONDS) -> dict[str, Clip]:
    """Clips by name: of every sound file in `folder`, or the package's two real ones and three synthetic ones.

    The synthetic ones are weaker evidence than recordings: their partials are cleaner and their noise is stationary.

    Raises
    ------
    AudioFileError
        If the folder holds no sound file.
    """
    folders = [Path(folder)] if folder else [place for place in SHIPPED if place.is_dir()][:1]
    found = {path.stem: _read(path, seconds) for place in folders for path in _sound_files(place)}
    if folder and not found:
        raise AudioFileError(f"{folder} holds no sound file; rtspec reads {', '.join(files.FORMATS)}")
    return found if folder else found | _synthetic(seconds)


def _sound_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise AudioFileError(f"{folder} is no folder; pass one that holds sound files")
    return sorted(path for path in folder.rglob("*") if files.is_audio(path))


def _read(path: Path, seconds: float) -> Clip:
    audio, sample_rate = files.read(path)
    return audio[:, : round(seconds * sample_rate)].mean(axis=0), sample_rate


def _synthetic(seconds: float) -> dict[str, Clip]:
    makers = {"struck strings (made)": _strings, "ensemble (made)": _ensemble, "drums (made)": _drums}
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return {name: (_levelled(make(t, np.random.default_rng(7))), SAMPLE_RATE) for name, make in makers.items()}


def _levelled(x: np.ndarray) -> np.ndarray:
    return (0.5 * x / np.abs(x).max()).astype(np.float32)


def _strings(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two struck notes a beat: stretched partials that decay the faster the higher they are."""
    out = np.zeros_like(t)
    for beat in np.arange(0, t[-1], 0.3):
        for note_hz in 110 * 2 ** (rng.integers(0, 36, 2) / 12):
            after = np.maximum(t - beat, 0)
            for k in range(1, 16):
                partial_hz = k * note_hz * np.sqrt(1 + 4e-4 * k * k)
                decay = np.exp(-after * (1 + 0.6 * k)) * (t >= beat) / k
                out += decay * np.sin(2 * np.pi * partial_hz * after + rng.uniform(0, 6.28))
    return out


def _ensemble(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Nine bowed voices in chords, each with its own vibrato and breath."""
    out = 2e-3 * rng.standard_normal(len(t))
    for voice in range(9):
        semitones = (
            np.array([0, 4, 7, 12, 16, 19, 24, 28, 31])[voice] + np.array([0, 5, 7, 2])[(t // 1.25).astype(int) % 4]
        )
        vibrato = 1 + 4e-3 * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * t + rng.uniform(0, 6.28))
        phase = 2 * np.pi * np.cumsum(98 * 2 ** (semitones / 12) * vibrato) / SAMPLE_RATE
        for k in range(1, 20):
            out += np.sin(k * phase + rng.uniform(0, 6.28)) / k
    return out


def _drums(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A falling tone and a burst of noise in turn."""
    out = np.zeros_like(t)
    for i, beat in enumerate(np.arange(0.1, t[-1], 0.22)):
        after, on = np.maximum(t - beat, 0), t >= beat
        tone = np.sin(2 * np.pi * (60 * after + 6 * (1 - np.exp(-after * 30)))) * np.exp(-after * 12)
        noise = rng.standard_normal(len(t)) * np.exp(-after * 40)
        out += on * (noise * 0.5 if i % 2 else tone)
    return out
