"""A sensor as a source of sound: its levels in shared memory, and the stage that turns their frames into band powers.

A file's levels are all there from the start; those of a stream (:mod:`rtspec.processors.inversion.sensor_stream`) come
frame after frame into a ring. The stage plays it at the sensor's own pace, about a frame and a half behind the newest,
and drifts after it when clocks differ. Where frames stay away, the last one holds and then fades. Between frames power
is interpolated, which keeps its mean.
"""

from abc import ABC, abstractmethod

import numpy as np
from numba import njit

from ...buffers.atomics import load_acquire, publish
from ...buffers.memory import address, aligned
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import float_rows, floats
from ...frames.bands import BandFilters
from ...frames.levels import FULL_SCALE_DB
from .level_tables import LevelFrames

BEHIND_FRAMES = 1.5
"""How far the stage plays behind the newest frame of a stream."""

FARTHEST_FRAMES = 6.0
"""Farther behind than this, the stage leaps to where it belongs: what is heard is never old, and never hurried."""

PULL = 0.02
"""Share of the distance from its place by which the stage changes its pace."""

PATIENCE_S = 1.0
"""How long the last frame holds when none follows, beyond two periods; then it fades."""

FADE_PER_S = 0.01
"""What power is multiplied by each second while it fades: 20 dB."""

FADE_IN_S = 0.3
"""In which a stream's sound rises when it begins, and when it comes back."""

CEILING, KNEE = 0.98, 0.7
"""Of the limiter: no sample is louder than the first, none below the second is changed."""

PLAYER = Record(
    "LevelPlayer",
    counts="n_bands capacity is_stream started=0 starved=0",
    addresses="count",
    shared="ring:f4[capacity,n_bands]",
    reals="pace position=0 first patience fade gain rise",
)


@njit
def _advance(s, count):
    """Move the play-head one frame of sound on."""
    if not s.started:
        s.position, s.started = (count - 1.0 - BEHIND_FRAMES if s.is_stream else s.first), 1
        return
    distance = count - 1.0 - s.position
    s.position += s.pace * (1.0 + PULL * (distance - BEHIND_FRAMES)) if s.is_stream else s.pace
    if s.is_stream and distance > FARTHEST_FRAMES:
        s.position = count - 1.0 - BEHIND_FRAMES
    if s.position > count - 1.0:
        s.position = count - 1.0
        s.starved += 1
    else:
        s.starved = 0
    s.gain = s.gain * s.fade if s.starved > s.patience else min(1.0, s.gain + s.rise)


@step
def play_levels(state, x, n, y):
    """→ `n` float32 frames of n_bands powers; `x` is not read."""
    s = PLAYER(state)
    frames = float_rows(y, n, s.n_bands)
    for t in range(n):
        out = frames[t]
        count = load_acquire(s.count)
        if count == 0:
            for b in range(s.n_bands):
                out[b] = 0
            continue
        _advance(s, count)
        place = max(s.position, 0.0)
        whole = int(place)
        part = np.float32(place - whole)
        now, after = s.ring[whole % s.capacity], s.ring[min(whole + 1, count - 1) % s.capacity]
        for b in range(s.n_bands):
            out[b] = np.float32(s.gain) * (now[b] + part * (after[b] - now[b]))
    return n


LIMITER = Record("Limiter", counts="n_samples")


@step
def limit(state, x, n, y):
    """`n` hops of float32 samples → the same, bent smoothly above KNEE and never beyond CEILING; no number is 0."""
    n_samples = n * LIMITER(state).n_samples
    samples, out = floats(x, n_samples), floats(y, n_samples)
    room = CEILING - KNEE
    for i in range(n_samples):
        value = samples[i]
        loudness = abs(value)
        if not np.isfinite(value):
            value = np.float32(0)
        elif loudness > KNEE:
            bent = np.float32(KNEE + room * np.tanh((loudness - KNEE) / room))
            value = bent if value > 0 else -bent
        out[i] = value
    return n


def limiter_stage(hop: int) -> Stage:
    """The limiter as a stage on hops, no delay: whatever a sensor sends, the ear is safe."""
    return Stage(limit, LIMITER, n_samples=hop)


class LevelSource(ABC):
    """Levels that can be played, by any number of stages at once.

    Parameters
    ----------
    centres_hz : ndarray, shape (n_bands,)
    period_s : float
    full_scale_db : float
        Level of a sound whose mean square is one.
    weighting : str, optional
        "A" where the levels are A-weighted.
    """

    is_stream = False

    def __init__(self, centres_hz: np.ndarray, period_s: float, full_scale_db: float, weighting: str | None):
        self.centres_hz, self.period_s = np.asarray(centres_hz, float), period_s
        self.full_scale_db, self.weighting = full_scale_db, weighting
        self._rings: list[tuple[BandFilters, np.ndarray]] = []
        self._count = aligned(1, np.int64)

    def _ring(self, filters: BandFilters) -> np.ndarray:
        """The memory that stages of these filters read."""
        for known, ring in self._rings:
            if known is filters:
                return ring
        self._rings.append((filters, self._filled(filters)))
        return self._rings[-1][1]

    @property
    def seconds(self) -> float | None:
        """Duration; None of a stream."""
        return None

    @abstractmethod
    def _filled(self, filters: BandFilters) -> np.ndarray:
        """Memory for the powers of these filters, with what is known of them by now."""

    def stage(self, filters: BandFilters) -> Stage:
        """The levels as a stage, no delay of its own: nothing → (n_bands,) float32 band powers."""
        plan, ring = filters.plan, self._ring(filters)
        frame_s = 1 / plan.frame_rate_hz
        centre_s = frame_s - plan.length / (2 * plan.sample_rate)
        return Stage(
            play_levels,
            PLAYER,
            keep=(self,),
            n_bands=filters.n_bands,
            capacity=len(ring),
            ring=ring,
            count=address(self._count),
            is_stream=self.is_stream,
            pace=frame_s / self.period_s,
            first=centre_s / self.period_s - 0.5,
            patience=(PATIENCE_S + 2 * self.period_s) / frame_s,
            fade=FADE_PER_S**frame_s,
            gain=0.0 if self.is_stream else 1.0,
            rise=frame_s / FADE_IN_S,
        )


class StoredLevels(LevelSource):
    """A file's levels, or any others that are known as a whole.

    Parameters
    ----------
    levels : LevelFrames
    full_scale_db, weighting
        As in :class:`LevelSource`.
    """

    def __init__(self, levels: LevelFrames, full_scale_db: float = FULL_SCALE_DB, weighting: str | None = None):
        super().__init__(levels.centres_hz, levels.period_s, full_scale_db, weighting)
        self.levels = levels
        publish(self._count, 0, len(levels.levels_db))

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.levels.seconds

    def _filled(self, filters: BandFilters) -> np.ndarray:
        powers = self.levels.powers(filters, self.full_scale_db, self.weighting)
        ring = aligned(powers.shape)
        ring[...] = powers
        return ring
