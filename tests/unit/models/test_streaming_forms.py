"""One structure in its several forms: integers with scales inside, layers over bins of many units."""

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from rtspec.models.streaming import NotStreamable, make_streaming
from rtspec.models.streaming.run import StreamingRun, run_offline


def build(nodes: list, shape: tuple, rank: int, opset: int = 13, **weights: np.ndarray) -> ModelProto:
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    values = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [f"d{i}" for i in range(rank)]),
    ]
    graph = helper.make_graph(nodes, "graph", values[:1], values[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@pytest.mark.parametrize("opset", [11, 13])
def test_integers_with_their_scales_inside_stream_level_by_level(opset: int):
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["q"]),
        helper.make_node(
            "QLinearConv", ["q", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"], ["c"], pads=[2, 0], name="conv"
        ),
        helper.make_node("QLinearMatMul", ["m", "ms", "mz", "c", "ys", "yz", "ps", "pz"], ["p"]),
        helper.make_node("DequantizeLinear", ["p", "ps", "pz"], ["y"]),
    ]
    scales = {
        name: np.array(value, np.float32) for name, value in (("xs", 0.03), ("ys", 0.1), ("ms", 0.01), ("ps", 0.2))
    }
    zeros = {name: np.array(128, np.uint8) for name in ("xz", "yz", "mz", "pz")}
    weights = {
        "w": rng.integers(-90, 90, (6, 4, 3)).astype(np.int8),
        "ws": np.full(6, 0.02, np.float32) if opset >= 13 else np.array(0.02, np.float32),
        "wz": np.zeros(6, np.int8) if opset >= 13 else np.array(0, np.int8),
        "b": rng.integers(-900, 900, 6).astype(np.int32),
        "m": rng.integers(60, 190, (5, 6)).astype(np.uint8),
    }
    model = build(nodes, (1, 4, "frames"), 3, opset, **scales, **zeros, **weights)
    clip = {"x": rng.standard_normal((1, 4, 50)).astype(np.float32)}
    run = StreamingRun(make_streaming(model, {"x": 2}))
    assert run.manifest["delay_frames"] == 0
    wanted, given = run_offline(model, clip)["y"], run.clip(clip, [1, 7, 3])["y"]
    assert np.ptp(wanted) > 2 and np.array_equal(wanted, given)


@pytest.mark.parametrize(("operator", "gates"), [("GRU", 3), ("LSTM", 4)])
def test_a_layer_over_bins_has_as_many_units_as_it_likes(operator: str, gates: int):
    rng, units = np.random.default_rng(0), 64
    states = ["h"] if operator == "GRU" else ["h", "h"]
    nodes = [
        helper.make_node("Transpose", ["x"], ["bins first"], perm=[1, 0, 2]),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Slice", ["shape", "zero", "one"], ["frames"]),
        helper.make_node("Concat", ["two", "frames", "units"], ["sizes"], axis=0),
        helper.make_node("ConstantOfShape", ["sizes"], ["h"]),
        helper.make_node(
            operator, ["bins first", "w", "r", "b", "", *states], ["g"], hidden_size=units, direction="bidirectional"
        ),
        helper.make_node("Transpose", ["g"], ["y"], perm=[2, 0, 1, 3]),
    ]
    weights = {
        "w": rng.standard_normal((2, gates * units, 4)).astype(np.float32),
        "r": 0.1 * rng.standard_normal((2, gates * units, units)).astype(np.float32),
        "b": rng.standard_normal((2, 2 * gates * units)).astype(np.float32),
        **{name: np.array([value]) for name, value in (("zero", 0), ("one", 1), ("two", 2), ("units", units))},
    }
    model = build(nodes, ("frames", 8, 4), 4, **weights)
    clip = {"x": rng.standard_normal((20, 8, 4)).astype(np.float32)}
    given = StreamingRun(make_streaming(model, {"x": 0})).clip(clip, [1, 3])["y"]
    assert np.abs(run_offline(model, clip)["y"] - given).max() < 1e-5


def test_integer_operators_of_onnxruntime_stream_level_by_level():
    def own(op: str, inputs: str, output: str, **options):
        return helper.make_node(op, inputs.split(), [output], name=output, domain="com.microsoft", **options)

    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("QLinearConv", ["q", "s", "z", "w", "s", "z", "s", "z"], ["c"], pads=[2, 0]),
        own("QLinearAdd", "c s z q s z s z", "sum"),
        own("QLinearSigmoid", "sum s z fine low", "gate"),
        own("QLinearMul", "gate fine low sum s z s z", "gated"),
        own("QLinearLeakyRelu", "gated s z s z", "leaky", alpha=0.1),
        own("QLinearConcat", "s z leaky s z sum s z", "both", axis=1),
        helper.make_node("DequantizeLinear", ["both", "s", "z"], ["y"]),
    ]
    rng = np.random.default_rng(0)
    weights = {"s": np.float32(0.03), "z": np.uint8(128), "fine": np.float32(1 / 256), "low": np.uint8(0)}
    weights["w"] = rng.integers(90, 170, (4, 4, 3)).astype(np.uint8)
    model = build(nodes, (1, 4, "frames"), 3, **weights)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    clip = {"x": rng.standard_normal((1, 4, 50)).astype(np.float32)}
    wanted = run_offline(model, clip)["y"]
    given = StreamingRun(make_streaming(model, {"x": 2})).clip(clip, [1, 7, 3])["y"]
    assert wanted.shape == (1, 8, 50) and np.ptp(wanted) > 2
    # A sigmoid of onnxruntime's own rounds otherwise here and there: one level.
    assert np.abs(wanted - given).max() <= 0.031 and np.mean(wanted != given) < 0.01


