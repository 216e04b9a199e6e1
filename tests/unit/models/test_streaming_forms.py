"""One structure in its several forms: integers with scales inside, layers over bins of many units."""

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from rtspec.models.streaming import make_streaming
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
