"""Tiny models that cannot be streamed, each with one node at fault, and the line that refuses it."""

from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def build(nodes: list[NodeProto], shape=(1, 4, "frames"), rank: Any = 3, opset: Any = 17, **weights: Any) -> ModelProto:
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


def a_global_layer_norm() -> ModelProto:
    mean = node("ReduceMean", "x", "culprit", "mean", axes=[1, 2])
    return build([mean, node("Sub", "x mean", "centre", "y")])


def a_level_of_the_clip_that_divides_it() -> ModelProto:
    mean = node("ReduceMean", "x", "culprit", "mean", axes=[1, 2])
    return build([mean, node("Add", "mean eps", "never", "level"), node("Div", "x level", "norm", "y")], eps=noise(1))


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


def an_interpolation_over_the_clip() -> ModelProto:
    options = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    resize = helper.make_node("Resize", ["x", "", "s"], ["y"], name="culprit", **options)
    return build([resize], s=np.array([1, 1, 2], np.float32))


def an_interpolation_that_leaves_frames_out() -> ModelProto:
    resize = helper.make_node("Resize", ["x", "", "s"], ["y"], name="culprit", mode="linear")
    return build([resize], shape=(1, 4, 32), s=np.array([1, 1, 0.5], np.float32))


def a_clip_that_goes_round() -> ModelProto:
    return build([node("Pad", "x pads", mode="wrap")], pads=np.array([0, 0, 2, 0, 0, 2]))


def a_length_of_the_clip() -> ModelProto:
    frames = node("Gather", "shape two", "pick", "count", axis=0)
    cast = node("Cast", "count", "cast", "length", to=FLOAT)
    return build([node("Shape", "x", "measure", "shape"), frames, cast, node("Div", "x length")], two=np.array(2))


def an_unknown_operator() -> ModelProto:
    return build([node("Trilu", "x")])


def a_count_for_each_frame() -> ModelProto:
    counted = np.arange(1, 33, dtype=np.float32)[None, None] ** 2
    return build([node("Div", "x count")], shape=(1, 4, 32), count=counted)


def a_loop() -> ModelProto:
    h, boolean = helper, TensorProto.BOOL
    inside = [h.make_tensor_value_info("i", TensorProto.INT64, []), h.make_tensor_value_info("go", boolean, [])]
    carried = h.make_tensor_value_info("v", FLOAT, None)
    result = h.make_tensor_value_info("u", FLOAT, None)
    body = h.make_graph(
        [h.make_node("Identity", ["go"], ["on"]), h.make_node("Relu", ["v"], ["u"])],
        "body",
        [*inside, carried],
        [h.make_tensor_value_info("on", boolean, []), result],
    )
    return build([node("Loop", "times true x", body=body)], times=np.array(3), true=np.array(True))


def a_scan() -> ModelProto:
    h = helper
    names = [h.make_tensor_value_info(name, FLOAT, [4]) for name in ("s", "f", "t", "g")]
    body = h.make_graph(
        [h.make_node("Add", ["s", "f"], ["t"]), h.make_node("Relu", ["t"], ["g"])], "body", names[:2], names[2:]
    )
    scan = h.make_node(
        "Scan",
        ["zero", "x"],
        ["last", "y"],
        name="culprit",
        num_scan_inputs=1,
        body=body,
        scan_input_axes=[1],
        scan_input_directions=[1],
    )
    return build([scan], shape=(4, "frames"), rank=2, zero=np.zeros(4, np.float32))


def an_operator_of_onnxruntime() -> ModelProto:
    return foreign("com.microsoft", "FusedConv")


def a_layer_quantised_as_it_runs() -> ModelProto:
    return foreign("com.microsoft", "DynamicQuantizeLSTM")


def an_operator_of_somebody() -> ModelProto:
    return foreign("my.ops", "Magic")


def foreign(domain: str, op: str) -> ModelProto:
    model = build([helper.make_node(op, ["x"], ["y"], name="culprit", domain=domain)])
    model.opset_import.append(helper.make_opsetid(domain, 1))
    return model


