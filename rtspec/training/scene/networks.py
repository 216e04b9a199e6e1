"""The networks: the paper's, over whole clips, and a causal one with exponential pooling, for listening stages."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .features import FLOOR, LIVE_PLAN, N_MFCC, mel_weights

POOLING_S = 1.6
"""Time constant of the live network's pooling."""


def _layer(n_in: int, n_out: int, kernel: int, dropout: float = 0.0) -> nn.Sequential:
    """Convolution, batch norm, ReLU, max-pool (Fig. 9)."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(dropout),
    )


class PaperNetwork(nn.Module):
    """39 MFCC, Δ, ΔΔ → 32, 64 and 128 maps of 3×3 with batch norm, ReLU and max-pooling, a mean over time, classes.

    Parameters
    ----------
    n_classes : int
    """

    temperature: Tensor

    def __init__(self, n_classes: int):
        super().__init__()
        self.layers = nn.Sequential(_layer(1, 32, 3), _layer(32, 64, 3), _layer(64, 128, 3))
        self.mix = nn.Sequential(nn.Conv2d(128, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU())
        self.drop = nn.Dropout(0.5)
        self.leave = nn.Conv1d(128, n_classes, 1)
        self.register_buffer("temperature", torch.ones(()))

    def logits(self, features: Tensor) -> Tensor:
        """(batch, 39, n_frames) → (batch, n_classes, n_frames // 8): each the answer for the clip up to there."""
        x = self.mix(self.layers(features.unsqueeze(1))).mean(2)
        ones = 1 + 0 * x[:, :1]  # counted from the frames themselves: a stream counts them too
        return self.leave(self.drop(torch.cumsum(x, 2) / torch.cumsum(ones, 2)))

    def forward(self, features: Tensor) -> Tensor:
        """Probabilities, (batch, n_classes, n_frames // 8)."""
        return torch.softmax(self.logits(features) / self.temperature, 1)


class _Causal(nn.Module):
    """A convolution over bands (every second) and the frames so far, batch norm, ReLU."""

    def __init__(self, n_in: int, n_out: int, bands: int):
        super().__init__()
        self.over = nn.Conv2d(n_in, n_out, (bands, 3), stride=(2, 1), padding=(bands // 2, 0), bias=False)
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.over(functional.pad(x, (2, 0)))))


class ExponentialMean(nn.Module):
    """A running mean of what is nowhere negative: a recurrent layer with fixed diagonal weights and ReLU.

    Parameters
    ----------
    width : int
    frames : float
        Time constant.
    """

    def __init__(self, width: int, frames: float):
        super().__init__()
        self.memory = nn.RNN(width, width, nonlinearity="relu", bias=False)
        keep = math.exp(-1 / frames)
        with torch.no_grad():
            self.memory.get_parameter("weight_ih_l0").copy_((1 - keep) * torch.eye(width))
            self.memory.get_parameter("weight_hh_l0").copy_(keep * torch.eye(width))
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, width, n_frames) → the same."""
        mean, _ = self.memory(x.permute(2, 0, 1))
        return mean.permute(1, 2, 0)


class LiveNetwork(nn.Module):
    """Causal, small: magnitudes → log-mel → convolutions over bands and past frames → exponential mean → classes.

    Parameters
    ----------
    n_classes : int
    """

    MEAN, SCALE = -5.0, 0.2
    """About what centres and scales the logarithms."""

    mel: Tensor
    temperature: Tensor

    def __init__(self, n_classes: int, width: int = 80, pooled: int = 64):
        super().__init__()
        self.register_buffer("mel", torch.from_numpy(mel_weights("live").copy()))
        self.register_buffer("temperature", torch.ones(()))
        self.bands = nn.Sequential(_Causal(2, 16, 5), _Causal(16, 32, 3), _Causal(32, 40, 3))
        self.enter = nn.Sequential(nn.Conv1d(200, width, 1, bias=False), nn.BatchNorm1d(width), nn.ReLU())
        self.past = nn.Conv1d(width, width, 5, dilation=2, bias=False)
        self.past_norm = nn.BatchNorm1d(width)
        self.gather = nn.Sequential(nn.Conv1d(width, pooled, 1), nn.ReLU())
        self.pool = ExponentialMean(pooled, POOLING_S * LIVE_PLAN.sample_rate / LIVE_PLAN.hop)
        self.drop = nn.Dropout(0.3)
        self.leave = nn.Conv1d(pooled, n_classes, 1)

    def log_mel(self, magnitude: Tensor) -> Tensor:
        """(batch, n_bins, n_frames) → (batch, n_mels, n_frames)."""
        return torch.log(torch.matmul(self.mel, magnitude * magnitude) + FLOOR)

    def logits(self, log: Tensor) -> Tensor:
        """Log-mel, (batch, n_mels, n_frames) → (batch, n_classes, n_frames)."""
        x = (log - self.MEAN) * self.SCALE
        level = x.mean(1, keepdim=True)
        x = self.bands(torch.stack([x - level, level + 0 * x], 1)).flatten(1, 2)
        x = self.enter(x)
        x = x + torch.relu(self.past_norm(self.past(functional.pad(x, (8, 0)))))
        return self.leave(self.drop(self.pool(self.gather(x))))

    def forward(self, magnitude: Tensor) -> Tensor:
        """Magnitudes, (batch, n_bins, n_frames) → probabilities, (batch, n_classes, n_frames)."""
        return torch.softmax(self.logits(self.log_mel(magnitude)) / self.temperature, 1)


def make(name: str, n_classes: int, seed: int = 0) -> PaperNetwork | LiveNetwork:
    """A fresh network by its name, "live" or "paper", its weights a function of the seed."""
    torch.manual_seed(seed)
    return LiveNetwork(n_classes) if name == "live" else PaperNetwork(n_classes)


N_FEATURES = 3 * N_MFCC
"""Rows of the paper network's input."""
