"""Any graph drawn from the supported operators streams to what it gives offline, whatever the sizes of the calls."""

from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from onnx import TensorProto, helper, numpy_helper

from rtspec.models.streaming import NotStreamable, make_streaming
from rtspec.models.streaming.load import inputs_of
from rtspec.models.streaming.run import StreamingRun, random_clip, run_offline

TOLERANCE = 1e-5
SLOW_IS_FINE = [HealthCheck.too_slow]
FAINTEST_PEAK = 1e-3  # a graph may by chance compute nothing but rounding errors
PERIOD_FRAMES = 24
N_FRAMES = (72, 96)


@dataclass(frozen=True)
class Frames:
    """A tensor [1, channels, bins, frames] or, with time first, [1, channels, frames, bins]."""

    name: str
    channels: int
    bins: int
    lengths: tuple[int, ...]  # for each of N_FRAMES


@dataclass
class Drawing:
    """A random graph as it grows."""

    random: Random
    time_last: bool
    nodes: list = field(default_factory=list)
    weights: list = field(default_factory=list)
    tensors: list[Frames] = field(default_factory=list)

    def weight(self, *shape: int, low: float | None = None) -> str:
        generator = np.random.default_rng(self.random.randrange(2**31))
        value = generator.standard_normal(shape) / max(np.sqrt(np.prod(shape[1:])), 1)
        return self.constant((np.abs(value) + low if low is not None else value).astype(np.float32))

    def constant(self, value) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, op: str, inputs: list[str], n_outputs: int = 1, **attributes) -> Any:
        outputs = [f"t{len(self.nodes)}_{i}" for i in range(n_outputs)]
        self.nodes.append(helper.make_node(op, inputs, outputs, name=f"{op}_{len(self.nodes)}", **attributes))
        return outputs[0] if n_outputs == 1 else outputs

    def along(self, bins, time) -> list:
        """A pair of spatial values in the order of this graph's axes."""
        return [bins, time] if self.time_last else [time, bins]

    @property
    def time(self) -> int:
        return 3 if self.time_last else 2

    @property
    def bins(self) -> int:
        return 5 - self.time