@pytest.mark.parametrize("opset", [13, 18])
def test_dynamic_quantisation_streams_with_a_scale_for_each_frame_and_says_by_how_much_it_differs(opset: int):
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Pad", ["x", "pads"], ["padded"]),
        helper.make_node("DynamicQuantizeLinear", ["padded"], ["q", "qs", "qz"], name="first"),
        helper.make_node("ConvInteger", ["q", "w", "qz", "wz"], ["c"]),
        helper.make_node("Cast", ["c"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["qs", "ws"], ["step"]),
        helper.make_node("Mul", ["float", "step"], ["conv"]),
        helper.make_node("Transpose", ["conv"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("DynamicQuantizeLinear", ["turned"], ["r", "rs", "rz"], name="second"),
        helper.make_node("MatMulInteger", ["r", "m", "rz"], ["product"]),
        helper.make_node("Cast", ["product"], ["float2"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["rs", "ws"], ["step2"]),
        helper.make_node("Mul", ["float2", "step2"], ["y"]),
    ]
    weights = {
        "pads": np.array([0, 0, 2, 0, 0, 0]), "ws": np.float32(0.02), "wz": np.uint8(120),
        "w": rng.integers(60, 180, (6, 4, 3)).astype(np.uint8), "m": rng.integers(-90, 90, (6, 5)).astype(np.int8),
    }  # fmt: skip
    model = build(nodes, (1, 4, "frames"), 3, opset, **weights)
    with pytest.raises(NotStreamable, match=r'"first" \(DynamicQuantizeLinear\).*--quantise-frames'):
        make_streaming(model, {"x": 2})
    run = StreamingRun(make_streaming(model, {"x": 2}, quantise_frames=True))
    clip = {"x": rng.standard_normal((1, 4, 50)).astype(np.float32)}
    one, many = run.clip(clip, 1)["y"], run.clip(clip, [7, 2, 30])["y"]
    assert np.allclose(one, many, atol=1e-4)  # no longer a matter of how many frames a call has
    # By hand: each frame to levels of its own, twice.
    x, levels = np.pad(clip["x"][0], [(0, 0), (2, 0)]), lambda v: _levels_of_frames(v)
    taps = (weights["w"].astype(np.float64) - 120) * 0.02
    conv = sum(np.einsum("oc,ct->to", taps[..., k], levels(x.T).T[:, k : k + 50]) for k in range(3))
    assert np.allclose(one[0], levels(conv) @ weights["m"] * 0.02, atol=0.02 * np.abs(one).max())
    stated, wanted = run.manifest["inexact"], run_offline(model, clip)["y"]
    assert stated["method"] == "quantised by the frame" and 0 < stated["error_rms"] < 0.02
    assert np.sqrt(np.mean((wanted - one) ** 2)) < 3 * stated["error_rms"] * np.abs(wanted).max()


def test_dynamic_quantisation_is_given_together_with_less_look_ahead():
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"]),
        helper.make_node("ConvInteger", ["q", "w", "qz", "wz"], ["c"], pads=[2, 2]),
        helper.make_node("Cast", ["c"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "qs"], ["y"]),
    ]
    weights = {"wz": np.uint8(120), "w": rng.integers(60, 180, (6, 4, 5)).astype(np.uint8)}
    model = build(nodes, (1, 4, "frames"), 3, 13, **weights)
    whole = StreamingRun(make_streaming(model, {"x": 2}, quantise_frames=True))
    run = StreamingRun(make_streaming(model, {"x": 2}, quantise_frames=True, max_delay_frames=1))
    assert whole.manifest["delay_frames"] == 2 and run.manifest["delay_frames"] == 1
    stated = run.manifest["inexact"]
    assert stated["method"] in ("quantised by the frame, truncate", "quantised by the frame, shift")
    assert stated["error_rms"] > 3 * whole.manifest["inexact"]["error_rms"]
    clip = {"x": rng.standard_normal((1, 4, 50)).astype(np.float32)}
    apart = run_offline(model, clip)["y"] - run.clip(clip, 1)["y"]  # what is stated is the distance from the file
    assert np.sqrt(np.mean(apart**2)) < 2 * stated["error_rms"] * np.abs(run_offline(model, clip)["y"]).max()


def test_what_a_converter_writes_in_the_place_of_a_node_is_refused_by_that_nodes_name():
    # Before operator set 13, a softmax is one over all axes from its own on: time among them.
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("QLinearConv", ["q", "s", "z", "w", "s", "wz", "s", "z"], ["c"]),
        helper.make_node("DequantizeLinear", ["c", "s", "z"], ["d"]),
        helper.make_node("Softmax", ["d"], ["y"], name="culprit", axis=1),
    ]
    weights = {"s": np.float32(0.1), "z": np.uint8(128), "wz": np.int8(0), "w": np.ones((4, 4, 1), np.int8)}
    with pytest.raises(NotStreamable, match=r'"culprit" \(Softmax\) mixes the time axis'):
        make_streaming(build(nodes, (1, 4, "frames"), 3, 11, **weights), {"x": 2})


def _levels_of_frames(rows: np.ndarray) -> np.ndarray:
    """Rows rounded to 256 levels between their least and greatest number, zero among them."""
    low, high = np.minimum(rows.min(1, keepdims=True), 0), np.maximum(rows.max(1, keepdims=True), 0)
    step = np.where(high > low, (high - low) / 255, 1)
    zero = np.round(-low / step)
    return (np.clip(np.round(rows / step) + zero, 0, 255) - zero) * step


def test_a_file_whose_casts_were_appended_by_a_converter_streams_in_half_precision():
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["half", "w"], ["c"], name="conv"),  # reads what a later node makes
        helper.make_node("Tanh", ["c"], ["t"]),
        helper.make_node("Pad", ["x", "pads"], ["padded"]),
        helper.make_node("Cast", ["padded"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["t"], ["y"], to=TensorProto.FLOAT),
    ]
    taps = (0.3 * rng.standard_normal((6, 4, 3))).astype(np.float16)
    model = build(nodes, (1, 4, "frames"), 3, w=taps, pads=np.array([0, 0, 2, 0, 0, 0]))
    run = StreamingRun(make_streaming(model, {"x": 2}))
    clip = {"x": rng.standard_normal((1, 4, 50)).astype(np.float32)}
    wanted = run_offline(model, clip)["y"]
    assert np.abs(wanted - run.clip(clip, [1, 7, 3])["y"]).max() <= 2**-9  # two steps of half precision
