"""MIDI files as TimbreSynth plays them beside fluidsynth: peaks, loudness, silence, stuck notes, time."""

import io
import subprocess
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from ...audio.files import read
from ...console import progress
from ...errors import InvalidValue, RtspecError

RATE = 48000
_SUFFIXES = (".mid", ".midi", ".kar", ".rmi")
_STEP = RATE // 1000
_SILENT_DB, _LOUD_DB = -70.0, -40.0
_MOST_LAG_MS = 50
_GAIN = "0.5"
_LIMIT_S = 600


def song_rows(folder: str | Path, font: Path, synth: str, quiet: bool) -> list[dict[str, Any]]:
    """One row a song of a folder, and of its folders.

    Parameters
    ----------
    folder : path
    font : Path
        What fluidsynth plays with, dry.
    synth : str
        Model of TimbreSynth.
    quiet : bool
        No progress bar.
    """
    songs = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not songs:
        raise InvalidValue(f"{folder} holds no MIDI file ({', '.join(_SUFFIXES)}); name a folder that does")
    with progress(quiet) as bar:
        return [_song_row(path, font, synth) for path in bar.track(songs, description="songs")]


def _song_row(path: Path, font: Path, synth: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        ours, theirs = Path(scratch) / "ours.wav", Path(scratch) / "theirs.wav"
        failed = _by_us(path, ours, synth) or _by_fluidsynth(path, theirs, font)
        if failed:
            return {"song": path.name, "failed": failed}
        return {"song": path.name, **compared(read(ours, RATE)[0], read(theirs, RATE)[0])}


def _by_us(path: Path, out: Path, synth: str) -> str:
    """As a user renders it; what went wrong, or nothing."""
    from ...cli import main

    processor = "timbre-synth" if synth == "timbre-synth" else f"timbre-synth:{synth}"
    try:
        with redirect_stdout(io.StringIO()):  # the command's own report is no part of this one
            status = main(["render", str(path), str(out), "--processor", processor, "--json"])
    except (RtspecError, SystemExit) as error:
        return str(error)
    return f"exit status {status}" if status or not out.exists() else ""


def _by_fluidsynth(path: Path, out: Path, font: Path) -> str:
    command = ["fluidsynth", "-ni", "-q", "-R", "0", "-C", "0", "-g", _GAIN, "-r", str(RATE), "-F", str(out)]
    try:
        subprocess.run([*command, str(font), str(path)], check=True, capture_output=True, timeout=_LIMIT_S)
    except FileNotFoundError:
        return "fluidsynth is not installed; apt install fluidsynth"
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return f"fluidsynth: {error}"
    return "" if out.exists() else "fluidsynth wrote nothing"


def compared(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Measures of one song, (channels, samples) each.

    Returns
    -------
    dict
        `peak` of ours; `louder dB` than theirs; `silent s`, for which we are silent and they are loud; `after s`, for
        which we sound after they have ended; `lag ms` at which both levels agree best.
    """
    a, b = _levels(ours), _levels(theirs)
    n = min(len(a), len(b))
    silent = (a[:n] < _SILENT_DB) & (b[:n] > _LOUD_DB)
    ended = int(np.flatnonzero(b > _SILENT_DB)[-1]) if (b > _SILENT_DB).any() else 0
    return {
        "seconds": round(len(a) / 1000, 1),
        "peak": round(float(np.max(np.abs(ours), initial=0.0)), 3),
        "louder dB": round(_loudness(a) - _loudness(b), 2),
        "silent s": round(float(silent.sum()) / 1000, 2),
        "after s": round(float((a[ended:] > _SILENT_DB).sum()) / 1000, 2),
        "lag ms": _lag_ms(a[:n], b[:n]),
    }


def _levels(audio: np.ndarray) -> np.ndarray:
    """Level of every millisecond in dB, of all channels' mean power."""
    power = (audio.astype(np.float64) ** 2).mean(0)
    n = len(power) // _STEP
    return 10 * np.log10(power[: n * _STEP].reshape(n, _STEP).mean(1) + 1e-12)


def _loudness(level: np.ndarray) -> float:
    """Mean power where anything sounds, dB."""
    sounding = level[level > _SILENT_DB]
    return float(10 * np.log10(np.mean(10 ** (sounding / 10)))) if len(sounding) else -120.0


def _lag_ms(a: np.ndarray, b: np.ndarray) -> float:
    """By which ours come later: where the rises of both levels agree best."""
    rises = [np.maximum(0.0, np.diff(np.maximum(_smooth(x), -60.0), prepend=-60.0)) for x in (a, b)]
    lags = range(-_MOST_LAG_MS, _MOST_LAG_MS + 1)
    inner = slice(_MOST_LAG_MS, max(_MOST_LAG_MS + 1, len(a) - _MOST_LAG_MS))
    scores = [float(np.dot(np.roll(rises[0], -lag)[inner], rises[1][inner])) for lag in lags]
    return float(lags[int(np.argmax(scores))])


def _smooth(level: np.ndarray, n: int = 5) -> np.ndarray:
    return np.convolve(level, np.ones(n) / n, "same")
