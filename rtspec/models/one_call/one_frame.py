"""Passes for calls of one frame: what onnxruntime computes slowly there, written as what it computes fast."""

import numpy as np
from onnx import NodeProto, helper

from ..streaming.graph import AXES_ARE_INPUTS
from .graph import CallGraph
from .nodes import attributes, reduced_axes

PACKET = 16
"""Numbers that the widest vector instructions take at once."""
_TWO_CODES = frozenset({"Log", "Sin", "Cos", "Softplus", "Elu", "Selu", "Softsign"})


def depthwise(graph: CallGraph, node: NodeProto) -> list[NodeProto] | None:
    """A depthwise convolution of which one frame comes out: products and their sum.

    onnxruntime takes such a convolution for an image: 25 to 33 µs for 256 channels of 5 products each.
    """
    window = _window(graph, node)
    if window is None:
        return None
    x, weights, bias, taps = window
    n_channels, length = graph.dims(x)[1:]
    if weights.shape[:2] != (n_channels, 1) or attributes(node).get("group", 1) != n_channels or n_channels == 1:
        return None
    spread = np.zeros((n_channels, length), np.float32)
    spread[:, taps] = weights[:, 0]
    products, total = graph.fresh("products"), graph.fresh("sum", (1, n_channels), graph.lanes.get(node.output[0]))
    made = [
        helper.make_node("Mul", [x, graph.constant(spread[None], "weights")], [products]),
        _summed(graph, products, total),
    ]
    return [*made, *_biased(graph, total, bias, node.output[0], n_channels)]


def _summed(graph: CallGraph, products: str, total: str) -> NodeProto:
    """The sum along the last of three axes, as the model's operators have it."""
    if graph.shapes.opset() < AXES_ARE_INPUTS:
        return helper.make_node("ReduceSum", [products], [total], axes=[2], keepdims=0)
    axis = graph.constant(np.array([2]), "axis")
    return helper.make_node("ReduceSum", [products, axis], [total], keepdims=0)


def pointwise(graph: CallGraph, node: NodeProto) -> list[NodeProto] | None:
    """A convolution over all channels of which one frame comes out: a matrix product, one row a lane."""
    window = _window(graph, node)
    if window is None or attributes(node).get("group", 1) != 1:
        return None
    x, weights, bias, taps = window
    n_out, n_in, _ = weights.shape
    spread = np.zeros((n_out, n_in, graph.dims(x)[2]), np.float32)
    spread[:, :, taps] = weights
    matrix = graph.constant(spread.reshape(n_out, -1).T, "weights")
    lanes = graph.lanes.get(node.output[0])
    row, product = graph.fresh("row", (1, spread[0].size), lanes), graph.fresh("product", (1, n_out), lanes)
    flat = graph.constant(np.array([-1, spread[0].size]), "shape")
    made = [
        helper.make_node("Reshape", [x, flat], [row]),
        helper.make_node("MatMul", [row, matrix], [product]),
    ]
    return [*made, *_biased(graph, product, bias, node.output[0], n_out)]


def _biased(graph: CallGraph, row: str, bias: np.ndarray | None, output: str, n_out: int) -> list[NodeProto]:
    """A row and the bias, as channels with one frame."""
    made = []
    if bias is not None:
        total = graph.fresh("biased", (1, n_out), graph.lanes.get(output))
        made = [helper.make_node("Add", [row, graph.constant(bias[None], "bias")], [total])]
        row = total
    back = graph.constant(np.array([-1, n_out, 1]), "shape")
    return [*made, helper.make_node("Reshape", [row, back], [output])]


def mean(graph: CallGraph, node: NodeProto) -> list[NodeProto] | None:
    """The sum or mean of a vector: a product with a column. Sums of several lanes at once are made in another order."""
    if node.op_type not in ("ReduceSum", "ReduceMean") or not attributes(node).get("keepdims", 1):
        return None
    n, axis, gone = graph.vector(node.input[0]), graph.axis_of(node.input[0]), reduced_axes(graph, node)
    rank = len(graph.shape(node.input[0]) or ())
    if n is None or axis is None or gone is None or axis not in [each % rank for each in gone]:
        return None
    lane = graph.lanes.get(node.input[0])
    if lane is not None and lane in [each % rank for each in gone]:
        return None
    row, product = graph.fresh("row", (1, n), lane and 0), graph.fresh("product", (1, 1), lane and 0)
    column = graph.constant(np.full((n, 1), 1 / n if node.op_type == "ReduceMean" else 1, np.float32), "weights")
    shapes = [graph.constant(np.array(shape), "shape") for shape in ([-1, n], [-1] + [1] * (rank - 1))]
    return [
        helper.make_node("Reshape", [node.input[0], shapes[0]], [row]),
        helper.make_node("MatMul", [row, column], [product]),
        helper.make_node("Reshape", [product, shapes[1]], [node.output[0]]),
    ]


