"""Vectors as rows: whatever has one axis with a size is computed as (lanes, size), so that no shuffling lies between.

Exporters write one frame as [1, 1, n], [1, n, 1] or [n], with a Transpose or a Reshape at each change. Here each
operator on such vectors takes and gives rows; the views around it cancel out (:func:`joined_views`).
"""

import numpy as np
from onnx import NodeProto, helper

from .graph import CallGraph
from .nodes import ELEMENTWISE, VIEWS, attributes

Made = list[NodeProto] | None


def as_rows(graph: CallGraph, node: NodeProto) -> Made:
    """An operator on vectors, on rows instead."""
    if len([name for name in node.output if name]) != 1 or graph.vector(node.output[0]) is None:
        return None
    rule = _RULES.get(node.op_type)
    return None if rule is None else rule(graph, node)


def _row(graph: CallGraph, name: str, made: list[NodeProto]) -> str | None:
    """A tensor as a row of the same numbers, by a view of it; None where it is no vector."""
    n = 1 if graph.single(name) else graph.vector(name)
    if n is None:
        return None
    view = graph.fresh("row", (1, n), 0 if name in graph.lanes else None)
    made.append(_view(graph, name, view, (-1 if name in graph.lanes else 1, n)))
    return view


def _view(graph: CallGraph, source: str, output: str, shape: tuple[int, ...]) -> NodeProto:
    return helper.make_node("Reshape", [source, graph.constant(np.array(shape, np.int64), "shape")], [output])


def _out(graph: CallGraph, node: NodeProto) -> tuple[str, NodeProto]:
    """Where a row goes, and the view that makes the node's own output of it."""
    name = node.output[0]
    n = graph.vector(name) or 1
    row = graph.fresh("row", (1, n), 0 if name in graph.lanes else None)
    shape = [-1 if axis == graph.lanes.get(name) else size for axis, size in enumerate(graph.dims(name))]
    return row, _view(graph, row, name, tuple(shape))


def _with(node: NodeProto, inputs: list[str], output: str, **changed) -> NodeProto:
    return helper.make_node(node.op_type, inputs, [output], **{**attributes(node), **changed})


def _elementwise(graph: CallGraph, node: NodeProto) -> Made:
    made: list[NodeProto] = []
    n_rows = 1 if node.op_type == "Clip" else len(node.input)
    inputs = [_operand(graph, name, node.output[0], made) for name in node.input[:n_rows]] + list(node.input[n_rows:])
    if any(name is None for name in inputs):
        return None
    row, view = _out(graph, node)
    return [*made, _with(node, [name or "" for name in inputs], row), view]


def _operand(graph: CallGraph, name: str, output: str, made: list[NodeProto]) -> str | None:
    """An input of an elementwise operator: a constant as broad as the output or single, or a row."""
    value = graph.value(name)
    if value is None:
        return _row(graph, name, made)
    if value.size == 1:
        return graph.constant(value.reshape(1, 1), "single")
    return graph.constant(np.broadcast_to(value, graph.dims(output)).reshape(1, -1), "row")


def _layer_norm(graph: CallGraph, node: NodeProto) -> Made:
    shape, made = graph.dims(node.input[0]), []
    axes = range(attributes(node).get("axis", -1) % len(shape), len(shape))
    values = [graph.value(name) for name in node.input[1:]]
    if graph.axis_of(node.input[0]) not in axes or any(value is None for value in values):
        return None
    x = _row(graph, node.input[0], made)
    row, view = _out(graph, node)
    scales = [graph.constant(value.reshape(-1), "scale") for value in values if value is not None]
    return [*made, _with(node, [x or "", *scales], row, axis=-1), view]


