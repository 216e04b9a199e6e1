"""Networks that turn the pseudo-inverse's magnitudes into finer ones.

All take and give linear magnitudes, float32 of shape (batch, n_bins, n_frames), so that each can stand alone, behind
any kind of bands, and beside the baseline that it refines. None depends on the absolute level but the paper's, which
:class:`Levelled` scales to a common one.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import of_kind

TINY = 1e-20
"""Power that no sound falls below: keeps logarithms finite and is lost in float32's own rounding."""


def _quieten(layer: nn.Module, share: float) -> None:
    """Let a fresh convolution's output begin small."""
    with torch.no_grad():
        of_kind(layer.weight, Tensor).mul_(share)
        of_kind(layer.bias, Tensor).zero_()


class PaperNetwork(nn.Module):
    """Five convolutions over frequency and time whose output is added to the pseudo-inverse (Gontier et al., Fig. 1).

    Parameters
    ----------
    channels : int
        Of the hidden layers, 64 in the paper: 1 005 953 parameters.
    kernel : int
        Bins and frames of each kernel, 9 in the paper: a look-ahead of 20 frames.
    """

    def __init__(self, channels: int = 64, kernel: int = 9):
        super().__init__()
        self.kernel = kernel
        widths = [1, channels, channels, channels, channels, 1]
        self.layers = nn.ModuleList(
            nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2) for n_in, n_out in pairwise(widths)
        )
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.get_parameter("weight"), nonlinearity="relu")
            nn.init.zeros_(layer.get_parameter("bias"))
        _quieten(self.layers[-1], 0.01)  # starts as the pseudo-inverse itself

    def forward(self, magnitude: Tensor) -> Tensor:
        """(batch, n_bins, n_frames) → the same."""
        x = magnitude.unsqueeze(1)
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return torch.relu(magnitude + self.layers[-1](x).squeeze(1))


def widened(network: PaperNetwork, channels: int, generator: torch.Generator) -> PaperNetwork:
    """The same function with more channels: new ones read what they like, and nothing reads them yet.

    Parameters
    ----------
    network : PaperNetwork
    channels : int
        At least as many as it has.
    generator : torch.Generator
        Of the new channels' weights.
    """
    wide = PaperNetwork(channels, network.kernel)
    with torch.no_grad():
        for old, new in zip(network.layers, wide.layers, strict=True):
            kept, weight = of_kind(old.weight, Tensor), of_kind(new.weight, Tensor)
            n_out, n_in = kept.shape[:2]
            fresh = torch.randn(weight.shape, generator=generator) * math.sqrt(2 / weight[0].numel())
            fresh[:n_out, n_in:] = 0  # the old channels hear none of the new
            fresh[:n_out, :n_in] = kept
            weight.copy_(fresh)
            bias = of_kind(new.bias, Tensor).zero_()
            bias[:n_out] = of_kind(old.bias, Tensor)
    return wide


class LogNetwork(nn.Module):
    """The log-domain variant: narrow kernels on log magnitudes, no last ReLU (a follow-up of the paper).

    Parameters
    ----------
    channels : int
    floor_db : float
        Below each frame's mean power; what is fainter counts as that.
    """

    def __init__(self, channels: int = 48, floor_db: float = -80.0):
        super().__init__()
        self.floor = 10 ** (floor_db / 10)
        widths = [1, channels, channels, channels, channels, 1]
        self.layers = nn.ModuleList(nn.Conv2d(n_in, n_out, (5, 3), padding=(2, 1)) for n_in, n_out in pairwise(widths))
        _quieten(self.layers[-1], 0.01)

    def forward(self, magnitude: Tensor) -> Tensor:
        """(batch, n_bins, n_frames) → the same."""
        power = magnitude * magnitude
        mean = power.mean(1, keepdim=True)
        log = 0.5 * torch.log(power / (mean + TINY) + self.floor)
        x = log.unsqueeze(1)
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return torch.exp(log + self.layers[-1](x).squeeze(1)) * torch.sqrt(mean)


