"""The paper's network: separable convolutions over (real | imaginary, time) whose channels are the bins.

D. Deshpande, H. Abichandani: "Long-term sequence reconstruction of MP3 audio by residually stacked autoencoders".
Its public code gives PReLU one slope for each frame; here slopes are shared over time, so that the network streams.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import Tensor, nn
from torch.nn import functional

from ...frames.plan import FramePlan
from ..data.folders import Clip
from .degradation import mp3
from .live import gain_db, log_distances, log_spectrum, overlap_added
from .segments import Segments

PLAN = FramePlan(sample_rate=22050, n_fft=1024, hop=248, window_length=1023, uneven=True)
"""Section 2.2: Hann window of 1023, hop 248, transform of 1024."""
SCALE = 0.05
"""What brings spectra of music near 1."""
LATENT = 256
SSIM_WEIGHT, SSIM_K1, SSIM_K2 = 0.5, 0.01, 0.02
"""Section 3.2 and equation 3."""


class SeparableBlock(nn.Module):
    """One autoencoder of figure 1: bins → 256 → bins, each by a separable 5×5 convolution, PReLU between."""

    def __init__(self, n_bins: int, latent: int = LATENT):
        super().__init__()
        self.down = nn.Sequential(_Separable(n_bins, latent), nn.PReLU(latent, init=0.0))
        self.up = _Separable(latent, n_bins)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, n_bins, 2, n_frames) → the same."""
        return self.up(self.down(x))


class _Separable(nn.Module):
    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.within = nn.Conv2d(n_in, n_in, 5, padding=2, groups=n_in, bias=False)
        self.across = nn.Conv2d(n_in, n_out, 1)
        nn.init.kaiming_uniform_(self.within.weight, nonlinearity="relu")
        nn.init.kaiming_uniform_(self.across.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.across(self.within(x))


class PaperNetwork(nn.Module):
    """N blocks, stacked residually.

    Parameters
    ----------
    n_blocks : int
        N, 1 to 7.
    identity_skip : bool
        Add the input to the first block's output too, which the paper does not: what the coder kept need not be made
        anew.
    latent : int
        Channels inside a block.
    """

    def __init__(self, n_blocks: int = 1, identity_skip: bool = False, latent: int = LATENT):
        super().__init__()
        made = [SeparableBlock(PLAN.n_bins, latent) for _ in range(n_blocks)]
        self.identity_skip = identity_skip
        for parameter in [p for block in made if identity_skip for p in block.up.across.parameters()]:
            nn.init.zeros_(parameter)
        self.blocks = nn.ModuleList(made)

    def forward(self, spectrum: Tensor) -> Tensor:
        """(batch, 2, n_bins, n_frames), real and imaginary → the same."""
        x = spectrum.transpose(1, 2)
        for i, block in enumerate(self.blocks):
            x = x + block(x) if i or self.identity_skip else block(x)
        return x.transpose(1, 2)


class PaperBatches:
    """Draws segments of mono sound at 22.05 kHz and what MP3 at 32 kbit/s makes of them.

    Parameters
    ----------
    sources : sequence of Clip
        At 44.1 kHz.
    n_samples : int
        Of a segment; the paper's has 100 000.
    """

    def __init__(self, sources: Sequence[Clip], n_samples: int = 100_000):
        self._segments = Segments(sources, 2 * int(PLAN.sample_rate))
        self._n = n_samples // PLAN.hop * PLAN.hop

    def __call__(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Coded and original sound, float32 of shape (n, n_samples)."""
        items = [self._item(rng) for _ in range(n)]
        return np.stack([degraded for degraded, _ in items]), np.stack([original for _, original in items])

    def _item(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        whole, _ = self._segments.original(rng, 2 * self._n)
        mono = np.asarray(resample_poly(whole.mean(axis=0, keepdims=True), 1, 2, axis=1), np.float32)
        gain = np.float32(10 ** rng.uniform(-0.4, 0.1))
        return mp3(mono, int(PLAN.sample_rate), 32)[0] * gain, mono[0] * gain


def stacked(sound: Tensor, plan: FramePlan = PLAN) -> Tensor:
    """Sound (batch, n_samples) → real and imaginary parts (batch, 2, n_bins, n_frames), scaled."""
    window = torch.as_tensor(np.array(plan.analysis), device=sound.device)
    padded = functional.pad(sound, (plan.length - plan.hop, 0))
    spectrum = torch.fft.rfft(padded.unfold(-1, plan.length, plan.hop) * window, plan.n_fft)
    return SCALE * torch.stack([spectrum.real, spectrum.imag], 1).transpose(2, 3)


def pixel_loss(wanted: Tensor, made: Tensor) -> Tensor:
    """Equation 1: the squared error, scaled by the variance of what is wanted; mean over the batch."""
    axes = tuple(range(1, wanted.ndim))
    centred = wanted - wanted.mean(axes, keepdim=True)
    return ((wanted - made).square().sum(axes) / (centred.square().sum(axes) + 1e-9)).mean()


def ssim(wanted: Tensor, made: Tensor) -> Tensor:
    """Equation 2 in windows of 3×3, mean over all: magnitudes of shape (batch, n_bins, n_frames)."""
    top = 0.5 * wanted.amax((1, 2), keepdim=True)
    c1, c2 = (SSIM_K1 * top) ** 2 + 1e-9, (SSIM_K2 * top) ** 2 + 1e-9

    def mean(x: Tensor) -> Tensor:
        return functional.avg_pool2d(x[:, None], 3, 1)[:, 0]

    a, b = mean(wanted), mean(made)
    var_a, var_b, both = mean(wanted**2) - a * a, mean(made**2) - b * b, mean(wanted * made) - a * b
    return ((2 * a * b + c1) * (2 * both + c2) / ((a * a + b * b + c1) * (var_a + var_b + c2))).mean()


class PaperLoss:
    """Equation 3: pixel loss + 0.5 · (1 - SSIM of the magnitudes)."""

    def __call__(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        coded, original = (stacked(sound) for sound in batch)
        made = network(coded)
        return pixel_loss(original, made) + SSIM_WEIGHT * (1 - ssim(_magnitude(original), _magnitude(made)))


def _magnitude(parts: Tensor) -> Tensor:
    return (parts.square().sum(1) + 1e-12).sqrt()


class SoundLoss:
    """For the network with an identity skip: log-spectral distance of the sound, and dB gained over the coded one."""

    def __init__(self, snr_weight: float = 2.0):
        self.snr_weight = snr_weight

    def __call__(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        distance, gained_db = self.parts(network, batch)
        return distance - self.snr_weight * gained_db

    def parts(self, network: nn.Module, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Mean log-spectral distance, and mean gain of the signal-to-noise ratio in dB."""
        coded, original = batch
        made = network(stacked(coded)) / SCALE
        sound = overlap_added(torch.complex(made[:, 0], made[:, 1]).transpose(1, 2), PLAN)
        kept = slice(2 * PLAN.length, coded.shape[1] - 2 * PLAN.length)
        sound, coded, original = sound[:, kept], coded[:, kept], original[:, kept]
        whole, _ = log_distances(
            log_spectrum(sound), log_spectrum(original), torch.full((len(sound),), 0.38, device=sound.device)
        )
        return whole, gain_db(sound, coded, original).mean()
