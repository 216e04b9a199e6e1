"""The paper's stacked convolutional autoencoders: every variant of its Tables I to IV.

References
----------
A. Natsiou, L. Longo, S. O'Leary: "An investigation of the reconstruction capacity of stacked convolutional autoencoders
for log-mel-spectrograms", 2022, sections III and IV.
"""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import of_kind
from ..halves import halves
from .log_mel import N_FRAMES, N_MELS, RANGE_DB, mean_scores

Where = Literal["", "E", "D", "ED"]
DROPOUT = 0.3
KERNEL_WEIGHT = {1: 1e-5, 2: 1e-4}
"""λ of the kernel regularisers by norm; the paper gives none."""

ACTIVITY_WEIGHT = {1: 1e-4, 2: 1e-3}
"""λ of the activity regularisers, on the sum over a layer's output as in Keras, divided by the batch."""

NEAR_DB, FAR_WEIGHT = 36.0, 0.1
"""A little more than what the paper's peaks may lie below the strongest band, and what a band below that weighs."""

RISE_DB, RISE_WEIGHT = 1.0, 0.01
"""Of :func:`peak_error`: from which step between two bands on it matters which is louder, and how much that weighs."""


@dataclass(frozen=True)
class Variant:
    """One row of a table.

    Attributes
    ----------
    name : str
        As the paper calls it.
    dropout, kernel, activity : {"", "E", "D", "ED"}
        Where each regulariser acts: encoder, decoder, both or nowhere.
    norm : {1, 2}
        Of kernel and activity regularisers.
    pooling : {"max", "average", "none"}
        "none" has three more convolutions instead.
    latent : int
        Values between the dense layers; 0: no dense layer.
    widths : tuple of int
        Channels of the three convolutions; the paper gives none.
    peaks : bool
        Trained by :func:`peak_error`, which is ours; the paper has the mean square error.
    """

    name: str
    dropout: Where = ""
    kernel: Where = ""
    activity: Where = ""
    norm: int = 2
    pooling: Literal["max", "average", "none"] = "max"
    latent: int = 8192
    widths: tuple[int, int, int] = (24, 64, 512)
    peaks: bool = False

    def quick(self) -> "Variant":
        """The same with fewer channels and a sixteenth of the latents, for a machine without a GPU."""
        return replace(self, widths=(8, 24, 64), latent=self.latent // 16)


BASELINE = Variant("No Reg")

TABLES: dict[str, tuple[Variant, ...]] = {
    "regularisation": (
        BASELINE,
        *(Variant(f"Dropout {where}", dropout=where) for where in ("E", "D", "ED")),
        *(Variant(f"KR L{n} {where}", kernel=where, norm=n) for n in (1, 2) for where in ("E", "D", "ED")),
        *(Variant(f"AR L{n} {where}", activity=where, norm=n) for n in (1, 2) for where in ("E", "D", "ED")),
    ),
    "pooling": (
        Variant("Max Pooling"),
        Variant("Average Pooling", pooling="average"),
        Variant("No Pooling", pooling="none"),
    ),
    "latent": tuple(Variant(f"Latent Dim {n}", latent=n) for n in (8192, 4096, 2048)),
    "dense": (Variant("Dense"), Variant("No Dense", latent=0)),
}


class StackedAutoencoder(nn.Module):
    """Log-mel pictures (n, 128, 512) → pictures.

    Three convolutions of kernel 4, stride 2, tanh, each followed by a pooling of 2, then a dense layer; the decoder
    mirrors them. The output is linear and clipped to 0 to 1: the paper's softmax would make a picture sum to 1, and
    two fifths of all values are 0, which a sigmoid only comes near.
    """

    def __init__(self, variant: Variant):
        super().__init__()
        self.variant = variant
        self.encoder, self.decoder = _Stack(variant, "E"), _Stack(variant, "D")
        grid = variant.widths[-1] * (N_MELS // 64) * (N_FRAMES // 64)
        self.shape = (variant.widths[-1], N_MELS // 64, N_FRAMES // 64)
        dense = variant.latent > 0
        self.shrink = nn.Linear(grid, variant.latent) if dense else nn.Identity()
        self.grow = nn.Linear(variant.latent, grid) if dense else nn.Identity()
        self.apply(_begin)

    def encode(self, pictures: Tensor) -> Tensor:
        """The latent representation, (n, latent)."""
        return self.shrink(self.encoder(pictures[..., None].permute(0, 3, 1, 2)).flatten(1))

    def forward(self, pictures: Tensor) -> Tensor:
        grown = self.grow(self.encode(pictures)).reshape(-1, *self.shape)
        return clipped(self.decoder(grown).float())[:, 0]

    @torch.no_grad()
    def stack_on(self, below: "StackedAutoencoder", pictures: Tensor) -> None:
        """Begin with the encoder and decoder of a network without dense layer, and its latents' principal axes between.

        Greedy, layer by layer, as stacked autoencoders are trained (Y. Bengio et al.: "Greedy layer-wise training of
        deep networks", 2007). `pictures` (n, 128, 512) are notes of the training; the axes are at most n.
        """
        self.encoder.load_state_dict(below.encoder.state_dict())
        self.decoder.load_state_dict(below.decoder.state_dict())
        codes = torch.cat([below.encode(some) for some in pictures.split(32)])
        mean = codes.mean(0)
        _, _, axes = torch.linalg.svd(codes - mean, full_matrices=False)
        axes = nn.functional.pad(axes[: self.variant.latent], (0, 0, 0, max(0, self.variant.latent - len(axes))))
        for layer, weight, bias in ((self.shrink, axes, -axes @ mean), (self.grow, axes.T, mean)):
            layer.load_state_dict({"weight": weight, "bias": bias})

    def penalty(self) -> Tensor:
        """What the regularisers add to the loss of the batch just seen."""
        return self.encoder.penalty() + self.decoder.penalty()


@torch.no_grad()
def _begin(layer: nn.Module) -> None:
    """Weights that keep the variance; torch's own shrink it threefold each layer, and reckon a decoder's wrongly."""
    if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        return
    taps = {nn.Conv2d: 16, nn.Linear: 1}.get(type(layer), 4)  # of a transposed kernel, 4 of 16 meet in a value
    nn.init.normal_(layer.weight, 0.0, (taps * (layer.weight.shape[0 if taps == 4 else 1])) ** -0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class _Stack(nn.Module):
    """Encoder or decoder: three blocks of convolution, tanh, pooling (or its reverse) and dropout."""

    def __init__(self, variant: Variant, side: Literal["E", "D"]):
        super().__init__()
        self.variant, self.side = variant, side
        self.blocks = nn.ModuleList(_down(variant) if side == "E" else _up(variant))
        self.drop = nn.Dropout(DROPOUT if side in variant.dropout else 0.0)
        self.activity = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        self.activity = x.new_zeros(())
        watched = self.side in self.variant.activity
        for i, block in enumerate(self.blocks):
            x = block(x)
            if watched:
                self.activity = self.activity + x.float().abs().pow(self.variant.norm).sum() / len(x)
            if i + 1 < len(self.blocks) or self.side == "E":
                x = self.drop(x)
        return x

    def penalty(self) -> Tensor:
        """Kernel and activity regularisers of this side."""
        total = ACTIVITY_WEIGHT[self.variant.norm] * self.activity
        if self.side in self.variant.kernel:
            kernels = [m.weight for m in self.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
            total = total + KERNEL_WEIGHT[self.variant.norm] * sum(
                w.abs().pow(self.variant.norm).sum() for w in kernels
            )
        return total


def _down(variant: Variant) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    for n_in, n_out in zip((1, *variant.widths[:2]), variant.widths, strict=True):
        after = {
            "max": [nn.MaxPool2d(2), nn.Tanh()],  # the other way round is the same, for four times as many tanh
            "average": [nn.Tanh(), nn.AvgPool2d(2)],
            "none": [nn.Tanh(), nn.Conv2d(n_out, n_out, 4, 2, 1), nn.Tanh()],
        }[variant.pooling]
        blocks.append(nn.Sequential(nn.Conv2d(n_in, n_out, 4, 2, 1), *after))
    return blocks


def _up(variant: Variant) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    widths = variant.widths[::-1]
    for n_in, n_out in zip(widths, (*widths[1:], 1), strict=True):
        last = [nn.Tanh()] if n_out > 1 else []
        if variant.pooling == "none":
            wider = [nn.ConvTranspose2d(n_in, n_in, 4, 2, 1), nn.Tanh(), nn.ConvTranspose2d(n_in, n_out, 4, 2, 1)]
        else:
            wider = [UpsampledConvTranspose2d(n_in, n_out, 4, 2, 1)]
        blocks.append(nn.Sequential(*wider, *last))
    return blocks


class UpsampledConvTranspose2d(nn.ConvTranspose2d):
    """Each value twice along both axes, then a transposed convolution of kernel 4, stride 2 and padding 1.

    As one transposed convolution of kernel 6 and stride 4, whose kernel is the sum of the small one and itself moved by
    2: the same sums in half the time.
    """

    @property
    def kernel(self) -> Tensor:
        """The large one, (n_in, n_out, 6, 6)."""
        kernel = nn.functional.pad(self.weight, (0, 2, 0, 2))
        for axis in (2, 3):
            kernel = kernel + kernel.roll(2, axis)
        return kernel

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        return nn.functional.conv_transpose2d(input, self.kernel, self.bias, stride=4, padding=1)

    def fused(self) -> nn.ConvTranspose2d:
        """The same as an ordinary layer."""
        layer = nn.ConvTranspose2d(self.in_channels, self.out_channels, 6, 4, 1)
        layer.load_state_dict({"weight": self.kernel, "bias": self.bias})
        return layer


class StreamedAutoencoder(nn.Module):
    """The variant without a dense layer as it streams: pictures (1, 128, any number of frames) → pictures."""

    def __init__(self, network: StackedAutoencoder):
        super().__init__()
        self.encoder, self.decoder = network.encoder, deepcopy(network.decoder)
        for block in self.decoder.blocks:
            layers = of_kind(block, nn.Sequential)
            if isinstance(first := layers[0], UpsampledConvTranspose2d):
                layers[0] = first.fused()

    def forward(self, pictures: Tensor) -> Tensor:
        return self.decoder(self.encoder(pictures[:, None])).clamp(0, 1)[:, 0]


def clipped(x: Tensor) -> Tensor:
    """Clipped to 0 to 1; the gradient passes, so that a value beyond the range finds back."""
    return x + (x.clamp(0, 1) - x).detach()


def peak_error(made: Tensor, wanted: Tensor) -> Tensor:
    """How far pictures are apart where the paper's metric looks for peaks.

    The mean square error, in which bands far below the strongest of their frame weigh little; and, of two neighbouring
    bands, which one is the louder: the cross-entropy of that comparison, soft within :data:`RISE_DB`. A peak that moves
    by a band, vanishes or is invented costs next to nothing in the first and much in the second.
    """
    near = wanted >= wanted.amax(1, keepdim=True) - NEAR_DB / RANGE_DB
    square = torch.where(near, 1.0, FAR_WEIGHT) * (made - wanted) ** 2
    rise, wanted_rise = (x.diff(dim=1) * (RANGE_DB / RISE_DB) for x in (made, wanted))
    order = nn.functional.binary_cross_entropy_with_logits(rise, wanted_rise.sigmoid(), reduction="none")
    return square.mean() + RISE_WEIGHT * (order * (near[:, 1:] | near[:, :-1])).mean()


def reconstruction_loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """The variant's error and what the regularisers add; convolutions in bfloat16, twice as fast and as good."""
    autoencoder = of_kind(network, StackedAutoencoder)
    (pictures,) = batch
    with halves(pictures.device):
        made = autoencoder(pictures)
    error = (peak_error if autoencoder.variant.peaks else nn.functional.mse_loss)(made.float(), pictures)
    return error + autoencoder.penalty() if autoencoder.training else error


def reconstruction_scores(network: nn.Module, pictures: np.ndarray) -> dict[str, float]:
    """Means of the paper's measures over pictures (n, bands, frames). They are float32."""

    def again(picture: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(picture[None]))[0].numpy()

    return mean_scores(again, pictures)
