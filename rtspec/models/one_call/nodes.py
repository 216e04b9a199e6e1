"""What passes know of operators."""

from typing import TYPE_CHECKING, Any

from onnx import NodeProto, helper

if TYPE_CHECKING:
    from .graph import CallGraph

_UNARY = """Abs Cast Ceil Cos Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity LeakyRelu Log Neg Not Reciprocal
Relu Round Selu Sigmoid Sign Sin Softplus Softsign Sqrt Tanh"""
_BINARY = "Add Sub Mul Div Pow Min Max Sum Mean Greater Less GreaterOrEqual LessOrEqual Equal And Or"
ELEMENTWISE = frozenset(_UNARY.split()) | frozenset(_BINARY.split())
VIEWS = frozenset({"Transpose", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Identity"})
"""What may move no number."""


def attributes(node: NodeProto) -> dict[str, Any]:
    """A node's attributes by name."""
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def reduced_axes(graph: "CallGraph", node: NodeProto) -> list[int] | None:
    """The axes of a reduction, Squeeze or Unsqueeze, as an attribute or an input; None where they are not known."""
    if len(node.input) > 1 and node.input[1]:
        value = graph.value(node.input[1])
        return None if value is None else value.reshape(-1).tolist()
    return attributes(node).get("axes")
