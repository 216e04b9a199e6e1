"""Shapes behind a Scan, which onnx infers only in whole models."""

from collections.abc import Mapping, Sequence

import onnx
from onnx import NodeProto, OperatorSetIdProto, TypeProto, helper


def scanned(
    node: NodeProto, types: Mapping[str, TypeProto], imports: Sequence[OperatorSetIdProto]
) -> dict[str, TypeProto]:
    """Types of its outputs: states as they went in, and the body's outputs one after the other."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    n_inputs = attributes["num_scan_inputs"]
    n_states = len(node.input) - n_inputs
    axes = list(attributes.get("scan_input_axes", [0] * n_inputs))
    steps = [_sizes(types[name]) for name in node.input[n_states:]]
    frames = steps[0][axes[0]]
    body = onnx.GraphProto()
    body.CopyFrom(attributes["body"])
    sliced = [size[: axis % len(size)] + size[axis % len(size) + 1 :] for size, axis in zip(steps, axes, strict=True)]
    shapes = [_sizes(types[name]) for name in node.input[:n_states]] + sliced
    for value, name, shape in zip(list(body.input), node.input, shapes, strict=True):
        element = types[name].tensor_type.elem_type
        value.CopyFrom(helper.make_tensor_value_info(value.name, element, shape))
    outer = {name for inner in body.node for name in inner.input if name in types}
    own = {v.name for v in body.input} | {tensor.name for tensor in body.initializer}
    own |= {name for inner in body.node for name in inner.output}
    body.input.extend(onnx.ValueInfoProto(name=name, type=types[name]) for name in sorted(outer - own))
    for value in body.output:
        value.type.tensor_type.ClearField("shape")
    model = helper.make_model(body, opset_imports=list(imports), ir_version=onnx.IR_VERSION_2023_5_5)
    made = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph.output
    ends = list(attributes.get("scan_output_axes", [0] * (len(node.output) - n_states)))
    found = {name: types[source] for name, source in zip(node.output[:n_states], node.input, strict=False)}
    for name, value, axis in zip(node.output[n_states:], made[n_states:], ends, strict=True):
        sizes = _sizes(value.type)
        axis %= len(sizes) + 1
        whole = [*sizes[:axis], frames, *sizes[axis:]]
        found[name] = helper.make_tensor_type_proto(value.type.tensor_type.elem_type, whole)
    return {name: kind for name, kind in found.items() if name}


def _sizes(kind: TypeProto) -> list[int]:
    return [d.dim_value for d in kind.tensor_type.shape.dim]