def _matmul(graph: CallGraph, node: NodeProto) -> Made:
    """A vector times a matrix of weights, from either side."""
    made: list[NodeProto] = []
    for x, w, place, turned in ((*node.input, -1, False), (*node.input[::-1], -2, True)):
        weights = graph.value(w)
        if weights is None or weights.ndim != 2 or graph.vector(x) is None:
            continue
        if graph.axis_of(x) != len(graph.dims(x)) + place:
            continue
        matrix = graph.constant(weights.T, "weights") if turned else w
        taken = _row(graph, x, made)
        row, view = _out(graph, node)
        return [*made, helper.make_node("MatMul", [taken or "", matrix], [row]), view]
    return None


def _concat(graph: CallGraph, node: NodeProto) -> Made:
    axis, made = attributes(node)["axis"] % len(graph.dims(node.output[0])), []
    if graph.axis_of(node.output[0]) != axis or any(graph.value(name) is not None for name in node.input):
        return None
    rows = [_row(graph, name, made) for name in node.input]
    if any(row is None for row in rows):
        return None
    row, view = _out(graph, node)
    return [*made, _with(node, [name or "" for name in rows], row, axis=1), view]


def _slice(graph: CallGraph, node: NodeProto) -> Made:
    axes = graph.value(node.input[3]) if len(node.input) > 3 and node.input[3] else None
    rank, made = len(graph.dims(node.input[0])), []
    if axes is None or [int(axis) % rank for axis in axes] != [graph.axis_of(node.input[0])]:
        return None
    x = _row(graph, node.input[0], made)
    row, view = _out(graph, node)
    bounds = [*node.input[1:3], graph.constant(np.array([1]), "axis"), *node.input[4:]]
    return [*made, _with(node, [x or "", *bounds], row), view]


def _viewing(graph: CallGraph, node: NodeProto) -> Made:
    """A view of a vector that is one: by way of a row."""
    n = graph.vector(node.output[0])
    if n is None or graph.vector(node.input[0]) != n:
        return None
    made: list[NodeProto] = []
    x = _row(graph, node.input[0], made)
    shape = [-1 if i == graph.lanes.get(node.output[0]) else m for i, m in enumerate(graph.dims(node.output[0]))]
    return [*made, _view(graph, x or "", node.output[0], tuple(shape))]


_RULES = {
    **dict.fromkeys((*ELEMENTWISE, "Clip"), _elementwise),
    **dict.fromkeys(VIEWS, _viewing),
    "LayerNormalization": _layer_norm,
    "MatMul": _matmul,
    "Concat": _concat,
    "Slice": _slice,
}


def free_lanes(graph: CallGraph, node: NodeProto) -> Made:
    """A Reshape to sizes that are written down: any number of lanes."""
    if node.op_type != "Reshape" or node.output[0] not in graph.lanes:
        return None
    shape = tuple(-1 if i == graph.lanes[node.output[0]] else n for i, n in enumerate(graph.dims(node.output[0])))
    return [_view(graph, node.input[0], node.output[0], shape)]


def joined_views(graph: CallGraph) -> None:
    """Views of views become one, equal ones the same, and those that change nothing go."""
    instead: dict[str, str] = {}
    source: dict[str, str] = {}
    seen: dict[tuple, str] = {}
    nodes = []
    for node in graph.nodes:
        node = _renamed(node, instead)
        if node.op_type == "Reshape" and graph.value(node.input[1]) is not None:
            root, output = source.get(node.input[0], node.input[0]), node.output[0]
            source[output] = root
            node = helper.make_node("Reshape", [root, node.input[1]], [output])
            key = (root, graph.dims(output), graph.lanes.get(output))
            same = root if key[1:] == (graph.dims(root), graph.lanes.get(root)) else seen.setdefault(key, output)
            if same != output and output not in graph.outputs:
                instead[output] = same
                continue
        nodes.append(node)
    graph.nodes = nodes
    graph.drop_unread()


def _renamed(node: NodeProto, instead: dict[str, str]) -> NodeProto:
    if not any(name in instead for name in node.input):
        return node
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.input[:] = [instead.get(name, name) for name in node.input]
    return copy
