"""Streaming files as public projects publish them: one frame a call, states among inputs and outputs, random weights.

Each has the names, shapes and axis order of its original, at a size that a test runs in a moment.
"""

import io
import warnings
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
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


def nsnet(bins: int = 161) -> onnx.ModelProto:
    """The file: made for whole clips."""
    torch.manual_seed(0)
    return exported(Nsnet(bins), (torch.randn(1, 40, bins),), ["x"], ["y"], {"x": {1: "frames"}, "y": {1: "frames"}})


def convolution() -> onnx.ModelProto:
    """A causal convolution over frames, made for whole clips."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.ConstantPad1d((2, 0), 0.0), nn.Conv1d(257, 257, 3))
    return exported(network, (torch.randn(1, 257, 40),), ["x"], ["y"], {"x": {2: "frames"}, "y": {2: "frames"}})


class DtlnCore(nn.Module):
    """One of DTLN's two cores: two LSTMs whose states are stacked in one tensor [1, 2, hidden, 2], and a mask."""

    def __init__(self, size: int, hidden: int = 16, features: int | None = None):
        super().__init__()
        self.encode = nn.Linear(size, features, bias=False) if features else None
        self.decode = nn.Linear(features, size, bias=False) if features else None
        inside = features or size
        self.first, self.second = nn.LSTM(inside, hidden, batch_first=True), nn.LSTM(hidden, hidden, batch_first=True)
        self.mask = nn.Linear(hidden, inside)

    def forward(self, x: Tensor, states: Tensor):
        """[1, 1, size] and states to a mask (or, with learnt features, to samples) and new states."""
        given = x if self.encode is None else self.encode(x)
        h, made = torch.log(given.abs() + 1e-7) if self.encode is None else given, []
        for k, layer in enumerate((self.first, self.second)):
            h, (a, b) = layer(h, (states[:, k : k + 1, :, 0], states[:, k : k + 1, :, 1]))
            made.append(torch.stack([a[0], b[0]], -1))
        mask = torch.sigmoid(self.mask(h))
        out = mask if self.decode is None else self.decode(mask * given)
        return out, torch.stack(made, 1)


def dtln() -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Its two files: a mask on 257 magnitudes, then samples to samples."""
    torch.manual_seed(0)
    state = torch.zeros(1, 2, 16, 2)
    first = exported(
        DtlnCore(257), (torch.rand(1, 1, 257), state), ["input_2", "input_3"], ["activation_2", "tf_op_layer_stack_2"]
    )
    second = exported(
        DtlnCore(512, features=24),
        (torch.randn(1, 1, 512), state),
        ["input_4", "input_5"],
        ["conv1d_3", "tf_op_layer_stack_5"],
    )
    for value in second.graph.output:  # tf2onnx leaves the batch open at the outputs of the authors' second file
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    return first, second


class HopWave(nn.Module):
    """A waveform network of 256 samples a call, as streaming Demucs: strided convolutions, a cache, an LSTM."""

    def __init__(self, channels: int = 6):
        super().__init__()
        self.down = nn.Conv1d(1, channels, 8, 4)
        self.lstm = nn.LSTM(channels, channels, batch_first=True)
        self.up = nn.ConvTranspose1d(channels, 1, 4, 4)

    def forward(self, wave: Tensor, cache: Tensor, hidden: Tensor, cell: Tensor):
        """[1, 1, 256] and what is left of the last call to as many samples."""
        whole = torch.cat([cache, wave], 2)
        h = torch.relu(self.down(whole))
        over, (hidden, cell) = self.lstm(h.transpose(1, 2), (hidden, cell))
        return self.up(h + over.transpose(1, 2)), whole[..., -4:], hidden, cell


def hop_wave() -> onnx.ModelProto:
    """The file: wave, its cache and the layer's states."""
    torch.manual_seed(0)
    states = (torch.zeros(1, 1, 4), torch.zeros(1, 1, 6), torch.zeros(1, 1, 6))
    names = ["cache", "hidden", "cell"]
    return exported(
        HopWave(), (torch.randn(1, 1, 256), *states), ["wave", *names], ["out", *(f"{name}_out" for name in names)]
    )


