"""Products that sum over one axis: that axis must not be time, and time must not meet itself."""

from onnx import NodeProto

from ..clock import Flow
from ..refuse import NotStreamable, attention_over_time, dense_over_time
from ..stream import Stream
from .attention import scores
from .registry import attribute, streams


@streams("MatMul")
def matmul(stream: Stream, node: NodeProto) -> None:
    """Time may be a batch axis of both, the rows of the first or the columns of the second."""
    left, right = node.input
    ranks = [len(stream.shapes.shape(name)) for name in (left, right)]
    places = [
        rank - flow.axis if (flow := stream.flows.get(n)) else None for n, rank in zip(node.input, ranks, strict=True)
    ]
    _refuse_contraction(node, places, summed=(1, 2 if ranks[1] > 1 else 1))
    rank = len(stream.shapes.shape(node.output[0]))
    if places[0] is not None and places[1] is not None and (places[0] != places[1] or places[0] < 3):
        if places == [2, 1]:
            return scores(stream, node)
        raise attention_over_time(node)
    place = next(p for p in places if p is not None)
    if ranks[1] == 1 and places[0] is not None:
        place -= 1
    _write(stream, node, rank - place)
    return None


@streams("Gemm")
def gemm(stream: Stream, node: NodeProto) -> None:
    """A matrix product with a bias; time may be the rows of the first matrix or the columns of the second."""
    turned = attribute(node, "transA", 0), attribute(node, "transB", 0)
    flows = [stream.flows.get(name) for name in node.input[:2]]
    kept = (1 if turned[0] else 0), (0 if turned[1] else 1)
    if all(flow is not None for flow in flows):
        raise attention_over_time(node)
    if any(flow is not None and flow.axis != axis for flow, axis in zip(flows, kept, strict=True)):
        raise dense_over_time(node)
    if len(node.input) > 2 and node.input[2] in stream.flows:
        raise NotStreamable(node, "adds a bias that changes with time", "add it by an Add node")
    _write(stream, node, 0 if flows[0] is not None else 1)


@streams("Einsum")
def einsum(stream: Stream, node: NodeProto) -> None:
    """The letter of time must be the same in all operands with frames and appear in the result."""
    equation = attribute(node, "equation").replace(" ", "")
    if "..." in equation or "->" not in equation:
        raise NotStreamable(node, f'has the equation "{equation}"', 'name every axis, as in "bct,cd->bdt"')
    terms, result = equation.split("->")
    pairs = list(zip(node.input, terms.split(","), strict=True))
    letters = {term[stream.flows[name].axis] for name, term in pairs if name in stream.flows}
    if len(letters) > 1:
        raise attention_over_time(node)
    letter = letters.pop()
    if letter not in result:
        raise dense_over_time(node)
    for name, term in pairs:
        if name not in stream.flows and letter in term:
            raise dense_over_time(node)
    _write(stream, node, result.index(letter))


def _write(stream: Stream, node: NodeProto, axis: int) -> None:
    inputs, flow = stream.aligned(node.input, node)
    inputs = [name if not name or name in stream.flows else stream.static(name, node) for name in inputs]
    stream.emit(node, inputs)
    stream.flows[node.output[0]] = Flow(axis, flow.clock, flow.delay, _silent(stream, node, inputs), flow.finite)


def _silent(stream: Stream, node: NodeProto, inputs: list[str]) -> bool:
    """A product with zero frames is zero, unless a bias is added."""
    flows = [stream.flows.get(name) for name in inputs[:2]]
    biased = node.op_type == "Gemm" and len(inputs) > 2 and bool(inputs[2])
    return (
        not biased
        and any(flow is not None and flow.silent for flow in flows)
        and all(f is None or f.finite for f in flows)
    )


def _refuse_contraction(node: NodeProto, places: list[int | None], summed: tuple[int, int]) -> None:
    for place, axis in zip(places, summed, strict=True):
        if place == axis:
            raise dense_over_time(node) if None in places else attention_over_time(node)
