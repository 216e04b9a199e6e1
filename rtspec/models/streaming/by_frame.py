"""Dynamic quantisation with a scale for each frame: what a stream can do where the file takes one scale from its call.

onnxruntime's ``quantize_dynamic`` puts DynamicQuantizeLinear before integer products: its scale is that of all frames
of a call, so one file gives one clip other numbers in calls of other sizes. Here each frame has its own scale, written
out in floats: the same levels of 8 bits, the same integer weights, sums that floats hold exactly or to a rounding.
"""

from collections.abc import Mapping

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from rtspec.errors import ModelError

from .load import Inputs
from .opsets import opset_of
from .shapes import Shapes

LEVELS = 255.0
AXES_AS_INPUT = 18
"""From this operator set on, reductions take their axes as an input."""
READERS = ("MatMulInteger", "ConvInteger", "DequantizeLinear")


def quantised_by_frame(model: ModelProto, inputs: Inputs) -> ModelProto:
    """A copy in which each DynamicQuantizeLinear over frames, and what reads it, is written out for single frames.

    Parameters
    ----------
    model : onnx.ModelProto
    inputs : Inputs

    Returns
    -------
    onnx.ModelProto
        The model itself where nothing of it is quantised so. A node that something else reads stays as it is.
    """
    axes = _time_axes(model, inputs)
    chosen = [n for n in model.graph.node if n.op_type == "DynamicQuantizeLinear" and n.input[0] in axes]
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    written = _Written(weights, opset_of(model) >= AXES_AS_INPUT)
    readers = {n.output[0]: [r for r in model.graph.node if n.output[0] in r.input] for n in chosen}
    chosen = [n for n in chosen if all(written.takes(r, n.output[0]) for r in readers[n.output[0]])]
    if not chosen:
        return model
    made = {n.output[0]: n for n in chosen}
    copy = ModelProto()
    copy.CopyFrom(model)
    copy.graph.ClearField("node")
    for node in model.graph.node:
        if node.op_type == "DynamicQuantizeLinear" and node.output[0] in made:
            copy.graph.node.extend(written.quantiser(node, *axes[node.input[0]]))
        elif node.op_type in READERS and node.input[0] in made:
            copy.graph.node.append(written.reader(node))
        else:
            copy.graph.node.append(node)
    copy.graph.initializer.extend(written.tensors.values())
    return copy


def _time_axes(model: ModelProto, inputs: Inputs) -> dict[str, tuple[int, int]]:
    """Rank and time axis of each tensor that has one: the axis that is longer where the clip is."""
    both = [Shapes(model, shapes, inputs.time_axes) for shapes in (inputs.shapes, inputs.longer())]
    found: dict[str, tuple[int, int]] = {}
    try:
        for node in model.graph.node:
            for shapes in both:
                shapes.visit(node)
            if node.op_type == "DynamicQuantizeLinear":
                sizes = [shapes.shape(node.input[0]) for shapes in both]
                longer = [axis for axis, (a, b) in enumerate(zip(*sizes, strict=True)) if a != b]
                if len(longer) == 1 and len(sizes[0]) > 1:
                    found[node.input[0]] = len(sizes[0]), longer[0]
    except ModelError:
        return found  # the walk will say what is wrong with this node
    return found


class _Written:
    """Nodes that are written instead, and the constants that they read."""

    def __init__(self, weights: Mapping[str, TensorProto], axes_as_input: bool) -> None:
        self._weights, self._axes_as_input = weights, axes_as_input
        self.tensors: dict[str, TensorProto] = {}

    def takes(self, node: NodeProto, levels: str) -> bool:
        """Whether a reader of levels can be written out: products with weights that are known."""
        known = all(name in self._weights for name in (node.input[1], *node.input[3:4]) if name)
        return node.op_type in READERS and node.input[0] == levels and (node.op_type == "DequantizeLinear" or known)

    def quantiser(self, node: NodeProto, rank: int, time: int) -> list[NodeProto]:
        """Levels less their zero, times the scale; the scale that readers multiply by is then 1."""
        x, (values, scale, zero) = node.input[0], node.output
        n = f"{values}/"
        inside = [axis for axis in range(rank) if axis != time]
        floor, top, one = self._number(0.0), self._number(LEVELS), self._number(1.0)
        steps: list[tuple[str, list[str], str]] = [
            ("Max", [n + "most", floor], "high"), ("Min", [n + "least", floor], "low"),
            ("Sub", [n + "high", n + "low"], "range"), ("Div", [n + "range", top], "tiny"),
            ("Equal", [n + "range", floor], "still"), ("Where", [n + "still", one, n + "tiny"], "step"),
            ("Neg", [n + "low"], "depth"), ("Div", [n + "depth", n + "step"], "offset"),
            ("Clip", [n + "offset", floor, top], "within"), ("Round", [n + "within"], "zero"),
            ("Div", [x, n + "step"], "scaled"), ("Round", [n + "scaled"], "whole"),
            ("Add", [n + "whole", n + "zero"], "shifted"), ("Clip", [n + "shifted", floor, top], "levels"),
            ("Sub", [n + "levels", n + "zero"], "centred"),
        ]  # fmt: skip
        extremes = [
            self._reduced("ReduceMax", x, n + "most", inside),
            self._reduced("ReduceMin", x, n + "least", inside),
        ]
        middle = [helper.make_node(op, given, [n + out], name=n + out) for op, given, out in steps]
        last = helper.make_node("Mul", [n + "centred", n + "step"], [values], name=node.name or values)
        ends = [helper.make_node("Identity", [one], [scale]), helper.make_node("Identity", [floor], [zero])]
        return [*extremes, *middle, last, *ends]

    def reader(self, node: NodeProto) -> NodeProto:
        """The product in floats; what is already a float passes."""
        if node.op_type == "DequantizeLinear":
            return helper.make_node("Identity", node.input[:1], node.output, name=node.name)
        zero = node.input[3] if len(node.input) > 3 and node.input[3] else None
        op, weight = node.op_type.removesuffix("Integer"), self._centred(node.input[1], zero, node.op_type)
        made = helper.make_node(op, [node.input[0], weight], node.output, name=node.name)
        made.attribute.extend(node.attribute)
        return made

    def _centred(self, name: str, zero: str | None, op: str) -> str:
        held = numpy_helper.to_array(self._weights[name]).astype(np.float32)
        if zero is not None:
            taken = numpy_helper.to_array(self._weights[zero]).astype(np.float32)
            by_channel = op == "ConvInteger" and taken.size > 1
            held = held - (taken.reshape(-1, *[1] * (held.ndim - 1)) if by_channel else taken)
        return self._tensor(f"{name}/centred", held)

    def _number(self, value: float) -> str:
        return self._tensor(f"by_frame/{value:g}", np.float32(value))

    def _tensor(self, name: str, value: np.ndarray | np.float32) -> str:
        self.tensors.setdefault(name, numpy_helper.from_array(np.asarray(value), name))
        return name

    def _reduced(self, op: str, x: str, made: str, axes: list[int]) -> NodeProto:
        if not self._axes_as_input:
            return helper.make_node(op, [x], [made], name=made, axes=axes, keepdims=1)
        listed = self._tensor(f"by_frame/axes{axes}", np.array(axes))
        return helper.make_node(op, [x, listed], [made], name=made, keepdims=1)
