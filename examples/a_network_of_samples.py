"""You have a network of waveforms with a fixed hop, like a streaming Demucs: 256 samples a call, caches in and out.

The one below stands for it: a strided convolution, a recurrent layer, a transposed convolution, random weights. Run
``python examples/a_network_of_samples.py``; it writes both files into ``out/``.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import rtspec
from rtspec.cli import main as rtspec_command

SAMPLE_RATE, HOP, CHANNELS = 16000, 256, 8


class Waves(nn.Module):
    """Samples in, samples out, four of the last call kept in a cache."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv1d(1, CHANNELS, 8, 4), nn.ConvTranspose1d(CHANNELS, 1, 4, 4)
        self.over = nn.GRU(CHANNELS, CHANNELS, batch_first=True)

    def forward(self, wave: Tensor, cache: Tensor, hidden: Tensor):
        """[1, 1, 256], [1, 1, 4] and [1, 1, 8] to the same."""
        whole = torch.cat([cache, wave], 2)
        h = torch.relu(self.down(whole))
        over, hidden = self.over(h.transpose(1, 2), hidden)
        return self.up(h + over.transpose(1, 2)), whole[..., -4:], hidden


def main(folder: Path = Path("out")) -> int:
    """Write the file, adopt it, play through it."""
    folder.mkdir(exist_ok=True)
    theirs, ours = folder / "waves.onnx", folder / "waves-rtspec.onnx"
    torch.manual_seed(0)
    example = torch.randn(1, 1, HOP), torch.zeros(1, 1, 4), torch.zeros(1, 1, CHANNELS)
    names: dict[str, Any] = {
        "input_names": ["wave", "cache", "hidden"],
        "output_names": ["out", "cache_out", "hidden_out"],
    }
    torch.onnx.export(Waves().eval(), example, str(theirs), **names, opset_version=17, dynamo=False)
    words = ["--set", "input.representation=samples", "--sample-rate", str(SAMPLE_RATE)]
    if rtspec_command(["adopt", str(theirs), str(ours), *words]):
        return 1
    sound = (0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE)).astype(np.float32)
    processor = rtspec.OnnxProcessor(ours)
    played = processor(sound, SAMPLE_RATE)
    print(f"a second of noise: {np.std(sound):.3f} in, {np.std(played):.3f} out, {processor.latency_samples} samples")
    return 0


if __name__ == "__main__":
    sys.exit(main())
