"""The listening stage made ready: windows, band weights, and what Python reads of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...buffers.memory import address, aligned, aligned_copy
from ...buffers.step import Stage
from ...chain.cells import CELL
from ...control.parameters import ParameterTable
from ...frames.bands import third_octave_bands
from ...frames.fft import real_fft
from ...frames.levels import a_weighting_db, mean_square_per_power
from ...frames.plan import FramePlan
from .floor import floor_fields
from .listening import CONTROLS, LISTENING, N_STATUS, listen

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
    """

    hears_room: bool
    by_noise: bool
    full_scale_db: float
    curves: np.ndarray
    probabilities: np.ndarray | None = None


def plan_for(sample_rate: float) -> FramePlan:
    """Frames of 85 ms, a quarter of that apart, whole cells."""
    n_fft = max(4 * CELL, 2 ** round(np.log2(0.085 * sample_rate)))
    return FramePlan(sample_rate=round(sample_rate), n_fft=n_fft, hop=n_fft // 4, window="hann")


def ear_stage(table: ParameterTable, hearing: Hearing, sample_rate: float, channels: int) -> Stage:
    """A listener for a chain of so many channels."""
    plan = plan_for(sample_rate)
    filters = third_octave_bands(plan, "iec", 20.0, min(20000.0, 0.499 * sample_rate))
    n, labels = filters.n_bands, len(hearing.curves)
    fft, fft_plan = real_fft(plan.n_fft).forward
    hop_s = plan.hop / sample_rate
    n_log = int(LOG_S / (hop_s * LOG_EVERY))
    log, widths = aligned((n_log, n)), filters.centres_hz * (2 ** (1 / 6) - 2 ** (-1 / 6))
    log.fill(0)  # touches every page now
    names = ("power", "played", "long", "short", "wanted", "curve", "automatic")
    state: dict[str, Any] = {name: aligned(n, np.float64) for name in names}
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
        n_labels=labels,
        n_log=n_log,
        log_every=LOG_EVERY,
        fft=fft,
        fft_plan=fft_plan,
        probabilities=None if hearing.probabilities is None else address(hearing.probabilities),
        controls=_constant(np.array([table.target_address(name) for name in CONTROLS])),
        window=plan.analysis,
        weights=_constant(filters.weights),
        ends=_constant(filters.ranges),
        curves=_constant(hearing.curves[:, :n] if labels else np.zeros((1, n))),
        loudness=_constant(10.0 ** (0.1 * a_weighting_db(filters.centres_hz).astype(np.float64))),
        new_room=aligned(plan.hop),
        new_music=aligned(plan.hop),
        room=aligned(plan.n_fft),
        music=aligned(plan.n_fft),
        readings=aligned((3, n), np.float64),
        status=aligned(N_STATUS, np.float64),
        windowed=aligned(plan.n_fft),
        spectrum=aligned(plan.n_bins, np.complex64),
        log=log,
        hop_s=hop_s,
        scale=mean_square_per_power(plan),
        full_scale_db=hearing.full_scale_db,
        **floor_fields(widths, plan.n_fft / sample_rate, hop_s, FAINTEST_DB),
        **state,
    )


def course(ear: Stage, sample_rate: float) -> tuple[np.ndarray, np.ndarray]:
    """When the curve became what: seconds (n,), and dB (n, n_bands)."""
    log, hops, hop = ear.fields["log"], int(ear.record["hops"][0]), ear.fields["hop"]
    n = -(-hops // LOG_EVERY)
    kept = np.arange(max(0, n - len(log)), n)
    return (kept * LOG_EVERY + 1) * hop / sample_rate, log[kept % len(log)].copy()


def _constant(values: np.ndarray) -> np.ndarray:
    out = aligned_copy(values)
    out.flags.writeable = False
    return out
