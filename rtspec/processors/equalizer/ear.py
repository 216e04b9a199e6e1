"""The listening stage made ready: windows, band weights, and what Python reads of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...buffers.memory import address, aligned, aligned_copy
from ...buffers.step import Stage
from ...chain.cells import CELL
from ...control.parameters import ParameterTable
from ...frames.bands import BandFilters, third_octave_bands
from ...frames.levels import a_weighting_db, mean_square_per_power
from ...frames.plan import FramePlan
from ...frames.transforms import real_fft
from .cancelling import FRAME_S, HOP_S, band_centres_hz
from .floor import floor_fields, lifts_db, mean_lasts_s
from .listening import CONTROLS, LISTENING, N_STATUS, listen
from .loudness import STEPS, ear_tables

LOG_S, LOG_EVERY = 3600.0, 8
"""For how long the curve's course is kept, and every how many hops."""

FAINTEST_DB = -150.0


@dataclass(frozen=True)
class Hearing:
    """What is heard, and what follows from it.

    Attributes
    ----------
    hears_room, by_noise : bool
        The sensor, or the signal itself; whether noise drives the curve.
    full_scale_db : float
        Level of a sound whose mean square is one.
    curves : ndarray, float64, shape (n_labels, n_bands)
        One a scene, in dB.
    probabilities : ndarray, float64, shape (n_labels,), optional
        Where a tagger writes; None where none listens.
    canceller : Stage, optional
        What hears the room without the music; None where the sensor's own levels count.
    """

    hears_room: bool
    by_noise: bool
    full_scale_db: float
    curves: np.ndarray
    probabilities: np.ndarray | None = None
    canceller: Stage | None = None


def plan_for(sample_rate: float) -> FramePlan:
    """Frames of 85 ms, a quarter of that apart, whole cells."""
    n_fft = max(4 * CELL, 2 ** round(np.log2(0.085 * sample_rate)))
    return FramePlan(sample_rate=round(sample_rate), n_fft=n_fft, hop=n_fft // 4, window="hann")


def ear_stage(table: ParameterTable, hearing: Hearing, sample_rate: float, channels: int) -> Stage:
    """A listener for a chain of so many channels."""
    plan = plan_for(sample_rate)
    filters = third_octave_bands(plan, "iec", 20.0, min(20000.0, 0.499 * sample_rate))
    fft, fft_plan = real_fft(plan.n_fft).forward
    return Stage(
        listen,
        LISTENING,
        keep=(table, hearing),
        channels=channels,
        hop=plan.hop,
        n_fft=plan.n_fft,
        n_bins=plan.n_bins,
        hears_room=hearing.hears_room,
        by_noise=hearing.by_noise,
        fft=fft,
        fft_plan=fft_plan,
        controls=_constant(np.array([table.target_address(name) for name in CONTROLS])),
        window=plan.analysis,
        hop_s=plan.hop / sample_rate,
        scale=mean_square_per_power(plan),
        full_scale_db=hearing.full_scale_db,
        **_memory(plan, filters.n_bands),
        **_log(plan, filters.n_bands),
        **_bands(filters),
        **_scenes(hearing, filters.n_bands),
        **_room(hearing.canceller, filters, plan),
    )


def _memory(plan: FramePlan, n: int) -> dict[str, Any]:
    """What is kept from hop to hop, and worked in."""
    names = ("power", "played", "long", "short", "rule", "wanted", "curve", "automatic", "music_db", "noise_db")
    shapes = {**dict.fromkeys(names, n), "limits": 3, "work": (4, n)}
    shapes |= {"steps": (2, STEPS), "errors": (n, STEPS), "readings": (3, n), "status": N_STATUS}
    spaces = {"new_room": plan.hop, "new_music": plan.hop, "room": plan.n_fft, "music": plan.n_fft}
    return {
        **{name: aligned(shape, np.float64) for name, shape in shapes.items()},
        **{name: aligned(size) for name, size in {**spaces, "windowed": plan.n_fft}.items()},
        "spectrum": aligned(plan.n_bins, np.complex64),
        "timespec": aligned(2, np.int64),
    }


def _log(plan: FramePlan, n: int) -> dict[str, Any]:
    """The course of the curve."""
    n_log = int(LOG_S * plan.frame_rate_hz / LOG_EVERY)
    log = aligned((n_log, n))
    log.fill(0)  # touches every page now
    return {"n_log": n_log, "log_every": LOG_EVERY, "log": log}


def _bands(filters: BandFilters) -> dict[str, Any]:
    """How levels are taken, and how loud they are."""
    return {
        "weights": _constant(filters.weights),
        "ends": _constant(filters.ranges),
        "loudness": _constant(10.0 ** (0.1 * a_weighting_db(filters.centres_hz).astype(np.float64))),
        "ear": _constant(ear_tables(filters.centres_hz)),
    }


def _scenes(hearing: Hearing, n: int) -> dict[str, Any]:
    """Curves, and where a tagger tells which of them counts."""
    labels = len(hearing.curves)
    return {
        "n_labels": labels,
        "probabilities": None if hearing.probabilities is None else address(hearing.probabilities),
        "curves": _constant(hearing.curves[:, :n] if labels else np.zeros((1, n))),
    }


def _room(canceller: Stage | None, filters: BandFilters, plan: FramePlan) -> dict[str, Any]:
    """The floor, and the bands whose levels are the canceller's; their frames are longer than the ear's own."""
    hop_s, centres = plan.hop / plan.sample_rate, filters.centres_hz
    widths = centres * (2 ** (1 / 6) - 2 ** (-1 / 6))
    fields = floor_fields(widths, plan.n_fft / plan.sample_rate, hop_s, FAINTEST_DB)
    if canceller is None:
        return {**fields, "n_cancelled": 0, "first_cancelled": 0, "cancelled": None, "canceller": None}
    theirs = band_centres_hz()
    first = int(np.argmin(np.abs(np.log(centres / theirs[0]))))
    taken = slice(first, min(first + len(theirs), len(centres)))
    lifts = fields["lifts_db"].copy()
    lifts[taken] = lifts_db(widths[taken], FRAME_S, mean_lasts_s(FRAME_S, max(hop_s, HOP_S), fields["frames"]))
    return {
        **fields,
        "lifts_db": _constant(lifts),
        "n_cancelled": taken.stop - first,
        "first_cancelled": first,
        "cancelled": address(canceller.fields["remaining"]),
        "canceller": address(canceller.fields["state"]),
    }


def course(ear: Stage, sample_rate: float) -> tuple[np.ndarray, np.ndarray]:
    """When the curve became what: seconds (n,), and dB (n, n_bands). Both float64."""
    log, hops, hop = ear.fields["log"], int(ear.record["hops"][0]), ear.fields["hop"]
    n = -(-hops // LOG_EVERY)
    kept = np.arange(max(0, n - len(log)), n)
    return (kept * LOG_EVERY + 1) * hop / sample_rate, log[kept % len(log)].copy()


def _constant(values: np.ndarray) -> np.ndarray:
    out = aligned_copy(values)
    out.flags.writeable = False
    return out
