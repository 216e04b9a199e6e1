"""Batches of mixed layers, and the features of waveforms: what compiled stages compute, differentiable.

The targets are the magnitudes of a plan's frames; the networks see the clipped pseudo-inverse of their band powers.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...audio.files import read
from ...frames.bands import BandFilters, band_filters
from ...frames.plan import FramePlan
from ...processors.band_inversion import pseudo_inverse
from ..data.dcase import Scene, read_folder

PLANS = {
    "live": FramePlan(sample_rate=16000, n_fft=400, hop=100),
    "paper": FramePlan(sample_rate=16000, n_fft=1024, hop=512),
}
"""25 ms windows, so that no more than 30 ms pass in all; and the paper's, section 4."""

BANDS = "third-octave-paper"
TONAL = "tonal"
TONAL_SHARE = 0.35
"""Share of the layers that are drawn from those labelled "tonal"."""


class Layers:
    """Sounds in memory, mixed anew for every item: one to three of them, with random gain, speed and offset.

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
        tonal = np.array([scene.label == TONAL for scene in scenes])
        weight = np.sqrt([len(sound) for sound in self._sounds])
        self._chances = _chances(weight, tonal)

    def __call__(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray]:
        """Waveforms, float32 of shape (n, n_samples)."""
        return (np.stack([self._mix(rng) for _ in range(n)]),)

    def _mix(self, rng: np.random.Generator) -> np.ndarray:
        mix = np.zeros(self._n, np.float32)
        for _ in range(rng.integers(1, 4)):
            sound = self._sounds[rng.choice(len(self._sounds), p=self._chances)]
            mix += _piece(sound, self._n, 2 ** rng.uniform(-0.6, 0.6), rng) * np.float32(10 ** rng.uniform(-0.75, 0))
        return mix * np.float32(10 ** rng.uniform(-1, 0.5))


def _mono(path: Path, sample_rate: int) -> np.ndarray:
    return read(path, sample_rate)[0].mean(axis=0).astype(np.float16)


def _chances(weight: np.ndarray, tonal: np.ndarray) -> np.ndarray:
    """By weight, but a fixed share for the tonal ones, where there are both."""
    chances = weight / weight.sum()
    if tonal.any() and not tonal.all():
        chances = np.where(tonal, TONAL_SHARE * weight / weight[tonal].sum(), 0) + np.where(
            tonal, 0, (1 - TONAL_SHARE) * weight / weight[~tonal].sum()
        )
    return chances


def _piece(sound: np.ndarray, n: int, speed: float, rng: np.random.Generator) -> np.ndarray:
    """`n` samples from a random place, looped where the sound is short, by linear interpolation."""
    times = np.arange(n) * speed
    whole = times.astype(int)
    start = int(rng.integers(len(sound)))
    cut = sound[(start + np.arange(whole[-1] + 2)) % len(sound)].astype(np.float32)
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


def layers(folder: str | Path, plan: FramePlan, n_frames: int) -> Layers:
    """The sounds of a folder as training material of so many frames an item."""
    return Layers(read_folder(folder), plan.sample_rate, (plan.length + n_frames * plan.hop) / plan.sample_rate)


def held_out(folder: str | Path, plan: FramePlan, seconds: float = 1.5) -> list[Tensor]:
    """The beginnings of a folder's scenes, each (1, n_samples), for validation."""
    n = round(seconds * plan.sample_rate)
    sounds = (read(scene.path, plan.sample_rate)[0].mean(axis=0)[:n] for scene in read_folder(folder))
    return [torch.from_numpy(np.ascontiguousarray(x[np.newaxis])) for x in sounds if len(x) > plan.length]


def filters_of(plan: FramePlan) -> BandFilters:
    """The filterbank whose pseudo-inverse the networks are trained on."""
    return band_filters(BANDS, plan)