def convolution(drawing: Drawing, x: Frames) -> Frames:
    pick = drawing.random
    taps, dilation, stride = pick.randint(1, 4), pick.randint(1, 2), pick.choice([1, 1, 1, 2])
    span = (taps - 1) * dilation
    before = pick.randint(0, span)
    after = max(span - before, 0) if pick.random() < 0.8 else pick.randint(0, span + 1)
    groups = pick.choice([1, x.channels])
    channels = x.channels * pick.choice([1, 2]) if groups > 1 else pick.randint(1, 4)
    inputs = [x.name, drawing.weight(channels, x.channels // groups, *drawing.along(3, taps))]
    inputs += [drawing.weight(channels)] if pick.random() < 0.8 else []
    pads = [*drawing.along(1, before), *drawing.along(1, after)]
    strides, dilations = drawing.along(1, stride), drawing.along(1, dilation)
    name = drawing.node("Conv", inputs, pads=pads, strides=strides, dilations=dilations, group=groups)
    lengths = tuple((length + before + after - span - 1) // stride + 1 for length in x.lengths)
    return Frames(name, channels, x.bins, lengths)


def transposed(drawing: Drawing, x: Frames) -> Frames:
    pick = drawing.random
    taps, stride = pick.randint(1, 5), pick.choice([1, 1, 2, 3])
    before = pick.randint(0, taps - 1)
    after = max(taps - stride - before, 0)
    more = max(stride - taps + before + after, 0) if stride > 1 else 0
    channels = pick.randint(1, 3)
    inputs = [x.name, drawing.weight(x.channels, channels, *drawing.along(1, taps)), drawing.weight(channels)]
    name = drawing.node(
        "ConvTranspose",
        inputs,
        strides=drawing.along(1, stride),
        pads=[*drawing.along(0, before), *drawing.along(0, after)],
        output_padding=drawing.along(0, min(more, stride - 1)),
    )
    added = taps - before - after + min(more, stride - 1)
    return Frames(name, channels, x.bins, tuple(stride * (length - 1) + added for length in x.lengths))


def pool(drawing: Drawing, x: Frames) -> Frames:
    if x.name.startswith(
        "padded"
    ):  # onnxruntime fuses Pad into the pool and then refuses the wide padding, offline too
        return activation(drawing, x)
    pick = drawing.random
    taps, stride = pick.randint(1, 3), pick.choice([1, 2])
    before, after = pick.randint(0, taps - 1), pick.randint(0, taps - 1)
    options = (
        {"count_include_pad": pick.randint(0, 1)}
        if (op := pick.choice(["MaxPool", "AveragePool"])) != "MaxPool"
        else {}
    )
    name = drawing.node(
        op,
        [x.name],
        kernel_shape=drawing.along(1, taps),
        strides=drawing.along(1, stride),
        pads=[*drawing.along(0, before), *drawing.along(0, after)],
        **options,
    )
    return Frames(name, x.channels, x.bins, tuple((n + before + after - taps) // stride + 1 for n in x.lengths))


def repeat(drawing: Drawing, x: Frames) -> Frames:
    scales = drawing.constant(np.array([1, 1, *drawing.along(1, 2)], np.float32))
    options: dict[str, Any] = {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    name = drawing.node("Resize", [x.name, "", scales], **options)
    return Frames(name, x.channels, x.bins, tuple(2 * n for n in x.lengths))


def activation(drawing: Drawing, x: Frames) -> Frames:
    op = drawing.random.choice(["Relu", "Tanh", "Sigmoid", "LeakyRelu", "PRelu", "Elu", "Abs", "Clip", "Softplus"])
    more = {"PRelu": lambda: [drawing.weight(x.channels, 1, 1)], "Clip": lambda: [drawing.constant(np.float32(0.1))]}
    return Frames(drawing.node(op, [x.name, *more.get(op, list)()]), x.channels, x.bins, x.lengths)


def logarithm(drawing: Drawing, x: Frames) -> Frames:
    """log of |x|, infinite in silence: nothing of that may reach a frame of the clip."""
    level = drawing.node("Log", [drawing.node("Abs", [x.name])])
    name = drawing.node("Clip", [level, drawing.constant(np.float32(-2)), drawing.constant(np.float32(8))])
    return Frames(name, x.channels, x.bins, x.lengths)


def offset(drawing: Drawing, x: Frames) -> Frames:
    op = drawing.random.choice(["Add", "Mul", "Sub", "Max"])
    return Frames(drawing.node(op, [x.name, drawing.weight(1, x.channels, 1, 1)]), x.channels, x.bins, x.lengths)


def normalised(drawing: Drawing, x: Frames) -> Frames:
    kind = drawing.random.choice(["batch", "layer", "softmax"])
    if kind == "batch":
        moments = [drawing.weight(x.channels), drawing.weight(x.channels), drawing.weight(x.channels)]
        return _like(x, drawing.node("BatchNormalization", [x.name, *moments, drawing.weight(x.channels, low=0.5)]))
    if kind == "softmax":
        return _like(x, drawing.node("Softmax", [x.name], axis=1))
    turned = drawing.node("Transpose", [x.name], perm=[0, 2, 3, 1])
    scaled = drawing.node("LayerNormalization", [turned, drawing.weight(x.channels), drawing.weight(x.channels)])
    return _like(x, drawing.node("Transpose", [scaled], perm=[0, 3, 1, 2]))


def dense(drawing: Drawing, x: Frames) -> Frames:
    """A matrix over the bins."""
    if not drawing.time_last:
        return _like(x, drawing.node("MatMul", [x.name, drawing.weight(x.bins, x.bins)]))
    return _like(x, drawing.node("MatMul", [drawing.weight(x.bins, x.bins), x.name]))


def mean_of_bins(drawing: Drawing, x: Frames) -> Frames:
    if x.bins == 1:
        return offset(drawing, x)
    mean = drawing.node("ReduceMean", [x.name], axes=[drawing.bins], keepdims=1)
    return _like(x, drawing.node("Sub", [x.name, mean]))


def flat_and_back(drawing: Drawing, x: Frames) -> Frames:
    """[1, C, F, T] through [1, T, C·F] and back, by shapes computed at run time."""
    order = [0, 3, 1, 2] if drawing.time_last else [0, 2, 1, 3]
    turned = drawing.node("Transpose", [x.name], perm=order)
    flat = drawing.node("Reshape", [turned, drawing.constant(np.array([1, -1, x.channels * x.bins]))])
    count = drawing.node("Gather", [drawing.node("Shape", [flat]), drawing.constant(np.array([1]))])
    sides = [drawing.constant(np.array([1])), drawing.constant(np.array([x.channels, x.bins]))]
    shape = drawing.node("Concat", [sides[0], count, sides[1]], axis=0)
    back = drawing.node("Reshape", [drawing.node("Relu", [flat]), shape])
    return _like(x, drawing.node("Transpose", [back], perm=[0, 2, 3, 1] if drawing.time_last else [0, 2, 1, 3]))


def recurrent(drawing: Drawing, x: Frames) -> Frames:
    op, gates = drawing.random.choice([("GRU", 3), ("LSTM", 4), ("RNN", 1)])
    size = x.channels * x.bins
    turned = drawing.node("Transpose", [x.name], perm=[3, 0, 1, 2] if drawing.time_last else [2, 0, 1, 3])
    flat = drawing.node("Reshape", [turned, drawing.constant(np.array([-1, 1, size]))])
    weights = [
        drawing.weight(1, gates * size, size),
        drawing.weight(1, gates * size, size),
        drawing.weight(1, 2 * gates * size),
    ]
    options = {"linear_before_reset": 1} if op == "GRU" else {}
    y = drawing.node(op, [flat, *weights], hidden_size=size, **options)
    back = drawing.node("Reshape", [y, drawing.constant(np.array([-1, 1, x.channels, x.bins]))])
    return _like(x, drawing.node("Transpose", [back], perm=[1, 2, 3, 0] if drawing.time_last else [1, 2, 0, 3]))


def running_sum(drawing: Drawing, x: Frames) -> Frames:
    total = drawing.node("CumSum", [x.name, drawing.constant(np.int64(drawing.time))])
    # Softsign, not Tanh: where that is flat, a normalisation behind it makes numbers of nothing but rounding errors.
    return _like(x, drawing.node("Softsign", [drawing.node("Mul", [total, drawing.constant(np.float32(0.05))])]))


def frames_of(drawing: Drawing, x: Frames, axis: int) -> str:
    """How many frames there are, as a number in the graph."""
    return drawing.node("Gather", [drawing.node("Shape", [x.name]), drawing.constant(np.array(axis))])


def counted(drawing: Drawing, x: Frames) -> Frames:
    """Less the mean of all bins and channels so far: a running sum over the number of the frame."""
    one, axis = drawing.constant(np.array(1)), drawing.time
    end = drawing.node("Add", [frames_of(drawing, x, axis), one])
    numbers = drawing.node("Cast", [drawing.node("Range", [one, end, one])], to=TensorProto.FLOAT)
    count = drawing.node("Reshape", [numbers, drawing.constant(np.array([1, 1, *drawing.along(1, -1)]))])
    means = drawing.node("ReduceMean", [x.name], axes=[1, drawing.bins], keepdims=1)
    total = drawing.node("CumSum", [means, drawing.constant(np.int64(axis))])
    return _like(x, drawing.node("Sub", [x.name, drawing.node("Div", [total, count])]))


def attentive(drawing: Drawing, x: Frames) -> Frames:
    """Attention of each frame to itself and the last few."""
    size, span = x.channels * x.bins, drawing.random.randint(0, 4)
    order = [0, 3, 1, 2] if drawing.time_last else [0, 2, 1, 3]
    turned = drawing.node("Transpose", [x.name], perm=order)
    flat = drawing.node("Reshape", [turned, drawing.constant(np.array([1, -1, size]))])
    q, k, v = (drawing.node("MatMul", [flat, drawing.weight(size, size)]) for _ in range(3))
    zero, one = drawing.constant(np.array(0)), drawing.constant(np.array(1))
    numbers = drawing.node("Range", [zero, frames_of(drawing, x, drawing.time), one])
    row, column = (drawing.node("Reshape", [numbers, drawing.constant(np.array(s))]) for s in ([1, -1], [-1, 1]))
    apart = drawing.node("Sub", [column, row])
    late = drawing.node("Greater", [apart, drawing.constant(np.array(span))])
    hidden = drawing.node("Or", [late, drawing.node("Less", [apart, zero])])
    scores = drawing.node("MatMul", [q, drawing.node("Transpose", [k], perm=[0, 2, 1])])
    masked = drawing.node("Where", [hidden, drawing.constant(np.float32(-np.inf)), scores])
    seen = drawing.node(
        "MatMul", [drawing.node("Softmax", [masked], axis=-1 if drawing.random.random() < 0.5 else 2), v]
    )
    back = drawing.node("Reshape", [seen, drawing.constant(np.array([1, -1, x.channels, x.bins]))])
    return _like(x, drawing.node("Transpose", [back], perm=[0, 2, 3, 1] if drawing.time_last else [0, 2, 1, 3]))


def over_bins(drawing: Drawing, x: Frames) -> Frames:
    """A layer that runs over the bins both ways, frames as its batch."""
    op, gates = drawing.random.choice([("GRU", 3), ("LSTM", 4)])
    units = drawing.random.randint(1, 2)
    turned = drawing.node("Transpose", [x.name], perm=[2, 0, 3, 1] if drawing.time_last else [3, 0, 2, 1])
    flat = drawing.node("Reshape", [turned, drawing.constant(np.array([x.bins, -1, x.channels]))])
    weights = [drawing.weight(2, gates * units, n) for n in (x.channels, units)]
    y = drawing.node(op, [flat, *weights, drawing.weight(2, 2 * gates * units)], hidden_size=units,
                     direction="bidirectional")  # fmt: skip
    back = drawing.node("Transpose", [y], perm=[1, 3, 0, 2] if drawing.time_last else [1, 3, 2, 0])
    name = drawing.node("Reshape", [back, drawing.constant(np.array([1, 2 * units, *drawing.along(x.bins, -1)]))])
    return Frames(name, 2 * units, x.bins, x.lengths)


def padded(drawing: Drawing, x: Frames) -> Frames:
    before, after = drawing.random.randint(0, 3), drawing.random.randint(0, 2)
    pads = drawing.constant(np.array([0, 0, *drawing.along(0, before), 0, 0, *drawing.along(0, after)]))
    value = [drawing.constant(np.float32(drawing.random.choice([0.0, 0.7])))] if drawing.random.random() < 0.5 else []
    name = f"padded{len(drawing.nodes)}"
    drawing.nodes.append(helper.make_node("Pad", [x.name, pads, *value], [name], name=name))
    return Frames(name, x.channels, x.bins, tuple(n + before + after for n in x.lengths))


def continued(drawing: Drawing, x: Frames) -> Frames:
    """The clip beyond its ends: its last frames again, or mirrored."""
    before, after = drawing.random.randint(0, 3), drawing.random.randint(0, 3)
    pads = drawing.constant(np.array([0, 0, *drawing.along(0, before), 0, 0, *drawing.along(0, after)]))
    name = drawing.node("Pad", [x.name, pads], mode=drawing.random.choice(["edge", "reflect"]))
    return Frames(name, x.channels, x.bins, tuple(n + before + after for n in x.lengths))


def rounded_up(drawing: Drawing, x: Frames) -> Frames:
    """A pool whose last window may be partly filled."""
    if x.name.startswith("padded"):
        return activation(drawing, x)
    pick = drawing.random
    step = pick.randint(2, 3)
    taps, before = pick.randint(step, 4), pick.randint(0, 1)
    name = drawing.node(
        pick.choice(["MaxPool", "AveragePool"]),
        [x.name],
        kernel_shape=drawing.along(1, taps),
        strides=drawing.along(1, step),
        pads=[*drawing.along(0, before), 0, 0],
        ceil_mode=1,
    )
    return Frames(name, x.channels, x.bins, tuple(-(-(n + before - taps) // step) + 1 for n in x.lengths))


def interpolated(drawing: Drawing, x: Frames) -> Frames:
    scales = drawing.constant(np.array([1, 1, *drawing.along(1, 2)], np.float32))
    mode = drawing.random.choice(["half_pixel", "asymmetric"])
    name = drawing.node("Resize", [x.name, "", scales], mode="linear", coordinate_transformation_mode=mode)
    return Frames(name, x.channels, x.bins, tuple(2 * n for n in x.lengths))


def windows(drawing: Drawing, x: Frames) -> Frames:
    """Frames picked by a range over the clip, side by side (im2col)."""
    taps = drawing.random.randint(2, 3)
    if max(x.bins, x.channels) * taps > 8:
        return activation(drawing, x)
    number = {n: drawing.constant(np.array(n)) for n in (0, 1, taps - 1, drawing.time)}
    count = drawing.node("Gather", [drawing.node("Shape", [x.name]), number[drawing.time]])
    starts = drawing.node("Range", [number[0], drawing.node("Sub", [count, number[taps - 1]]), number[1]])
    row = drawing.node("Reshape", [starts, drawing.constant(np.array([1, -1]))])
    places = drawing.node("Add", [row, drawing.constant(np.arange(taps)[:, None])])
    picked = drawing.node("Gather", [x.name, places], axis=drawing.time)
    bins, channels = (x.bins * taps, x.channels) if drawing.time_last else (x.bins, x.channels * taps)
    flat = drawing.node("Reshape", [picked, drawing.constant(np.array([1, channels, *drawing.along(bins, -1)]))])
    return Frames(flat, channels, bins, tuple(n - taps + 1 for n in x.lengths))


def integers(drawing: Drawing, x: Frames) -> Frames:
    """An integer convolution on what is the same to the bit in both: the input."""
    if x.name != "x":
        return activation(drawing, x)
    taps, before = drawing.random.randint(1, 3), drawing.random.randint(0, 2)
    scale, zero = drawing.constant(np.float32(0.05)), drawing.constant(np.uint8(128))
    generator = np.random.default_rng(drawing.random.randrange(2**31))
    kernel = generator.integers(-20, 20, (x.channels, x.channels, *drawing.along(1, taps))).astype(np.int8)
    levels = drawing.node("QuantizeLinear", [x.name, scale, zero])
    weights = [drawing.constant(kernel), drawing.constant(np.float32(0.01)), drawing.constant(np.int8(0))]
    pads = [*drawing.along(0, before), 0, 0]
    made = drawing.node("QLinearConv", [levels, scale, zero, *weights, scale, zero], pads=pads)
    name = drawing.node("DequantizeLinear", [made, scale, zero])
    return Frames(name, x.channels, x.bins, tuple(n + before - taps + 1 for n in x.lengths))


def cropped(drawing: Drawing, x: Frames) -> Frames:
    begin, end = drawing.random.randint(0, 3), drawing.random.randint(0, 3)
    bounds = [np.array([begin]), np.array([-end if end else 2**31]), np.array([drawing.time])]
    name = drawing.node("Slice", [x.name, *(drawing.constant(bound) for bound in bounds)])
    return Frames(name, x.channels, x.bins, tuple(n - begin - end for n in x.lengths))


def halves(drawing: Drawing, x: Frames) -> Frames:
    """Split the channels and gate one part by the other."""
    if x.channels % 2:
        return activation(drawing, x)
    first, second = drawing.node("Split", [x.name], n_outputs=2, axis=1)
    return Frames(drawing.node("Mul", [first, drawing.node("Sigmoid", [second])]), x.channels // 2, x.bins, x.lengths)


def joined(drawing: Drawing, x: Frames) -> Frames:
    """Add or concatenate an earlier tensor of the same length."""
    others = [t for t in drawing.tensors if t.lengths == x.lengths and t.bins == x.bins and t.name != x.name]
    if not others:
        return activation(drawing, x)
    other = drawing.random.choice(others)
    if other.channels == x.channels and drawing.random.random() < 0.5:
        return _like(x, drawing.node("Add", [x.name, other.name]))
    name = drawing.node("Concat", [x.name, other.name], axis=1)
    return Frames(name, x.channels + other.channels, x.bins, x.lengths)


def _note(text: str) -> None:
    """Show on failure what was drawn, where hypothesis runs the test."""
    with suppress(InvalidArgument):
        note(text)


def _like(x: Frames, name: str) -> Frames:
    return Frames(name, x.channels, x.bins, x.lengths)


STEPS = [
    activation, continued, convolution, convolution, convolution, cropped, dense, flat_and_back, halves, integers,
    interpolated, joined, joined, joined, logarithm, mean_of_bins, normalised, offset, padded, pool, recurrent, repeat,
    rounded_up, running_sum, transposed, windows,
]  # fmt: skip
LARGER_STEPS = [attentive, counted, over_bins]
"""Of many operators each; bench/streaming_graphs.py draws them, too, and tells apart what is ill-conditioned."""


def draw(random: Random) -> onnx.ModelProto:
    """A random graph of up to nine operators on a few channels and bins."""
    drawing = Drawing(random, time_last=random.random() < 0.5)
    x = Frames("x", random.randint(1, 3), random.randint(1, 3), N_FRAMES)
    y = grown(drawing, x)
    return finished(drawing, {"x": [1, x.channels, *drawing.along(x.bins, "frames")]}, {"y": y})


def grown(drawing: Drawing, x: Frames) -> Frames:
    """What up to nine random operators make of a tensor."""
    drawing.tensors.append(x)
    for _ in range(drawing.random.randint(1, 9)):
        made = drawing.random.choice(STEPS)(drawing, x)
        small = made.channels <= 8 and PERIOD_FRAMES // 2 <= made.lengths[0] <= 4 * N_FRAMES[0]
        x = made if small else x
        drawing.tensors.append(x)
    return x


def finished(drawing: Drawing, shapes: dict[str, list], results: dict[str, Frames]) -> onnx.ModelProto:
    """The graph that was drawn, with inputs of these shapes and these tensors as outputs."""
    for name, made in results.items():
        drawing.nodes.append(helper.make_node("Identity", [made.name], [name], name=f"Identity_{name}"))
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    outputs = [
        helper.make_tensor_value_info(
            name, TensorProto.FLOAT, [1, made.channels, *drawing.along(made.bins, f"frames_{name}")]
        )
        for name, made in results.items()
    ]
    graph = helper.make_graph(drawing.nodes, "random", inputs, outputs, drawing.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def assert_streams(model: onnx.ModelProto, random: Random, append: bool) -> None:
    """The streaming twin of a model equals it on noise, in calls of random sizes, at odd lengths or whole periods."""
    states = "append" if append else "replace"
    try:
        streaming, odd = make_streaming(model, states=states), 1
    except NotStreamable as refusal:
        assert 'lengths="periods"' in refusal.remedy
        streaming, odd = make_streaming(model, states=states, lengths="periods"), 0
    onnx.checker.check_model(streaming, full_check=True)
    run = StreamingRun(streaming)
    for frames in N_FRAMES:
        whole = frames - frames % run.manifest["period"]
        for n_frames in (frames + odd, whole) if takes(model, frames + odd) else (whole,):
            compare(model, run, n_frames, [random.randint(1, 20) for _ in range(3)])


def noise(model: onnx.ModelProto, n_frames: int) -> dict[str, np.ndarray]:
    return random_clip(model, inputs_of(model, None, None), n_frames, np.random.default_rng(n_frames))


def takes(model: onnx.ModelProto, n_frames: int) -> bool:
    """Whether the offline model itself runs for so many frames: branches of different rates meet only for some."""
    try:
        run_offline(model, noise(model, n_frames))
    except Exception:  # onnxruntime's errors share no base class of their own
        return False
    return True


def compare(model: onnx.ModelProto, run: StreamingRun, n_frames: int, calls: list[int]) -> None:
    clip = noise(model, n_frames)
    wanted, given_back = run_offline(model, clip)["y"], run.clip(clip, calls)["y"]
    _note(f"{n_frames} frames in calls of {calls}; manifest {run.manifest}")
    assert given_back.shape == wanted.shape
    assert np.abs(wanted - given_back).max() <= TOLERANCE * max(np.abs(wanted).max(), FAINTEST_PEAK)


@pytest.mark.parametrize("time_last", [False, True])
def test_attention_behind_a_crop_at_the_end_streams(time_last: bool):
    """Which keys are real is known only when the frames that were cropped have come."""
    drawing = Drawing(Random(5), time_last)
    ends = [drawing.constant(np.array([n])) for n in (2, -3, drawing.time)]
    x = Frames(drawing.node("Slice", ["x", *ends]), 2, 2, tuple(n - 5 for n in N_FRAMES))
    model = finished(drawing, {"x": [1, 2, *drawing.along(2, "frames")]}, {"y": attentive(drawing, x)})
    assert_streams(model, Random(0), append=False)


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW_IS_FINE, derandomize=True, database=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_a_random_graph_streams_to_its_offline_result(seed: int, append: bool):
    random = Random(seed)
    model = draw(random)
    _note("\n".join(f"{n.op_type} {list(n.input)} -> {list(n.output)}" for n in model.graph.node))
    assert_streams(model, random, append)
