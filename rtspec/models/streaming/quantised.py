"""Integer operators with their scales inside (QOperator form) as quantisers around float ones (QDQ form).

A runtime that knows both finds the first in the second again, and the rules need to know one form only.
"""

from collections.abc import Callable

from onnx import ModelProto, NodeProto, helper

from .opsets import converted

Inputs = list[str]
SCALES_BY_CHANNEL = 13
"""From this operator set on, weights are dequantised with a scale for each channel."""


def with_quantisers(model: ModelProto) -> ModelProto:
    """The model itself, or a copy in which QLinearConv and QLinearMatMul are written out."""
    if not any(node.op_type in WRITTEN_OUT for node in model.graph.node):
        return model
    newer = converted(model, SCALES_BY_CHANNEL)
    copy = ModelProto()
    copy.CopyFrom(newer)
    copy.graph.ClearField("node")
    for node in newer.graph.node:
        copy.graph.node.extend(WRITTEN_OUT[node.op_type](node) if node.op_type in WRITTEN_OUT else [node])
    return copy


def _convolution(node: NodeProto) -> list[NodeProto]:
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, *bias = node.input
    name = node.output[0]
    made = [
        _dequantised([x, x_scale, x_zero], f"{name}/x"),
        _dequantised([w, w_scale, w_zero], f"{name}/w", axis=0),
    ]
    inputs = [f"{name}/x", f"{name}/w"]
    if bias and bias[0]:  # int32, in steps of both scales
        made.append(helper.make_node("Mul", [x_scale, w_scale], [f"{name}/step"], name=f"{name}/step"))
        made.append(_dequantised([bias[0], f"{name}/step"], f"{name}/b", axis=0))
        inputs.append(f"{name}/b")
    conv = helper.make_node("Conv", inputs, [f"{name}/y"], name=node.name or name)
    conv.attribute.extend(node.attribute)
    return [*made, conv, _quantised([f"{name}/y", y_scale, y_zero], name)]


def _product(node: NodeProto) -> list[NodeProto]:
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = node.input
    name = node.output[0]
    return [
        _dequantised([a, a_scale, a_zero], f"{name}/a"),
        _dequantised([b, b_scale, b_zero], f"{name}/b"),
        helper.make_node("MatMul", [f"{name}/a", f"{name}/b"], [f"{name}/y"], name=node.name or name),
        _quantised([f"{name}/y", y_scale, y_zero], name),
    ]


def _dequantised(inputs: Inputs, output: str, axis: int = 1) -> NodeProto:
    # Where the scale is one number, the axis says nothing.
    return helper.make_node("DequantizeLinear", inputs, [output], name=f"{output}/dequantised", axis=axis)


def _quantised(inputs: Inputs, output: str) -> NodeProto:
    return helper.make_node("QuantizeLinear", inputs, [output], name=f"{output}/quantised")


def _with_scales(op: str, pairs: int) -> Callable[[NodeProto], list[NodeProto]]:
    """An operator of onnxruntime on `pairs` tensors, each with its scale and zero, the result's scale and zero last."""

    def written(node: NodeProto) -> list[NodeProto]:
        name, floats = node.output[0], [f"{node.output[0]}/x{i}" for i in range(pairs)]
        made = [_dequantised(list(node.input[3 * i : 3 * i + 3]), floats[i]) for i in range(pairs)]
        inner = helper.make_node(op, floats, [f"{name}/y"], name=node.name or name)
        inner.attribute.extend(node.attribute)
        return [*made, inner, _quantised([f"{name}/y", *node.input[3 * pairs :]], name)]

    return written


def _joined(node: NodeProto) -> list[NodeProto]:
    scale, zero, *parts = node.input
    name = node.output[0]
    floats = [f"{name}/x{i}" for i in range(len(parts) // 3)]
    made = [_dequantised(list(parts[3 * i : 3 * i + 3]), floats[i]) for i in range(len(floats))]
    inner = helper.make_node("Concat", floats, [f"{name}/y"], name=node.name or name)
    inner.attribute.extend(node.attribute)
    return [*made, inner, _quantised([f"{name}/y", scale, zero], name)]


WRITTEN_OUT: dict[str, Callable[[NodeProto], list[NodeProto]]] = {
    "QLinearConv": _convolution,
    "QLinearMatMul": _product,
    "QLinearAdd": _with_scales("Add", 2),
    "QLinearMul": _with_scales("Mul", 2),
    "QLinearSigmoid": _with_scales("Sigmoid", 1),
    "QLinearLeakyRelu": _with_scales("LeakyRelu", 1),
    "QLinearConcat": _joined,
}
