"""Small random-weight versions of the networks that must stream, with the originals' topology, and their export.

The five papers' networks follow the texts as far as these go; sizes are arguments so that benches can ask for the
paper's own.
"""

import io
import logging
import warnings
from itertools import pairwise
from typing import Any

import onnx
import torch
from torch import Tensor, nn

OPSET = 17


class ThirdOctave(nn.Module):
    """Convolutions 9×9 over (frames, bins) with a residual: third-octave inversion (Gontier et al. 2020)."""

    def __init__(self, channels: int = 8, kernel: int = 9, layers: int = 5) -> None:
        super().__init__()
        widths = [1, *[channels] * (layers - 1), 1]
        pairs = pairwise(widths)
        self.convolutions = nn.ModuleList([nn.Conv2d(a, b, kernel, padding=kernel // 2) for a, b in pairs])

    def forward(self, x: Tensor) -> Tensor:
        """[1, 1, frames, bins] to the same."""
        h = x
        for convolution in self.convolutions:
            h = torch.relu(convolution(h))
        return h + x


class SeparableBlocks(nn.Module):
    """Bins as channels, depthwise and pointwise 1-D convolutions, PReLU with shared slopes (Deshpande et al. 2018)."""

    def __init__(self, blocks: int = 1, bins: int = 26, latent: int = 12) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([self._block(bins, latent) for _ in range(blocks)])

    @staticmethod
    def _block(bins: int, latent: int) -> nn.Sequential:
        down = [nn.Conv1d(bins, bins, 5, padding=2, groups=bins), nn.Conv1d(bins, latent, 1), nn.PReLU(latent)]
        up = [nn.Conv1d(latent, latent, 5, padding=2, groups=latent), nn.Conv1d(latent, bins, 1), nn.PReLU()]
        return nn.Sequential(*down, *up)

    def forward(self, x: Tensor) -> Tensor:
        """[1, bins, frames] to the same."""
        for block in self.blocks:
            x = x + block(x)
        return x


class LogMelAutoencoder(nn.Module):
    """Convolutions 4×4 with stride 2, no dense layer, mirrored decoder (Natsiou et al. 2021); time strides if asked."""

    def __init__(self, time_stride: int = 1, channels: tuple[int, ...] = (4, 6, 8)) -> None:
        super().__init__()
        stride, kernel, padding = (2, time_stride), (4, 4 if time_stride > 1 else 3), (1, 1)
        widths = [1, *channels]
        pairs = list(pairwise(widths))
        self.encoder = nn.ModuleList([nn.Conv2d(a, b, kernel, stride, padding) for a, b in pairs])
        self.decoder = nn.ModuleList([nn.ConvTranspose2d(b, a, kernel, stride, padding) for a, b in reversed(pairs)])

    def forward(self, x: Tensor) -> Tensor:
        """[1, 1, mels, frames] to the same."""
        for layer in [*self.encoder, *self.decoder[:-1]]:
            x = torch.tanh(layer(x))
        return torch.sigmoid(self.decoder[-1](x))


class RandomTexture(nn.Module):
    """One wide convolution over frames with bins as channels: 1025 to 4096, k = 11 (Ulyanov and Lebedev; Wyse 2017)."""

    def __init__(self, bins: int = 65, channels: int = 96, kernel: int = 11) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(bins, channels, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """[1, bins, frames] to [1, channels, frames]."""
        return torch.relu(self.convolution(x))


class SceneFeatures(nn.Module):
    """The acoustic scene network up to its pooling over the clip: 3×3 and 1×1 convolutions, BatchNorm, max-pool 2."""

    def __init__(self, channels: tuple[int, ...] = (4, 6, 8)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in zip([1, *channels[:-1]], channels, strict=True):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, b, 1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers, nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """[1, 1, coefficients, frames] to [1, channels, coefficients / 8, frames / 8]."""
        return self.layers(x)


class DilatedTcn(nn.Module):
    """Causal residual blocks with doubling dilation: both sides padded, the surplus cut off ("chomp")."""

    def __init__(self, bins: int = 20, levels: int = 4, kernel: int = 3, causal: bool = True) -> None:
        super().__init__()
        self.causal = causal
        self.surplus = [(kernel - 1) * 2**level for level in range(levels)]
        self.layers = nn.ModuleList(
            [
                nn.Conv1d(bins, bins, kernel, dilation=2**level, padding=surplus if causal else surplus // 2)
                for level, surplus in enumerate(self.surplus)
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        """[1, bins, frames] to the same."""
        for layer, surplus in zip(self.layers, self.surplus, strict=True):
            h = layer(x)
            x = torch.relu(h[..., :-surplus] if self.causal else h) + x
        return x


class FrequencyUNet(nn.Module):
    """U-Net with strides along frequency and skips; nearest-neighbour upsampling on the way back."""

    def __init__(self, channels: tuple[int, ...] = (4, 8, 12)) -> None:
        super().__init__()
        widths = [1, *channels]
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList([nn.Conv2d(a, b, 3, stride=(2, 1), padding=1) for a, b in pairs])
        self.norm = nn.ModuleList([nn.BatchNorm2d(b) for _, b in pairs])
        self.up = nn.ModuleList(
            [nn.Conv2d(2 * b if i else b, a, 3, padding=1) for i, (a, b) in enumerate(reversed(pairs))]
        )

    def forward(self, x: Tensor) -> Tensor:
        """[1, 1, bins, frames] to the same."""
        skips = []
        for layer, norm in zip(self.down, self.norm, strict=True):
            x = nn.functional.leaky_relu(norm(layer(x)), 0.2)
            skips.append(x)
        x = skips.pop()
        for layer in self.up[:-1]:
            x = torch.relu(layer(nn.functional.interpolate(x, scale_factor=(2.0, 1.0))))
            x = torch.cat([x, skips.pop()], dim=1)
        return self.up[-1](nn.functional.interpolate(x, scale_factor=(2.0, 1.0)))


class ConvRecurrent(nn.Module):
    """Convolutional encoder, a GRU over frames, transposed convolutions with skips (CRN; Tan and Wang 2018)."""

    def __init__(self, bins: int = 16, channels: int = 4, hidden: int = 24, cell: str = "GRU") -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            [nn.Conv2d(a, channels, (3, 3), stride=(1, 2), padding=(1, 1)) for a in (1, channels)]
        )
        size = channels * bins // 4
        self.recurrent = getattr(nn, cell)(size, hidden, num_layers=2, batch_first=True)
        self.back = nn.Linear(hidden, size)
        self.decoder = nn.ModuleList(
            [nn.ConvTranspose2d(2 * channels, b, (2, 4), stride=(1, 2), padding=(0, 1)) for b in (channels, 1)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """[1, 1, frames, bins] to the same."""
        skips = []
        for layer in self.encoder:
            x = nn.functional.elu(layer(x))
            skips.append(x)
        h = x.permute(0, 2, 1, 3).flatten(2)
        h, _ = self.recurrent(h)
        x = self.back(h).unflatten(2, (x.shape[1], x.shape[3])).permute(0, 2, 1, 3)
        for layer in self.decoder:
            x = layer(torch.cat([x, skips.pop()], dim=1))[:, :, :-1]
        return x


class ConvNeXtBackbone(nn.Module):
    """Vocoder backbone: depthwise convolution 7, LayerNorm over channels, pointwise layers with GELU (Vocos)."""

    def __init__(self, mels: int = 12, width: int = 24, layers: int = 3, bins: int = 17) -> None:
        super().__init__()
        self.enter = nn.Conv1d(mels, width, 7, padding=3)
        self.first = nn.LayerNorm(width)
        self.depthwise = nn.ModuleList([nn.Conv1d(width, width, 7, padding=3, groups=width) for _ in range(layers)])
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(layers)])
        self.wide = nn.ModuleList([nn.Linear(width, 3 * width) for _ in range(layers)])
        self.narrow = nn.ModuleList([nn.Linear(3 * width, width) for _ in range(layers)])
        self.head = nn.Linear(width, bins)

    def forward(self, x: Tensor) -> Tensor:
        """[1, mels, frames] to [1, bins, frames]."""
        x = self.first(self.enter(x).transpose(1, 2)).transpose(1, 2)
        for depthwise, norm, wide, narrow in zip(self.depthwise, self.norms, self.wide, self.narrow, strict=True):
            h = norm(depthwise(x).transpose(1, 2))
            x = x + narrow(nn.functional.gelu(wide(h))).transpose(1, 2)
        return torch.exp(self.head(x.transpose(1, 2)).transpose(1, 2) * 0.1)


def export(network: nn.Module, example: Tensor, time_axis: int, *, dynamo: bool = False) -> onnx.ModelProto:
    """ONNX of a network in evaluation mode, input "x", output "y", time dynamic, by the older or the newer exporter."""
    network.eval()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            return _dynamo(network, example, time_axis) if dynamo else _traced(network, example, time_axis)
        finally:
            logging.disable(logging.NOTSET)


def _traced(network: nn.Module, example: Tensor, time_axis: int) -> onnx.ModelProto:
    file: Any = io.BytesIO()
    torch.onnx.export(
        network,
        (example,),
        file,
        dynamo=False,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {time_axis: "frames"}},
        opset_version=OPSET,
    )
    return onnx.load_from_string(file.getvalue())


def _dynamo(network: nn.Module, example: Tensor, time_axis: int) -> onnx.ModelProto:
    frames = torch.export.Dim.DYNAMIC
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        verbose=False,
        input_names=["x"],
        output_names=["y"],
        dynamic_shapes=({time_axis: frames},),
    )
    assert program is not None
    return program.model_proto
