"""Where lanes (the channels of a sound) lie in every tensor of a graph, so that one call serves them all.

A lane axis is an axis of size 1 that may have any size: each entry along it is computed as if it were alone. It begins
at the frame's batch axis, and goes from node to node and from a state's output to its input.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from onnx import NodeProto

from ...errors import ModelError
from .nodes import ELEMENTWISE, attributes, reduced_axes

if TYPE_CHECKING:
    from .graph import CallGraph


class Axes(dict[str, int]):
    """The lane axis of each tensor that has one; `open` are states of which it is not known yet, `wanted` what is
    wanted of them."""

    open: frozenset[str] = frozenset()

    def __init__(self, *arguments, **_):
        super().__init__(*arguments)
        self.wanted: dict[str, int] = {}

    def asked(self, name: str, axis: int) -> int:
        """The lane axis of an input, -1 for none; a state that is open gets the one that is wanted."""
        if name in self.open and name not in self:
            self.wanted[name] = axis
            return axis
        return self.get(name, -1)


class NoLanes(ModelError):
    """The graph cannot take several lanes in one call; the text says why."""


def lane_axes(graph: "CallGraph", start: Mapping[str, int], states: Iterable[tuple[str, str]]) -> Axes:
    """The lane axis of each tensor that has one.

    Parameters
    ----------
    graph : CallGraph
    start : dict of str to int
        The inputs that have lanes, and along which axis.
    states : iterable of (str, str)
        Input and output of each state; which of them have lanes is found out.

    Raises
    ------
    NoLanes
        If lanes would meet each other somewhere, or a node is not known here.
    """
    states, begun = list(states), dict(start)
    while True:
        axes = Axes(begun)
        axes.open = frozenset(made for made, _ in states) - begun.keys()
        for node in graph.nodes:
            if any(name in axes for name in node.input):
                axes |= _through(graph, node, axes)
        fed = axes.wanted | {made: axes[out] for made, out in states if out in axes}
        if all(begun.get(name) == axis for name, axis in fed.items()):
            _check_ends(graph, axes, states)
            return axes
        if any(name in begun and begun[name] != axis for name, axis in fed.items()):
            raise NoLanes("a state comes back with its lanes along another axis")
        begun |= fed


def _check_ends(graph: "CallGraph", axes: Axes, states: Sequence[tuple[str, str]]) -> None:
    """Lanes are the outermost axis that has a size wherever the host reads or writes."""
    for name in (*graph.inputs, *graph.outputs):
        shape = graph.shape(name)
        if name in axes and (shape is None or any(n != 1 for n in shape[: axes[name]])):
            raise NoLanes(f'lanes are not outermost in "{name}"')
    if any(made in axes and out not in axes for made, out in states):
        raise NoLanes("a state loses its lanes")


def _through(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
    rule = _RULES.get(node.op_type)
    if rule is None or node.domain not in ("", "ai.onnx"):
        raise NoLanes(f"{node.op_type} is not known to keep lanes apart")
    if any(graph.shape(name) is None for name in (*node.input, *node.output) if name):
        raise NoLanes(f'{node.op_type} "{node.name}" has sizes that change')
    made = rule(graph, node, axes)
    for name, axis in made.items():
        if graph.dims(name)[axis] != 1:
            raise NoLanes(f'lanes would lie along an axis of {graph.dims(name)[axis]} in "{name}"')
    return made


def _all_outputs(node: NodeProto, axis: int) -> dict[str, int]:
    return {name: axis for name in node.output if name}


def _apart(met: bool, node: NodeProto) -> None:
    if met:
        raise NoLanes(f'{node.op_type} "{node.name}" would mix lanes')


def _from_right(graph: "CallGraph", name: str, axes: Axes) -> int:
    return axes[name] - len(graph.dims(name))


def _elementwise(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
    places = {_from_right(graph, name, axes) for name in node.input if name in axes}
    _apart(len(places) > 1, node)
    place = places.pop()
    return _all_outputs(node, len(graph.dims(node.output[0])) + place)


def _matmul(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
    a, b = node.input
    places = [_from_right(graph, name, axes) if name in axes else None for name in (a, b)]
    _apart(places[0] == -1 or places[1] == -2 or (None not in places and places[0] != places[1]), node)
    _apart(None not in places and max(p for p in places if p is not None) >= -2, node)
    place = next(p for p in places if p is not None)
    return _all_outputs(node, len(graph.dims(node.output[0])) + place)


def _gemm(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
    mixed = axes.get(node.input[0]) != 0 or any(name in axes for name in node.input[1:])
    _apart(mixed or bool(attributes(node).get("transA", 0)), node)
    return _all_outputs(node, 0)


def _transpose(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
    rank = len(graph.dims(node.input[0]))
    perm = attributes(node).get("perm", list(range(rank))[::-1])
    return _all_outputs(node, perm.index(axes[node.input[0]]))


def _concat(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
    first = next(axes[name] for name in node.input if name in axes)
    places = {axes.asked(name, first) for name in node.input}
    axis = attributes(node)["axis"] % len(graph.dims(node.output[0]))
    _apart(len(places) != 1 or axis in places, node)
    return _all_outputs(node, places.pop())


def _along(axes_of: Callable[["CallGraph", NodeProto], list[int]]):
    """Nodes that work along axes other than the lanes', and keep all axes."""

    def rule(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
        axis, rank = axes.get(node.input[0], -1), len(graph.dims(node.input[0]))
        others = any(name in axes for name in node.input[1:])
        _apart(others or axis in [each % rank for each in axes_of(graph, node)], node)
        return _all_outputs(node, axis)

    return rule


def _own_axis(default: int):
    return lambda graph, node: [attributes(node).get("axis", default)]


def _slice_axes(graph: "CallGraph", node: NodeProto) -> list[int]:
    value = graph.value(node.input[3]) if len(node.input) > 3 and node.input[3] else None
    if value is None:
        raise NoLanes("Slice with axes that are not known")
    return value.tolist()


def _pad_axes(graph: "CallGraph", node: NodeProto) -> list[int]:
    pads = graph.value(node.input[1])
    rank = len(graph.dims(node.input[0]))
    if pads is None or len(pads) != 2 * rank:
        raise NoLanes("Pad by numbers that are not known")
    return [axis for axis in range(rank) if pads[axis] or pads[rank + axis]]


def _cumsum_axes(graph: "CallGraph", node: NodeProto) -> list[int]:
    axis = graph.value(node.input[1])
    if axis is None:
        raise NoLanes("CumSum along an axis that is not known")
    return [int(axis.reshape(-1)[0])]


def _normal_axes(graph: "CallGraph", node: NodeProto) -> list[int]:
    rank = len(graph.dims(node.input[0]))
    return list(range(attributes(node).get("axis", -1) % rank, rank))


def _reduce(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
    rank, reduced = len(graph.dims(node.input[0])), reduced_axes(graph, node)
    gone = [] if reduced is None else [axis % rank for axis in reduced]
    axis = axes.get(node.input[0], -1)
    _apart(reduced is None or axis in gone, node)
    kept = attributes(node).get("keepdims", 1)
    return _all_outputs(node, axis if kept else axis - sum(each < axis for each in gone))


def _squeeze(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
    rank, reduced = len(graph.dims(node.input[0])), reduced_axes(graph, node)
    gone = [] if reduced is None else [axis % rank for axis in reduced]
    axis = axes[node.input[0]]
    _apart(reduced is None or axis in gone, node)
    return _all_outputs(node, axis - sum(each < axis for each in gone))


def _unsqueeze(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
    rank, reduced = len(graph.dims(node.output[0])), reduced_axes(graph, node)
    if reduced is None:
        raise NoLanes("Unsqueeze of axes that are not known")
    new = {axis % rank for axis in reduced}
    old = [axis for axis in range(rank) if axis not in new]
    return _all_outputs(node, old[axes[node.input[0]]])


def _reshape(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
    """Lanes stay where as many numbers lie before them: with an axis of size 1 there."""
    before = int(np.prod(graph.dims(node.input[0])[: axes[node.input[0]]]))
    shape = graph.dims(node.output[0])
    places = [i for i, n in enumerate(shape) if n == 1 and int(np.prod(shape[:i])) == before]
    target = graph.value(node.input[1])
    if not places or target is None:
        raise NoLanes(f'Reshape "{node.name}" would mix lanes')
    free = [i for i in places if target[i] == -1]
    return _all_outputs(node, (free or places)[0])


def _gather(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
    axis = axes.get(node.input[0], -1)
    rank, along = len(graph.dims(node.input[0])), attributes(node).get("axis", 0)
    _apart(node.input[1] in axes or along % rank == axis, node)
    shift = len(graph.dims(node.input[1])) - 1 if along % rank < axis else 0
    return _all_outputs(node, axis + shift)


def _batched(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
    """Convolutions and pools: the first axis of the first input."""
    _apart(axes.get(node.input[0]) != 0 or any(name in axes for name in node.input[1:]), node)
    return _all_outputs(node, 0)


def _recurrent(graph: "CallGraph", node: NodeProto, axes: Axes) -> dict[str, int]:
    """Lanes are the batch of sequences; lengths that differ are not looked into."""
    names = list(node.input) + [""] * 8
    states = [name for name in names[5:7] if name]
    wrong = axes.get(names[0]) != 1 or names[4] or any(axes.asked(name, 1) != 1 for name in states)
    _apart(bool(wrong) or any(name in axes for name in (*names[1:4], *names[7:])), node)
    _apart(attributes(node).get("layout", 0) != 0 or attributes(node).get("direction", b"forward") != b"forward", node)
    return {name: 2 if i == 0 else 1 for i, name in enumerate(node.output) if name}


_RULES = {
    **dict.fromkeys((*ELEMENTWISE, "Where", "Clip", "Expand", "PRelu"), _elementwise),
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Transpose": _transpose,
    "Concat": _concat,
    "Slice": _along(_slice_axes),
    "Split": _along(_own_axis(0)),
    "Softmax": _along(_own_axis(-1)),
    "LogSoftmax": _along(_own_axis(-1)),
    "LayerNormalization": _along(_normal_axes),
    "Pad": _along(_pad_axes),
    "CumSum": _along(_cumsum_axes),
    **dict.fromkeys(("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare"), _reduce),
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Reshape": _reshape,
    "Gather": _gather,
    **dict.fromkeys(("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool"), _batched),
    **dict.fromkeys(("GRU", "LSTM", "RNN"), _recurrent),
}
"""By operator: where lanes come out, given where they go in."""
