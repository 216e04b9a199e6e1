"""What the rewriter says of a model is so: amounts of the clip's length, names, old operator sets, other domains."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from rtspec.errors import ModelError
from rtspec.models.streaming import NotStreamable, make_streaming
from rtspec.models.streaming.load import inputs_of
from rtspec.models.streaming.prove import _leading_to_outputs, wrong_frames
from rtspec.models.streaming.run import StreamingRun, difference, random_clip, run_offline

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
TOLERANCE = 1e-5
ODD = 61


def noise(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def model_of(nodes: list[NodeProto], opset: int = 17, element: Any = FLOAT, **weights: Any) -> ModelProto:
    """x [1, 4, T] to y [1, 4, U] with weights by name; "microsoft" may be used."""
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    x, y = (helper.make_tensor_value_info(name, element, [1, 4, time]) for name, time in (("x", "T"), ("y", "U")))
    graph = helper.make_graph(nodes, "graph", [x], [y], tensors)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=7 if opset < 13 else 8)


def node(op: str, inputs: str, outputs: str, name: Any = "", **attributes: Any) -> NodeProto:
    return helper.make_node(
        op, ["" if i == "-" else i for i in inputs.split()], outputs.split(), name or outputs.split()[0], **attributes
    )


def assert_equal(model: ModelProto, n_frames: int = ODD, tolerance: float = TOLERANCE, **options: Any) -> StreamingRun:
    run = StreamingRun(make_streaming(model, {"x": 2}, **options))
    clip = random_clip(model, inputs_of(model, {"x": 2}, None), n_frames, np.random.default_rng(1))
    wanted = run_offline(model, clip)["y"]
    for frames in (1, 5, n_frames):
        given = run.clip(clip, frames)["y"]
        assert given.shape == wanted.shape
        assert difference(wanted, given)[0] <= tolerance
    return run


def length() -> list[NodeProto]:
    return [node("Shape", "x", "shape"), node("Gather", "shape two", "T")]


def to_half_of_the_clip() -> ModelProto:
    nodes = [node("Div", "T two", "half"), node("Slice", "x zero half two", "y", "culprit")]
    return model_of([*length(), *nodes], two=np.array([2]), zero=np.array([0]))


def up_to_a_hundred_frames() -> ModelProto:
    nodes = [node("Sub", "hundred T", "p"), node("Concat", "zeros p", "pads", axis=0)]
    weights: dict[str, Any] = {"two": np.array([2]), "hundred": np.array([100]), "zeros": np.zeros(5, np.int64)}
    return model_of([*length(), *nodes, node("Pad", "x pads", "y", "culprit")], **weights)


def at_most_thirty_thousand_frames() -> ModelProto:
    bounds: dict[str, Any] = {"zero": np.array([0]), "end": np.array([30000]), "two": np.array([2])}
    return model_of([node("Slice", "x zero end two", "y", "culprit")], **bounds)


def late_by_a_quarter_of_the_clip() -> ModelProto:
    late = [
        node("Div", "T four", "p"),
        node("Concat", "z2 p z3", "pads", axis=0),
        node("Pad", "x pads", "w", "culprit"),
        node("Slice", "w zero T two", "y"),
    ]
    numbers: dict[str, Any] = {"two": np.array([2]), "four": np.array([4]), "zero": np.array([0])}
    return model_of([*length(), *late], **numbers, z2=np.zeros(2, np.int64), z3=np.zeros(3, np.int64))


def to_a_multiple_of_sixteen() -> ModelProto:
    """Padded to whole groups of 16, a convolution whose bias sounds in the padding, cropped again."""
    more = [
        node("Neg", "T", "minus"),
        node("Mod", "minus sixteen", "p"),
        node("Concat", "zeros p", "pads", axis=0),
        node("Pad", "x pads", "w", "culprit"),
        node("Conv", "w k b", "c", "culprit too", pads=[1, 1]),
        node("Relu", "c", "r"),
        node("Conv", "r k b", "d", "culprit three", pads=[1, 1]),
        node("Slice", "d zero T two", "y"),
    ]
    numbers: dict[str, Any] = {
        "two": np.array([2]),
        "sixteen": np.array([16]),
        "zero": np.array([0]),
        "zeros": np.zeros(5, np.int64),
    }
    return model_of([*length(), *more], **numbers, k=noise(4, 4, 3), b=np.ones(4, np.float32))


CLIP_LENGTHS = [
    to_half_of_the_clip,
    up_to_a_hundred_frames,
    at_most_thirty_thousand_frames,
    late_by_a_quarter_of_the_clip,
    to_a_multiple_of_sixteen,
]


@pytest.mark.parametrize("make", CLIP_LENGTHS, ids=lambda make: make.__name__)
def test_an_amount_that_follows_from_the_length_of_the_clip_is_refused_at_its_node(make):
    with pytest.raises(NotStreamable) as refusal:
        make_streaming(make(), {"x": 2})
    assert refusal.value.node.startswith("culprit")


def test_an_amount_that_is_computed_but_always_the_same_is_no_amount_of_the_clip():
    pads = [
        node("Sub", "T T", "none"),
        node("Add", "none two", "p"),
        node("Concat", "zeros p", "pads", axis=0),
        node("Pad", "x pads", "w"),
    ]
    nodes = [*length(), *pads, node("Conv", "w k", "y")]
    assert_equal(model_of(nodes, two=np.array([2]), zeros=np.zeros(5, np.int64), k=noise(4, 4, 3)))


def test_padding_that_depends_on_the_remainder_is_refused_unless_clips_are_whole_periods():
    model = model_of([node("Conv", "x k", "y", "culprit", auto_pad="SAME_UPPER", strides=[2])], k=noise(4, 4, 3))
    with pytest.raises(NotStreamable, match=r'"culprit".*no multiple of 2; .*lengths="periods" \(--whole-periods\)'):
        make_streaming(model, {"x": 2})
    assert_equal(model, 60, lengths="periods")


def test_a_difference_that_reaches_no_output_is_no_cause():
    nodes = [node("Relu", "x", "a"), node("Abs", "x", "b"), node("Tanh", "b", "c"), node("Add", "a c", "y")]
    model = model_of(nodes)
    assert [n.op_type for n in _leading_to_outputs(model, {"a", "b", "y"})] == ["Relu", "Add"]
    assert [n.op_type for n in _leading_to_outputs(model, {"b", "c", "y"})] == ["Abs", "Tanh", "Add"]
    assert list(_leading_to_outputs(model, {"a", "b"})) == []


def gru(opset: int, op: str = "GRU", dtype: Any = np.float32) -> ModelProto:
    """A look-ahead of one frame, then a recurrent layer that must start with the first frame of the clip."""
    gates = {"GRU": 3, "LSTM": 4}[op]
    squeeze = node("Squeeze", "g", "q", axes=[1]) if opset < 13 else node("Squeeze", "g one", "q")
    nodes = [
        node("Conv", "x k b", "c", pads=[1, 1]),
        node("Transpose", "c", "t", perm=[2, 0, 1]),
        node(op, "t W R B", "g", hidden_size=4, **({"linear_before_reset": 1} if op == "GRU" else {})),
        squeeze,
        node("Transpose", "q", "y", perm=[1, 2, 0]),
    ]
    weights = {"W": noise(1, 4 * gates, 4, dtype=dtype), "R": noise(1, 4 * gates, 4, dtype=dtype)}
    more = {"k": noise(4, 4, 3, dtype=dtype), "b": noise(4, dtype=dtype), "B": noise(1, 8 * gates, dtype=dtype)}
    element = HALF if dtype == np.float16 else FLOAT
    return model_of(nodes, opset, element, one=np.array([1]), **weights, **more)


def repeated(opset: int) -> ModelProto:
    options: dict[str, Any] = {
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
        "mode": "nearest",
    }
    resize = node("Resize", "x roi scales", "y", **options)
    return model_of([resize], opset, roi=np.zeros(0, np.float32), scales=np.array([1, 1, 2], np.float32))


@pytest.mark.parametrize("opset", [11, 12, 13, 17])
@pytest.mark.parametrize("make", [gru, repeated], ids=["gru", "repeated"])
def test_old_operator_sets_give_models_that_load_and_are_equal(make, opset: int):
    assert_equal(make(opset))


@pytest.mark.parametrize("opset", [9, 10])
def test_the_oldest_operator_sets_are_converted(opset: int):
    nodes = [
        node("Pad", "x", "p", pads=[0, 0, 2, 0, 0, 0]),
        node("Conv", "p k b", "c"),
        node("Softmax", "c", "s", axis=2) if opset < 9 else node("Relu", "c", "s"),
        node("Squeeze", "s", "q", axes=[0]),
        node("Unsqueeze", "q", "y", axes=[0]),
    ]
    assert_equal(model_of(nodes, opset, k=noise(4, 4, 3), b=noise(4)))


@pytest.mark.parametrize("op", ["LSTM", "GRU"])
def test_recurrent_states_have_the_type_of_the_model(op: str):
    run = assert_equal(gru(17, op, np.float16), tolerance=1e-2)
    assert {s["dtype"] for s in run.manifest["states"] if s["shape"] == [1, 1, 4]} == {"float16"}


@pytest.mark.parametrize("name", ["valid", "state_in.0", "state_out.0", "stream.index", "c.window", "y.offline"])
def test_a_tensor_may_have_any_name(name: str):
    nodes = [node("Conv", "x k b", name), node("Relu", name, "c"), node("Conv", "c k b", "y", pads=[2, 2])]
    assert_equal(model_of(nodes, k=noise(4, 4, 3), b=np.ones(4, np.float32)))


def branch(op: str) -> onnx.GraphProto:
    return helper.make_graph(
        [helper.make_node(op, ["x"], ["made"])], op, [], [helper.make_tensor_value_info("made", FLOAT, [1, 4, "T"])]
    )


@pytest.mark.parametrize("which", [True, False])
def test_a_condition_that_is_known_becomes_its_branch(which: bool):
    chosen = node("If", "which", "a", then_branch=branch("Relu"), else_branch=branch("Neg"))
    assert_equal(model_of([chosen, node("Tanh", "a", "y")], which=np.array(which)))


def test_a_condition_on_the_shape_becomes_its_branch():
    asked = [node("Shape", "x", "s"), node("Gather", "s one", "n"), node("Equal", "n four", "which")]
    chosen = node("If", "which", "a", then_branch=branch("Relu"), else_branch=branch("Neg"))
    assert_equal(model_of([*asked, chosen, node("Tanh", "a", "y")], one=np.array(1), four=np.array(4)))


def test_a_loop_is_refused_by_its_own_name_whatever_reads_it():
    inner = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Identity", ["v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", FLOAT, [1, 4, "T"]),
        ],
        [
            helper.make_tensor_value_info("d", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", FLOAT, [1, 4, "T"]),
        ],
    )
    loop = node("Loop", "n yes x", "l", "culprit", body=inner)
    with pytest.raises(NotStreamable, match=r'"culprit" \(Loop\) runs a part of the graph in a loop.*recurrent layer'):
        make_streaming(model_of([loop, node("Relu", "l", "y")], n=np.array(3), yes=np.array(True)), {"x": 2})


def test_an_operator_of_another_domain_is_refused_by_its_own_name():
    nodes = [
        node("Transpose", "x", "t", perm=[0, 2, 1]),
        helper.make_node("BiasGelu", ["t", "b"], ["u"], "culprit", domain="com.microsoft"),
        node("Transpose", "u", "y", perm=[0, 2, 1]),
    ]
    with pytest.raises(NotStreamable, match=r'"culprit" \(BiasGelu\) is an operator of "com.microsoft".*optimised'):
        make_streaming(model_of(nodes, b=np.ones(4, np.float32)), {"x": 2})


def test_an_offline_model_that_does_not_run_is_told_so():
    model = model_of([node("BitwiseAnd", "x x", "y", "culprit")], opset=18)
    with pytest.raises(ModelError, match=r'node "culprit" \(BitwiseAnd\)'):
        make_streaming(model, {"x": 2})


@pytest.mark.parametrize(
    ("dtype", "rounding", "fault"), [("float16", 4e-3, 3e-2), ("float32", 1e-5, 1e-4), ("float64", 1e-14, 1e-12)]
)
def test_what_passes_as_rounding_follows_from_the_type(dtype, rounding, fault):
    wanted = np.linspace(-1, 1, 24).reshape(4, 6).astype(dtype)
    for error, wrong in ((rounding, False), (fault, True)):
        given = wanted.copy()
        given[1, 2] += error
        assert wrong_frames(wanted, given, 1).tolist() == [wrong and frame == 2 for frame in range(6)]
