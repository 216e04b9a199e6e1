"""Scan over time is a step for each frame."""

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from rtspec.models.streaming import NotStreamable, make_streaming
from rtspec.models.streaming.load import inputs_of
from rtspec.models.streaming.run import StreamingRun, difference, random_clip, run_offline

FLOAT = TensorProto.FLOAT


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def scan(source: str, axis: int, **options) -> NodeProto:
    """s = tanh(a · s + f), y = s + b for each frame f [4]; the matrix lies outside of the body."""
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["s", "a"], ["m"]),
            helper.make_node("Add", ["m", "f"], ["n"]),
            helper.make_node("Tanh", ["n"], ["t"]),
            helper.make_node("Add", ["t", "b"], ["g"]),
        ],
        "body",
        [helper.make_tensor_value_info(name, FLOAT, ["n"]) for name in ("s", "f")],
        [helper.make_tensor_value_info(name, FLOAT, ["n"]) for name in ("t", "g")],
        [numpy_helper.from_array(noise(4) + 1, "b")],
    )
    return helper.make_node(
        "Scan",
        ["start", source],
        ["last", "y"],
        name="scan",
        num_scan_inputs=1,
        body=body,
        scan_input_axes=[axis],
        **options,
    )


def model_of(*nodes: NodeProto, rank: int = 2, outputs: tuple[str, ...] = ("y",), **weights) -> ModelProto:
    given = {"start": noise(4), "a": noise(4, 4), "k": noise(4, 4, 3), "none": np.array([0]), **weights}
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in given.items()]
    x = helper.make_tensor_value_info("x", FLOAT, [4, "T"] if rank == 2 else [1, 4, "T"])
    made = [helper.make_tensor_value_info(name, FLOAT, ["u", "v"][: 1 + (name == "y")]) for name in outputs]
    graph = helper.make_graph(list(nodes), "graph", [x], made, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def assert_streams(model: ModelProto) -> StreamingRun:
    axis = len(model.graph.input[0].type.tensor_type.shape.dim) - 1
    run = StreamingRun(make_streaming(model, {"x": axis}))
    for n_frames in (5, 40):
        clip = random_clip(model, inputs_of(model, {"x": axis}, None), n_frames, np.random.default_rng(1))
        wanted = run_offline(model, clip)["y"]
        for frames in (1, 3, 64):
            assert difference(wanted, run.clip(clip, frames)["y"])[0] < 1e-5
    return run


@pytest.mark.parametrize("options", [{}, {"scan_output_axes": [1]}])
def test_a_scan_goes_on_from_call_to_call(options: dict):
    run = assert_streams(model_of(scan("x", 1, **options)))
    assert run.manifest["delay_frames"] == 0


@pytest.mark.parametrize("pads", [[2, 0], [1, 1], [0, 2]])
@pytest.mark.parametrize("crop", [0, 3])
def test_frames_before_the_clip_leave_no_trace(pads: list[int], crop: int):
    nodes = [helper.make_node("Conv", ["x", "k"], ["h"], name="conv", pads=pads)]
    if crop:
        nodes.append(helper.make_node("Slice", ["h", "none", "end", "axis"], ["c"], name="crop"))
    nodes += [helper.make_node("Squeeze", ["c" if crop else "h", "none"], ["u"], name="one"), scan("u", 1)]
    run = assert_streams(model_of(*nodes, rank=3, end=np.array([-3]), axis=np.array([2])))
    assert run.manifest["delay_frames"] == pads[1]


def test_a_last_state_is_refused():
    with pytest.raises(NotStreamable, match=r'"scan" \(Scan\) gives its last state "last".*sequence of outputs'):
        make_streaming(model_of(scan("x", 1), outputs=("y", "last")), {"x": 1})
