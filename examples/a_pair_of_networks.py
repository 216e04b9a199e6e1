"""You have a model in two files, like DTLN: a mask on the spectrum, then a network on the samples of each block.

The two below stand for it: random LSTMs of its shapes, their states in one tensor [1, 2, units, 2] each. Run
``python examples/a_pair_of_networks.py``; it writes all files into ``out/pair/``.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import rtspec
from rtspec.cli import main as rtspec_command

SAMPLE_RATE, BLOCK, UNITS = 16000, 512, 16


class Core(nn.Module):
    """Two LSTMs and a mask on what goes in."""

    def __init__(self, size: int, gives_mask: bool):
        super().__init__()
        self.gives_mask = gives_mask
        self.layers = nn.ModuleList([nn.LSTM(size, UNITS, batch_first=True), nn.LSTM(UNITS, UNITS, batch_first=True)])
        self.mask = nn.Linear(UNITS, size)

    def forward(self, x: Tensor, states: Tensor):
        """[1, 1, size] and the states to a mask, or to x times the mask, and new states."""
        h, made = x, []
        for k, layer in enumerate(self.layers):
            h, (a, b) = layer(h, (states[:, k : k + 1, :, 0], states[:, k : k + 1, :, 1]))
            made.append(torch.stack([a[0], b[0]], -1))
        mask = torch.sigmoid(self.mask(h))
        return mask if self.gives_mask else mask * x, torch.stack(made, 1)


def export(core: Core, size: int, path: Path) -> None:
    """One frame a call, states in and out."""
    example = torch.randn(1, 1, size), torch.zeros(1, 2, UNITS, 2)
    names: dict[str, Any] = {"input_names": ["frame", "states"], "output_names": ["made", "new_states"]}
    torch.onnx.export(core.eval(), example, str(path), **names, opset_version=17, dynamo=False)


def main(folder: Path = Path("out/pair")) -> int:
    """Write the pair, adopt it as one package, play through it."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    export(Core(BLOCK // 2 + 1, gives_mask=True), BLOCK // 2 + 1, folder / "model_1.onnx")
    export(Core(BLOCK, gives_mask=False), BLOCK, folder / "model_2.onnx")
    package = folder / "pair.onnx"
    if rtspec_command(["adopt", str(folder), str(package), "--like", "dtln"]):
        return 1
    sound = (0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE)).astype(np.float32)
    processor = rtspec.OnnxProcessor(package)
    played = processor(sound, SAMPLE_RATE)
    print(f"a second of noise: {np.std(sound):.3f} in, {np.std(played):.3f} out, {processor.latency_samples} samples")
    return 0


if __name__ == "__main__":
    sys.exit(main())
