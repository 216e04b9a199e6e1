"""Random networks over a sound's spectrogram, whose features' Gram matrices tell textures apart, and how much of the
content is left; all differentiable.

References
----------
.. [1] D. Ulyanov, V. Lebedev: "Audio texture synthesis and style transfer", 2016: bins as channels, one convolution
   over time with random weights.
.. [2] L. Wyse: "Audio spectrogram representations for processing with convolutional neural networks", 2017.
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .sounds import RATE

N_FFT, HOP = 2048, 512
KERNELS = (1, 3, 5, 7, 11, 15)
"""Frames that a network may see at once; each is drawn as often."""
LEVEL = 0.1
"""Root mean square at which sounds are compared."""
_LEAST_SHARE = 0.1
"""A content as near to the style as that share of the style's own size counts as that far."""


def resampled(sound: Tensor, n_out: int) -> Tensor:
    """A whole clip at another rate, by its spectrum: (batch, n) → (batch, n_out)."""
    spectrum = torch.fft.rfft(sound)[..., : n_out // 2 + 1]
    return torch.fft.irfft(spectrum, n_out) * (n_out / sound.shape[-1])


def levelled(sound: Tensor) -> Tensor:
    """At :data:`LEVEL`."""
    return sound * (LEVEL / (sound.square().mean(-1, keepdim=True) + 1e-12).sqrt())


def spectrogram(sound: Tensor) -> Tensor:
    """Magnitudes, (batch, n_bins, n_frames)."""
    window = torch.hann_window(N_FFT, device=sound.device)
    found = torch.stft(sound, N_FFT, HOP, window=window, center=False, return_complex=True)
    return (torch.view_as_real(found).square().sum(-1) + 1e-10).sqrt()


class Judge:
    """One random network.

    Parameters
    ----------
    seed : int
        Of its weights and its kernel.
    n_filters : int
    """

    def __init__(self, seed: int, n_filters: int = 256):
        generator = torch.Generator().manual_seed(seed)
        kernel = KERNELS[int(torch.randint(len(KERNELS), (), generator=generator))]
        n_bins = N_FFT // 2 + 1
        scale = math.sqrt(2) * math.sqrt(2 / ((n_bins + n_filters) * kernel))
        self.weight = scale * torch.randn(n_filters, n_bins, kernel, generator=generator)

    def gram(self, magnitudes: Tensor) -> Tensor:
        """(batch, n_bins, n_frames) → (batch, n_filters, n_filters)."""
        features = torch.relu(functional.conv1d(torch.log1p(magnitudes), self.weight.to(magnitudes.device)))
        return torch.matmul(features, features.transpose(1, 2)) / features.shape[2]

    def shares(self, made: Tensor, style: Tensor, content: Tensor) -> Tensor:
        """How far each texture is from its style, as a share of how far the content was: (batch,)."""
        wanted = self.gram(style)
        far = torch.maximum(distance(self.gram(content), wanted), _LEAST_SHARE * wanted.square().sum((1, 2)))
        return distance(self.gram(made), wanted) / far


def distance(one: Tensor, other: Tensor) -> Tensor:
    """Squared distance of Gram matrices, (batch,)."""
    return (one - other).square().sum((1, 2))


# ------------------------------------------------------------------------------------------ content


def correlation(one: Tensor, other: Tensor) -> Tensor:
    """Of each row: (batch, n), (batch, n) → (batch,)."""
    one, other = one - one.mean(-1, keepdim=True), other - other.mean(-1, keepdim=True)
    norm = (one.square().sum(-1) * other.square().sum(-1) + 1e-12).sqrt()
    return (one * other).sum(-1) / norm


def content_kept(made: Tensor, content: Tensor) -> dict[str, Tensor]:
    """Correlations of envelope, onsets and chroma of two spectrograms, each (batch,)."""
    pairs = {"envelope": _envelope, "onset": _onsets, "chroma": _chroma}
    return {name: correlation(measure(made), measure(content)) for name, measure in pairs.items()}


def _envelope(magnitudes: Tensor) -> Tensor:
    return (magnitudes.square().mean(1) + 1e-8).sqrt()


def _onsets(magnitudes: Tensor) -> Tensor:
    """How much the bands' levels in dB rise from frame to frame."""
    bands = torch.matmul(_mel_bands().to(magnitudes.device), magnitudes.square())
    loudest = bands.amax((1, 2), keepdim=True)
    level = torch.log(torch.maximum(bands, 1e-8 * loudest) + 1e-10)
    return torch.relu(level.diff(dim=2)).mean(1)


def _chroma(magnitudes: Tensor) -> Tensor:
    energy = torch.matmul(_pitch_classes().to(magnitudes.device), magnitudes.square())
    return (energy / (energy.amax(1, keepdim=True) + 1e-6)).flatten(1)


def _mel_bands(n_bands: int = 64) -> Tensor:
    """Triangles, even on the mel scale, (n_bands, n_bins)."""
    edges = 700 * np.expm1(np.linspace(0, np.log1p(RATE / 2 / 700), n_bands + 2))
    hz = np.arange(N_FFT // 2 + 1) * RATE / N_FFT
    rise = (hz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - hz) / np.diff(edges)[1:, None]
    weights = np.maximum(0, np.minimum(rise, fall))
    return torch.as_tensor(weights / (weights.sum(1, keepdims=True) + 1e-9), dtype=torch.float32)


def _pitch_classes() -> Tensor:
    """Which of twelve pitch classes each bin from 100 to 4000 Hz is nearest to, (12, n_bins)."""
    hz = np.maximum(np.arange(N_FFT // 2 + 1) * RATE / N_FFT, 1.0)
    nearest = np.round(12 * np.log2(hz / 440)).astype(int) % 12
    inside = (hz > 100) & (hz < 4000)
    return torch.as_tensor((nearest == np.arange(12)[:, None]) & inside, dtype=torch.float32)
