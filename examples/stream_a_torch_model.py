"""From a torch network to live sound: export it, make it streaming, package it, play it.

Train nothing: the network below is a smoother with fixed weights, small enough to see what happens. Run
``python examples/stream_a_torch_model.py`` for everything but the sound card; add ``--live`` to hear your input
through it.
"""

import argparse
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

import rtspec
from rtspec.models.streaming import make_streaming
from rtspec.models.validation import validate

N_FFT, HOP, SAMPLE_RATE = 1024, 256, 48000
BINS = N_FFT // 2 + 1


class Shimmer(nn.Module):
    """Magnitudes [1, bins, frames], smeared over five frames and brightened: it looks two frames ahead."""

    def __init__(self) -> None:
        super().__init__()
        self.smear = nn.Conv1d(BINS, BINS, 5, padding=2, groups=BINS, bias=False)
        self.tilt = nn.Parameter(torch.linspace(0.5, 2.0, BINS)[:, None], requires_grad=False)
        nn.init.constant_(self.smear.weight, 0.2)

    def forward(self, magnitudes: Tensor) -> Tensor:
        return torch.relu(self.smear(magnitudes)) * self.tilt


def export() -> onnx.ModelProto:
    """1. The network as ONNX, time dynamic."""
    file: Any = io.BytesIO()
    torch.onnx.export(
        Shimmer().eval(),
        (torch.rand(1, BINS, 20),),
        file,
        dynamo=False,
        input_names=["magnitudes"],
        output_names=["shimmer"],
        dynamic_axes={"magnitudes": {2: "frames"}},
    )
    return onnx.load_from_string(file.getvalue())


def package(streaming: onnx.ModelProto, path: Path) -> None:
    """3. The streaming model with what a host must know: which frames it wants and what they mean."""
    layout = ["batch", "bins", "time"]
    rtspec.models.package(
        streaming,
        path,
        name="shimmer",
        task="effect",
        sample_rate=SAMPLE_RATE,
        n_fft=N_FFT,
        hop=HOP,
        window="hann",
        input={"name": "magnitudes", "representation": "magnitude", "layout": layout},
        output={"name": "shimmer", "representation": "magnitude", "layout": layout},
    )


def play_a_sweep(processor) -> np.ndarray:
    """4. Through the same compiled chain as live sound, faster than real time."""
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    sweep = 0.3 * np.sin(2 * np.pi * (100 * t + 1000 * t**2)).astype(np.float32)
    return processor(sweep, SAMPLE_RATE)


def play_live(processor) -> None:
    """5. The default device, until Enter is pressed."""
    with rtspec.AudioStream(plugins=rtspec.Pedalboard([processor])) as stream:
        print(stream.latency)
        input("playing; press Enter to stop ")
        print(stream.statistics)


def main() -> int:
    """Walk through all five steps."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("."), help="where the files go")
    parser.add_argument("--live", action="store_true", help="play the default input through the model")
    options = parser.parse_args()
    offline, packaged = options.folder / "shimmer-offline.onnx", options.folder / "shimmer.onnx"

    onnx.save(export(), offline)
    streaming = make_streaming(offline)  # 2. exactly the same network, frame by frame
    package(streaming, packaged)
    report = validate(packaged, offline, hop_ms=1000 * HOP / SAMPLE_RATE)
    print(report)

    processor = rtspec.OnnxProcessor(str(packaged))
    wet = play_a_sweep(processor)
    print(f"sweep: {wet.shape[-1]} samples, peak {abs(wet).max():.2f}, latency {processor.latency_samples} samples")
    if options.live:
        play_live(processor)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