def an_integer_convolution() -> ModelProto:
    levels = helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], name="levels")
    back = helper.make_node("Cast", ["c"], ["y"], to=FLOAT)
    kernel = node("ConvInteger", "q w", outputs="c")
    return build([levels, kernel, back], scale=np.float32(0.1), zero=np.uint8(128), w=np.ones((2, 4, 3), np.uint8))


def a_quantisation_by_the_clip() -> ModelProto:
    quantise = helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], name="culprit")
    return build([quantise, helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"])])


def places_of_maxima() -> ModelProto:
    pool = helper.make_node("MaxPool", ["x"], ["y", "where"], name="culprit", kernel_shape=[2])
    model = build([pool])
    model.graph.output.append(helper.make_tensor_value_info("where", TensorProto.INT64, ["a", "b", "c"]))
    return model


def a_number_of_frames_rounded_up() -> ModelProto:
    return build([node("MaxPool", kernel_shape=[3], strides=[2], pads=[1, 1], ceil_mode=1)])


def recurrent(op: str = "GRU", inputs: str = "turned w r", gates: int = 3, batch_first: bool = False, **options: Any):
    perm = [0, 2, 1] if batch_first else [2, 0, 1]
    turned = node("Transpose", "x", "turn", "turned", perm=perm)
    weights = {"w": noise(1, gates * 3, 4), "r": noise(1, gates * 3, 3)}
    weights |= {key: options.pop(key) for key in list(options) if isinstance(options[key], np.ndarray)}
    return build([turned, node(op, inputs, hidden_size=3, **options)], rank=4, **weights)


def a_layer_with_its_batch_first() -> ModelProto:
    return recurrent(batch_first=True, layout=1)


def a_layer_that_is_told_lengths() -> ModelProto:
    return recurrent(inputs="turned w r b lengths", b=noise(1, 18), lengths=np.array([7], np.int32))


def a_layer_that_runs_in_reverse() -> ModelProto:
    return recurrent(direction="reverse")


def a_split_of_the_clip() -> ModelProto:
    return build([node("Split", outputs="y z", axis=2)], shape=(1, 4, 32))


def a_clip_turned_round() -> ModelProto:
    bounds = {"start": np.array([-1]), "end": np.array([-(2**31)]), "axis": np.array([2]), "step": np.array([-1])}
    return build([node("Slice", "x start end axis step")], **bounds)


def frames_as_channels() -> ModelProto:
    turned = node("Transpose", "x", "turn", "turned", perm=[0, 2, 1])
    return build([turned, node("Conv", "turned w")], shape=(1, 4, 32), w=noise(8, 32, 1))


def frames_as_channels_of_a_transposed_convolution() -> ModelProto:
    turned = node("Transpose", "x", "turn", "turned", perm=[0, 2, 1])
    return build([turned, node("ConvTranspose", "turned w")], shape=(1, 4, 32), w=noise(32, 8, 1))


def attention_to_all_frames_so_far() -> ModelProto:
    n = 32
    mask = np.where(np.tril(np.ones((n, n), bool)), 0, -1e9).astype(np.float32)
    nodes = [
        node("Transpose", "x", "turn", "q", perm=[0, 2, 1]),
        node("MatMul", "q x", "culprit", "scores"),
        node("Add", "scores mask", "causal", "masked"),
        node("Softmax", "masked", "weigh", "weights", axis=-1),
        node("MatMul", "weights q", "values", "y"),
    ]
    return build(nodes, shape=(1, 4, n), mask=mask)


def half_as_many_frames_again() -> ModelProto:
    sizes = node("Resize", "x none s", mode="nearest")
    sizes.input[1] = ""
    return build([sizes], shape=(1, 4, 32), s=np.array([1, 1, 1.5], np.float32))


def a_maximum_of_the_clip() -> ModelProto:
    return build([node("ReduceMax", axes=[2], keepdims=1)])


def a_global_maximum() -> ModelProto:
    return build([node("GlobalMaxPool")])


def a_norm_of_the_clip() -> ModelProto:
    return build([node("LpNormalization", axis=2)])


def the_loudest_frames() -> ModelProto:
    return build([node("TopK", "x k", outputs="y places", axis=2)], k=np.array([3]))


def the_place_of_the_loudest_frame() -> ModelProto:
    model = build([node("ArgMax", axis=2)])
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    return model


def a_group_norm() -> ModelProto:
    groups = node("Reshape", "x groups", "culprit", "grouped")
    normed = node("InstanceNormalization", "grouped g b", "norm", "y")
    return build([groups, normed], shape=(1, 4, 32), groups=np.array([1, 2, -1]), g=noise(2), b=noise(2))


def noise_of_its_own() -> ModelProto:
    return build([node("RandomNormalLike", "x", "culprit", "n"), node("Add", "x n", "add", "y")])


def a_spectrum_over_time() -> ModelProto:
    return build([node("DFT", "x", axis=2)], shape=(1, 4, 32, 1), rank=4)


def frames_beside_themselves_in_time() -> ModelProto:
    return build([node("Concat", "x x", axis=2)])


def a_sum_over_time_by_einsum() -> ModelProto:
    return build([node("Einsum", "x", equation="bct->bc")], rank=2)


def a_learnt_kernel() -> ModelProto:
    pooled = node("Transpose", "x", "turn", "w", perm=[0, 1, 2])
    return build([pooled, node("Conv", "x w")], shape=(1, 4, 32))


def a_cubic_interpolation() -> ModelProto:
    resize = helper.make_node("Resize", ["x", "", "s"], ["y"], name="culprit", mode="cubic")
    return build([resize], shape=(1, 1, 4, "frames"), rank=4, s=np.array([1, 1, 1, 2], np.float32))


def the_frames_that_are_loud() -> ModelProto:
    return build(
        [node("Greater", "x half", "loud", "loud"), node("NonZero", "loud", "culprit", "y")],
        rank=2,
        half=np.float32(0.5),
    )


def a_layer_written_out_frame_by_frame() -> ModelProto:
    picks = [node("Gather", f"x at{k}", "culprit" if k == 0 else f"pick{k}", f"f{k}", axis=2) for k in range(5)]
    sums = [
        node("Add", f"{'f0' if k == 1 else f's{k - 1}'} f{k}", f"add{k}", f"s{k}" if k < 4 else "y")
        for k in range(1, 5)
    ]
    return build([*picks, *sums], shape=(1, 4, 5), rank=2, **{f"at{k}": np.array(k) for k in range(5)})


REFUSED = {
    a_dense_layer_over_time: r'"culprit" \(MatMul\) is dense over time.*convolution along time',
    a_flattened_clip: r'"culprit" \(Flatten\) mixes the time axis.*keep time apart',
    a_softmax_over_time: r'"culprit" \(Softmax\) takes a softmax over time.*normalise over channels',
    a_normalisation_over_time: r'"culprit" \(InstanceNormalization\) normalises over time.*BatchNorm',
    a_layer_norm_over_time: r'"culprit" \(LayerNormalization\) normalises over time',
    a_global_pool: r'"culprit" \(GlobalAveragePool\) pools over .*export the network up to this node.*so far.*cumsum',
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
    an_interpolation_over_the_clip: r'"culprit" \(Resize\) interpolates from the first.*align_corners=False',
    an_interpolation_that_leaves_frames_out: r'"culprit" \(Resize\) interpolates between frames.*nearest',
    a_clip_that_goes_round: r'"culprit" \(Pad\) pads time by wrap values.*zeros, by edge values or by reflection',
    a_length_of_the_clip: r'"culprit" \(Div\) computes with the length of the clip \("length"\).*constant',
    an_unknown_operator: r'"culprit" \(Trilu\) has no streaming rule.*replace it',
    a_count_for_each_frame: r'"culprit" \(Div\) has per-frame parameters: "count".*number of the frame \(arange',
    a_loop: r'"culprit" \(Loop\) runs a part of the graph in a loop.*as a recurrent layer',
    a_scan: r'"culprit" \(Scan\) runs backwards from the end.*scan forward',
    an_operator_of_onnxruntime: r'"culprit" \(FusedConv\) is an operator of "com.microsoft".*before onnxruntime optimi',
    a_layer_quantised_as_it_runs: r'"culprit" \(DynamicQuantizeLSTM\) .* from the whole clip; quantise without it',
    a_global_layer_norm: r'"culprit" \(ReduceMean\) takes statistics.*which streams: torch.cumsum',
    a_level_of_the_clip_that_divides_it: r'"culprit" \(ReduceMean\) takes statistics of the whole clip.*LayerNorm',
    an_operator_of_somebody: r'"culprit" \(Magic\) is an operator of "my.ops".*standard operators',
    an_integer_convolution: r'"culprit" \(ConvInteger\) is an integer convolution.*QDQ form',
    a_quantisation_by_the_clip: r'"culprit" \(DynamicQuantizeLinear\) takes its scale from the whole clip.*statically',
    places_of_maxima: r'"culprit" \(MaxPool\) gives the places of its maxima.*without indices',
    a_number_of_frames_rounded_up: r'"culprit" \(MaxPool\) rounds its number of frames up.*pads.*ceil_mode=False',
    a_layer_with_its_batch_first: r'"culprit" \(GRU\) has its batch first.*time first',
    a_layer_that_is_told_lengths: r'"culprit" \(GRU\) is given the lengths of sequences.*without sequence_lens',
    a_layer_that_runs_in_reverse: r'"culprit" \(GRU\) runs backwards.*train with a forward layer',
    a_split_of_the_clip: r'"culprit" \(Split\) cuts the clip into pieces along time.*channels or bins',
    a_clip_turned_round: r'"culprit" \(Slice\) turns time round',
    frames_as_channels: r'"culprit" \(Conv\) is dense over time.*convolution along time',
    frames_as_channels_of_a_transposed_convolution: r'"culprit" \(ConvTranspose\) is dense over time',
    attention_to_all_frames_so_far: r'"culprit" \(MatMul\) attends to all frames so far.*attention_frames=250',
    half_as_many_frames_again: r'"culprit" \(Resize\) changes the number of frames from 32 to 48.*whole factor',
    a_maximum_of_the_clip: r'"culprit" \(ReduceMax\) pools over the whole clip.*fixed window',
    a_global_maximum: r'"culprit" \(GlobalMaxPool\) pools over the whole clip',
    a_norm_of_the_clip: r'"culprit" \(LpNormalization\) takes a LpNormalization over time.*channels or bins',
    the_loudest_frames: r'"culprit" \(TopK\) chooses among all frames.*among channels or bins',
    the_place_of_the_loudest_frame: r'"culprit" \(ArgMax\) pools over the whole clip',
    a_group_norm: r'"culprit" \(Reshape\) mixes the time axis.*group norm over time.*keep time apart',
    noise_of_its_own: r'"culprit" \(RandomNormalLike\) draws noise of its own.*make the noise an input',
    a_spectrum_over_time: r'"culprit" \(DFT\) transforms along time.*from the spectrum on',
    frames_beside_themselves_in_time: r'"culprit" \(Concat\) joins pieces one after the other.*join channels',
    a_sum_over_time_by_einsum: r'"culprit" \(Einsum\) is dense over time',
    a_learnt_kernel: r'"culprit" \(Conv\) has a kernel that changes with time.*constant weights',
    a_cubic_interpolation: r'"culprit" \(Resize\) interpolates between frames.*nearest',
    the_frames_that_are_loud: r'"culprit" \(NonZero\) gives as many values as it finds.*multiply by the condition',
    a_layer_written_out_frame_by_frame: r'"culprit" \(Gather\) picks one frame of the clip, as 4 others.*dynamo=False',
}

TIME = {a_scan: 1, a_cubic_interpolation: 3}
