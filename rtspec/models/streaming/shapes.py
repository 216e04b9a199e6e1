"""Shapes and constants of every tensor of the offline model, for one length of the clip."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, TypeProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from rtspec.errors import ModelError

from .refuse import node_name
from .run import session
from .scanned import scanned

# Larger constants (weights) are never needed as values, only their shapes are.
LARGEST_FOLDED = 4_000_000
SMALL_INPUT = 1024
KEEP_NUMBERS = ("Cast", "Expand", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze")
"""Operators that only move what they are given."""
SHAPED_AS_INPUT = ("GroupNormalization",)
"""Operators of which onnx infers no shape in every operator set."""


class Shapes:
    """Walks a graph node by node and knows each tensor's type, shape and, where it follows from constants, value.

    Parameters
    ----------
    model : onnx.ModelProto
        Offline model without local functions.
    inputs : dict of str to tuple of int
        Shape of every input of the graph.
    streams : collection of str
        Inputs that carry frames: what is computed from the shape of theirs `varies` with the length of the clip.
    """

    def __init__(self, model: onnx.ModelProto, inputs: Mapping[str, tuple[int, ...]], streams) -> None:
        self._opsets = {entry.domain: entry.version for entry in model.opset_import}
        self._imports = list(model.opset_import)
        self._types: dict[str, TypeProto] = {}
        self._values: dict[str, np.ndarray] = {}
        self._makers: dict[str, NodeProto] = {}
        self._initializers = {tensor.name: tensor for tensor in model.graph.initializer}
        self.inputs = frozenset(inputs)
        self.runtime = set(inputs)
        self.varies: set[str] = set()
        self._streams = set(streams)
        for tensor in self._initializers.values():
            self._types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        for value in model.graph.input:
            if value.name in inputs:
                element = value.type.tensor_type.elem_type
                self._types[value.name] = helper.make_tensor_type_proto(element, inputs[value.name])

    def visit(self, node: NodeProto) -> None:
        """Infer the outputs of the next node, in the order of the graph."""
        names = [name for name in node.input if name]
        shape_only = node.op_type in ("Shape", "Size")
        if not shape_only and any(name in self.runtime for name in names):
            self.runtime.update(node.output)
        if any(name in self.varies or (shape_only and name in self._streams) for name in names):
            self.varies.update(node.output)
        if not shape_only and any(name in self._streams for name in names):
            self._streams.update(node.output)
        self._makers.update((name, node) for name in node.output if name)
        self._types.update(self._inferred(node, names))

    def alias(self, made: str, like: str) -> None:
        """Give a tensor of the streaming graph the type of an offline one."""
        self._types[made] = self._types[like]
        self.runtime.add(made)

    def declare(self, made: str, element_type: int, shape: Sequence[int]) -> None:
        """Give a tensor of the streaming graph a type of its own."""
        self._types[made] = helper.make_tensor_type_proto(element_type, list(shape))
        self.runtime.add(made)

    def define(self, name: str, value: np.ndarray) -> None:
        """Make a constant of the streaming graph known, of any shape and dtype."""
        self._types[name] = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        self._values[name] = value

    def opset(self, domain: str = "") -> int:
        """Version of an operator set that the model uses."""
        return self._opsets.get(domain, 1)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor; an unknown one is an error that names the tensor."""
        tensor = self._types[name].tensor_type if name in self._types else None
        if tensor is None or not tensor.HasField("shape") or any(not d.HasField("dim_value") for d in tensor.shape.dim):
            raise ModelError(
                f'the shape of tensor "{name}" cannot be told from the file; every axis but time must be fixed: '
                f"export with fixed sizes"
            )
        return tuple(d.dim_value for d in tensor.shape.dim)

    def element_type(self, name: str) -> int:
        """ONNX element type of a tensor."""
        return self._types[name].tensor_type.elem_type

    def constant(self, name: str) -> np.ndarray | None:
        """Value of a tensor that no run-time input touches, else None. Of any shape and dtype."""
        if name in self.runtime:
            return None
        if name not in self._values:
            if name in self._initializers:
                self._values[name] = numpy_helper.to_array(self._initializers[name])
            elif name in self._makers:
                self._fold(self._makers[name])
        return self._values.get(name)

    def uniform(self, name: str) -> float | None:
        """The one number that a constant of any size holds everywhere, where its making shows it; else None."""
        maker = self._makers.get(name)
        if name in self.runtime or maker is None:
            return None
        if maker.op_type in KEEP_NUMBERS:
            return self.uniform(maker.input[0])
        if maker.op_type != "ConstantOfShape":
            return None
        values = [numpy_helper.to_array(a.t) for a in maker.attribute if a.name == "value"]
        return float(values[0].reshape(-1)[0]) if values else 0.0

    def _inferred(self, node: NodeProto, names: list[str]) -> dict[str, TypeProto]:
        try:
            schema = onnx.defs.get_schema(node.op_type, self._opsets.get(node.domain, 1), node.domain)
            types = {name: self._types[name] for name in names if name in self._types}
            data = {name: numpy_helper.from_array(value) for name in names if (value := self._small(name)) is not None}
            if node.op_type == "Scan":
                return scanned(node, self._types, self._imports)
            if node.op_type in SHAPED_AS_INPUT:
                return {node.output[0]: types[node.input[0]]}
            return onnx.shape_inference.infer_node_outputs(schema, node, types, data, opset_imports=self._imports)
        except Exception as error:  # onnx raises errors of many classes
            raise ModelError(
                f'node "{node_name(node)}" ({node.op_type}): the shapes do not fit ({_one_line(error)}); '
                "check the time axis; where the export fixed a number of frames, name it, as in sizes={'frames': 16}; "
                "torch's newer exporter fixes it where it unrolls a recurrent layer, dynamo=False keeps the layer"
            ) from error

    def _small(self, name: str) -> np.ndarray | None:
        try:
            size = math.prod(self.shape(name))
        except ModelError:
            size = 0
        return self.constant(name) if size <= SMALL_INPUT else None

    def _fold(self, node: NodeProto) -> None:
        if node.op_type in ("Shape", "Size"):
            self._values[node.output[0]] = self._measured(node)
            return
        if any(math.prod(self.shape(name)) > LARGEST_FOLDED for name in node.output if name):
            return
        feeds = {name: self.constant(name) for name in node.input if name}
        known = {name: value for name, value in feeds.items() if value is not None}
        if len(known) == len(feeds):
            outputs = [name for name in node.output if name]
            self._values.update(zip(outputs, self.run(node, known, outputs), strict=True))

    def _measured(self, node: NodeProto) -> np.ndarray:
        shape = np.array(self.shape(node.input[0]), np.int64)
        if node.op_type == "Size":
            return np.array(shape.prod(), np.int64)
        bounds = {a.name: a.i for a in node.attribute}
        return shape[bounds.get("start", 0) : bounds.get("end")]

    def run(self, node: NodeProto, feeds: Mapping[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        """What a node makes of given values. Arrays of any shape and dtype."""
        types = {name: helper.np_dtype_to_tensor_dtype(value.dtype) for name, value in feeds.items()}
        inputs = [helper.make_tensor_value_info(name, types[name], value.shape) for name, value in feeds.items()]
        results = [helper.make_value_info(name, self._types.get(name) or _any_type()) for name in outputs]
        graph = helper.make_graph([node], "fold", inputs, results)
        model = helper.make_model(graph, opset_imports=self._imports, ir_version=onnx.IR_VERSION_2023_5_5)
        # Not the reference first: it takes BatchNormalization before operator set 14 for training.
        try:
            made: Any = session(model).run(None, dict(feeds))
        except Exception:  # onnxruntime's errors share no base class; it lacks some operators for some types
            made = ReferenceEvaluator(model).run(None, dict(feeds))
        return [np.asarray(value) for value in made]


def _any_type() -> TypeProto:
    return helper.make_tensor_type_proto(TensorProto.FLOAT, None)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
