"""Batches for the live network: what it sees comes from the very stages that the host runs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.fft import rfft

from ...frames.analysis import analysis_stage
from ...frames.plan import FramePlan
from ...metrics.distances import LSD_FLOOR, LSD_N_FFT
from ...processors.bandwidth.sizes import CONTROLS, N_BINS, N_FEATURES
from ...processors.bandwidth.watch import watch_stage
from ..data.folders import Clip
from ..data.walls import WALL_FOOT_HZ
from .segments import Segments, one_channel

LIVE_PLAN = FramePlan(sample_rate=44100, n_fft=1024, hop=256)
LEAD_S = 1.5
"""Sound before the part that counts, in which the edge is found and the network's memory fills."""
LONG_STRIDE = 4
LONG_LAG = (LSD_N_FFT + LIVE_PLAN.length) // (2 * LIVE_PLAN.hop) - 1


class Batch(NamedTuple):
    """One batch, or one item of it, for the live network and its loss.

    Attributes
    ----------
    features : (batch, n_frames, N_FEATURES)
    controls : (batch, n_frames, CONTROLS)
        With the edge that is found at the end where there is none yet.
    spectrum, wanted : complex, (batch, n_frames, N_BINS)
        Of the degraded sound and of the original.
    sound, original : (batch, n_samples)
    distant : (batch, n_distances, LSD_N_FFT / 2 + 1)
        log10 of the original's power in frames as the log-spectral distance has them, see :func:`long_frames`.
    coded : (batch,)
        1 where a coder did it, else 0.
    top : (batch,)
        Bin of the plan from which the original itself was cut off; the number of bins where it was not.
    """

    features: Any
    controls: Any
    spectrum: Any
    wanted: Any
    sound: Any
    original: Any
    distant: Any
    coded: Any
    top: Any


def spectra(sound: np.ndarray, plan: FramePlan = LIVE_PLAN) -> np.ndarray:
    """Frames of a mono sound, as the host analyses them: complex64 of shape (n_frames, N_BINS)."""
    n_frames = len(sound) // plan.hop
    made = np.empty((n_frames, N_BINS), np.complex64)
    analysis_stage(plan).run(np.ascontiguousarray(sound, np.float32), n_frames, made)
    return made


def long_frames(sound: np.ndarray) -> np.ndarray:
    """log10 of the power in every second frame of :func:`rtspec.metrics.distances.log_spectral_distance`: float32 of
    shape (n_distances, LSD_N_FFT / 2 + 1). Frame j has its centre where the plan's frame ``LONG_LAG + LONG_STRIDE · j``
    has it."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, LSD_N_FFT)[:: LONG_STRIDE * LIVE_PLAN.hop]
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(LSD_N_FFT) / LSD_N_FFT)).astype(np.float32)
    power = np.abs(np.asarray(rfft(frames * window))) ** 2
    return np.log10(np.maximum(power, LSD_FLOOR)).astype(np.float32)


class Seen:
    """What the network and the loss need of one mono sound: the frames of a batch, as arrays.

    Attributes
    ----------
    features : ndarray, float32, shape (n_frames, N_FEATURES)
    controls : ndarray, float32, shape (n_frames, CONTROLS)
    spectrum : ndarray, complex64, shape (n_frames, N_BINS)
    """

    def __init__(self, sound: np.ndarray, plan: FramePlan = LIVE_PLAN):
        self.spectrum = spectra(sound, plan)
        made = np.empty((len(self.spectrum), N_FEATURES + CONTROLS), np.float32)
        watch_stage(plan).run(self.spectrum, len(made), made)
        self.features, self.controls = made[:, :N_FEATURES], made[:, N_FEATURES:]


class LiveBatches:
    """Draws batches of segments of one channel: coded, coded otherwise, and low-passed.

    Parameters
    ----------
    sources : sequence of Clip
    seconds : float
        Of a segment that counts; :data:`LEAD_S` come before it.
    draws : type
        :class:`.segments.Segments`, or a kind of it.
    """

    def __init__(self, sources: Sequence[Clip], seconds: float, draws: type[Segments] = Segments):
        self._segments = draws(sources, int(LIVE_PLAN.sample_rate))
        self._lead = round(LEAD_S * LIVE_PLAN.frame_rate_hz)
        self._n = (self._lead + round(seconds * LIVE_PLAN.frame_rate_hz)) * LIVE_PLAN.hop

    def __call__(self, rng: np.random.Generator, n: int) -> Batch:
        """n items, stacked."""
        items = [self._item(rng) for _ in range(n)]
        return Batch(*(np.stack(part) for part in zip(*items, strict=True)))

    def _item(self, rng: np.random.Generator) -> Batch:
        while True:
            pair = self._segments.pair(rng, self._n)
            gain = np.float32(10 ** rng.uniform(-0.4, 0.2))
            sound, original = (gain * each for each in one_channel(rng, [pair.degraded, pair.original]))
            seen = Seen(sound)
            if seen.controls[-1, 0] > 0 and np.abs(original).max() > 1e-3:
                break
        kept, rest = slice(self._lead, None), slice(self._lead * LIVE_PLAN.hop, None)
        controls = np.where(seen.controls[:, :1] > 0, seen.controls, seen.controls[-1:])
        return Batch(
            seen.features[kept],
            controls[kept],
            seen.spectrum[kept],
            spectra(original)[kept],
            sound[rest],
            original[rest],
            long_frames(original[rest][: -LIVE_PLAN.hop]),
            np.float32(pair.coded),
            np.float32(_top(pair.wall_hz)),
        )


def _top(wall_hz: float | None) -> float:
    """The bin below which an original is all there: a wall's foot begins somewhat before its middle."""
    if wall_hz is None:
        return N_BINS
    return (wall_hz - WALL_FOOT_HZ) * LIVE_PLAN.n_fft / LIVE_PLAN.sample_rate
