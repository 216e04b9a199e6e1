"""``rtspec evaluate loudness``: does the curve keep the music's loudness in noise? Judged by the whole model of Moore,
Glasberg and Baer, beside flat and beside plain volume at the same A-weighted level."""

import argparse
from itertools import product

import numpy as np

from ..console import emit, table
from ..processors.equalizer.loudness import ear_tables, gains_for
from .loudness_model import loudness_error

CENTRES_HZ = 1000 * 10 ** (np.arange(-13, 12) / 10)
"""50 Hz to 12.5 kHz."""

MUSIC = {
    "orchestra": ((50, -6), (100, 0), (400, 0), (1600, -6), (4000, -14), (12500, -28)),
    "pop": ((50, 2), (80, 4), (250, -3), (1000, -5), (4000, -9), (12500, -17)),
    "bass": ((50, 8), (100, 8), (250, -2), (1000, -12), (4000, -18), (12500, -28)),
    "song": ((50, -20), (125, -8), (400, 0), (1000, -3), (3150, -9), (12500, -22)),
    "piano": ((50, -18), (100, -6), (300, 0), (1000, -6), (4000, -22), (12500, -42)),
    "bright": ((50, -12), (125, -8), (500, -5), (2000, -2), (6300, 0), (12500, -4)),
}
NOISES = {
    "pink": ((50, 0), (12500, 0)),
    "white": ((50, -12), (12500, 12)),
    "car": ((50, 12), (125, 4), (500, -8), (2000, -18), (12500, -34)),
    "train": ((50, 0), (125, 5), (630, 0), (2000, -9), (12500, -28)),
    "babble": ((50, -26), (125, -6), (500, 0), (1600, -7), (4000, -13), (12500, -24)),
    "street": ((50, 4), (125, 1), (1000, 0), (2500, -6), (12500, -22)),
}
"""Third-octave spectra, dB at some frequencies; all are brought to one level."""


def spectrum(points: tuple[tuple[float, float], ...], level_db: float) -> np.ndarray:
    """Levels of the bands that add up to `level_db`. Float64 of shape (n_bands,), dB SPL."""
    hz, db = np.array(points, np.float64).T
    levels = np.interp(np.log(CENTRES_HZ), np.log(hz), db)
    return levels + level_db - 10 * np.log10(np.sum(10 ** (levels / 10)))


def pair(music_db: np.ndarray, noise_db: np.ndarray, max_rise_db: float = 6.0) -> dict[str, float]:
    """Errors of one pair: flat, the curve, and volume at the curve's A-weighted level; the rise in dB. Levels are
    float64 of shape (n_bands,), dB SPL."""
    gains = gains_for(CENTRES_HZ, music_db, noise_db, max_rise_db=max_rise_db)
    rise = rise_db(music_db, gains)
    error = lambda g: loudness_error(CENTRES_HZ, music_db, noise_db, g)  # noqa: E731
    flat, curve, volume = error(np.zeros_like(gains)), error(gains), error(np.full_like(gains, rise))
    return {"flat": flat, "curve": curve, "volume": volume, "ratio": curve / flat, "rise_db": rise}


def rise_db(music_db: np.ndarray, gains_db: np.ndarray) -> float:
    """By how much gains raise the A-weighted level. Both float64 of shape (n_bands,), dB."""
    weighted = 10 ** ((music_db + ear_tables(CENTRES_HZ)[1]) / 10)
    return float(10 * np.log10(np.sum(weighted * 10 ** (gains_db / 10)) / np.sum(weighted)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """At which levels."""
    parser.add_argument("--music-db", type=float, default=65.0, metavar="DB", help="dB SPL (default 65)")
    parser.add_argument("--noise-db", type=float, default=65.0, metavar="DB", help="dB SPL (default 65)")
    parser.add_argument("--max-rise-db", type=float, default=6.0, metavar="DB", help="default 6")


def run(args: argparse.Namespace) -> int:
    """All pairs; 1 where the curve is no better than volume in 95 % of them, or a limit is broken."""
    rows = []
    for music, noise in product(MUSIC, NOISES):
        levels = spectrum(MUSIC[music], args.music_db), spectrum(NOISES[noise], args.noise_db)
        rows.append({"music": music, "noise": noise, **pair(*levels, max_rise_db=args.max_rise_db)})
    ratios, volumes = (np.array([r[key] / r["flat"] for r in rows]) for key in ("curve", "volume"))
    found = {
        "pairs": len(rows),
        "ratio": float(ratios.mean()),
        "volume_ratio": float(volumes.mean()),
        "better_than_volume": float(np.mean(ratios < volumes)),
        "largest_rise_db": max(r["rise_db"] for r in rows),
    }
    found["holds"] = bool(found["better_than_volume"] >= 0.95 and found["largest_rise_db"] <= args.max_rise_db + 0.01)
    emit(args, {**found, "rows": rows}, f"{table(rows)}\n{table([found])}")
    return 0 if found["holds"] else 1
