"""You have DeepFilterNet as its authors export it: enc.onnx, erb_dec.onnx, df_dec.onnx, in a folder or a tar file.

The three below stand for it: random networks that read and give what its own do (the published archive takes the same
command). Run ``python examples/three_files_of_deepfilternet.py``; it writes all files into ``out/deepfilter/``.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import rtspec
from rtspec.cli import main as rtspec_command

SAMPLE_RATE, BANDS, BINS, TAPS, UNITS = 48000, 32, 96, 5, 16


class Encoder(nn.Module):
    """Band levels and complex bins to an embedding, and a map for the filter."""

    def __init__(self):
        super().__init__()
        self.gru, self.bins = nn.GRU(BANDS, UNITS, batch_first=True), nn.Conv2d(2, 2, 1)

    def forward(self, feat_erb: Tensor, feat_spec: Tensor):
        """[1, 1, frames, 32] and [1, 2, frames, 96] to [1, frames, units] and [1, 2, frames, 96]."""
        return self.gru(feat_erb[:, 0])[0], torch.relu(self.bins(feat_spec))


class Gains(nn.Module):
    """The embedding to a gain a band, [1, 1, frames, 32]."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(UNITS, BANDS)

    def forward(self, emb: Tensor):
        return torch.sigmoid(self.out(emb))[:, None]


class Filter(nn.Module):
    """The embedding and the map to complex taps, [1, frames, 96, 10]."""

    def __init__(self):
        super().__init__()
        self.out, self.path = nn.Linear(UNITS, BINS * 2 * TAPS), nn.Conv2d(2, 2 * TAPS, 1)

    def forward(self, emb: Tensor, c0: Tensor):
        taps = torch.tanh(self.out(emb)).reshape(1, -1, BINS, 2 * TAPS)
        return taps + self.path(c0).permute(0, 2, 3, 1)


def export(network: nn.Module, path: Path, inputs: dict[str, Tensor], outputs: list[str]) -> None:
    """Whole clips, frames dynamic."""
    axes = {name: {1 if value.dim() == 3 else 2: "S"} for name, value in inputs.items()}
    names: dict[str, Any] = {"input_names": list(inputs), "output_names": outputs, "dynamic_axes": axes}
    torch.onnx.export(network.eval(), tuple(inputs.values()), str(path), **names, opset_version=17, dynamo=False)


def main(folder: Path = Path("out/deepfilter")) -> int:
    """Write the three files, adopt them as one package, play through it."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    erb, spec, emb = torch.randn(1, 1, 9, BANDS), torch.randn(1, 2, 9, BINS), torch.randn(1, 9, UNITS)
    export(Encoder(), folder / "enc.onnx", {"feat_erb": erb, "feat_spec": spec}, ["emb", "c0"])
    export(Gains(), folder / "erb_dec.onnx", {"emb": emb}, ["m"])
    export(Filter(), folder / "df_dec.onnx", {"emb": emb, "c0": spec}, ["coefs"])
    package = folder / "whole.onnx"
    if rtspec_command(["adopt", str(folder), str(package)]):
        return 1
    sound = (0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE)).astype(np.float32)
    processor = rtspec.OnnxProcessor(package)
    played = processor(sound, SAMPLE_RATE)
    print(f"a second of noise: {np.std(sound):.3f} in, {np.std(played):.3f} out, {processor.latency_samples} samples")
    return 0


if __name__ == "__main__":
    sys.exit(main())