class Block(nn.Module):
    """Bands' features mixed over past frames (depthwise, dilated) and over channels, added to what came in."""

    def __init__(self, width: int, kernel: int, dilation: int):
        super().__init__()
        self.past = (kernel - 1) * dilation
        self.over_time = nn.Conv1d(width, width, kernel, dilation=dilation, groups=width)
        self.widen = nn.Conv1d(width, 2 * width, 1)
        self.narrow = nn.Conv1d(2 * width, width, 1)
        with torch.no_grad():
            self.narrow.weight.mul_(0.3)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, width, n_frames) → the same."""
        mixed = self.over_time(functional.pad(x, (self.past, 0)))
        return x + self.narrow(torch.relu(self.widen(mixed)))


class LiveNetwork(nn.Module):
    """Causal, small, without look-ahead: band levels and their past → two gains for every bin.

    It sums the pseudo-inverse's power into bands again, which gives the levels back, and works on their logarithms
    relative to the frame's mean and on how that mean moved. One gain multiplies the pseudo-inverse, the other the
    bands' mean magnitudes, which are nowhere zero (below the lowest band there is often the loudest bin); all is in
    proportion to the frame's level.

    Parameters
    ----------
    weights : ndarray, float32, shape (n_bands, n_bins)
        The filterbank.
    width : int
    n_blocks : int
        Their dilations double from 1 to 8 and begin again.
    memory : int
        Of the recurrent layer.
    """

    LOUDEST = 4.0
    """Greatest gain, nepers."""

    weights: Tensor
    spread: Tensor
    step: Tensor

    def __init__(self, weights: np.ndarray, width: int = 192, n_blocks: int = 6, memory: int = 128):
        super().__init__()
        n_bands, n_bins = weights.shape
        self.n_bins = n_bins
        self.register_buffer("weights", torch.from_numpy(np.array(weights, np.float32)))
        self.register_buffer("spread", torch.from_numpy(_spread(weights)))
        self.register_buffer("step", torch.tensor([[[-1.0, 1.0]]]))
        self.enter = nn.Conv1d(2 * n_bands + 1, width, 1)
        self.blocks = nn.ModuleList(Block(width, 3, 2 ** (k % 4)) for k in range(n_blocks))
        self.recall = nn.Conv1d(width, memory, 1)
        self.memory = nn.GRU(memory, memory)
        leave = nn.Conv1d(2 * width, 2 * n_bins, 1)
        _quieten(leave, 0.1)
        nn.init.constant_(leave.get_parameter("bias")[n_bins:], -2.0)  # begin with the pseudo-inverse, mostly
        self.leave = nn.Sequential(nn.Conv1d(width + memory, 2 * width, 1), nn.ReLU(), leave)

    def forward(self, magnitude: Tensor) -> Tensor:
        """(batch, n_bins, n_frames) → the same."""
        power = magnitude * magnitude
        mean = power.mean(1, keepdim=True)
        bands = torch.matmul(self.weights, power)
        x = self.enter(self._features(bands, mean))
        for block in self.blocks:
            x = block(x)
        remembered, _ = self.memory(self.recall(x).permute(2, 0, 1))
        gains = torch.exp(torch.clamp(self.leave(torch.cat([x, remembered.permute(1, 2, 0)], 1)), -8.0, self.LOUDEST))
        level = torch.sqrt(torch.matmul(self.spread, bands) + 1e-6 * mean)
        return magnitude * gains[:, : self.n_bins] + level * gains[:, self.n_bins :]

    def _features(self, bands: Tensor, mean: Tensor) -> Tensor:
        bands = bands / (mean + TINY)
        logs = torch.log(bands + 1e-6)
        level = torch.log(mean + TINY)
        moved = functional.conv1d(functional.pad(level, (1, 0)), self.step)
        return torch.cat([0.3 * logs, 0.3 * torch.sqrt(bands + 1e-9), 0.3 * torch.clamp(moved, -5.0, 5.0)], 1)


def _spread(weights: np.ndarray) -> np.ndarray:
    """Band powers → the mean power of the bands at each bin, of the nearest one where there is none."""
    cover = weights.sum(axis=0)
    inside = np.flatnonzero(cover > 0.5)
    nearest = np.clip(np.arange(len(cover)), inside[0], inside[-1])
    return (weights / weights.sum(axis=1, keepdims=True))[:, nearest].T / cover[nearest, np.newaxis]


class Levelled(nn.Module):
    """A network that expects one common level, made independent of the level: scaled before it and back after it.

    The scale is the frame's own level or that of the last second or so, whichever is louder: causal, and streamable.

    Parameters
    ----------
    network : torch.nn.Module
        (batch, n_bins, n_frames) → the same.
    memory : int
        Frames that the level is averaged over.
    """

    def __init__(self, network: nn.Module, memory: int = 32):
        super().__init__()
        self.network, self.memory = network, memory

    def forward(self, magnitude: Tensor, part: slice | None = None) -> Tensor:
        """(batch, n_bins, n_frames) → the same; of a part of the bins alone, if asked, at the level of all."""
        power = (magnitude * magnitude).mean(1, keepdim=True)
        recent = functional.avg_pool1d(functional.pad(power, (self.memory - 1, 0)), self.memory, 1)
        level = torch.sqrt(torch.maximum(power, recent))
        wanted = magnitude if part is None else magnitude[:, part]  # no slice by default: it cannot be exported
        return level * self.network(wanted / (level + TINY))
