"""Frames between frames: linear interpolation by a whole factor."""

import numpy as np
from onnx import NodeProto, TensorProto, helper

from ..clock import Flow
from ..refuse import NotStreamable
from ..stream import Stream
from .registry import attribute

HALF_PIXEL = ("half_pixel", "pytorch_half_pixel")


def interpolated(stream: Stream, node: NodeProto, times: int) -> None:
    """`times` frames for each one, on the lines between it and its neighbours; the first and the last stand for those
    that they have not.

    Output times·i + r lies at i + p of the input, −½ < p < 1: it is (1 − |p|)·x[i] + |p|·x[i ± 1].
    """
    places = _places(node, times)
    _check_other_axes(stream, node)
    name = stream.with_known_end(node.input[0])
    flow = stream.flows[name]
    ahead = int(max(places) > 0)
    centre = stream.delayed(name, flow.delay + ahead)
    parts = [_on_line(stream, name, centre, ahead, place, node.output[0]) for place in places]
    _interleave(stream, node, parts, flow.axis)
    clock, delay = flow.clock.repeated(times), times * (flow.delay + ahead)
    stream.flows[node.output[0]] = Flow(flow.axis, clock, delay, finite=flow.finite)


def _places(node: NodeProto, times: int) -> list[float]:
    """Where the outputs of one frame lie, in frames from it."""
    mode = attribute(node, "coordinate_transformation_mode", "half_pixel")
    if mode in HALF_PIXEL:
        return [(r + 0.5) / times - 0.5 for r in range(times)]
    if mode == "asymmetric":
        return [r / times for r in range(times)]
    raise NotStreamable(
        node,
        f"interpolates from the first to the last frame of the clip ({mode})",
        "interpolate with align_corners=False",
    )


def _check_other_axes(stream: Stream, node: NodeProto) -> None:
    axis = stream.flows[node.input[0]].axis
    before, after = stream.shapes.shape(node.input[0]), stream.shapes.shape(node.output[0])
    if any(a != b for i, (a, b) in enumerate(zip(before, after, strict=True)) if i != axis):
        raise NotStreamable(node, "interpolates time and another axis at once", "resize one axis after the other")


def _on_line(stream: Stream, name: str, centre: str, ahead: int, place: float, hint: str) -> str:
    """Frames between each frame and the one before it (`place` below 0) or behind it."""
    if place == 0:
        return centre
    neighbour = _neighbour(stream, name, centre, ahead, 1 if place > 0 else -1, hint)
    dtype = helper.tensor_dtype_to_np_dtype(stream.shapes.element_type(name))
    shares = [stream.writer.constant(np.array(share, dtype), "share") for share in (1 - abs(place), abs(place))]
    terms = [
        stream.writer.node("Mul", [x, share], f"{hint}.part")
        for x, share in zip((centre, neighbour), shares, strict=True)
    ]
    return stream.writer.node("Add", terms, f"{hint}.between")


def _neighbour(stream: Stream, name: str, centre: str, ahead: int, side: int, hint: str) -> str:
    """The next or the last frame of each; the frame itself where the clip has none there."""
    flow = stream.flows[name]
    delay = flow.delay + ahead - side
    other = stream.delayed(name, delay)
    mask = stream.validity.mask(flow.clock, delay, len(stream.shapes.shape(name)), flow.axis)
    there = stream.writer.node("Cast", [mask], f"{hint}.there", to=TensorProto.BOOL)
    return stream.writer.node("Where", [there, other, centre], f"{hint}.neighbour")


def _interleave(stream: Stream, node: NodeProto, parts: list[str], axis: int) -> None:
    """The parts of each frame one after the other along time."""
    writer, output = stream.writer, node.output[0]
    behind = writer.constant([axis + 1], "index")
    wide = [writer.node("Unsqueeze", [part, behind], f"{output}.wide") for part in parts]
    stacked = writer.node("Concat", wide, f"{output}.stacked", axis=axis + 1)
    shape = [-1 if i == axis else size for i, size in enumerate(stream.shapes.shape(output))]
    writer.node("Reshape", [stacked, writer.constant(shape, "shape")], output, exact=True)