def silero() -> onnx.ModelProto:
    """A voice activity file for two sample rates: `sr` chooses the branch, and each takes a block of its own size."""
    rng, h = np.random.default_rng(0), helper
    branches = {}
    for rate, size in ((16000, 576), (8000, 288)):
        weight = numpy_helper.from_array((0.3 * rng.standard_normal((size, 1))).astype(np.float32), f"w{rate}")
        nodes = [
            h.make_node("MatMul", ["input", f"w{rate}"], [f"heard{rate}"]),
            h.make_node("ReduceMean", ["state"], [f"kept{rate}"], axes=[0, 2], keepdims=0),
            h.make_node("Add", [f"heard{rate}", f"kept{rate}"], [f"sum{rate}"]),
            h.make_node("Sigmoid", [f"sum{rate}"], [f"p{rate}"]),
            h.make_node("Mul", ["state", "old"], [f"old{rate}"]),
            h.make_node("Add", [f"old{rate}", f"heard{rate}"], [f"s{rate}"]),
        ]
        outputs = [h.make_tensor_value_info(f"{name}{rate}", onnx.TensorProto.FLOAT, None) for name in ("p", "s")]
        branches[rate] = h.make_graph(nodes, f"at{rate}", [], outputs, [weight])
    choose = h.make_node("If", ["is16"], ["output", "stateN"], then_branch=branches[16000], else_branch=branches[8000])
    weights = [
        numpy_helper.from_array(np.array(16000), "rate"),
        numpy_helper.from_array(np.array(0.5, np.float32), "old"),
    ]
    floats = onnx.TensorProto.FLOAT
    inputs = [
        h.make_tensor_value_info("input", floats, ["batch", "samples"]),
        h.make_tensor_value_info("state", floats, [2, "batch", 128]),
        h.make_tensor_value_info("sr", onnx.TensorProto.INT64, []),
    ]
    outputs = [
        h.make_tensor_value_info("output", floats, ["batch", 1]),
        h.make_tensor_value_info("stateN", floats, [2, "batch", 128]),
    ]
    graph = h.make_graph([h.make_node("Equal", ["sr", "rate"], ["is16"]), choose], "vad", inputs, outputs, weights)
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 16)], ir_version=8)


def silero_at_16k(sequence: bool) -> onnx.ModelProto:
    """The same for one sample rate: no `sr`, and (`sequence`) any number of blocks a call, one number for each."""
    rng, h = np.random.default_rng(0), helper
    nodes = [
        h.make_node("MatMul", ["input", "w"], ["heard"]),
        h.make_node("ReduceMean", ["state"], ["kept"], axes=[0, 2], keepdims=0),
        h.make_node("Add", ["heard", "kept"], ["sum"]),
        h.make_node("Sigmoid", ["sum"], ["p"]),
        h.make_node("Mul", ["state", "old"], ["faded"]),
        h.make_node("Add", ["faded", "heard"], ["stateN"]),
        h.make_node("Squeeze", ["p", "last"], ["output"]) if sequence else h.make_node("Identity", ["p"], ["output"]),
    ]
    weights = {"w": (0.3 * rng.standard_normal((576, 1))).astype(np.float32), "old": np.float32(0.5)}
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    tensors += [numpy_helper.from_array(np.array([1]), "last")] if sequence else []
    blocks, floats = "sequence_length" if sequence else 1, onnx.TensorProto.FLOAT
    inputs = [("input", [blocks, 576]), ("state", [2, 1, 128])]
    outputs = [("output", [blocks] if sequence else [1, 1]), ("stateN", [2, 1, 128])]
    values = [[h.make_tensor_value_info(n, floats, shape) for n, shape in each] for each in (inputs, outputs)]
    graph = h.make_graph(nodes, "vad", *values, tensors)
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 16)], ir_version=8)


def fastenhancer() -> onnx.ModelProto:
    """Spectrum in and out as torch's older exporter leaves them, sizes of the output as names that nothing else has."""
    h, floats = helper, onnx.TensorProto.FLOAT
    nodes = [
        h.make_node("ReduceMean", ["spec_in"], ["heard"], axes=[1, 2, 3], keepdims=1),
        h.make_node("Squeeze", ["heard", "last"], ["level"]),
        h.make_node("Add", ["cache_in_0", "level"], ["grown"]),
        h.make_node("Mul", ["grown", "half"], ["cache_out_0"]),
        h.make_node("ReduceMean", ["cache_out_0"], ["kept"], axes=[0, 1, 2], keepdims=1),
        h.make_node("Sigmoid", ["kept"], ["gain"]),
        h.make_node("Mul", ["spec_in", "gain"], ["spec_out"]),
    ]
    weights = [
        numpy_helper.from_array(np.array([3]), "last"),
        numpy_helper.from_array(np.array([0.5], np.float32), "half"),
    ]
    inputs = [("spec_in", [1, 257, 1, 2]), ("cache_in_0", [1, 16, 12])]
    outputs = [("spec_out", [f"Padspec_out_dim_{k}" for k in range(4)]), ("cache_out_0", [1, 16, 12])]
    values = [[h.make_tensor_value_info(n, floats, shape) for n, shape in each] for each in (inputs, outputs)]
    graph = h.make_graph(nodes, "fastenhancer", *values, weights)
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)


def late_wave(slides: bool) -> onnx.ModelProto:
    """Samples whose own transform makes them a block late: the block before comes out, from a cache or, where the host
    slides the block, from its older half."""
    h, floats = helper, onnx.TensorProto.FLOAT
    nodes = [h.make_node("Split", ["wav_in"], ["older", "newer"], axis=1)] if slides else []
    nodes += [
        h.make_node("Mul", ["older" if slides else "cache_in_0", "half"], ["wav_out"]),
        h.make_node("Identity", ["newer" if slides else "wav_in"], ["cache_out_0"]),
    ]
    inputs = [("wav_in", [1, 512 if slides else 256]), ("cache_in_0", [1, 256])]
    outputs = [("wav_out", [1, 256]), ("cache_out_0", [1, 256])]
    values = [[h.make_tensor_value_info(n, floats, shape) for n, shape in each] for each in (inputs, outputs)]
    graph = h.make_graph(nodes, "wave", *values, [numpy_helper.from_array(np.array([0.5], np.float32), "half")])
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 13)], ir_version=8)
