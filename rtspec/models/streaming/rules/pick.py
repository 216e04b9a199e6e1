"""Operators that take tensors apart and put them together: slices, splits, gathers, joins, padding."""

import numpy as np
from onnx import NodeProto

from ..clock import Flow
from ..edges import Edge
from ..refuse import NotStreamable
from ..stream import Stream
from .count import gather_frames
from .registry import attribute, main_input, positive, streams

# A slice of the clip that leaves out more than this share of it keeps a fixed number of frames, not a margin.
LARGEST_CROP = 0.5
CONTINUED = ("constant", "edge", "reflect")


@streams("Slice")
def slice_(stream: Stream, node: NodeProto) -> None:
    """Other axes as they are; along time a crop only renumbers frames, and a step is a stride."""
    begin, end, step = _time_bounds(stream, node)
    others = [bound for bound in _bounds(stream, node) if bound[0] != stream.flows[node.input[0]].axis]
    name, unpicked = node.input[0], node.output[0]
    time_only = not others
    if begin or end or step != 1:
        name, flow = stream.window(name, 0, step, (-begin, -end), 0.0)
    else:
        flow = stream.flows[name]
    if time_only and name in stream.flows and step == 1:
        stream.rename(name, unpicked)
    else:
        _emit_slice(stream, node, name, [*others, *([(flow.axis, 0, 2**31 - 1, step)] if step != 1 else [])])
    stream.flows[unpicked] = flow


@streams("Split")
def split(stream: Stream, node: NodeProto) -> None:
    """Pieces of another axis than time."""
    name, flow, shape = main_input(stream, node)
    if positive(attribute(node, "axis", 0), len(shape)) == flow.axis:
        raise NotStreamable(node, "cuts the clip into pieces along time", "split channels or bins only")
    stream.emit(node, [name, *(stream.static(other, node) for other in node.input[1:] if other)])
    stream.flows.update((output, flow) for output in node.output if output)


@streams("Gather")
def gather(stream: Stream, node: NodeProto) -> None:
    """Pick along another axis than time, with constant places."""
    if node.input[0] not in stream.flows:
        return _look_up(stream, node)
    name, flow, shape = main_input(stream, node)
    axis = positive(attribute(node, "axis", 0), len(shape))
    if node.input[1] in stream.flows:
        return gather_frames(stream, node)
    if axis == flow.axis:
        return gather_frames(stream, node)
    stream.emit(node, [name, stream.static(node.input[1], node)])
    added = len(stream.shapes.shape(node.input[1])) - 1
    stream.flows[node.output[0]] = flow.but(axis=flow.axis + (added if axis < flow.axis else 0))
    return None


@streams("Concat")
def concat(stream: Stream, node: NodeProto) -> None:
    """Join over other axes; over time, a constant piece before or after is padding."""
    rank = len(stream.shapes.shape(node.output[0]))
    axis = positive(attribute(node, "axis", 0), rank)
    first = next(name for name in node.input if name in stream.flows)
    if axis == stream.flows[first].axis:
        return _join_in_time(stream, node, axis)
    if any(stream.flows[name].axis != stream.flows[first].axis for name in node.input if name in stream.flows):
        raise NotStreamable(node, "joins tensors whose time lies on different axes", "transpose them alike first")
    flow = stream.flows[first]
    inputs = [n if n in stream.flows else stream.as_frames(n, flow, node) for n in node.input]
    inputs, flow = stream.aligned(inputs, node)
    stream.emit(node, inputs)
    stream.flows[node.output[0]] = flow
    return None


