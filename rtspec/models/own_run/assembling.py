"""Steps from a graph for calls of one size: each operator by a rule of its own, views are no steps at all."""

import hashlib
from collections.abc import Callable
from math import prod

import numpy as np
from onnx import NodeProto

from ...errors import ModelError
from ..one_call.graph import CallGraph
from ..one_call.nodes import VIEWS, attributes, reduced_axes
from .products import packed
from .program import BLOCK, COLUMNS, Code, Place, Program

_FLOAT, _LINE = 1, 64
_LARGE = 1024
"""Weights from which a matrix is kept as float16."""
_WHOLE = (2, 3, 4, 5, 6, 7, 9, 12, 13)
"""ONNX's types of whole numbers and truth values: held as float32, which is exact for what counts frames."""


class NoSteps(ModelError):
    """The graph is none of rows; the text says what it holds."""


class Assembly:
    """Rows and steps, as they come.

    Parameters
    ----------
    graph : CallGraph
        With its lanes found.
    half : bool
        Keep large matrices as float16.
    """

    def __init__(self, graph: CallGraph, half: bool):
        self.graph, self.half = graph, half
        self.rows: dict[str, int] = {}
        self.sizes, self.laned = [1], [False]
        self.constants, self._data, self.steps = {0: 0}, bytearray(_LINE), list[list[int]]()
        self._known: dict[bytes, int] = {}
        self._with_lanes = False

    def program(self, types: dict[str, int]) -> Program:
        """All of the graph; `types` of its inputs and outputs."""
        if any(kind != _FLOAT for kind in types.values()):
            raise NoSteps("what goes in or out is no float32")
        for name in self.graph.inputs:
            self.rows[name] = self._row(self.size(name), name in self.graph.lanes)
        for node in self.graph.nodes:
            self._add(node)
        inputs = {name: self._place(name, self.rows[name]) for name in self.graph.inputs}
        outputs = {name: self._place(name, self._own_row(name)) for name in self.graph.outputs}
        steps = np.array(self.steps, np.int64).reshape(-1, COLUMNS)
        return Program(steps, self.sizes, self.laned, self.constants, bytes(self._data), inputs, outputs)

    def _place(self, name: str, row: int) -> Place:
        return Place(row, tuple(self.graph.dims(name)), self.graph.lanes.get(name))

    def _own_row(self, name: str) -> int:
        """A row that is this output alone, copied from where it was made: the caller says where it lies."""
        row = self._row(self.size(name), name in self.graph.lanes)
        self.copy(row, self.read(name), self.size(name))
        return row

    def _add(self, node: NodeProto) -> None:
        rule = _RULES.get(node.op_type)
        if rule is None or node.domain:
            raise NoSteps(f"{node.op_type} is no operator on rows")
        self._with_lanes = any(name in self.rows and self.laned[self.rows[name]] for name in node.input)
        rule(self, node)

    def size(self, name: str) -> int:
        """Numbers of a tensor, for one lane."""
        shape = self.graph.shape(name)
        if shape is None:
            raise NoSteps(f'"{name}" has no size of its own')
        return prod(shape)

    def _row(self, size: int, laned: bool) -> int:
        self.sizes.append(size)
        self.laned.append(laned)
        return len(self.sizes) - 1

    def made(self, name: str) -> int:
        """The row of what a node makes; each lane has one where it has one of what the node reads."""
        self.rows[name] = self._row(self.size(name), self._with_lanes)
        return self.rows[name]

    def scratch(self, size: int) -> int:
        """A row for what lies between; room for whole blocks."""
        return self._row(-(-size // BLOCK) * BLOCK, self._with_lanes)

    def read(self, name: str) -> int:
        """The row of what a node reads."""
        if name not in self.rows:
            value = self.graph.value(name)
            if value is None:
                raise NoSteps(f'"{name}" is not known')
            self.rows[name] = self.constant(value)
        return self.rows[name]

    def constant(self, value: np.ndarray) -> int:
        """A row of numbers that never change. float16 stays, all else becomes float32; of any shape."""
        held = np.ascontiguousarray(value, value.dtype if value.dtype == np.float16 else np.float32).tobytes()
        key = hashlib.blake2b(held, digest_size=20, key=value.dtype.name.encode()).digest()
        if key not in self._known:
            self._known[key] = self._row(value.size, False)
            self.constants[self._known[key]] = len(self._data)
            self._data += held + bytes(-len(held) % _LINE)
        return self._known[key]

    def step(self, code: Code, y: int, *reads: int, numbers: tuple[int, ...] = ()) -> None:
        """One more step: up to four rows and five numbers."""
        row = [int(code), int(self.laned[y]), y, *reads, *[0] * (4 - len(reads)), *numbers]
        self.steps.append(row + [0] * (COLUMNS - len(row)))

    def copy(
        self,
        y: int,
        a: int,
        inner: int,
        outer: int = 1,
        apart: tuple[int, int] = (0, 0),
        begin: tuple[int, int] = (0, 0),
    ) -> None:
        """Pieces of one row into another; `apart` and `begin` of y and of a."""
        row = [int(Code.COPY), int(self.laned[y]), y, a, 0, 0, apart[1], outer, inner, apart[0], *begin]
        self.steps.append(row)

    def operand(self, name: str, like: str) -> tuple[int, int]:
        """A row as long as `like`, and 1; or one number, and 0."""
        n, value = self.size(like), self.graph.value(name)
        if value is not None and value.size not in (1, n):
            return self.constant(np.broadcast_to(value, self.graph.dims(like))), 1
        if self.size(name) not in (1, n):
            raise NoSteps(f'"{name}" is spread over "{like}"')
        if value is not None and value.size == n and value.size > 1:
            return self.constant(np.broadcast_to(value, self.graph.dims(like))), 1
        return self.read(name), int(self.size(name) != 1)


Rule = Callable[[Assembly, NodeProto], None]


def _binary(a: Assembly, node: NodeProto) -> None:
    name = node.output[0]
    code, y = _BINARY[node.op_type], a.made(name)
    if len(node.input) != 2:
        raise NoSteps(f"{node.op_type} of {len(node.input)}")
    (one, p), (other, q) = (a.operand(each, name) for each in node.input)
    a.step(code, y, one, other, numbers=(a.size(name), p, q))


def _unary(a: Assembly, node: NodeProto) -> None:
    y = a.made(node.output[0])
    a.step(_UNARY[node.op_type], y, a.read(node.input[0]), numbers=(a.size(node.output[0]),))


def _by_number(a: Assembly, node: NodeProto) -> None:
    """What is a product or a quotient with one number."""
    n, y, x = a.size(node.output[0]), a.made(node.output[0]), a.read(node.input[0])
    if node.op_type == "Neg":
        a.step(Code.MUL, y, x, a.constant(np.array([-1])), numbers=(n, 1, 0))
    else:
        a.step(Code.DIV, y, a.constant(np.array([1])), x, numbers=(n, 0, 1))


def _power(a: Assembly, node: NodeProto) -> None:
    """Squares, and powers of one number."""
    name, (base, exponent) = node.output[0], (a.graph.value(each) for each in node.input)
    n, y = a.size(name), a.made(name)
    if exponent is not None and exponent.size == 1 and exponent.reshape(-1)[0] == 2:
        row, step = a.operand(node.input[0], name)
        a.step(Code.MUL, y, row, row, numbers=(n, step, step))
    elif base is not None and base.size == 1 and base.reshape(-1)[0] > 0:
        (row, step), logs = a.operand(node.input[1], name), a.scratch(n)
        a.step(Code.MUL, logs, row, a.constant(np.log(base.reshape(-1))), numbers=(n, step, 0))
        a.step(Code.EXP, y, logs, numbers=(n,))
    else:
        raise NoSteps("a Pow that is no square and not of one number")


def _clip(a: Assembly, node: NodeProto) -> None:
    options, bounds = attributes(node), [-np.inf, np.inf]
    for i, name in enumerate(("min", "max")):
        if len(node.input) > i + 1 and node.input[i + 1]:
            value = a.graph.value(node.input[i + 1])
            if value is None:
                raise NoSteps("Clip by what changes")
            bounds[i] = float(value.reshape(-1)[0])
        bounds[i] = options.get(name, bounds[i])
    low, high = (a.constant(np.array([bound])) for bound in bounds)
    n = a.size(node.output[0])
    a.step(Code.CLIP, a.made(node.output[0]), a.read(node.input[0]), low, high, numbers=(n,))


def _view(a: Assembly, node: NodeProto) -> None:
    if node.op_type == "Transpose" and sum(n > 1 for n in a.graph.dims(node.input[0])) > 1:
        raise NoSteps("a Transpose moves numbers")
    a.rows[node.output[0]] = a.read(node.input[0])


def _cast(a: Assembly, node: NodeProto) -> None:
    """To whole numbers: what lies behind the point goes; what is whole already stays."""
    to = attributes(node)["to"]
    if to not in (_FLOAT, *_WHOLE):
        raise NoSteps("a Cast to what is no float32")
    if to == _FLOAT:
        return _view(a, node)
    code = Code.TRUNC if to != 9 else None
    if code is None:
        raise NoSteps("a Cast to truth values")
    n = a.size(node.output[0])
    return a.step(code, a.made(node.output[0]), a.read(node.input[0]), numbers=(n,))


def _concat(a: Assembly, node: NodeProto) -> None:
    name = node.output[0]
    shape, y = a.graph.dims(name), a.made(name)
    axis = attributes(node)["axis"] % len(shape)
    outer, whole, at = prod(shape[:axis]), prod(shape[axis:]), 0
    for each in node.input:
        inner = prod(a.graph.dims(each)[axis:])
        a.copy(y, a.read(each), inner, outer, (whole, inner), (at, 0))
        at += inner


def _slice(a: Assembly, node: NodeProto) -> None:
    name, source = node.output[0], node.input[0]
    shape, cut = a.graph.dims(source), a.graph.dims(name)
    values = [a.graph.value(each) for each in node.input[1:] if each]
    if any(value is None or value.size != 1 for value in values):
        raise NoSteps("a Slice of several axes")
    start, end, axis, step = [int(v.reshape(-1)[0]) for v in values if v is not None] + [0, 1][len(values) - 2 :]
    axis %= len(shape)
    begin, _, step = slice(start, end, step).indices(shape[axis])
    if step != 1:
        raise NoSteps("a Slice with steps")
    _cut(a, node, axis, begin, cut[axis])


def _gather(a: Assembly, node: NodeProto) -> None:
    shape, index = a.graph.dims(node.input[0]), a.graph.value(node.input[1])
    if index is None or index.size != 1:
        raise NoSteps("a Gather of several")
    axis = attributes(node).get("axis", 0) % len(shape)
    _cut(a, node, axis, int(index.reshape(-1)[0]) % shape[axis], 1)


def _cut(a: Assembly, node: NodeProto, axis: int, begin: int, n: int) -> None:
    """`n` places of an axis."""
    shape = a.graph.dims(node.input[0])
    inner = prod(shape[axis + 1 :])
    apart = (n * inner, shape[axis] * inner)
    a.copy(a.made(node.output[0]), a.read(node.input[0]), n * inner, prod(shape[:axis]), apart, (0, begin * inner))


def _pad(a: Assembly, node: NodeProto) -> None:
    name, pads = node.output[0], a.graph.value(node.input[1])
    shape, padded = a.graph.dims(node.input[0]), a.graph.dims(name)
    wider = [i for i, (n, m) in enumerate(zip(shape, padded, strict=True)) if n != m]
    plain = attributes(node).get("mode", b"constant") == b"constant" and len(node.input) < 4
    if pads is None or len(wider) > 1 or not plain or min(pads) < 0:
        raise NoSteps("a Pad of several axes")
    y, axis = a.made(name), wider[0] if wider else 0
    value = a.read(node.input[2]) if len(node.input) > 2 and node.input[2] else 0
    a.step(Code.FILL, y, value, numbers=(a.size(name),))
    inner, whole = prod(shape[axis:]), prod(padded[axis:])
    a.copy(
        y,
        a.read(node.input[0]),
        inner,
        prod(shape[:axis]),
        (whole, inner),
        (int(pads[axis]) * whole // padded[axis], 0),
    )


def _sum(a: Assembly, node: NodeProto) -> None:
    shape, axes = a.graph.dims(node.input[0]), reduced_axes(a.graph, node)
    if axes is None:
        raise NoSteps("a sum over unknown axes")
    gone = sorted({axis % len(shape) for axis in axes})
    if gone != list(range(gone[0], gone[-1] + 1)):
        raise NoSteps("a sum over axes apart")
    outer, k, inner = prod(shape[: gone[0]]), prod(shape[gone[0] : gone[-1] + 1]), prod(shape[gone[-1] + 1 :])
    scale = a.constant(np.array([1 / k if node.op_type == "ReduceMean" else 1]))
    code = Code.MOST if node.op_type == "ReduceMax" else Code.SUM
    a.step(code, a.made(node.output[0]), a.read(node.input[0]), scale, numbers=(outer, k, inner))


def _running(a: Assembly, node: NodeProto) -> None:
    shape, options, axis = a.graph.dims(node.input[0]), attributes(node), a.graph.value(node.input[1])
    sized = [i for i, n in enumerate(shape) if n > 1]
    if any(options.values()) or axis is None or sized not in ([], [int(axis.reshape(-1)[0]) % len(shape)]):
        raise NoSteps("a CumSum over several axes")
    a.step(Code.RUNNING, a.made(node.output[0]), a.read(node.input[0]), numbers=(prod(shape),))


def _expand(a: Assembly, node: NodeProto) -> None:
    name = node.output[0]
    row, step = a.operand(node.input[0], name)
    if step or a.size(name) == 1:
        a.rows[name] = row
    else:
        a.step(Code.FILL, a.made(name), row, numbers=(a.size(name),))


def _where(a: Assembly, node: NodeProto) -> None:
    name = node.output[0]
    y, pairs = a.made(name), [a.operand(each, name) for each in node.input]
    a.step(Code.WHERE, y, *(row for row, _ in pairs), numbers=(a.size(name), *(step for _, step in pairs)))


def _layer_norm(a: Assembly, node: NodeProto) -> None:
    shape, options = a.graph.dims(node.input[0]), attributes(node)
    n = prod(shape[options.get("axis", -1) % len(shape) :])
    if n != prod(shape) or len(node.input) != 3 or len([name for name in node.output if name]) != 1:
        raise NoSteps("a LayerNormalization of several rows")
    epsilon = a.constant(np.array([options.get("epsilon", 1e-5)]))
    reads = [a.operand(name, node.input[0])[0] for name in node.input[1:]]
    a.step(Code.LAYER_NORM, a.made(node.output[0]), a.read(node.input[0]), *reads, epsilon, numbers=(n,))


def _matmul(a: Assembly, node: NodeProto) -> None:
    x, w = node.input
    weights = a.graph.value(w)
    if weights is None or weights.ndim != 2 or a.size(x) != len(weights):
        raise NoSteps("a product of what changes")
    product(a, a.made(node.output[0]), a.read(x), weights)


def product(a: Assembly, y: int, x: int, weights: np.ndarray) -> None:
    """y = x @ weights, by way of a row with room for whole blocks. Weights are float32 of shape (n_inputs,
    n_outputs)."""
    half = a.half and weights.size >= _LARGE
    blocks = packed(weights, half)
    room = a.scratch(weights.shape[1])
    code = Code.HALF_PRODUCT if half else Code.PRODUCT
    a.step(code, room, x, a.constant(blocks), numbers=(len(weights), len(blocks)))
    a.copy(y, room, weights.shape[1])


def _gru(a: Assembly, node: NodeProto) -> None:
    """Its two products with their biases, and what its gates make of them."""
    options, n = attributes(node), a.size(node.input[5])
    plain = set(options) <= {"hidden_size", "linear_before_reset", "direction", "layout"} and not node.input[4]
    values = [a.graph.value(name) for name in node.input[1:4]]
    if not plain or not options.get("linear_before_reset") or options.get("layout") or any(v is None for v in values):
        raise NoSteps("a GRU of another kind")
    if options.get("direction", b"forward") != b"forward" or a.size(node.output[0] or node.output[1]) != n:
        raise NoSteps("a GRU over several frames")
    w, r, b = (np.asarray(value) for value in values)
    like, biases = node.output[0] or node.output[1], b.reshape(2, -1)
    sums = []
    for x, weights, bias in ((node.input[0], w, biases[0]), (node.input[5], r, biases[1])):
        made, total = a.scratch(3 * n), a.scratch(3 * n)
        product(a, made, a.read(x), weights[0].T)
        a.step(Code.ADD, total, made, a.constant(bias), numbers=(3 * n, 1, 1))
        sums.append(total)
    y = a.made(like)
    a.step(Code.GATES, y, *sums, a.read(node.input[5]), numbers=(n,))
    for name in node.output:
        if name:
            a.rows[name] = y


_BINARY = {"Add": Code.ADD, "Sub": Code.SUB, "Mul": Code.MUL, "Div": Code.DIV, "Min": Code.MIN, "Max": Code.MAX}
_BINARY["Greater"] = Code.GREATER
_UNARY = {"Relu": Code.RELU, "Tanh": Code.TANH, "Sigmoid": Code.SIGMOID, "Sqrt": Code.SQRT, "Log": Code.LOG}
_UNARY["Exp"] = Code.EXP
_RULES: dict[str, Rule] = {
    **dict.fromkeys(_BINARY, _binary),
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(VIEWS, _view),
    **dict.fromkeys(("Neg", "Reciprocal"), _by_number),
    **dict.fromkeys(("ReduceSum", "ReduceMean", "ReduceMax"), _sum),
    "Pow": _power,
    "Clip": _clip,
    "Cast": _cast,
    "Concat": _concat,
    "Slice": _slice,
    "Gather": _gather,
    "Pad": _pad,
    "CumSum": _running,
    "Expand": _expand,
    "Where": _where,
    "LayerNormalization": _layer_norm,
    "MatMul": _matmul,
    "GRU": _gru,
}
