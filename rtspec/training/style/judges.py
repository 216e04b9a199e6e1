"""The judges of :mod:`rtspec.style.judging` and the measures of :mod:`rtspec.style.measures`, for batches and
differentiable: the same networks and bands, so that what is trained for is what is measured.

References
----------
.. [1] D. Ulyanov, V. Lebedev: "Audio texture synthesis and style transfer", 2016: bins as channels, one convolution
   over time with random weights.
.. [2] L. Wyse: "Audio spectrogram representations for processing with convolutional neural networks", 2017.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...style.judging import LEVEL
from ...style.measures import N_BANDS, ONSET_FLOOR, mel_weights, pitch_classes
from ...style.networks import random_filters
from ...style.spectra import PLAN

KERNELS = (1, 3, 5, 7, 11, 15)
"""Frames that a network may see at once; each is drawn as often."""
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
    window = torch.hann_window(PLAN.n_fft, device=sound.device)
    found = torch.stft(sound, PLAN.n_fft, PLAN.hop, window=window, center=False, return_complex=True)
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
        kernel = KERNELS[int(np.random.default_rng(seed).integers(len(KERNELS)))]
        self.weight = torch.as_tensor(random_filters(seed, kernel, n_filters)).permute(1, 2, 0).contiguous()

    def gram(self, magnitudes: Tensor) -> Tensor:
        """(batch, n_bins, n_frames) → (batch, n_filters, n_filters)."""
        features = torch.relu(functional.conv1d(torch.log1p(magnitudes), self.weight.to(magnitudes.device))).float()
        return torch.matmul(features, features.transpose(1, 2)).float() / features.shape[2]

    def judge(
        self, made: Tensor, style: Tensor, content: Tensor, which: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of each item, (batch,): how far the texture is from its style, how far the content was, and the style's own
        size. Of items that share a style `which` tells its row, int64 of shape (batch,)."""
        wanted = self.gram(style) if which is None else self.gram(style)[which]
        size = wanted.square().sum((1, 2))
        far = torch.maximum(distance(self.gram(content), wanted), _LEAST_SHARE * size)
        return distance(self.gram(made), wanted), far, size

    def shares(self, made: Tensor, style: Tensor, content: Tensor) -> Tensor:
        """How far each texture is from its style, as a share of how far the content was: (batch,)."""
        near, far, _ = self.judge(made, style, content)
        return near / far


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
    bands = torch.matmul(torch.as_tensor(mel_weights(N_BANDS, PLAN.n_fft)).to(magnitudes.device), magnitudes.square())
    loudest = bands.amax((1, 2), keepdim=True)
    level = torch.log(torch.maximum(bands, ONSET_FLOOR * loudest) + 1e-10)
    return torch.relu(level.diff(dim=2)).mean(1)


def _chroma(magnitudes: Tensor) -> Tensor:
    energy = torch.matmul(torch.as_tensor(pitch_classes()).to(magnitudes.device), magnitudes.square())
    return (energy / (energy.amax(1, keepdim=True) + 1e-6)).flatten(1)
