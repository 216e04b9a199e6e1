"""Random graphs of other forms than one tensor in and one out: several ports, a waveform, levels of eight bits."""

from dataclasses import dataclass
from importlib import import_module
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper

from rtspec.models.streaming.load import inputs_of
from rtspec.models.streaming.run import run_offline, session

graphs: Any = import_module("test_streaming_graphs")


@dataclass(frozen=True)
class Drawn:
    """A graph, how many of its inputs' steps make the frames of a length, and what it is made streaming with.

    Attributes
    ----------
    model : onnx.ModelProto
    first, hop : int
        A clip of n frames takes ``first + (n - 1) · hop`` steps: samples where it makes frames itself.
    options : dict
        For make_streaming.
    parts : tuple
        Where a frame's scale is its own: the graph up to there, which takes one frame, and the graph behind it.
    """

    model: ModelProto
    first: int = 1
    hop: int = 1
    options: dict[str, Any] | None = None
    parts: tuple[ModelProto, ModelProto] | None = None


def several_ports(random: Random) -> Drawn:
    """Two inputs of the same frames, two outputs."""
    drawing = graphs.Drawing(random, time_last=random.random() < 0.5)
    bins = random.randint(1, 3)
    inputs = [graphs.Frames(name, random.randint(1, 3), bins, graphs.N_FRAMES) for name in ("x", "x2")]
    drawing.tensors.append(inputs[1])
    joined = drawing.node("Concat", ["x", "x2"], axis=1)
    start = graphs.Frames(joined, inputs[0].channels + inputs[1].channels, bins, graphs.N_FRAMES)
    drawing.tensors.append(inputs[0])
    last = graphs.grown(drawing, random.choice([start, inputs[0]]))
    other = random.choice(drawing.tensors)
    if last.name != joined and not any(joined in node.input for node in drawing.nodes):
        other = start  # so that both inputs are read
    shapes = {x.name: [1, x.channels, *drawing.along(x.bins, "frames")] for x in inputs}
    return Drawn(graphs.finished(drawing, shapes, {"y": last, "y2": other}))


