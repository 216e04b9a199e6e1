"""Each family of operators by itself: a small graph around it streams to its offline result."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from rtspec.models.streaming import make_streaming
from rtspec.models.streaming.load import inputs_of
from rtspec.models.streaming.run import StreamingRun, difference, random_clip, run_offline

FLOAT = TensorProto.FLOAT
TOLERANCE = 1e-5


def noise(*shape: int) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(shape) / 2).astype(np.float32)


def node(op: str, inputs: str = "x", outputs: str = "y", **attributes: Any) -> NodeProto:
    """A node whose inputs are given as one text; "-" leaves one out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, outputs.split(), name=f"{op} to {outputs}", **attributes)


def around(*middle: NodeProto, before: int = 1, after: int = 1) -> list[NodeProto]:
    """Nodes from a to b between two centred convolutions with bias, so that masks and delays matter."""
    first = node("Conv", "x first bias", "a", pads=[1, 1])
    last = node("Conv", "b last bias", "y", pads=[1, 1])
    return [first] * before + list(middle) + [last] * after


def build(nodes: list[NodeProto], shape: tuple = (1, 4, "frames"), outputs: tuple[str, ...] = ("y",), **weights: Any):
    """A model with x and, where a weight is called z, none of it: z of shape [1, 4] is a run-time input instead."""
    weights = {"first": noise(4, 4, 3), "last": noise(4, 4, 3), "bias": noise(4) + 1, **weights}
    used = {name for each in nodes for name in each.input}
    tensors = [numpy_helper.from_array(np.asarray(v), name) for name, v in weights.items() if name in used]
    inputs = [helper.make_tensor_value_info("x", FLOAT, shape)]
    inputs += [helper.make_tensor_value_info("z", FLOAT, [1, 4, 1])] if "z" in used else []
    inferred = helper.make_graph(nodes, "graph", inputs, [onnx.ValueInfoProto(name=name) for name in outputs], tensors)
    model = helper.make_model(inferred, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    typed = {v.name: v for v in onnx.shape_inference.infer_shapes(model).graph.output}
    for value in model.graph.output:
        value.CopyFrom(typed[value.name])
    return model


def assert_streams(model: ModelProto, n_frames: int = 48, axis: int = 2, **options: Any) -> StreamingRun:
    """Equal to offline in calls of 1, 5 and all frames."""
    streaming = make_streaming(model, {"x": axis}, **options)
    onnx.checker.check_model(streaming, full_check=True)
    run = StreamingRun(streaming)
    clip = random_clip(model, inputs_of(model, {"x": axis}, None), n_frames, np.random.default_rng(0))
    wanted = run_offline(model, clip)
    for frames in (1, 5, n_frames):
        given = run.clip(clip, frames)
        for name, value in wanted.items():
            assert given[name].shape == value.shape
            if value.dtype == bool:
                assert np.array_equal(value, given[name])
            else:
                assert difference(value, given[name])[0] <= TOLERANCE
    return run


UNARY = (
    "Abs Acosh Asinh Atan Ceil Celu Cos Elu Erf Exp Floor HardSigmoid HardSwish Identity LeakyRelu Mish Neg Reciprocal"
)
UNARY += " Relu Round Selu Shrink Sigmoid Sign Sin Softplus Softsign Sqrt Tan Tanh ThresholdedRelu"
STEPPED = ("Ceil", "Floor", "Round", "Sign", "ThresholdedRelu", "Reciprocal", "Tan", "Acosh", "Sqrt")


@pytest.mark.parametrize("op", UNARY.split())
def test_activations(op: str):
    positive = [node("Abs", "a", "p"), node("Add", "p two", "q"), node(op, "q", "b")]
    smooth = [node(op, "a", "b")]
    assert_streams(build(around(*(positive if op in STEPPED else smooth)), two=np.float32(2.3)))


@pytest.mark.parametrize(
    "op", ["ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"]
)
@pytest.mark.parametrize("keep", [0, 1])
def test_reductions_over_other_axes(op: str, keep: int):
    reduced = node(op, "a axes", "r", keepdims=keep)
    back = [] if keep else [node("Unsqueeze", "r axes", "u")]
    assert_streams(build(around(reduced, *back, node("Sub", f"a {'r' if keep else 'u'}", "b")), axes=np.array([1])))


@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
def test_places_of_extremes_in_a_frame(op: str):
    places = [node(op, "a", "i", axis=1, keepdims=1), node("Cast", "i", "f", to=FLOAT), node("Add", "a f", "b")]
    assert_streams(build(around(*places)))


def test_top_values_of_a_frame():
    assert_streams(build(around(node("TopK", "a k", "b i", axis=1)), k=np.array([4])))


def test_comparisons_and_choices():
    chosen = [node("Greater", "a zero", "g"), node("Not", "g", "n"), node("Where", "n a zero", "b")]
    assert_streams(build(around(*chosen), zero=np.float32(0.2)))


def test_a_boolean_output():
    assert_streams(build([*around(after=0), node("Less", "a level", "y")], level=np.float32(0.1)))


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax", "Hardmax", "LpNormalization"])
def test_normalisation_along_channels(op: str):
    assert_streams(build(around(node(op, "a", "b", axis=1))))


def test_local_response_normalisation():
    wide = [node("Unsqueeze", "a axes", "u"), node("LRN", "u", "l", size=3), node("Squeeze", "l axes", "b")]
    assert_streams(build(around(*wide), axes=np.array([3])))


@pytest.mark.parametrize(("equation", "shape"), [("bct,cd->bdt", (4, 4)), ("cd,bct->bdt", (4, 4))])
def test_einsum(equation: str, shape: tuple[int, ...]):
    inputs = "a w" if equation.startswith("b") else "w a"
    assert_streams(build(around(node("Einsum", inputs, "b", equation=equation)), w=noise(*shape)))


@pytest.mark.parametrize("turned", [0, 1])
def test_gemm(turned: int):
    flat = [node("Squeeze", "a axes", "s"), *([] if turned else [node("Transpose", "s", "t", perm=[1, 0])])]
    product = node("Gemm", f"{'s' if turned else 't'} w c", "g", transA=turned)
    back = [node("Transpose", "g", "h", perm=[1, 0]), node("Unsqueeze", "h axes", "b")]
    assert_streams(build(around(*flat, product, *back), axes=np.array([0]), w=noise(4, 4), c=noise(4)))


def test_frames_meet_frames_of_the_same_time():
    """A product of two streams with time as the batch: attention within one frame."""
    turned = [node("Transpose", "a", "t", perm=[2, 0, 1]), node("Reshape", "t squares", "q")]
    scores = [
        node("Transpose", "q", "k", perm=[0, 2, 1]),
        node("MatMul", "q k", "s"),
        node("Softmax", "s", "p", axis=-1),
    ]
    back = [node("MatMul", "p q", "m"), node("Reshape", "m flat", "f"), node("Transpose", "f", "b", perm=[1, 2, 0])]
    shapes: dict[str, Any] = {"squares": np.array([-1, 2, 2]), "flat": np.array([-1, 1, 4])}
    assert_streams(build(around(*turned, *scores, *back), **shapes))


@pytest.mark.parametrize("op", ["InstanceNormalization", "GlobalAveragePool"])
def test_statistics_within_a_frame_where_time_is_the_batch(op: str):
    turned = [node("Transpose", "a", "t", perm=[2, 0, 1])]
    inside = node(op, "t one zero" if "Norm" in op else "t", "n")
    wide = node("Mul", "t n", "m")
    back = node("Transpose", "m", "b", perm=[1, 2, 0])
    assert_streams(build(around(*turned, inside, wide, back), one=np.ones(1, np.float32), zero=np.zeros(1, np.float32)))


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_a_recurrent_layer_over_bins_with_frames_as_its_batch(direction: str):
    n = 2 if direction == "bidirectional" else 1
    turned = [node("Transpose", "a", "t", perm=[1, 2, 0])]
    layer = node("GRU", "t w r", "g", hidden_size=2, direction=direction)
    back = [node("Transpose", "g", "h", perm=[2, 1, 3, 0]), node("Reshape", "h wide", "i")]
    after = node("Transpose", "i", "y", perm=[1, 2, 0])
    shapes: dict[str, Any] = {"w": noise(n, 6, 1), "r": noise(n, 6, 2), "wide": np.array([-1, 1, 8 * n])}
    assert_streams(build([*around(*turned, layer, *back, after=0), after], **shapes))


def test_a_recurrent_layer_starts_from_a_state_of_its_own_after_look_ahead():
    turned = [node("Transpose", "a", "t", perm=[2, 0, 1]), node("LSTM", "t w r b1 - h c", "l", hidden_size=4)]
    back = [node("Squeeze", "l axes", "s"), node("Transpose", "s", "b", perm=[1, 2, 0])]
    weights: dict[str, Any] = {
        "w": noise(1, 16, 4),
        "r": noise(1, 16, 4),
        "b1": noise(1, 32),
        "h": noise(1, 1, 4),
        "c": noise(1, 1, 4),
    }
    run = assert_streams(build(around(*turned, *back), axes=np.array([1]), **weights))
    assert any(isinstance(state["initial"], str) for state in run.manifest["states"])


def test_a_running_sum():
    assert_streams(build(around(node("CumSum", "a time", "b")), time=np.array(2)))


def test_a_running_sum_over_channels_has_no_state():
    run = assert_streams(build([node("CumSum", "x channels", "y")], channels=np.array(1)))
    assert run.manifest["states"] == []


@pytest.mark.parametrize("value", [0.0, 0.5])
@pytest.mark.parametrize("widths", [(2, 0), (0, 2), (1, 3)])
def test_padding_in_time_by_joining_constants(value: float, widths: tuple[int, int]):
    pieces: dict[str, Any] = {
        "front": np.full((1, 4, widths[0]), value, np.float32),
        "back": np.full((1, 4, widths[1]), value, np.float32),
    }
    names = f"{'front ' if widths[0] else ''}a{' back' if widths[1] else ''}"
    assert_streams(build(around(node("Concat", names, "b", axis=2)), **pieces))


@pytest.mark.parametrize("step", [2, 3])
@pytest.mark.parametrize("start", [0, 1])
def test_every_nth_frame(start: int, step: int):
    index: dict[str, Any] = {name: np.array([v]) for name, v in {"s": start, "e": 2**31, "t": 2, "n": step}.items()}
    assert_streams(build(around(node("Slice", "a s e t n", "b")), **index))


def test_frames_stacked_in_groups_and_taken_apart_again():
    stacked = [
        node("Reshape", "a groups", "g"),
        node("Transpose", "g", "t", perm=[0, 1, 3, 2]),
        node("Reshape", "t wide", "w"),
    ]
    mixed = [node("Conv", "w mix", "c", pads=[1, 1]), node("Reshape", "c apart", "d")]
    back = [node("Transpose", "d", "f", perm=[0, 1, 3, 2]), node("Reshape", "f flat", "b")]
    shapes: dict[str, Any] = {
        "groups": np.array([1, 4, -1, 3]), "wide": np.array([1, 12, -1]), "apart": np.array([1, 4, 3, -1]),
        "flat": np.array([1, 4, -1]), "mix": noise(12, 12, 3),
    }  # fmt: skip
    run = assert_streams(build(around(*stacked, *mixed, *back), **shapes))
    assert run.manifest["period"] == 3


@pytest.mark.parametrize("mode", ["asymmetric", "half_pixel"])
def test_repeated_frames(mode: str):
    options = {"coordinate_transformation_mode": mode, "mode": "nearest"}
    options |= {"nearest_mode": "floor"} if mode == "asymmetric" else {}
    scales = np.array([1, 1, 2], np.float32)
    run = assert_streams(build(around(node("Resize", "a - scales", "b", **options)), scales=scales))
    assert run.manifest["rate"] == {"in": 1, "out": 2}


def test_frames_picked_by_resizing():
    options = {"coordinate_transformation_mode": "asymmetric", "mode": "nearest", "nearest_mode": "floor"}
    scales = np.array([1, 1, 0.5], np.float32)
    assert_streams(build(around(node("Resize", "a - scales", "b", **options)), scales=scales))


@pytest.mark.parametrize("pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_automatic_padding(pad: str, stride: int):
    model = build(around(node("Conv", "a w bias", "b", auto_pad=pad, strides=[stride])), w=noise(4, 4, 4))
    assert_streams(model, lengths="periods" if stride > 1 and pad != "VALID" else "any")


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool", "LpPool"])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_pooling(op: str, stride: int):
    assert_streams(build(around(node(op, "a", "b", kernel_shape=[4], strides=[stride], pads=[2, 1]))))


def test_an_average_over_real_frames_only():
    assert_streams(build(around(node("AveragePool", "a", "b", kernel_shape=[5], pads=[2, 2], count_include_pad=0))))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("taps", [1, 2, 5])
def test_transposed_convolution(taps: int, stride: int):
    options: dict[str, Any] = {"strides": [stride], "output_padding": [max(stride - taps, 0)]}
    assert_streams(build(around(node("ConvTranspose", "a w bias", "b", **options)), w=noise(4, 4, taps)))


def test_a_transposed_convolution_cropped_by_itself():
    options: dict[str, Any] = {"strides": [2], "auto_pad": "SAME_UPPER"}
    assert_streams(build(around(node("ConvTranspose", "a w bias", "b", **options)), w=noise(4, 4, 5)))


def test_a_latent_beside_the_frames_is_repeated_for_each_of_them():
    """z [1, 4, 1] expanded to as many frames as x has, then joined with them."""
    size = [
        node("Shape", "x", "shape"),
        node("Gather", "shape two", "count"),
        node("Concat", "head count", "full", axis=0),
    ]
    wide = [
        node("Expand", "z full", "e"),
        node("Concat", "a e", "j", axis=1),
        node("Conv", "j mix bias", "b", pads=[1, 1]),
    ]
    weights: dict[str, Any] = {"two": np.array([2]), "head": np.array([1, 4]), "mix": noise(4, 8, 3)}
    assert_streams(build([*size, *around(*wide)], **weights))


def test_a_latent_may_scale_the_frames():
    assert_streams(build(around(node("Mul", "a z", "b"))))


def test_an_expanded_constant_is_no_parameter_of_a_frame():
    size = [node("Shape", "x", "shape"), node("Expand", "one shape", "e"), node("Add", "a e", "b")]
    assert_streams(build([size[0], *around(*size[1:])], one=np.array([[[0.5]]], np.float32)))


def test_looking_up_a_table_by_frames():
    places = [node("ArgMax", "a", "i", axis=1, keepdims=0), node("Gather", "table i", "v", axis=0)]
    back = node("Transpose", "v", "b", perm=[0, 2, 1])
    assert_streams(build(around(*places, back), table=noise(4, 4)))


def test_split_tile_expand_and_gather_over_channels():
    parts = [
        node("Split", "a sizes", "p q", axis=1),
        node("Tile", "p repeats", "t"),
        node("Gather", "t order", "b", axis=1),
    ]
    model = build(around(*parts), sizes=np.array([2, 2]), repeats=np.array([1, 2, 1]), order=np.array([3, 0, 2, 1]))
    assert_streams(model)


def test_two_outputs_of_one_rate_leave_together():
    nodes = [node("Relu", "x", "early"), *around(node("Tanh", "a", "b"))]
    run = assert_streams(build(nodes, outputs=("early", "y")))
    assert {entry["delay_frames"] for entry in run.manifest["outputs"].values()} == {2}


def test_two_outputs_of_different_rates_have_each_their_length():
    nodes = [*around(after=0), node("MaxPool", "a", "low", kernel_shape=[4], strides=[4]), node("Relu", "a", "y")]
    run = assert_streams(build(nodes, outputs=("y", "low")))
    assert run.manifest["outputs"]["low"]["length"]["down"] == 4
    assert run.manifest["outputs"]["y"]["delay_frames"] == 4 * run.manifest["outputs"]["low"]["delay_frames"]


def test_a_cropped_clip_still_ends_where_it_ends():
    """What was cut off at the end must not be seen by the next convolution."""
    index: dict[str, Any] = {name: np.array([v]) for name, v in {"s": 2, "e": -3, "t": 2}.items()}
    assert_streams(build(around(node("Slice", "a s e t", "b")), **index))


def test_silence_without_numbers_reaches_no_frame():
    assert_streams(
        build(around(node("Relu", "a", "r"), node("Log", "r", "l"), node("Max", "l low", "b")), low=np.float32(-3))
    )


def test_a_static_export_streams_once_its_time_axis_is_named():
    streaming = make_streaming(build(around(node("Tanh", "a", "b")), shape=(1, 4, 30)), {"x": 2})
    assert streaming.graph.input[0].type.tensor_type.shape.dim[2].dim_param == "frames"


@pytest.mark.parametrize("times", [2, 3])
@pytest.mark.parametrize("mode", ["half_pixel", "asymmetric"])
@pytest.mark.parametrize("late", [0, 2])
def test_frames_between_frames_lie_on_the_lines_between_them(times: int, mode: str, late: int):
    options = {"mode": "linear", "coordinate_transformation_mode": mode}
    nodes = [node("Conv", "x w b", "c", pads=[0, late]), node("Resize", "c - s", "y", **options)]
    scales = np.array([1, 1, times], np.float32)
    run = assert_streams(build(nodes, w=noise(3, 4, 1 + late), b=noise(3), s=scales))
    assert run.manifest["delay_frames"] == times * (late + 1)
