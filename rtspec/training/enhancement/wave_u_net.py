"""A small Wave-U-Net on samples, the kind of baseline that the paper compares with (Stoller et al. 2018)."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..checkpoints import load_best
from .live import log_distances, log_spectrum

KERNEL_DOWN, KERNEL_UP = 15, 5


class WaveUNet(nn.Module):
    """Convolutions that halve the rate, as many that double it again, skips between them, and the input added.

    Parameters
    ----------
    levels, width : int
        Level i has (i + 1) · width channels.
    """

    def __init__(self, levels: int = 5, width: int = 16):
        super().__init__()
        sizes = [1, *(width * (i + 1) for i in range(levels))]
        self.down = nn.ModuleList(_layer(a, b, KERNEL_DOWN) for a, b in pairwise(sizes))
        self.deepest = _layer(sizes[-1], sizes[-1], KERNEL_DOWN)
        pairs = zip(sizes[:0:-1], [*sizes[-2:0:-1], width], strict=True)
        self.up = nn.ModuleList(_layer(2 * a, b, KERNEL_UP) for a, b in pairs)
        self.leave = nn.Conv1d(width, 1, 1)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(self, sound: Tensor) -> Tensor:
        """(batch, n_samples), a multiple of 2 ** levels → the same."""
        x, skips = sound[:, None], []
        for layer in self.down:
            x = layer(x)
            skips.append(x)
            x = x[..., ::2]
        x = self.deepest(x)
        for layer in self.up:
            x = functional.interpolate(x, scale_factor=2, mode="linear", align_corners=False)
            x = layer(torch.cat([x, skips.pop()], dim=1))
        return sound + self.leave(x)[:, 0]


def _layer(n_in: int, n_out: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(n_in, n_out, kernel, padding=kernel // 2), nn.LeakyReLU(0.2))


def trained(folder: str | Path) -> Callable[[np.ndarray, int], np.ndarray]:
    """The network of a training's folder as a method of the evaluation: (sound, sample_rate) → sound. Sounds are
    float32 of shape (channels, n_samples)."""
    network = WaveUNet().eval()
    load_best(network, folder)

    def process(sound: np.ndarray, sample_rate: int) -> np.ndarray:
        padded = np.pad(sound, ((0, 0), (0, -sound.shape[1] % 32)))
        with torch.no_grad():
            return network(torch.as_tensor(padded)).numpy()[:, : sound.shape[1]]

    return process


class WaveLoss:
    """Error's energy against the coded sound's, in dB, and log-spectral distance."""

    def __call__(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        n = batch[0].shape[1] // 32 * 32
        coded, original = (sound[:, :n] for sound in batch)
        made = network(coded)
        error, before = (made - original).square().sum(1), (coded - original).square().sum(1)
        whole, _ = log_distances(
            log_spectrum(made), log_spectrum(original), torch.full((len(made),), 0.38, device=made.device)
        )
        return whole + (10 * torch.log10((error + 1e-6) / (before + 1e-6))).mean()
