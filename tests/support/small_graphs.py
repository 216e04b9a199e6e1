"""Small ONNX graphs with one input x and one output y, for tests of the rewriter."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper


def noise(*shape: int) -> np.ndarray:
    """Float32, the same each time."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    """A node whose name is its first output's; names by spaces."""
    return helper.make_node(op, inputs.split(), outputs.split(), name=outputs.split()[0], **attributes)


def graph_of(nodes: Sequence[NodeProto], x: Sequence, y: Sequence, **weights: Any) -> ModelProto:
    """Float32 x and y of these shapes, and of the weights those that a node reads."""
    used = {name for each in nodes for name in each.input}
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items() if name in used]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", x), ("y", y))]
    graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
