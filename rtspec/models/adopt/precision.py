"""Frames in single precision for files whose tensors are of another one: casts where frames go in and come out."""

from typing import TYPE_CHECKING

from ..streaming.prepare import rename
from .facts import Facts

if TYPE_CHECKING:
    from onnx import ModelProto


def frames_in_float32(proto: "ModelProto", facts: Facts) -> None:
    """Cast the frames of a file to what it works in, and back; its states stay as they are."""
    from onnx import TensorProto, helper

    graph = proto.graph
    for value, name, signature in (
        *((v, facts.frames_in, facts.inputs) for v in graph.input),
        *((v, facts.frames_out, facts.outputs) for v in graph.output),
    ):
        kind = value.type.tensor_type.elem_type
        if value.name != name or kind not in (TensorProto.FLOAT16, TensorProto.DOUBLE):
            continue
        held, nodes = f"{name}/held", list(graph.node)
        for node in nodes:
            rename(node, {name: held})
        if signature is facts.inputs:
            nodes.insert(0, helper.make_node("Cast", [name], [held], name=held, to=kind))
        else:
            nodes.append(helper.make_node("Cast", [held], [name], name=held, to=TensorProto.FLOAT))
        graph.ClearField("node")
        graph.node.extend(nodes)
        value.type.tensor_type.elem_type = TensorProto.FLOAT
