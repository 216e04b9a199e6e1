"""A graph put together out of others, with nodes between them: what a pipeline does around its networks."""

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, compose, helper, numpy_helper

from ..streaming.opsets import converted, opset_of

OLDEST = 12
END = np.iinfo(np.int64).max


class Builder:
    """Collects nodes, weights and whole networks.

    Parameters
    ----------
    networks : sequence of onnx.ModelProto
        All that will be embedded: the newest operator set among them is everyone's.
    """

    def __init__(self, networks: Sequence[ModelProto] = ()) -> None:
        self.opset = max([OLDEST, *map(opset_of, networks)])
        self._nodes: list[NodeProto] = []
        self._weights: list[TensorProto] = []
        self._domains: dict[str, int] = {}
        self._ir = max([8, *(network.ir_version for network in networks)])

    def constant(self, value: np.ndarray | Sequence[int] | float) -> str:
        """A weight; numbers become float32, lists int64. Of any shape."""
        array = np.asarray(value, None if isinstance(value, np.ndarray) else np.int64)
        array = np.asarray(value, np.float32) if isinstance(value, float) else array
        name = f"weight.{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, op: str, *inputs: str, **attributes) -> str:
        """A node with one output, whose name it gives."""
        name = f"{op.lower()}.{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def part(self, x: str, axis: int, start: int, end: int = END) -> str:
        """A slice along one axis."""
        return self.node("Slice", x, *(self.constant([value]) for value in (start, end, axis)))

    def padded(self, x: str, rank: int, axis: int, before: int, after: int) -> str:
        """Zeros before and after along one axis."""
        pads = [0] * 2 * rank
        pads[axis], pads[rank + axis] = before, after
        return self.node("Pad", x, self.constant(pads))

    def joined(self, axis: int, *parts: str) -> str:
        """Tensors one after the other along an axis."""
        return self.node("Concat", *parts, axis=axis)

    def total(self, *terms: str) -> str:
        """The sum of tensors."""
        made = terms[0]
        for term in terms[1:]:
            made = self.node("Add", made, term)
        return made

    def product(self, x: str, y: str | float) -> str:
        """Of two tensors, or of a tensor and a number."""
        return self.node("Mul", x, y if isinstance(y, str) else self.constant(y))

    def embed(self, network: ModelProto, prefix: str, feeds: Mapping[str, str]) -> dict[str, str]:
        """A whole network.

        Parameters
        ----------
        network : onnx.ModelProto
        prefix : str
            Of all its names.
        feeds : mapping of str to str
            Tensors here that its inputs read; an input that is not named stays one, under the name ``prefix + name``.

        Returns
        -------
        dict of str to str
            Names here of its outputs.
        """
        theirs = compose.add_prefix(converted(network, self.opset), prefix)
        weights = {tensor.name for tensor in theirs.graph.initializer}
        for value in theirs.graph.input:
            name = value.name.removeprefix(prefix)
            if name in feeds and value.name not in weights:
                self._nodes.append(
                    helper.make_node("Identity", [feeds[name]], [value.name], name=f"{prefix}{name}.fed")
                )
        self._nodes.extend(theirs.graph.node)
        self._weights.extend(theirs.graph.initializer)
        self._domains |= {entry.domain: entry.version for entry in theirs.opset_import if entry.domain}
        return {value.name.removeprefix(prefix): value.name for value in theirs.graph.output}

    def named(self, x: str, name: str) -> None:
        """Give a tensor a name of its own, as outputs have."""
        self._nodes.append(helper.make_node("Identity", [x], [name], name=name))

    def model(self, inputs: Sequence[ValueInfoProto], outputs: Sequence[ValueInfoProto], name: str) -> ModelProto:
        """The whole graph."""
        graph = helper.make_graph(self._nodes, name, list(inputs), list(outputs), self._weights)
        imports = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(*each) for each in self._domains.items())]
        return helper.make_model(graph, opset_imports=imports, ir_version=self._ir)


def floats(name: str, *sizes: int | str) -> ValueInfoProto:
    """A float32 input or output."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)
