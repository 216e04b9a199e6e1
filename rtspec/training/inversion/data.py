"""Batches of mixed layers, and the features of waveforms: what compiled stages compute, differentiable.

The targets are the magnitudes of a plan's frames; the networks see the clipped pseudo-inverse of their band powers.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy.fft import irfft, rfft
from torch import Tensor

from ...audio.files import read
from ...frames.bands import BandFilters, band_filters
from ...frames.plan import FramePlan
from ...processors.inversion.band_inversion import pseudo_inverse
from ..data.dcase import Scene, read_folder

PLANS = {
    "live": FramePlan(sample_rate=16000, n_fft=400, hop=100),
    "paper": FramePlan(sample_rate=16000, n_fft=1024, hop=512),
}
"""25 ms windows, so that no more than 30 ms pass in all; and the paper's, section 4."""

BANDS = "third-octave-paper"
SHARES = {"tonal": 0.3, "effect": 0.15}
"""Shares of the layers that are drawn from those with these labels; the rest is ambience."""

COLOUR_DB = 4.0
"""Standard deviation of the random equaliser's octave bands."""

HIGH_PASS_HZ = (15.0, 200.0)
"""Where half of the layers are cut off: sounds' authors do it, or leave rumble in."""


class Layers:
    """Sounds in memory, mixed anew for every item: one to three of them, with random gain, speed, colour and offset.

    Parameters
    ----------
    scenes : list of Scene
        Files; each is read once, mono.
    sample_rate : int
        Hz.
    seconds : float
        Length of an item.
    """

    def __init__(self, scenes: list[Scene], sample_rate: int, seconds: float):
        self._sounds = [_mono(scene.path, sample_rate) for scene in scenes]
        self._n = round(seconds * sample_rate)
        self._frequencies_hz = np.fft.rfftfreq(self._n, 1 / sample_rate)
        weight = np.sqrt([len(sound) for sound in self._sounds])
        self._chances = _chances(weight, np.array([scene.label for scene in scenes]))

    def __call__(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray]:
        """Waveforms, float32 of shape (n, n_samples)."""
        return (np.stack([self._mix(rng) for _ in range(n)]),)

    def _mix(self, rng: np.random.Generator) -> np.ndarray:
        mix = np.zeros(self._n, np.float32)
        for _ in range(rng.integers(1, 4)):
            sound = self._sounds[rng.choice(len(self._sounds), p=self._chances)]
            piece = _piece(sound, self._n, 2 ** rng.uniform(-0.8, 0.8), rng)
            mix += self._coloured(piece, rng) * np.float32(10 ** rng.uniform(-0.75, 0))
        return mix * np.float32(10 ** rng.uniform(-1, 0.5))

    def _coloured(self, sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Through a random equaliser, and every other time a high-pass."""
        octaves = np.log2(np.maximum(self._frequencies_hz, 1) / 31.25)
        gain = 10 ** (np.interp(octaves, np.arange(9), rng.normal(0, COLOUR_DB, 9)) / 20)
        if rng.random() < 0.5:
            corner_hz = np.exp(rng.uniform(*np.log(HIGH_PASS_HZ)))
            gain /= np.sqrt(1 + (corner_hz / np.maximum(self._frequencies_hz, 1e-3)) ** 4)
        spectrum = np.asarray(rfft(sound)) * gain.astype(np.float32)
        return np.asarray(irfft(spectrum, len(sound)))


def _mono(path: Path, sample_rate: int) -> np.ndarray:
    return read(path, sample_rate)[0].mean(axis=0).astype(np.float16)


def _chances(weight: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """By weight, but fixed shares for the labels in SHARES that are there."""
    shares = {label: share for label, share in SHARES.items() if label in labels}
    named = np.isin(labels, list(shares))
    if named.all():
        return weight / weight.sum()
    chances = np.where(named, 0, (1 - sum(shares.values())) * weight / weight[~named].sum())
    for label, share in shares.items():
        chances += np.where(labels == label, share * weight / weight[labels == label].sum(), 0)
    return chances


def _piece(sound: np.ndarray, n: int, speed: float, rng: np.random.Generator) -> np.ndarray:
    """`n` samples from a random place, by linear interpolation; a short sound is looped, or heard once."""
    times = np.arange(n) * speed
    whole = times.astype(int)
    indices = int(rng.integers(len(sound))) + np.arange(whole[-1] + 2)
    cut = sound[indices % len(sound)].astype(np.float32)
    if whole[-1] > len(sound) and rng.random() < 0.5:
        cut[indices // len(sound) != 1] = 0
    part = (times - whole).astype(np.float32)
    return cut[whole] * (1 - part) + cut[whole + 1] * part


class Features(torch.nn.Module):
    """Waveforms → magnitudes of their frames and of their bands' pseudo-inverse, both (batch, n_bins, n_frames).

    Parameters
    ----------
    plan : FramePlan
    bands : str
        Name of the filterbank.
    """

    window: Tensor
    weights: Tensor
    inverse: Tensor

    def __init__(self, plan: FramePlan, bands: str = BANDS):
        super().__init__()
        self.plan, self.filters = plan, band_filters(bands, plan)
        self.register_buffer("window", torch.from_numpy(np.array(plan.analysis)))
        self.register_buffer("weights", torch.from_numpy(np.array(self.filters.weights)))
        self.register_buffer("inverse", torch.from_numpy(np.array(pseudo_inverse(self.filters).T)))

    def forward(self, sound: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, n_samples) → magnitudes, and what the bands' pseudo-inverse makes of them."""
        frames = sound.unfold(-1, self.plan.length, self.plan.hop) * self.window
        magnitude = torch.fft.rfft(frames, self.plan.n_fft).abs().transpose(1, 2)
        powers = torch.matmul(self.weights, magnitude * magnitude)
        return magnitude, torch.sqrt(torch.relu(torch.matmul(self.inverse, powers)))


@lru_cache(maxsize=1)
def layers(folder: str | Path, plan: FramePlan, n_frames: int) -> Layers:
    """The sounds of a folder as training material of so many frames an item."""
    return Layers(read_folder(folder), plan.sample_rate, (plan.length + n_frames * plan.hop) / plan.sample_rate)


def held_out(folder: str | Path, plan: FramePlan, seconds: float = 1.5) -> list[Tensor]:
    """The middles of a folder's scenes, each (1, n_samples), for validation."""
    sounds = (
        _middle(read(scene.path, plan.sample_rate)[0].mean(axis=0), plan, seconds) for scene in read_folder(folder)
    )
    return [torch.from_numpy(np.ascontiguousarray(x[np.newaxis])) for x in sounds if len(x) > plan.length]


def _middle(sound: np.ndarray, plan: FramePlan, seconds: float) -> np.ndarray:
    n = round(seconds * plan.sample_rate)
    start = max(0, (len(sound) - n) // 2)
    return sound[start : start + n]


def filters_of(plan: FramePlan) -> BandFilters:
    """The filterbank whose pseudo-inverse the networks are trained on."""
    return band_filters(BANDS, plan)


def plan_of(network: str):
    """The plan that a network is trained for."""
    return PLANS.get(network, PLANS["paper"])
