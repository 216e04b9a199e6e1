"""MIDI files as TimbreSynth plays them beside fluidsynth: peaks, loudness, silence, stuck notes, time."""

import subprocess
import tempfile
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
_MOST_LAG_MS = 40
_RISE_DB, _RISE_MS, _APART_MS, _LEAST_ONSETS = 10.0, 30, 80, 3
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
    from ...batch.rendering import render
    from ...processors import create

    try:
        render(create("timbre-synth" if synth == "timbre-synth" else f"timbre-synth:{synth}"), path, out)
    except RtspecError as error:
        return str(error)
    return "" if out.exists() else "nothing was written"


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
    """Measures of one song, float32 (channels, n_samples) each.

    Returns
    -------
    dict
        `peak` of ours; `louder dB` than theirs; `silent s`, for which we are silent and they are loud; `after s`, for
        which we sound after they have ended; `lag ms` by which our onsets come later, their median.
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


def _lag_ms(ours: np.ndarray, theirs: np.ndarray) -> float:
    """By which our onsets come later than theirs, the median; NaN where there are too few.

    An onset is where a level rises by 10 dB within 30 ms, at the half of that rise.
    """
    lags, last = [], -_APART_MS
    risen = _highest_ahead(theirs, _RISE_MS) - theirs
    for at in np.flatnonzero(risen[: len(ours) - 2 * _MOST_LAG_MS] >= _RISE_DB):
        if at - last < _APART_MS or at < _MOST_LAG_MS:
            continue
        last = at
        pair = [_half_way(x[at - _MOST_LAG_MS : at + _RISE_MS + _MOST_LAG_MS]) for x in (ours, theirs)]
        if pair[0] is not None and pair[1] is not None:
            lags.append(pair[0] - pair[1])
    return float(np.median(lags)) if len(lags) >= _LEAST_ONSETS else float("nan")


def _highest_ahead(level: np.ndarray, n: int) -> np.ndarray:
    """The highest of each value and the `n` after it."""
    padded = np.r_[level, np.full(n, -200.0)]
    return np.lib.stride_tricks.sliding_window_view(padded, n + 1).max(1)


def _half_way(level: np.ndarray) -> float | None:
    """Where the steepest rise of a piece of level is half done, in milliseconds; None where it does not rise enough."""
    risen = _highest_ahead(level, _RISE_MS) - level
    start = int(np.argmax(risen))
    if risen[start] < 0.6 * _RISE_DB:
        return None
    above = np.flatnonzero(level[start : start + _RISE_MS + 1] >= level[start] + risen[start] / 2)
    return float(start + above[0])
