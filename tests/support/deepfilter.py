"""DeepFilterNet's three networks, small and written anew from the paper, and its pipeline in plain numpy."""

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from lookalikes import CausalConv
from torch import Tensor, nn

from rtspec.models.streaming.run import session

N_FFT, HOP, N_BANDS, N_FILTERED, ORDER, RATE = 960, 480, 32, 96, 5, 48000
N_BINS = N_FFT // 2 + 1
CHANNELS, HIDDEN = 4, 12


class Encoder(nn.Module):
    """Bands and complex bins to one embedding, with the maps that the decoders skip to."""

    def __init__(self):
        super().__init__()
        self.bands = nn.ModuleList(
            [
                CausalConv(1, CHANNELS),
                CausalConv(CHANNELS, CHANNELS, (1, 3), 2),
                CausalConv(CHANNELS, CHANNELS, (1, 3), 2),
            ]
        )
        self.last = CausalConv(CHANNELS, CHANNELS, (1, 3))
        self.bins = nn.ModuleList([CausalConv(2, CHANNELS), CausalConv(CHANNELS, CHANNELS, (1, 3), 2)])
        self.join = nn.Linear(CHANNELS * N_FILTERED // 2, CHANNELS * N_BANDS // 4)
        self.gru = nn.GRU(CHANNELS * N_BANDS // 4, HIDDEN, batch_first=True)
        self.level = nn.Linear(HIDDEN, 1)

    def forward(self, feat_erb: Tensor, feat_spec: Tensor):
        e0 = self.bands[0](feat_erb)
        e1 = self.bands[1](e0)
        e2 = self.bands[2](e1)
        e3 = self.last(e2)
        c0 = self.bins[0](feat_spec)
        c1 = self.bins[1](c0)
        seen = e3.permute(0, 2, 3, 1).flatten(2) + torch.relu(self.join(c1.permute(0, 2, 3, 1).flatten(2)))
        emb = self.gru(seen)[0]
        return e0, e1, e2, e3, emb, c0, torch.sigmoid(self.level(emb))


class GainDecoder(nn.Module):
    """The embedding to a gain for each band."""

    def __init__(self):
        super().__init__()
        self.gru, self.dense = nn.GRU(HIDDEN, HIDDEN, batch_first=True), nn.Linear(HIDDEN, CHANNELS * N_BANDS // 4)
        self.up = nn.ModuleList([nn.ConvTranspose2d(CHANNELS, CHANNELS, (1, 4), (1, 2), (0, 1)) for _ in range(2)])
        self.leave = CausalConv(CHANNELS, 1, (1, 3))

    def forward(self, emb: Tensor, e3: Tensor, e2: Tensor, e1: Tensor, e0: Tensor) -> Tensor:
        dense = self.dense(self.gru(emb)[0])
        h = dense.reshape(1, -1, N_BANDS // 4, CHANNELS).permute(0, 3, 1, 2) + e3 + e2
        h = torch.relu(self.up[0](h)) + e1
        return torch.sigmoid(self.leave(torch.relu(self.up[1](h)) + e0))


class FilterDecoder(nn.Module):
    """The embedding to complex taps for each of the lower bins, and a gate that nobody reads."""

    def __init__(self):
        super().__init__()
        self.gru, self.dense = nn.GRU(HIDDEN, HIDDEN, 2, batch_first=True), nn.Linear(HIDDEN, N_FILTERED * 2 * ORDER)
        self.path = CausalConv(CHANNELS, 2 * ORDER, (5, 1))
        self.gate = nn.Linear(HIDDEN, 1)

    def forward(self, emb: Tensor, c0: Tensor):
        h = self.gru(emb)[0]
        taps = torch.tanh(self.dense(h)).reshape(1, -1, N_FILTERED, 2 * ORDER)
        return taps + self.path(c0).permute(0, 2, 3, 1), torch.sigmoid(self.gate(h))


def write(folder: Path) -> dict[str, onnx.ModelProto]:
    """The three files, under the names that the authors export."""
    torch.manual_seed(1)
    emb, c0 = torch.randn(1, 7, HIDDEN), torch.randn(1, CHANNELS, 7, N_FILTERED)
    e = {f"e{i}": torch.randn(1, CHANNELS, 7, n) for i, n in enumerate((32, 16, 8, 8))}
    skips = {name: e[name] for name in ("e3", "e2", "e1", "e0")}
    cases = {
        "enc": (
            Encoder(),
            {"feat_erb": torch.randn(1, 1, 7, N_BANDS), "feat_spec": torch.randn(1, 2, 7, N_FILTERED)},
            ["e0", "e1", "e2", "e3", "emb", "c0", "lsnr"],
        ),
        "erb_dec": (GainDecoder(), {"emb": emb, **skips}, ["m"]),
        "df_dec": (FilterDecoder(), {"emb": emb, "c0": c0}, ["coefs", "alpha"]),
    }
    made = {}
    for name, (network, inputs, outputs) in cases.items():
        axes = {key: {1 if value.dim() == 3 else 2: "S"} for key, value in inputs.items()}
        path = folder / f"{name}.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
            network.eval(), tuple(inputs.values()), str(path), input_names=list(inputs), output_names=outputs,
            dynamic_axes=axes, opset_version=12, dynamo=False,
        )  # fmt: skip
        made[name] = onnx.load(path)
    return made


# ------------------------------------------------------------------------------------------ the pipeline


def band_edges() -> list[int]:
    """First bins of the 32 bands (and the end), as the published configuration has them."""
    widths = [2] * 13 + [5, 5, 7, 7, 8, 10, 12, 13, 15, 18, 20, 24, 28, 31, 37, 42, 50, 56, 67]
    return [0, *np.cumsum(widths).tolist()]


def features(spectra: np.ndarray, forgetting: float = 0.99) -> tuple[np.ndarray, np.ndarray]:
    """Band levels and lower bins of [frames, bins] complex, both normalised by running means."""
    edges = band_edges()
    power = np.abs(spectra) ** 2
    level = 10 * np.log10(np.stack([power[:, a:b].mean(1) for a, b in pairwise(edges)], 1) + 1e-10)
    mean, size = np.linspace(-60.0, -90.0, N_BANDS), np.linspace(1e-3, 1e-4, N_FILTERED)
    levels, units = [], []
    for t in range(len(spectra)):
        mean = (1 - forgetting) * level[t] + forgetting * mean
        size = (1 - forgetting) * np.abs(spectra[t, :N_FILTERED]) + forgetting * size
        levels.append((level[t] - mean) / 40)
        units.append(spectra[t, :N_FILTERED] / np.sqrt(size))
    unit = np.array(units)
    return np.array(levels, np.float32)[None, None], np.stack([unit.real, unit.imag]).astype(np.float32)[None]


def enhanced(parts: dict[str, onnx.ModelProto], x: np.ndarray) -> np.ndarray:
    """The authors' way: a Vorbis window, three networks with onnxruntime, gains, deep filter, overlap-add."""
    window = np.sin(np.pi / 2 * np.sin(np.pi * (np.arange(N_FFT) + 0.5) / N_FFT) ** 2)
    padded = np.concatenate([np.zeros(HOP), x, np.zeros(4 * N_FFT)])
    starts = range(0, len(padded) - N_FFT + 1, HOP)
    spectra = np.array([np.fft.rfft(padded[s : s + N_FFT] * window) for s in starts]) / N_FFT
    erb, unit = (np.pad(each, [(0, 0), (0, 0), (0, 2), (0, 0)]) for each in features(spectra))
    run: dict[str, Any] = {name: session(part) for name, part in parts.items()}
    names = ["e0", "e1", "e2", "e3", "emb", "c0"]
    seen = dict(zip(names, run["enc"].run(names, {"feat_erb": erb, "feat_spec": unit}), strict=True))
    gains = run["erb_dec"].run(["m"], {n: seen[n] for n in ("emb", "e3", "e2", "e1", "e0")})[0][0, 0, 2:]
    taps = run["df_dec"].run(["coefs"], {n: seen[n] for n in ("emb", "c0")})[0][0, 2:]
    edges = band_edges()
    out = spectra * np.repeat(gains.astype(np.float64), np.diff(edges), axis=1)
    around = np.pad(spectra[:, :N_FILTERED], [(2, 2), (0, 0)])
    complexes = taps[..., 0::2].astype(np.float64) + 1j * taps[..., 1::2]
    out[:, :N_FILTERED] = sum(complexes[..., i] * around[i : i + len(spectra)] for i in range(ORDER))
    made = np.zeros(len(padded))
    for start, spectrum in zip(starts, out, strict=True):
        made[start : start + N_FFT] += np.fft.irfft(spectrum * N_FFT) * window
    return made[HOP : HOP + len(x)].astype(np.float32)
