"""What cannot be streamed is refused in one line: the node, the reason, the remedy. So is what is wrong with a file."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from rtspec.errors import InvalidValue, ModelError
from rtspec.models.streaming import NotStreamable, make_streaming

FLOAT = TensorProto.FLOAT


def build(nodes: list[NodeProto], shape=(1, 4, "frames"), rank: int = 3, opset: int = 17, **weights: Any) -> ModelProto:
    """A model from x of a shape to y, with weights given by name."""
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    inputs = [helper.make_tensor_value_info("x", FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", FLOAT, [f"d{i}" for i in range(rank)])]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def node(op: str, inputs: str = "x", name: str = "culprit", outputs: str = "y", **attributes) -> NodeProto:
    return helper.make_node(op, inputs.split(), outputs.split(), name=name, **attributes)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def a_dense_layer_over_time() -> ModelProto:
    return build([node("MatMul", "x w")], shape=(1, 4, 32), w=noise(32, 8))


def a_flattened_clip() -> ModelProto:
    return build([node("Flatten", axis=1)], shape=(1, 4, 32), rank=2)


def a_softmax_over_time() -> ModelProto:
    return build([node("Softmax", axis=-1)])


def a_normalisation_over_time() -> ModelProto:
    return build([node("InstanceNormalization", "x g b")], g=noise(4), b=noise(4))


def a_layer_norm_over_time() -> ModelProto:
    return build([node("LayerNormalization", "x g")], shape=(1, 4, 32), g=noise(32))


def a_global_pool() -> ModelProto:
    return build([node("GlobalAveragePool")])


def a_mean_over_time() -> ModelProto:
    return build([node("ReduceMean", axes=[2])])


def a_slope_for_each_frame() -> ModelProto:
    return build([node("PRelu", "x slope")], shape=(1, 4, 32), slope=noise(4, 32))


def an_offset_for_each_frame() -> ModelProto:
    return build([node("Add", "x positions")], shape=(1, 4, 32), positions=noise(1, 1, 32))


def attention_over_time() -> ModelProto:
    turned = node("Transpose", "x", "turn", "turned", perm=[0, 2, 1])
    return build([turned, node("MatMul", "turned x")])


def attention_by_einsum() -> ModelProto:
    return build([node("Identity", "x", "copy", "z"), node("Einsum", "x z", equation="bct,bcs->bts")])


def a_bidirectional_layer() -> ModelProto:
    turned = node("Transpose", "x", "turn", "turned", perm=[2, 0, 1])
    both = node("GRU", "turned w r", hidden_size=3, direction="bidirectional")
    return build([turned, both], rank=4, w=noise(2, 9, 4), r=noise(2, 9, 3))


def a_last_state() -> ModelProto:
    turned = node("Transpose", "x", "turn", "turned", perm=[2, 0, 1])
    gru = helper.make_node("GRU", ["turned", "w", "r"], ["", "y"], name="culprit", hidden_size=3)
    return build([turned, gru], w=noise(1, 9, 4), r=noise(1, 9, 3))


def a_condition() -> ModelProto:
    branch = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["z"])], "branch", [], [helper.make_tensor_value_info("z", FLOAT, None)]
    )
    branch.output[0].type.tensor_type.shape.SetInParent()
    model = build([node("If", "which", then_branch=branch, else_branch=branch)])
    model.graph.input.append(helper.make_tensor_value_info("which", TensorProto.BOOL, []))
    return model


def a_first_frame() -> ModelProto:
    return build([node("Gather", "x zero", axis=2)], rank=2, zero=np.array(0))


def a_fixed_part_of_the_clip() -> ModelProto:
    return build([node("Slice", "x start end axis")], start=np.array([0]), end=np.array([5]), axis=np.array([2]))


def a_sum_from_the_end() -> ModelProto:
    return build([node("CumSum", "x axis", reverse=1)], axis=np.array(2))


def an_interpolation_between_frames() -> ModelProto:
    return build(
        [helper.make_node("Resize", ["x", "", "s"], ["y"], name="culprit", mode="linear")],
        s=np.array([1, 1, 2], np.float32),
    )


def a_reflection() -> ModelProto:
    return build([node("Pad", "x pads", mode="reflect")], pads=np.array([0, 0, 2, 0, 0, 2]))


def a_length_of_the_clip() -> ModelProto:
    frames = node("Gather", "shape two", "pick", "count", axis=0)
    cast = node("Cast", "count", "cast", "length", to=FLOAT)
    return build([node("Shape", "x", "measure", "shape"), frames, cast, node("Div", "x length")], two=np.array(2))


def an_unknown_operator() -> ModelProto:
    return build([node("Trilu", "x")])


REFUSED = {
    a_dense_layer_over_time: r'"culprit" \(MatMul\) is dense over time.*convolution along time',
    a_flattened_clip: r'"culprit" \(Flatten\) mixes the time axis.*keep time apart',
    a_softmax_over_time: r'"culprit" \(Softmax\) takes a softmax over time.*normalise over channels',
    a_normalisation_over_time: r'"culprit" \(InstanceNormalization\) normalises over time.*BatchNorm',
    a_layer_norm_over_time: r'"culprit" \(LayerNormalization\) normalises over time',
    a_global_pool: r'"culprit" \(GlobalAveragePool\) pools over the whole clip.*export the network up to this node',
    a_mean_over_time: r'"culprit" \(ReduceMean\) pools over the whole clip',
    a_slope_for_each_frame: r'"culprit" \(PRelu\) has per-frame parameters: "slope".*shared_axes',
    an_offset_for_each_frame: r'"culprit" \(Add\) has per-frame parameters: "positions"',
    attention_over_time: r'"culprit" \(MatMul\) sets all frames against all frames.*recurrent',
    attention_by_einsum: r'"culprit" \(Einsum\) sets all frames against all frames',
    a_bidirectional_layer: r'"culprit" \(GRU\) runs backwards.*train with a forward layer',
    a_last_state: r'"culprit" \(GRU\) gives its last state "y".*sequence of outputs',
    a_condition: r'"culprit" \(If\) runs a part of the graph by a condition.*without control flow',
    a_first_frame: r'"culprit" \(Gather\) picks single frames',
    a_fixed_part_of_the_clip: r'"culprit" \(Slice\) keeps 5 of \d+ frames.*crop margins',
    a_sum_from_the_end: r'"culprit" \(CumSum\) runs backwards',
    an_interpolation_between_frames: r'"culprit" \(Resize\) interpolates between frames.*nearest',
    a_reflection: r'"culprit" \(Pad\) pads time by reflect values.*zeros',
    a_length_of_the_clip: r'"culprit" \(Div\) computes with the length of the clip \("length"\).*constant',
    an_unknown_operator: r'"culprit" \(Trilu\) has no streaming rule.*replace it',
}


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_a_node_that_needs_the_whole_clip_is_refused_by_name_reason_and_remedy(make):
    with pytest.raises(NotStreamable, match=REFUSED[make]) as refusal:
        make_streaming(make(), {"x": 2})
    assert refusal.value.node == "culprit"
    assert "\n" not in str(refusal.value)


def relu(shape=(1, 4, "frames"), **options) -> ModelProto:
    return build([node("Relu")], shape=shape, **options)


def test_a_missing_file_is_named():
    with pytest.raises(ModelError, match=r'no model file "nowhere.onnx"'):
        make_streaming("nowhere.onnx")


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x08\x09" + bytes(40)])
def test_a_corrupt_file_is_named(tmp_path: Path, content: bytes):
    (tmp_path / "broken.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"broken.onnx.* is not an ONNX file or is damaged"):
        make_streaming(tmp_path / "broken.onnx")


def test_a_truncated_file_is_named(tmp_path: Path):
    whole = relu().SerializeToString()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"damaged|not valid ONNX"):
        make_streaming(tmp_path / "cut.onnx")


def test_missing_external_data_is_named(tmp_path: Path):
    model = build([node("Add", "x w")], w=noise(1, 4, 1))
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"keeps weights in another file that cannot be read.*put it beside this one"):
        make_streaming(path)


def test_external_data_beside_the_model_is_read(tmp_path: Path):
    path = tmp_path / "model.onnx"
    model = build([node("Add", "x w")], w=noise(1, 4, 1))
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert make_streaming(path).graph.initializer[0].raw_data


def test_a_model_without_a_time_axis_is_named():
    with pytest.raises(InvalidValue, match=r'no input has a time axis.*time_axes=\{"x": 2\}'):
        make_streaming(relu((1, 4, 32)))


def test_two_dynamic_axes_need_a_choice():
    with pytest.raises(InvalidValue, match=r'input "x" has 2 dynamic axes \(0, 2\); say which is time'):
        make_streaming(relu(("batch", 4, "frames")))


def test_a_dynamic_size_beside_time_is_named():
    with pytest.raises(ModelError, match=r'dynamic axis 0 \("batch"\) that is not time.*sizes=\{"batch": 1\}'):
        make_streaming(relu(("batch", 4, "frames")), {"x": 2})


def test_a_dynamic_size_may_be_fixed():
    made = make_streaming(relu(("batch", 4, "frames")), sizes={"batch": 1})
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1


@pytest.mark.parametrize("axis", [3, -4, 1.5])
def test_a_wrong_axis_is_named(axis):
    with pytest.raises(InvalidValue, match=r'time_axes\["x"\]=.* must be an axis of a tensor with 3 axes'):
        make_streaming(relu(), {"x": axis})


def test_an_unknown_input_is_answered_with_the_known_ones():
    with pytest.raises(InvalidValue, match='names "sound", which is no input; the inputs are x'):
        make_streaming(relu(), {"sound": 2})


def test_a_wrong_time_axis_is_refused_by_the_first_node_that_shows_it():
    model = build([node("Conv", "x w")], shape=(1, 32, "frames"), w=noise(4, 32, 3))
    with pytest.raises(ModelError, match=r"culprit|dynamic axis 2"):
        make_streaming(model, {"x": 1})


@pytest.mark.parametrize(("opset", "age"), [(8, "old"), (99, "new")])
def test_an_opset_that_is_not_supported_is_named(opset: int, age: str):
    with pytest.raises(ModelError, match=rf"opset {opset} is too {age}: 9 to \d+ are supported; export with opset 17"):
        make_streaming(relu(opset=opset))


def test_a_wrong_choice_lists_the_right_ones():
    with pytest.raises(InvalidValue, match='states="ring" must be one of replace, append'):
        make_streaming(relu(), states="ring")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidValue, match='cut="some" must be one of best, truncate, shift'):
        make_streaming(relu(), cut="some")  # pyright: ignore[reportArgumentType]


def test_an_output_without_frames_is_named():
    model = build([node("Relu"), node("Relu", "c", "still", "z")], c=noise(3))
    model.graph.output.append(helper.make_tensor_value_info("z", FLOAT, [3]))
    with pytest.raises(ModelError, match='output "z" has no time axis'):
        make_streaming(model)
