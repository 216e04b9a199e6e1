"""A model's graph for calls of one size: every shape known, what follows from constants computed beforehand."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import cast

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from ...errors import ModelError
from ..streaming.shapes import Shapes

MOST_FOLDED = 4096
"""Numbers of a constant that is kept in the graph instead of the nodes that make it; weights stay where they are."""

Pass = Callable[["CallGraph", NodeProto], Sequence[NodeProto] | None]
"""Looks at a node and gives what takes its place, or None."""


class CallGraph:
    """The nodes and constants of a graph whose inputs have fixed shapes.

    Parameters
    ----------
    proto : onnx.ModelProto
        Never changed.
    inputs : dict of str to tuple of int
        Shape of every input that a call gives.
    known : dict of str to ndarray
        Inputs that never change: they become constants.

    Raises
    ------
    ModelError
        If a shape cannot be told.
    """

    def __init__(self, proto: onnx.ModelProto, inputs: Mapping[str, tuple[int, ...]], known: Mapping[str, np.ndarray]):
        if any(a.HasField("g") or a.graphs for node in proto.graph.node for a in node.attribute) or proto.functions:
            raise ModelError("graphs within graphs are left as they are")
        self._proto, self.inputs = proto, dict(inputs)
        self.tensors = {tensor.name: tensor for tensor in proto.graph.initializer if tensor.name not in inputs}
        self.tensors |= {name: numpy_helper.from_array(value, name) for name, value in known.items()}
        self.outputs = [value.name for value in proto.graph.output]
        self.nodes = list(proto.graph.node)
        self.lanes: dict[str, int] = {}
        self._names = 0
        self.look()

    def look(self) -> None:
        """Learn all shapes anew, and take out nodes whose results are constants."""
        self.shapes, self._shapes = Shapes(self._bare(), self.inputs, ()), dict[str, tuple[int, ...]]()
        kept = []
        for node in self.nodes:
            self.shapes.visit(node)
            if not self._folded(node):
                kept.append(node)
        self.nodes = kept
        self.drop_unread()

    def _bare(self) -> onnx.ModelProto:
        """What the walk over the nodes looks at of a model, without copying the weights."""
        inputs = [value for value in self._proto.graph.input if value.name in self.inputs]
        graph = SimpleNamespace(initializer=list(self.tensors.values()), input=inputs)
        return cast(onnx.ModelProto, SimpleNamespace(opset_import=self._proto.opset_import, graph=graph))

    def _folded(self, node: NodeProto) -> bool:
        if any(name in self.outputs for name in node.output):
            return False
        made = {name: self.shapes.constant(name) for name in node.output if name}
        if any(value is None or value.size > MOST_FOLDED for value in made.values()):
            return False
        for name, value in made.items():
            self.tensors[name] = numpy_helper.from_array(np.asarray(value), name)
        return True

    def drop_unread(self) -> None:
        """Take out nodes and constants that nobody reads."""
        read, kept = set(self.outputs), []
        for node in reversed(self.nodes):
            if any(name in read for name in node.output):
                kept.append(node)
                read.update(node.input)
        self.nodes = kept[::-1]
        self.tensors = {name: tensor for name, tensor in self.tensors.items() if name in read}

    def apply(self, *passes: Pass) -> int:
        """Let each pass look at each node; returns how many nodes they replaced."""
        total = 0
        for one in passes:
            nodes: list[NodeProto] = []
            count = 0
            for node in self.nodes:
                made = one(self, node)
                count += made is not None
                nodes += [node] if made is None else made
            self.nodes = nodes
            total += count
        self.drop_unread()
        return total

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Shape of a tensor; None where it changes from call to call."""
        try:
            return self.dims(name)
        except ModelError:
            return None

    def dims(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor that always has the same."""
        if name not in self._shapes:
            self._shapes[name] = self.shapes.shape(name)
        return self._shapes[name]

    def axis_of(self, name: str) -> int | None:
        """The one axis with a size of a vector: all others are 1, and lanes come before it."""
        shape = self.shape(name)
        sized = [axis for axis, n in enumerate(shape or ()) if n != 1]
        if len(sized) != 1 or name in self.tensors or self.lanes.get(name, -1) > sized[0]:
            return None
        return sized[0]

    def vector(self, name: str) -> int | None:
        """Numbers of a vector that changes from call to call; None for everything else."""
        axis = self.axis_of(name)
        return None if axis is None else self.dims(name)[axis]

    def single(self, name: str) -> bool:
        """Whether a tensor holds one number a lane."""
        shape = self.shape(name)
        return shape is not None and all(n == 1 for n in shape)

    def value(self, name: str) -> np.ndarray | None:
        """Value of a constant, else None. Of any shape and dtype."""
        return numpy_helper.to_array(self.tensors[name]) if name in self.tensors else None

    def maker(self, name: str) -> NodeProto | None:
        """The node that makes a tensor; None for inputs and constants."""
        return next((node for node in self.nodes if name in node.output), None)

    def constant(self, value: np.ndarray, hint: str) -> str:
        """Add a constant; returns its name. Of any shape and dtype."""
        self._names += 1
        name = f"call.{self._names}.{hint}"
        self.tensors[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        self.shapes.define(name, value)
        return name

    def fresh(self, hint: str, shape: tuple[int, ...] | None = None, lanes: int | None = None) -> str:
        """The name of a new float32 tensor, of this shape and lane axis where they are given."""
        self._names += 1
        name = f"call.{self._names}.{hint}"
        if shape is not None:
            self.shapes.declare(name, onnx.TensorProto.FLOAT, shape)
        if lanes is not None:
            self.lanes[name] = lanes
        return name

    def proto(self, shapes: Mapping[str, Sequence[int | str]] | None = None) -> onnx.ModelProto:
        """The graph as a model; `shapes` are other sizes for inputs, names stand for free ones."""
        shapes = {**self.inputs, **(shapes or {})}
        types = {value.name: value.type.tensor_type.elem_type for value in self._proto.graph.input}
        inputs = [helper.make_tensor_value_info(name, types[name], shapes[name]) for name in self.inputs]
        outputs = [
            helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, None)
            for value in self._proto.graph.output
        ]
        graph = helper.make_graph(self.nodes, "call", inputs, outputs, list(self.tensors.values()))
        version = max(self._proto.ir_version, 4)
        return helper.make_model(graph, opset_imports=list(self._proto.opset_import), ir_version=version)
