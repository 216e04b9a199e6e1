"""Batches for the live network: what it sees comes from the very stages that the host runs."""

from collections.abc import Sequence

import numpy as np

from ...frames.analysis import analysis_stage
from ...frames.plan import FramePlan
from ...processors.bandwidth_stages import CONTROLS, N_BINS, N_FEATURES, watch_stage
from ..data.folders import Clip, pieces
from .degradation import low_pass

LIVE_PLAN = FramePlan(sample_rate=44100, n_fft=1024, hop=256)
LEAD_S = 1.5
"""Sound before the part that counts, in which the edge is found and the network's memory fills."""
CODED_SHARE, OTHER_SHARE = 0.6, 0.2
VERSIONS = ("original", "mp3-32", "other-mp3")
_CUTOFFS_HZ = (3000.0, 15500.0)


class Seen:
    """What the network and the loss need of one mono sound: the frames of a batch, as arrays.

    Attributes
    ----------
    features : ndarray, float32, shape (n_frames, N_FEATURES)
    controls : ndarray, float32, shape (n_frames, CONTROLS)
    spectrum : ndarray, complex64, shape (n_frames, N_BINS)
    """

    def __init__(self, sound: np.ndarray, plan: FramePlan = LIVE_PLAN):
        n_frames = len(sound) // plan.hop
        self.spectrum = np.empty((n_frames, N_BINS), np.complex64)
        analysis_stage(plan).run(np.ascontiguousarray(sound, np.float32), n_frames, self.spectrum)
        made = np.empty((n_frames, N_FEATURES + CONTROLS), np.float32)
        watch_stage(plan).run(self.spectrum, n_frames, made)
        self.features, self.controls = made[:, :N_FEATURES], made[:, N_FEATURES:]


class LiveBatches:
    """Draws batches of segments from prepared clips: coded, coded otherwise, and low-passed.

    Parameters
    ----------
    sources : sequence of Clip
    seconds : float
        Of a segment that counts; :data:`LEAD_S` come before it.
    within_s : float, optional
        Use no more than the start of each clip, so that all of it stays in memory.
    """

    def __init__(self, sources: Sequence[Clip], seconds: float, within_s: float | None = None):
        end = None if within_s is None else round(within_s * LIVE_PLAN.sample_rate)
        self._sources = [{name: clip.array(name)[:, :end] for name in VERSIONS} for clip in sources]
        self._lead = round(LEAD_S * LIVE_PLAN.frame_rate_hz)
        self._n = (self._lead + round(seconds * LIVE_PLAN.frame_rate_hz)) * LIVE_PLAN.hop

    def __call__(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
        """features, controls, spectrum (all of n_frames), sound, original (n_samples) and coded (0 or 1)."""
        items = [self._item(rng) for _ in range(n)]
        return tuple(np.stack(part) for part in zip(*items, strict=True))

    def _item(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        while True:
            sound, original, coded = self._pair(rng)
            seen = Seen(sound)
            if seen.controls[-1, 0] > 0 and np.abs(original).max() > 1e-3:
                break
        cut = self._lead
        edge = np.where(seen.controls[:, :1] > 0, seen.controls, seen.controls[-1:])[cut:]
        rest = cut * LIVE_PLAN.hop
        parts = (seen.features[cut:], edge, seen.spectrum[cut:], sound[rest:], original[rest:])
        return *parts, np.asarray(coded, np.float32)

    def _pair(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, bool]:
        """A degraded segment, its original, and whether a coder did it."""
        versions = self._sources[rng.integers(len(self._sources))]
        kind = rng.random()
        coded = kind < CODED_SHARE + OTHER_SHARE
        name = "mp3-32" if kind < CODED_SHARE or not coded else "other-mp3"
        (degraded, original), _ = pieces([versions[name], versions["original"]], self._n, rng)
        if len(original) > len(degraded):
            original = original.mean(axis=0, keepdims=True)
        sound, wanted = self._one_channel(rng, degraded, original)
        if not coded:
            sound = _narrowed(rng, wanted)
        gain = np.float32(10 ** rng.uniform(-0.6, 0.2))
        return sound * gain, wanted * gain, coded

    @staticmethod
    def _one_channel(rng, degraded: np.ndarray, original: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        channel = rng.integers(len(degraded) + 1)
        if channel == len(degraded):
            return degraded.mean(axis=0), original.mean(axis=0)
        return degraded[channel], original[min(channel, len(original) - 1)]


def _narrowed(rng: np.random.Generator, sound: np.ndarray) -> np.ndarray:
    """Low-passed at a random cutoff: steep, as by resampling, or with a random slope."""
    low, high = np.log(_CUTOFFS_HZ)
    cutoff_hz = float(np.exp(rng.uniform(low, high)))
    order = None if rng.random() < 0.6 else int(rng.integers(5, 13))
    return low_pass(sound, LIVE_PLAN.sample_rate, cutoff_hz, order)