@streams("Pad")
def pad(stream: Stream, node: NodeProto) -> None:
    """Pad other axes here; frames in front make the stream early, frames behind come while it is flushed."""
    name, flow, shape = main_input(stream, node)
    begins, ends = _pads(stream, node, len(shape))
    before, after = begins[flow.axis], ends[flow.axis]
    mode = attribute(node, "mode", "constant")
    if (mode not in CONTINUED and (before or after)) or (mode != "constant" and min(before, after) < 0):
        raise NotStreamable(node, f"pads time by {mode} values", "pad time with zeros, by edge values or by reflection")
    begins[flow.axis] = ends[flow.axis] = 0
    value = stream.optional(node, 2)
    if any(begins) or any(ends):
        pads = stream.writer.constant([*begins, *ends], "pads")
        wide = stream.writer.name(f"{node.output[0]}.wide") if before or after else node.output[0]
        stream.emit(_named(node, wide), [name, pads, *(stream.static(n, node) if n else "" for n in node.input[2:3])])
        if wide != node.output[0]:
            stream.shapes.declare(wide, stream.shapes.element_type(name), stream.shapes.shape(node.output[0]))
        name = wide
    number = 0.0 if value is None else float(value.flat[0])
    stream.flows[name] = flow.but(silent=flow.silent and number == 0)
    if mode != "constant" and (before or after):
        return _continue(stream, name, node.output[0], (before, after), mode == "reflect")
    _surround(stream, name, node.output[0], before, after, number)
    return None


def _continue(stream: Stream, name: str, output: str, pads: tuple[int, int], mirrored: bool) -> None:
    """Frames of the clip itself before and after it, put in where they are read."""
    name = stream.with_known_end(name)
    flow = stream.flows[name]
    stream.rename(name, output)
    stream.edges[output] = Edge(name, flow, *pads, mirrored)
    clock, delay = flow.clock.longer(sum(pads)), flow.delay - pads[0]
    stream.flows[output] = Flow(flow.axis, clock, delay, finite=flow.finite, tail=pads[1])


def _surround(stream: Stream, name: str, output: str, before: int, after: int, number: float) -> None:
    """Frames of one number before and after a tensor, under the name of a node's output."""
    made, flow, lead = stream.surrounded(name, before, after, number)
    if made != output:
        stream.rename(made, output)
    stream.flows[output] = flow
    stream.leads.pop(output, None)
    if lead is not None:
        stream.leads[output] = lead


def _named(node: NodeProto, output: str) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.output[0] = output
    return copy


def trailing_crop(stream: Stream, output: str, time: int) -> int:
    """Frames at the end of a tensor that its only reader, a crop along time, throws away."""
    readers = stream.consumers(output)
    if len(readers) != 1 or readers[0].op_type != "Slice" or stream.is_output(output):
        return 0
    length = stream.shapes.shape(output)[time]
    return next((length - end for axis, _, end, step in _bounds(stream, readers[0]) if axis == time and step == 1), 0)


def _bounds(stream: Stream, node: NodeProto) -> list[tuple[int, int, int, int]]:
    """(axis, start, end, step) of a Slice, all counted from the front."""
    shape = stream.shapes.shape(node.input[0])
    starts, ends = (stream.constant(node, i).tolist() for i in (1, 2))
    axes_and_steps = [stream.optional(node, i) for i in (3, 4)]
    axes = range(len(starts)) if axes_and_steps[0] is None else axes_and_steps[0].tolist()
    steps = [1] * len(starts) if axes_and_steps[1] is None else axes_and_steps[1].tolist()
    found = []
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        axis = positive(axis, len(shape))
        found.append((axis, *(slice(start, end, step).indices(shape[axis])[:2] if step > 0 else (start, end)), step))
    return found


def _time_bounds(stream: Stream, node: NodeProto) -> tuple[int, int, int]:
    """Frames left out before and after, and the step, of a slice along time."""
    axis, length = stream.flows[node.input[0]].axis, stream.length(node.input[0])
    _, begin, end, step = next((b for b in _bounds(stream, node) if b[0] == axis), (axis, 0, length, 1))
    if step < 1:
        raise NotStreamable(node, "turns time round", "leave time in its direction")
    if end - begin < LARGEST_CROP * length:
        raise NotStreamable(
            node, f"keeps {max(end - begin, 0)} of {length} frames: fixed places of the clip", "crop margins only"
        )
    return begin, length - end, step