def whole_packets(graph: CallGraph, node: NodeProto) -> list[NodeProto] | None:
    """A function whose vector and scalar code round differently: on rows of whole vectors, so that a number's bits do
    not hang on how many lanes come before it."""
    name = node.input[0] if node.op_type in _TWO_CODES else ""
    n = 1 if name and graph.single(name) else graph.vector(name) if name else None
    if n is None or n % PACKET == 0 or name not in graph.lanes or node.output[0] not in graph.lanes:
        return None
    row, wide, made, cut = (graph.fresh(hint, (1, m), 0) for hint, m in _widths(n))
    pads = graph.constant(np.array([0, 0, 0, -n % PACKET]), "pads")
    one = graph.constant(np.array(1, np.float32), "one")
    bounds = [graph.constant(np.array([value]), "index") for value in (0, n, 1)]
    shape = [-1 if axis == graph.lanes[node.output[0]] else m for axis, m in enumerate(graph.dims(node.output[0]))]
    return [
        helper.make_node("Reshape", [name, graph.constant(np.array([-1, n]), "shape")], [row]),
        helper.make_node("Pad", [row, pads, one], [wide]),
        helper.make_node(node.op_type, [wide, *node.input[1:]], [made], **attributes(node)),
        helper.make_node("Slice", [made, *bounds], [cut]),
        helper.make_node("Reshape", [cut, graph.constant(np.array(shape), "shape")], [node.output[0]]),
    ]


def _widths(n: int) -> list[tuple[str, int]]:
    wide = n + -n % PACKET
    return [("row", n), ("wide", wide), ("made", wide), ("cut", n)]


def _window(graph: CallGraph, node: NodeProto):
    """Input, weights, bias and places of the taps of a Conv over one axis of which one frame comes out."""
    if node.op_type != "Conv" or graph.shape(node.output[0]) is None or graph.shape(node.input[0]) is None:
        return None
    weights = graph.value(node.input[1])
    bias = graph.value(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    options = attributes(node)
    plain = not any(options.get("pads", [])) and options.get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID")
    if weights is None or weights.ndim != 3 or weights.dtype != np.float32 or not plain:
        return None
    if graph.dims(node.output[0])[2] != 1:
        return None
    taps = np.arange(weights.shape[2]) * options.get("dilations", [1])[0]
    return node.input[0], weights, bias, taps


def rotation(graph: CallGraph, node: NodeProto) -> list[NodeProto] | None:
    """The rotation of one frame by any number of frames: the frame."""
    if node.op_type != "Concat" or len(node.input) != 2:
        return None
    slices = [each for each in map(graph.maker, node.input) if each is not None and each.op_type == "Slice"]
    if len(slices) != 2 or any(len(each.input) < 4 for each in slices):
        return None
    later, earlier = slices
    source, axis = later.input[0], attributes(node)["axis"]
    shape = graph.shape(source) or ()
    if not shape or shape[axis] != 1 or earlier.input[0] != source or later.input[1] != earlier.input[2]:
        return None
    axes = {(_number(graph, each, 3, axis) - axis) % len(shape) for each in slices}
    steps = {_number(graph, each, 4, 1) for each in slices}
    if axes != {0} or steps != {1} or _number(graph, earlier, 1, 1) != 0 or _number(graph, later, 2, 0) < 1:
        return None
    return [helper.make_node("Identity", [source], [node.output[0]])]


def _number(graph: CallGraph, node: NodeProto, k: int, otherwise: int) -> int:
    """The one number that an input of a Slice holds; `otherwise` where it is missing, and -1 where it is not known."""
    if k >= len(node.input) or not node.input[k]:
        return otherwise
    value = graph.value(node.input[k])
    return int(value.reshape(-1)[0]) if value is not None and value.size == 1 else -1


def one_step(graph: CallGraph, node: NodeProto) -> list[NodeProto] | None:
    """A recurrence over one frame that may have none: computed always, and its result taken times 0 or 1."""
    if node.op_type != "GRU" or len(node.input) < 5 or not node.input[4]:
        return None
    if any(graph.shape(name) is None for name in (node.input[0], *node.output) if name):
        return None
    if graph.dims(node.input[0])[0] != 1:
        return None
    lengths = graph.fresh("length", graph.dims(node.input[4]))
    cast = helper.make_node("Cast", [node.input[4]], [lengths], to=1)
    inputs = [name if i != 4 else "" for i, name in enumerate(node.input)]
    results = [graph.fresh("result", graph.dims(name)) if name else "" for name in node.output]
    plain = helper.make_node("GRU", inputs, results, **attributes(node))
    pairs = [(made, name) for made, name in zip(results, node.output, strict=True) if name]
    return [cast, plain, *(helper.make_node("Mul", [made, lengths], [name]) for made, name in pairs)]
