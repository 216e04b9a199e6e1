"""Clips that are continued beyond their ends pass nodes that only move axes."""

from dataclasses import replace

from onnx import NodeProto

from ..stream import Stream
from .registry import Rule

MOVES = ("Transpose", "Unsqueeze", "Squeeze", "Reshape", "Identity", "Cast")


def moves_edges(stream: Stream, node: NodeProto, rule: Rule) -> bool:
    """Move the clip itself, and continue it behind the node; False where the node is not such a one."""
    name, output = node.input[0] if node.input else "", node.output[0]
    if node.op_type not in MOVES or name not in stream.edges:
        return False
    edge, flow = stream.edges[name], stream.flows[name]
    inner, made = _inside(stream, name), stream.writer.name(f"{output}.inside")
    stream.shapes.alias(made, output)
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.input[0], copy.output[0] = inner, made
    rule(stream, copy)
    moved = stream.flows[made]
    if moved.clock != flow.clock or moved.delay != edge.flow.delay:
        return False
    stream.flows[made] = moved.but(clock=edge.flow.clock)
    stream.rename(made, output)
    stream.edges[output] = replace(edge, inner=made, flow=stream.flows[made])
    stream.flows[output] = flow.but(axis=moved.axis)
    return True


def _inside(stream: Stream, name: str) -> str:
    """The clip itself, declared as long as the continued one: what moves axes looks at shapes."""
    edge = stream.edges[name]
    inner = stream.writer.node("Identity", [edge.inner], f"{name}.inside")
    stream.shapes.alias(inner, name)
    stream.flows[inner] = edge.flow.but(clock=stream.flows[name].clock)
    return inner
