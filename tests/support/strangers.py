"""Streaming files as public projects publish them: one frame a call, states among inputs and outputs, random weights.

Each has the names, shapes and axis order of its original, at a size that a test runs in a moment.
"""

import io
import warnings
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows


class StreamingGtcrn(nn.Module):
    """GTCRN's streaming form: [1, 257, 1, 2] in and out, caches of convolutions, of gates and of the path over time."""

    def __init__(self, bins: int = 257, bands: int = 33, channels: int = 8):
        super().__init__()
        self.to_bands, self.to_bins = nn.Linear(bins, bands, bias=False), nn.Linear(bands, bins, bias=False)
        self.enter = nn.Conv2d(3, channels, (1, 3), padding=(0, 1))
        self.convs = nn.ModuleList([nn.Conv2d(channels, channels, (3, 3), padding=(0, 1)) for _ in range(2)])
        self.gates = nn.ModuleList([nn.GRU(channels, channels, batch_first=True) for _ in range(2)])
        self.paths = nn.ModuleList([nn.GRU(channels, channels, batch_first=True) for _ in range(2)])
        self.leave = nn.Conv2d(channels, 2, (1, 3), padding=(0, 1))

    def forward(self, mix: Tensor, conv_cache: Tensor, tra_cache: Tensor, inter_cache: Tensor):
        """Spectrum [1, bins, 1, 2]; caches [2, 1, channels, 2, bands], [2, 1, 1, channels], [2, 1, bands, channels]."""
        x = mix.permute(0, 3, 2, 1)
        magnitude = torch.sqrt(x[:, :1] ** 2 + x[:, 1:] ** 2 + 1e-12)
        h = F.elu(self.enter(self.to_bands(torch.cat([magnitude, x], 1))))
        convs, gates, paths = [], [], []
        for i in range(2):
            wide = torch.cat([conv_cache[i], h], 2)
            convs.append(wide[:, :, 1:])
            h = F.elu(self.convs[i](wide))
            gate, hidden = self.gates[i](h.pow(2).mean(-1).transpose(1, 2), tra_cache[i])
            gates.append(hidden)
            h = h * torch.sigmoid(gate).transpose(1, 2)[..., None]
            over, hidden = self.paths[i](h.permute(0, 3, 2, 1).reshape(-1, 1, h.shape[1]), inter_cache[i])
            paths.append(hidden)
            h = h + over.reshape(1, -1, 1, h.shape[1]).permute(0, 3, 2, 1)
        mask = torch.tanh(self.to_bins(self.leave(h)))
        real = x[:, 0] * mask[:, 0] - x[:, 1] * mask[:, 1]
        imag = x[:, 1] * mask[:, 0] + x[:, 0] * mask[:, 1]
        enh = torch.stack([real, imag], -1).permute(0, 2, 1, 3)
        return enh, torch.stack(convs), torch.stack(gates), torch.stack(paths)


def gtcrn(names: bool = True) -> onnx.ModelProto:
    """The file, with its authors' names of tensors, or with names that say nothing."""
    torch.manual_seed(0)
    example = (
        torch.randn(1, 257, 1, 2),
        torch.zeros(2, 1, 8, 2, 33),
        torch.zeros(2, 1, 1, 8),
        torch.zeros(2, 1, 33, 8),
    )
    inputs = ["mix", "conv_cache", "tra_cache", "inter_cache"]
    outputs = ["enh", "conv_cache_out", "tra_cache_out", "inter_cache_out"]
    if not names:
        inputs, outputs = [f"input.{i}" for i in range(4)], [f"y{100 + 7 * i}" for i in range(4)]
    return exported(StreamingGtcrn(), example, inputs, outputs)


def exported(
    network: nn.Module, example: tuple[Tensor, ...], inputs: list[str], outputs: list[str], dynamic: dict | None = None
) -> onnx.ModelProto:
    """A network as an ONNX file, of fixed shapes but for the dynamic axes."""
    file: Any = io.BytesIO()
    names: dict[str, Any] = {"input_names": inputs, "output_names": outputs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), example, file, **names, dynamic_axes=dynamic, opset_version=17, dynamo=False)
    return onnx.load_from_string(file.getvalue())


class Nsnet(nn.Module):
    """NSNet2: log power [1, frames, 161], dense, two GRUs, dense, gains."""

    def __init__(self, bins: int = 161, hidden: int = 12):
        super().__init__()
        self.enter, self.leave = nn.Linear(bins, hidden), nn.Linear(hidden, bins)
        self.gru = nn.GRU(hidden, hidden, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.leave(self.gru(self.enter(x))[0]))


def nsnet() -> onnx.ModelProto:
    """The file: made for whole clips."""
    torch.manual_seed(0)
    return exported(Nsnet(), (torch.randn(1, 40, 161),), ["x"], ["y"], {"x": {1: "frames"}, "y": {1: "frames"}})


def convolution() -> onnx.ModelProto:
    """A causal convolution over frames, made for whole clips."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.ConstantPad1d((2, 0), 0.0), nn.Conv1d(257, 257, 3))
    return exported(network, (torch.randn(1, 257, 40),), ["x"], ["y"], {"x": {2: "frames"}, "y": {2: "frames"}})