def _emit_slice(stream: Stream, node: NodeProto, name: str, bounds: list[tuple[int, int, int, int]]) -> None:
    columns = zip(*bounds, strict=True)
    axes, starts, ends, steps = (stream.writer.constant(list(column), "index") for column in columns)
    stream.emit(node, [name, starts, ends, axes, steps])


def _look_up(stream: Stream, node: NodeProto) -> None:
    """A table looked up by frame-wise indices (an embedding)."""
    name = node.input[1]
    flow = stream.flows[name]
    shape = stream.shapes.shape(node.input[0])
    axis = positive(attribute(node, "axis", 0), len(shape))
    places = stream.shapes.constant(name)
    if places is not None and places.size and int(places.max()) >= shape[axis]:
        raise NotStreamable(
            node,
            f"looks the number of each frame up in a table of {shape[axis]}, which a stream outlasts",
            "use a relative position, or clip the number of the frame to the table's last row",
        )
    stream.emit(node, [stream.static(node.input[0], node), name])
    stream.flows[node.output[0]] = flow.but(axis=flow.axis + axis, silent=False)


def _join_in_time(stream: Stream, node: NodeProto, axis: int) -> None:
    """Constant frames before and after one stream are padding; two streams cannot follow each other."""
    refusal = NotStreamable(
        node, "joins pieces one after the other in time", "join channels, or pad time with frames of one value"
    )
    moving = [i for i, name in enumerate(node.input) if name in stream.flows]
    if len(moving) != 1:
        raise refusal
    pieces = [stream.shapes.constant(n) if i != moving[0] else None for i, n in enumerate(node.input)]
    front, back = pieces[: moving[0]], pieces[moving[0] + 1 :]
    if any(piece is None for piece in [*front, *back]):
        raise refusal
    name = node.input[moving[0]]
    before, first = _frames_of([p for p in front if p is not None], axis)
    after, last = _frames_of([p for p in back if p is not None], axis)
    if (after and last is None) or (before and first is None and stream.flows[name].delay > 0):
        raise refusal
    if before:
        middle = stream.writer.name(f"{node.output[0]}.from_start") if after else node.output[0]
        if after:
            stream.shapes.declare(middle, stream.shapes.element_type(name), stream.shapes.shape(name))
        _surround(stream, name, middle, before, 0, first or 0.0)
        if first is None:
            kept = np.take(stream.leads[middle], range(before, stream.leads[middle].shape[axis]), axis)
            stream.leads[middle] = np.concatenate([*(p for p in front if p is not None), kept], axis)
            stream.flows[middle] = stream.flows[middle].but(silent=False)
        name = middle
    if after:
        _surround(stream, name, node.output[0], 0, after, last or 0.0)
    elif not before:
        stream.rename(name, node.output[0])
        stream.flows[node.output[0]] = stream.flows[name]


def _frames_of(pieces: list[np.ndarray], axis: int) -> tuple[int, float | None]:
    """Number of frames of constant pieces, and their one value; None where they have more than one."""
    pieces = [piece for piece in pieces if piece.size]
    values = np.unique(np.concatenate([piece.ravel() for piece in pieces])) if pieces else np.zeros(1)
    return sum(piece.shape[axis] for piece in pieces), float(values[0]) if values.size == 1 else None


def _pads(stream: Stream, node: NodeProto, rank: int) -> tuple[list[int], list[int]]:
    pads = attribute(node, "pads")
    pads = stream.constant(node, 1).tolist() if pads is None else list(pads)
    axes = stream.optional(node, 3)
    axes = range(rank) if axes is None else [positive(axis, rank) for axis in axes.tolist()]
    begins, ends = [0] * rank, [0] * rank
    for axis, begin, end in zip(axes, pads[: len(pads) // 2], pads[len(pads) // 2 :], strict=True):
        begins[axis], ends[axis] = begin, end
    return begins, ends
