"""Which rule streams which operator, and small helpers that all rules share."""

from collections.abc import Callable
from typing import Any

from onnx import NodeProto, helper

from ..clock import Flow
from ..stream import Stream

Rule = Callable[[Stream, NodeProto], None]
RULES: dict[str, Rule] = {}


def streams(*operators: str) -> Callable[[Rule], Rule]:
    """Register a function as the rule of these operators."""

    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(operators, rule))
        return rule

    return register


def words(names: str) -> tuple[str, ...]:
    """Names out of one text."""
    return tuple(names.split())


def attribute(node: NodeProto, name: str, default: Any = None) -> Any:
    """Value of an attribute (text as str), or the default."""
    for entry in node.attribute:
        if entry.name == name:
            value = helper.get_attribute_value(entry)
            return value.decode() if isinstance(value, bytes) else value
    return default


def positive(axis: int, rank: int) -> int:
    """An axis counted from the front."""
    return axis + rank if axis < 0 else axis


def main_input(stream: Stream, node: NodeProto) -> tuple[str, Flow, tuple[int, ...]]:
    """First input of a node, with its facts and its shape in the measured clip."""
    name = node.input[0]
    return name, stream.flows[name], stream.shapes.shape(name)


def axes_of(stream: Stream, node: NodeProto, index: int = 1) -> list[int] | None:
    """Axes that a node is given, as an attribute or as an input, counted from the front; None where it names none."""
    axes = attribute(node, "axes")
    if axes is None and (value := stream.optional(node, index)) is not None:
        axes = value.reshape(-1).tolist()
    rank = len(stream.shapes.shape(node.input[0]))
    return None if axes is None else [positive(int(axis), rank) for axis in axes]
