"""``rtspec evaluate canceller``: the noise that the scene equalizer believes to hear while its own music plays.

Simulated rooms carry music to a microphone beside noise of known level; half-way the microphone is carried elsewhere.
The noise's third-octave levels from the canceller are held against those of the noise alone.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from .. import checks
from ..chain.program import STRIDE
from ..console import emit, table
from ..processors.equalizer.canceller import (
    BLOCK,
    CANCELLED,
    ERROR,
    MOVES,
    SAMPLE_RATE,
)
from ..processors.equalizer.cancelling import band_centres_hz, canceller_stage
from ..processors.equalizer.scene import SceneEqualizer
from .rooms import ROOMS, Room, moving, paths

LENGTH_S, MOVE_S, CARRIED_S = 25.0, 12.0, 0.5
WINDOWS = {"before": (8.0, 11.0), "moved": (MOVE_S + 5.0, MOVE_S + 8.0), "after": (MOVE_S + 9.0, MOVE_S + 12.0)}
"""Seconds between which levels are averaged: settled, from 5 s after the move begins, settled again."""
NOISES = {"pink": 0.5, "white": 0.0, "brown": 1.0}
"""Exponents by which their spectra's magnitudes fall."""
READ_S = 0.25
"""How often the processor's levels are read."""
MEDIAN_DB, WITHIN_DB, WITHIN_SHARE = 1.0, 3.0, 0.85