def waveform(random: Random) -> Drawn:
    """Samples in, the STFT operator, and frames from there."""
    drawing = graphs.Drawing(random, time_last=random.random() < 0.5)
    n_fft = random.choice([2, 4, 6])
    hop, windowed = random.randint(1, n_fft), random.random() < 0.7
    window = drawing.constant(np.hanning(n_fft + 2)[1:-1].astype(np.float32)) if windowed else ""
    length = [drawing.constant(np.array(n_fft))] if not windowed or random.random() < 0.5 else []
    spectrum = drawing.node("STFT", ["x", drawing.constant(np.array(hop)), window, *length])
    name = drawing.node("Transpose", [spectrum], perm=[0, 3, 2, 1] if drawing.time_last else [0, 3, 1, 2])
    made = graphs.grown(drawing, graphs.Frames(name, 2, n_fft // 2 + 1, graphs.N_FRAMES))
    model = graphs.finished(drawing, {"x": [1, "frames", 1]}, {"y": made})
    return Drawn(model, n_fft, hop, {"time_axes": {"x": 1}})


def scaled_by_frame(random: Random) -> Drawn:
    """Eight bits with a scale of each frame's own, then anything."""
    drawing = graphs.Drawing(random, time_last=random.random() < 0.5)
    x = graphs.Frames("x", random.randint(1, 3), random.randint(1, 3), graphs.N_FRAMES)
    name = _in_eight_bits(drawing, x)
    n_head, shape = len(drawing.nodes), [1, x.channels, *drawing.along(x.bins, "frames")]
    y = graphs.grown(drawing, graphs.Frames(name, x.channels, x.bins, graphs.N_FRAMES))
    model = graphs.finished(drawing, {"x": shape}, {"y": y})
    return Drawn(model, options={"quantise_frames": True}, parts=_cut(model, n_head, name, shape))


def _cut(model: ModelProto, n_head: int, name: str, shape: list) -> tuple[ModelProto, ModelProto]:
    """The first nodes, which make one tensor, and those that read it."""
    between = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    halves = []
    for nodes, inputs, outputs in (
        (model.graph.node[:n_head], model.graph.input, [between]),
        (model.graph.node[n_head:], [between], model.graph.output),
    ):
        graph = helper.make_graph(nodes, "half", inputs, outputs, model.graph.initializer)
        halves.append(helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version))
    return halves[0], halves[1]


def _in_eight_bits(drawing: Any, x: Any) -> str:
    """DynamicQuantizeLinear and an integer convolution of one frame, back to floats."""
    levels, scale, zero = drawing.node("DynamicQuantizeLinear", [x.name], n_outputs=3)
    generator = np.random.default_rng(drawing.random.randrange(2**31))
    shape = (x.channels, x.channels, *drawing.along(3, 1))
    kernel = drawing.constant(generator.integers(-100, 100, shape).astype(np.int8))
    pads = [*drawing.along(1, 0), *drawing.along(1, 0)]
    product = drawing.node("ConvInteger", [levels, kernel, zero, drawing.constant(np.int8(0))], pads=pads)
    floats = drawing.node("Cast", [product], to=TensorProto.FLOAT)
    step = drawing.node("Mul", [scale, drawing.constant(np.float32(0.01))])
    return drawing.node("Mul", [floats, step])


def quantised(random: Random) -> Drawn:
    """Products in QOperator form behind random frames, levels handed from one to the next."""
    drawing = graphs.Drawing(random, time_last=random.random() < 0.5)
    x = graphs.Frames("x", random.randint(1, 3), random.randint(1, 3), graphs.N_FRAMES)
    generator = np.random.default_rng(random.randrange(2**31))
    scales = [(drawing.constant(np.float32(s)), drawing.constant(np.uint8(z))) for s, z in ((0.05, 128), (0.1, 120))]
    levels = drawing.node("QuantizeLinear", ["x", *scales[0]])
    weights = [drawing.constant(np.float32(0.02)), drawing.constant(np.int8(0))]
    taps, before = random.randint(1, 3), random.randint(0, 2)
    kernel = generator.integers(-40, 40, (x.channels, x.channels, *drawing.along(1, taps))).astype(np.int8)
    made = drawing.node(
        "QLinearConv",
        [levels, *scales[0], drawing.constant(kernel), *weights, *scales[1]],
        pads=[*drawing.along(0, before), 0, 0],
    )
    if drawing.time_last is False:  # a product over bins, which stand last
        matrix = drawing.constant(generator.integers(-40, 40, (x.bins, x.bins)).astype(np.int8))
        made = drawing.node("QLinearMatMul", [made, *scales[1], matrix, *weights, *scales[1]])
    name = drawing.node("DequantizeLinear", [made, *scales[1]])
    y = graphs.grown(drawing, graphs.Frames(name, x.channels, x.bins, tuple(n + before - taps + 1 for n in x.lengths)))
    return Drawn(graphs.finished(drawing, {"x": [1, x.channels, *drawing.along(x.bins, "frames")]}, {"y": y}))


def up_to(model: ModelProto, names: list[str]) -> ModelProto:
    """The part of a graph that makes these tensors, as its outputs."""
    types = {value.name: value.type for value in _inferred(model)}
    nodes, wanted = [], set(names)
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            nodes.insert(0, node)
            wanted |= set(node.input)
    used = {name for node in nodes for name in node.input} | set(names)
    inputs = [value for value in model.graph.input if value.name in used]
    held = [tensor for tensor in model.graph.initializer if tensor.name in used]
    outputs = [helper.make_value_info(f"{name}/out", types[name]) for name in names]
    nodes += [helper.make_node("Identity", [name], [f"{name}/out"]) for name in names]
    graph = helper.make_graph(nodes, "part", inputs, outputs, held)
    part = helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    for value, seen in zip(part.graph.output, session(part).get_outputs(), strict=True):
        if not value.type.tensor_type.HasField("shape"):  # onnx knows no shape of an STFT, onnxruntime does
            kind = value.type.tensor_type.elem_type
            value.CopyFrom(helper.make_tensor_value_info(value.name, kind, [str(n) for n in seen.shape]))
    return part


def by_frame(head: ModelProto, tail: ModelProto, clip: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the first part makes of each frame by itself, as the second takes it."""
    axis, name = inputs_of(head, None, None).time_axes["x"], tail.graph.input[0].name
    frames = [run_offline(head, {"x": np.take(clip["x"], [t], axis)})[name] for t in range(clip["x"].shape[axis])]
    return {name: np.concatenate(frames, axis)}


def without(model: ModelProto, node: Any, read: str) -> ModelProto:
    """The graph with what a node reads in the place of what it makes."""
    copy = ModelProto()
    copy.CopyFrom(model)
    for each in copy.graph.node:
        if each.output[0] == node.output[0]:
            each.CopyFrom(helper.make_node("Identity", [read], node.output[:1]))
    return copy


def _inferred(model: ModelProto) -> list[Any]:
    known = onnx.shape_inference.infer_shapes(model).graph
    return [*known.value_info, *known.input, *known.output]
