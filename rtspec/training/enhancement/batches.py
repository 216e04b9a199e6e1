"""Batches for the live network: what it sees comes from the very stages that the host runs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.fft import rfft

from ...evaluation.metrics import LSD_FLOOR, LSD_N_FFT
from ...frames.analysis import analysis_stage
from ...frames.plan import FramePlan
from ...processors.bandwidth_stages import CONTROLS, N_BINS, N_FEATURES, watch_stage
from ..data.folders import Clip, chances, pieces
from .degradation import MP3_KBPS, denser, low_pass, mp3, tilted

LIVE_PLAN = FramePlan(sample_rate=44100, n_fft=1024, hop=256)
LEAD_S = 1.5
"""Sound before the part that counts, in which the edge is found and the network's memory fills."""
CODED_SHARE, OTHER_SHARE = 0.5, 0.2
"""Of the items: MP3 at 32 kbit/s, and at other rates; the rest is low-passed."""
DENSER_SHARE = 0.25
"""Of what is trained on: made of two clips by :func:`denser`. The data hold little loud, dense music."""
LONG_STRIDE = 4
LONG_LAG = (LSD_N_FFT + LIVE_PLAN.length) // (2 * LIVE_PLAN.hop) - 1
VERSIONS = ("original", "mp3-32", "other-mp3")
_CUTOFFS_HZ = (3000.0, 15500.0)


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
        Bin of the plan at which the original's own band ends.
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
    """log10 of the power in every second frame of :func:`rtspec.evaluation.metrics.log_spectral_distance`: float32 of
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
        self._sources, self._chances = [_opened(clip, end) for clip in sources], chances(sources)
        self._lead = round(LEAD_S * LIVE_PLAN.frame_rate_hz)
        self._n = (self._lead + round(seconds * LIVE_PLAN.frame_rate_hz)) * LIVE_PLAN.hop

    def __call__(self, rng: np.random.Generator, n: int) -> Batch:
        """n items, stacked."""
        items = [self._item(rng) for _ in range(n)]
        return Batch(*(np.stack(part) for part in zip(*items, strict=True)))

    def _item(self, rng: np.random.Generator) -> Batch:
        while True:
            sound, original, coded, top = self._pair(rng)
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
            np.float32(coded),
            np.float32(top),
        )

    def _pair(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, bool, float]:
        """A degraded segment, its original, whether a coder did it, and the bin where the original's band ends."""
        clip, kind = self._clip(rng), rng.random()
        coded, top = kind < CODED_SHARE + OTHER_SHARE, clip["top"]
        if rng.random() < DENSER_SHARE:
            other = self._clip(rng)
            top = max(top, other["top"])
            parts = [pieces([each["original"]], self._n, rng)[0][0] for each in (clip, other)]
            original = _up_to(top, denser(parts, LIVE_PLAN.sample_rate, rng))
            kbps = 32 if kind < CODED_SHARE else int(rng.choice(MP3_KBPS))
            degraded = mp3(original, LIVE_PLAN.sample_rate, kbps) if coded else original
        else:
            name = "other-mp3" if coded and kind >= CODED_SHARE else "mp3-32"
            (degraded, original), _ = pieces([clip[name], clip["original"]], self._n, rng)
        if len(original) > len(degraded):
            original = original.mean(axis=0, keepdims=True)
        sound, wanted = self._one_channel(rng, degraded, original)
        if not coded:
            sound = _narrowed(rng, wanted)
        sound, wanted = tilted([sound, wanted], LIVE_PLAN.sample_rate, rng)
        gain = np.float32(10 ** rng.uniform(-0.6, 0.2))
        return sound * gain, wanted * gain, coded, top

    def _clip(self, rng: np.random.Generator) -> dict[str, Any]:
        return self._sources[rng.choice(len(self._sources), p=self._chances)]

    @staticmethod
    def _one_channel(rng, degraded: np.ndarray, original: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        channel = rng.integers(len(degraded) + 1)
        if channel == len(degraded):
            return degraded.mean(axis=0), original.mean(axis=0)
        return degraded[channel], original[min(channel, len(original) - 1)]


def _opened(clip: Clip, end: int | None) -> dict[str, Any]:
    """The clip's versions, and the bin at which its own band ends."""
    top = clip.facts.get("edge_hz", LIVE_PLAN.sample_rate / 2) * LIVE_PLAN.n_fft / LIVE_PLAN.sample_rate
    return {**{name: clip.array(name)[:, :end] for name in VERSIONS}, "top": top}


def _up_to(top: float, sound: np.ndarray) -> np.ndarray:
    """Without what lies above a bin of the plan: what was overdriven reaches no higher than its sources."""
    return sound if top >= N_BINS - 4 else low_pass(sound, LIVE_PLAN.sample_rate, top * LIVE_PLAN.frequencies_hz[1])


def _narrowed(rng: np.random.Generator, sound: np.ndarray) -> np.ndarray:
    """Low-passed at a random cutoff: steep, as by resampling, or with a random slope."""
    low, high = np.log(_CUTOFFS_HZ)
    cutoff_hz = float(np.exp(rng.uniform(low, high)))
    order = None if rng.random() < 0.6 else int(rng.integers(5, 13))
    return low_pass(sound, LIVE_PLAN.sample_rate, cutoff_hz, order)