def music(seconds: float, channels: int, rng: np.random.Generator) -> np.ndarray:
    """Notes with decays over a beat, panned: float64 (channels, n_samples) at 16 kHz."""
    n = round(seconds * SAMPLE_RATE)
    made, time = np.zeros((2, n)), np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for at in np.arange(0, n - SAMPLE_RATE, SAMPLE_RATE // 8):
        for _ in range(2):
            pitch = 55 * 2 ** (rng.integers(0, 60) / 12)
            tone = sum(
                np.sin(2 * np.pi * k * pitch * time + rng.uniform(0, 6)) / k for k in range(1, 12) if k * pitch < 7800
            )
            note = tone * np.exp(-time / rng.uniform(0.1, 0.5)) * rng.uniform(0.2, 1)
            made[:, at : at + SAMPLE_RATE] += np.outer([np.cos(p := rng.uniform(0, np.pi / 2)), np.sin(p)], note)
        if at % (SAMPLE_RATE // 2) < SAMPLE_RATE // 8:
            hit = rng.standard_normal((2, SAMPLE_RATE // 4)) * np.exp(-np.arange(SAMPLE_RATE // 4) / 600)
            made[:, at : at + SAMPLE_RATE // 4] += 0.6 * hit
    return made if channels == 2 else made.mean(axis=0, keepdims=True)


def noise(n: int, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of root mean square 1 whose magnitudes fall with the frequency to the `exponent`. Float64 of shape (n,)."""
    f = np.maximum(np.fft.rfftfreq(n, 1 / SAMPLE_RATE), 30.0)
    made = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * f**-exponent, n)
    return made / np.sqrt(np.mean(made**2))


def cancelled(microphone: np.ndarray, played: np.ndarray) -> dict[str, np.ndarray]:
    """Through the canceller: "residual" (n_samples,), "room" and "left" (n_blocks, n_bands), "state" (n_blocks, 6).
    Float32 in, `microphone` of shape (n_samples,) and `played` (channels, n_samples)."""
    stage = canceller_stage(len(played))
    x, y = np.zeros((1 + len(played), STRIDE), np.float32), np.zeros((1, STRIDE), np.float32)
    kept: dict[str, list[np.ndarray]] = {"residual": [], "room": [], "left": [], "state": []}
    for start in range(0, len(microphone) - BLOCK + 1, BLOCK):
        x[0, :BLOCK], x[1:, :BLOCK] = microphone[start : start + BLOCK], played[:, start : start + BLOCK]
        stage.run(x, BLOCK, y)
        kept["residual"].append(y[0, :BLOCK].copy())
        for name in ("room", "left", "state"):
            kept[name].append(stage.fields[name].copy())
    return {name: np.concatenate(v) if name == "residual" else np.stack(v) for name, v in kept.items()}


def scene(
    room: Room, exponent: float, channels: int, music_db: float, seed: tuple, sound: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is played, what of it reaches the microphone, and the noise there: float64, at 16 kHz. Shapes (channels,
    n_samples), (n_samples,) and (n_samples,)."""
    rng = np.random.default_rng(seed)
    played = music(LENGTH_S, channels, rng) if sound is None else sound
    before, after = (paths(room, SAMPLE_RATE, len(played), rng) for _ in range(2))
    echo = moving(played, before, after, round(MOVE_S * SAMPLE_RATE), round(CARRIED_S * SAMPLE_RATE))
    around = noise(played.shape[1], exponent, rng) * np.std(echo) * 10 ** (-music_db / 20)
    gain = 0.05 / np.std(echo + around)
    return played, echo * gain, around * gain


def trial(*conditions) -> dict:
    """One :func:`scene`: errors of the noise's levels in dB, (n_bands,) for each of :data:`WINDOWS`, and the last
    readings."""
    played, echo, around = scene(*conditions)
    truth = cancelled(around.astype(np.float32), np.zeros_like(played))["room"]
    found = cancelled((echo + around).astype(np.float32), played.astype(np.float32))
    errors = {name: _level(found["room"], *span) - _level(truth, *span) for name, span in WINDOWS.items()}
    state = found["state"][-1]
    return {"errors": errors, "error_db": state[ERROR], "cancelled_db": state[CANCELLED], "moves": state[MOVES]}


def trial_of_processor(*conditions, cancel: bool = True) -> dict:
    """As :func:`trial`, through the whole :class:`~rtspec.SceneEqualizer` at 48 kHz, whose curve stays at nothing: its
    ``noise_db`` beside the music is held against that without."""
    played, echo, around = scene(*conditions)
    truth, _ = _noise_levels(around, np.zeros_like(played), False)
    found, cancelled_db = _noise_levels(echo + around, played, cancel)
    errors = {name: _mean(found, *span) - _mean(truth, *span) for name, span in WINDOWS.items()}
    return {"errors": errors, "cancelled_db": cancelled_db}


def _noise_levels(microphone: np.ndarray, played: np.ndarray, cancel: bool) -> tuple[np.ndarray, float]:
    """What an equalizer reads of the room, four times a second: (n, n_bands) in dB; and by how much the music in the
    microphone was lowered at the end."""
    equalizer, rate = SceneEqualizer(amount=0.0, cancel=cancel), 3 * SAMPLE_RATE
    heard, music_now = (resample_poly(x, 3, 1, axis=-1).astype(np.float32) for x in (microphone, played))
    piece, levels = round(READ_S * rate), []
    for at in range(0, len(heard) - piece + 1, piece):
        now = slice(at, at + piece)
        equalizer(music_now[:, now], rate, reset=at == 0, sensor=heard[now])
        levels.append(equalizer.noise_db)
    wanted = band_centres_hz()
    first = int(np.argmin(np.abs(np.log(equalizer.centres_hz / wanted[0]))))
    return np.stack(levels)[:, first : first + len(wanted)], equalizer.canceller_db


def _mean(levels_db: np.ndarray, start_s: float, end_s: float) -> np.ndarray:
    return levels_db[round(start_s / READ_S) : round(end_s / READ_S)].mean(axis=0)


def _level(powers: np.ndarray, start_s: float, end_s: float) -> np.ndarray:
    first, end = (round(s * SAMPLE_RATE / BLOCK) for s in (start_s, end_s))
    return 10 * np.log10(powers[first:end].mean(axis=0) + 1e-20)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which rooms and noises, how loud, and which music."""
    parser.add_argument(
        "--rooms", default=",".join(ROOMS), metavar="NAMES", help=f"of {', '.join(ROOMS)} (default all)"
    )
    parser.add_argument("--noise", choices=NOISES, default="pink", help="default pink")
    parser.add_argument("--music-db", type=float, default=10.0, metavar="DB", help="over the noise (default 10)")
    parser.add_argument("--audio", type=Path, metavar="FOLDER", help="music from there, in place of played notes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processor", action="store_true", help="through the whole scene equalizer, at 48 kHz")


def run(args: argparse.Namespace) -> int:
    """All rooms, mono and stereo; 1 where a promise does not hold."""
    rows = list(_rows(args))
    found = {}
    for name in WINDOWS:
        errors = np.concatenate([np.abs(row.pop(f"_{name}")) for row in rows])
        found[f"{name}_median_db"] = float(np.median(errors))
        found[f"{name}_within_3_db"] = float(np.mean(errors <= WITHIN_DB))
    found["holds"] = all(
        found[f"{name}_median_db"] <= MEDIAN_DB and found[f"{name}_within_3_db"] >= WITHIN_SHARE for name in WINDOWS
    )
    emit(args, {**found, "bands_hz": band_centres_hz().tolist(), "rows": rows}, f"{table(rows)}\n\n{table([found])}")
    return 0 if found["holds"] else 1


def _rows(args: argparse.Namespace) -> Iterator[dict]:
    names: list[str] = args.rooms.split(",")
    for k, (name, channels) in enumerate([(name, channels) for name in names for channels in (1, 2)]):
        sound = None if args.audio is None else _piece(args.audio, k, channels)
        make = trial_of_processor if args.processor else trial
        made = make(_room(name), NOISES[args.noise], channels, args.music_db, (args.seed, k), sound)
        medians = {f"{w}_db": float(np.median(np.abs(e))) for w, e in made["errors"].items()}
        figures = {key: float(value) for key, value in made.items() if key != "errors"}
        yield {
            "room": name,
            "channels": channels,
            **medians,
            **figures,
            **{f"_{w}": e for w, e in made["errors"].items()},
        }


def _room(name: str) -> Room:
    return ROOMS[checks.choice("room", name, ROOMS)]


def _piece(folder: Path, k: int, channels: int) -> np.ndarray:
    """The middle of one of the folder's tracks."""
    from ..training.data.folders import tracks

    found = tracks(folder)
    track = found[k % len(found)]
    sound = track.read(SAMPLE_RATE, max(0.0, (track.seconds - LENGTH_S) / 2), LENGTH_S)
    sound = sound if len(sound) > 1 else np.concatenate([sound, sound])
    return np.asarray(sound[:2] if channels == 2 else sound.mean(axis=0, keepdims=True), np.float64)
