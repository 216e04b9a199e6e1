"""The live network: log magnitudes of a frame, noise and a style → log magnitudes of the texture."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...processors.style.frames import FLOOR, N_BINS, N_DRAWN, N_FEATURES, SHRINK

GAIN = 10.0
"""Of what a style says of each bin directly, so that it is learnt as much faster."""
LEAST_WEIGHT = 1e-3
"""Sum of the styles' weights below which they count as that: all at 0 is no style, not a division by 0."""


class Block(nn.Module):
    """Past frames mixed (depthwise, causal, dilated), then channels, as the style scales and shifts them; added to what
    came in. Nothing is averaged over time, so that a stream is the clip."""

    def __init__(self, width: int, kernel: int, dilation: int, embedding: int):
        super().__init__()
        self.past, self.width = (kernel - 1) * dilation, width
        self.over_time = nn.Conv1d(width, width, kernel, dilation=dilation, groups=width)
        self.norm = nn.LayerNorm(width)
        self.style = nn.Linear(embedding, 2 * width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        nn.init.normal_(self.narrow.weight, std=0.1 / math.sqrt(2 * width))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(batch, n_frames, width), (batch or 1, 1, embedding) → (batch, n_frames, width)."""
        past = functional.pad(x.transpose(1, 2), (self.past, 0))
        scale_and_shift = self.style(style)
        mixed = (
            self.norm(self.over_time(past).transpose(1, 2)) * (1 + scale_and_shift[..., : self.width])
            + scale_and_shift[..., self.width :]
        )
        return x + self.narrow(torch.relu(self.widen(mixed)))


class StyleNetwork(nn.Module):
    """One causal network for all styles, without look-ahead.

    Parameters
    ----------
    n_styles : int
    width : int
    n_blocks : int
        Their dilations double from 1 to 8 and begin again.
    embedding : int
        Numbers that a style is, beside its spectrum.

    Attributes
    ----------
    hissing : Tensor, shape (n_styles, 1)
        1 for styles whose phases are those of noise, 0 for those that keep the input's; not learnt.
    """

    hissing: Tensor

    def __init__(self, n_styles: int, width: int = 192, n_blocks: int = 5, embedding: int = 32):
        super().__init__()
        self.n_styles, self.width = n_styles, width
        self.styles = nn.Parameter(torch.randn(n_styles, embedding))
        self.spectra = nn.Parameter(torch.zeros(n_styles, N_BINS))
        self.kept = nn.Parameter(torch.full((n_styles, N_BINS), 0.2 / GAIN))
        self.rough = nn.Parameter(torch.full((n_styles, N_BINS), 0.6 / GAIN))
        self.register_buffer("hissing", torch.zeros(n_styles, 1), persistent=False)
        self.enter = nn.Linear(N_BINS + 1 + N_DRAWN, width)
        self.blocks = nn.ModuleList(Block(width, 5, 2 ** (k % 4), embedding) for k in range(n_blocks))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, N_BINS)
        nn.init.normal_(self.leave.weight, std=0.1 / math.sqrt(width))
        nn.init.zeros_(self.leave.bias)

    def forward(self, features: Tensor, weights: Tensor) -> Tensor:
        """(batch, n_frames, N_FEATURES), (batch or 1, n_styles) → (batch, n_frames, N_ANSWER)."""
        shares = (weights / weights.sum(-1, keepdim=True).clamp(min=LEAST_WEIGHT)).unsqueeze(1)
        style = torch.matmul(shares, self.styles)
        x = torch.relu(self.enter(features[..., : N_FEATURES - N_BINS]))
        for block in self.blocks:
            x = block(x, style)
        heard = (features[..., :N_BINS] / SHRINK - math.log(FLOOR) / 2) / 2
        said = torch.matmul(shares, self.spectra) + torch.matmul(shares, self.kept) * heard
        said = said + torch.matmul(shares, self.rough) * features[..., N_FEATURES - N_BINS :]
        share = torch.matmul(shares, self.hissing) + 0.0 * features[..., :1]
        return torch.cat([self.leave(self.norm(x)) + GAIN * said, share], -1)
