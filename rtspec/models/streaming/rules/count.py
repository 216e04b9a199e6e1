"""Numbers of frames as a stream: a range over the clip counts on from call to call, and gathers by it are windows."""

import numpy as np
from onnx import NodeProto, TensorProto, helper

from rtspec.errors import existing

from ..clock import Clock, Flow
from ..graph import TO_END
from ..refuse import NotStreamable, picked_frames
from ..stream import Stream
from .registry import attribute, positive, words

MOST_DIMS = 2
COUNTS_WITH = words("Add Sub Mul Div Pow Min Max Less LessOrEqual Greater GreaterOrEqual Equal Where")


def count_frames(stream: Stream, node: NodeProto) -> bool:
    """A Range as long as the clip (arange of the frames) becomes a counter; False where the node is not that."""
    value, other = stream.shapes.constant(node.output[0]), stream.clip.other()
    if node.op_type != "Range" or value is None or value.size < MOST_DIMS:
        return False
    longer = other.constant(node.output[0]) if other is not None else None
    shared = min(value.size, value.size if longer is None else longer.size)
    if longer is not None and not np.array_equal(longer[:shared], value[:shared]):
        return False
    clock = _clock_of(stream, value.size, None if longer is None else longer.size)
    if clock is None:
        return False
    flow = Flow(0, clock)
    _write_counter(stream, node.output[0], flow, value[0], value[1] - value[0])
    stream.flows[node.output[0]] = flow
    return True


def _clock_of(stream: Stream, size: int, longer: int | None) -> Clock | None:
    """The clock, the input's or another one's, by which so many frames and so many of a longer clip were counted."""
    if longer is None:
        return Clock() if size == stream.clip.n_frames else None
    for clock in [Clock(), *dict.fromkeys(flow.clock for flow in stream.flows.values())]:
        extra = size - clock.length(stream.clip.n_frames)
        if extra == longer - clock.length(stream.clip.other_frames):
            return clock.longer(extra)
    return None


def _write_counter(stream: Stream, output: str, flow: Flow, start: np.ndarray, step: np.ndarray) -> None:
    """start + step · (frames before this call + 0, 1, …)."""
    writer = stream.writer
    state = writer.state((1,), TensorProto.INT64, 0.0)
    n_frames = stream.frames_now(flow.clock)
    writer.node("Add", [state.input, n_frames], state.output, exact=True)
    bounds = [writer.node("Reshape", [n_frames, writer.constant(np.zeros(0, np.int64), "scalar")], f"{output}.n")]
    within = writer.node(
        "Range",
        [writer.constant(np.array(0, np.int64), "zero"), *bounds, writer.constant(np.array(1, np.int64), "one")],
        f"{output}.within",
    )
    count = writer.node("Add", [within, state.input], f"{output}.count")
    wide = writer.node("Cast", [count], f"{output}.wide", to=helper.np_dtype_to_tensor_dtype(start.dtype))
    scaled = writer.node("Mul", [wide, writer.constant(step.reshape(1), "step")], f"{output}.scaled")
    writer.node("Add", [scaled, writer.constant(start.reshape(1), "start")], output, exact=True)


def with_counters(stream: Stream, node: NodeProto) -> NodeProto:
    """The node with counters for its constants n, n + 1, … over a clip whose length the file fixes.

    What a file for any clip computes by a Range of its length, one for a single length holds as numbers.
    """
    if stream.clip.dynamic or node.op_type not in COUNTS_WITH:
        return node
    clocks = {stream.length(name): stream.flows[name].clock for name in node.input if name in stream.flows}
    copy = NodeProto()
    copy.CopyFrom(node)
    for i, name in enumerate(node.input):
        value = stream.shapes.constant(name) if name not in stream.flows else None
        for axis, size in enumerate(() if value is None else value.shape):
            clock = clocks.get(size)
            if value is not None and clock is not None and clock.rate == 1 and _counts(value, axis):
                copy.input[i] = _counter(stream, name, value, axis, Clock(extra=clock.extra))
                break
    return copy


def _counts(value: np.ndarray, axis: int) -> bool:
    """Whether numbers count the frames along an axis by one whole step, and are the same across all others."""
    lines = np.moveaxis(value, axis, 0).reshape(value.shape[axis], -1).astype(np.float64)
    if len(lines) < MOST_DIMS or np.any(lines != lines[:, :1]):
        return False
    start, step = lines[0, 0], lines[1, 0] - lines[0, 0]
    whole = start == round(start) and step == round(step) and step != 0
    return bool(whole and np.array_equal(lines[:, 0], start + step * np.arange(len(lines))))


def _counter(stream: Stream, name: str, value: np.ndarray, axis: int, clock: Clock) -> str:
    """A counter in place of a constant that counts the frames along an axis."""
    first, second = np.moveaxis(value, axis, 0).reshape(value.shape[axis], -1)[:2, 0]
    made = stream.writer.name(f"{name}.counted")
    line = stream.writer.name(f"{made}.flat")
    _write_counter(stream, line, Flow(0, clock), first, second - first)
    shape = stream.writer.constant([-1 if i == axis else 1 for i in range(value.ndim)], "shape")
    others = tuple(1 if i == axis else size for i, size in enumerate(value.shape))
    if max(others) == 1:
        stream.writer.node("Reshape", [line, shape], made, exact=True)
    else:  # a table of equal rows: what it meets may have but one
        upright = stream.writer.node("Reshape", [line, shape], f"{made}.line")
        stream.writer.node(
            "Mul", [upright, stream.writer.constant(np.ones(others, value.dtype), "rows")], made, exact=True
        )
    stream.shapes.declare(made, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
    stream.flows[made] = Flow(axis, clock)
    return made


def gather_frames(stream: Stream, node: NodeProto) -> None:
    """Frames picked at places that move with time by equal steps (im2col, unfold): a window, taken apart."""
    name, places = node.input[0], node.input[1]
    flow, index_flow = stream.flows[name], stream.flows.get(places) or _index_flow(stream, node)
    index = stream.shapes.constant(places)
    axis = positive(attribute(node, "axis", 0), len(stream.shapes.shape(name)))
    if index is None or axis != flow.axis or index.ndim > MOST_DIMS:
        raise NotStreamable(node, "picks places that change with time", "use constant indices")
    offsets, step = _affine(node, np.moveaxis(index, index_flow.axis, -1))
    low, high = int(offsets.min()), int(offsets.max())
    last = (index.shape[index_flow.axis] - 1) * step + high
    frames, made = stream.window(name, high - low, step, (-low, last - stream.length(name) + 1), 0.0)
    pieces = [
        _piece(stream, frames, offset - low, high - offset, axis, step) for offset in offsets.reshape(-1).tolist()
    ]
    _stack(stream, node.output[0], pieces, index.ndim, axis + (1 - index_flow.axis))
    stream.flows[node.output[0]] = made.but(axis=axis + index_flow.axis)
    if made.delay < 0:
        places_of_lead = offsets[..., None] - low + step * np.arange(-made.delay)
        lead = np.take(stream.leads[frames], np.moveaxis(places_of_lead, -1, index_flow.axis), axis)
        stream.leads[node.output[0]] = lead


def _index_flow(stream: Stream, node: NodeProto) -> Flow:
    """Along which axis of constant places the frames lie, in a clip whose length the file fixes."""
    index = existing(stream.shapes.constant(node.input[1]))
    frames = stream.length(node.input[0])
    long = [axis for axis, size in enumerate(index.shape) if 5 * size * _step(index, axis) > 4 * frames]
    if stream.clip.dynamic or len(long) != 1:
        raise picked_frames(node, len([e for e in stream.consumers(node.input[0]) if e.op_type == "Gather"]))
    return Flow(long[0])


def _step(index: np.ndarray, axis: int) -> int:
    """By how much places grow along an axis; 0 where not by equal steps."""
    steps = np.unique(np.diff(index, axis=axis))
    return int(steps[0]) if steps.size == 1 and steps[0] > 0 else 0


def _affine(node: NodeProto, index: np.ndarray) -> tuple[np.ndarray, int]:
    """Offsets and the one step of indices [..., frames]."""
    offsets, steps = index[..., 0], np.unique(np.diff(index, axis=-1))
    if steps.size != 1 or steps[0] < 1:
        raise NotStreamable(
            node, "picks frames at places that are no window of equal steps", "pick frames by a slice or a convolution"
        )
    return offsets, int(steps[0])


def _piece(stream: Stream, frames: str, front: int, back: int, axis: int, step: int) -> str:
    if front == back == 0 and step == 1:
        return frames
    made = stream.writer.name(f"{frames}.piece")
    stream.writer.write(stream.writer.slice(frames, front, -back if back else TO_END, axis, made, step))
    return made


def _stack(stream: Stream, output: str, pieces: list[str], rank: int, axis: int) -> None:
    """Pieces side by side along a new axis, where the indices have two."""
    if rank == 1:
        stream.writer.node("Identity", pieces, output, exact=True)
        return
    where = stream.writer.constant([axis], "axes")
    wide = [stream.writer.node("Unsqueeze", [piece, where], f"{output}.piece") for piece in pieces]
    stream.writer.node("Concat", wide, output, exact=True, axis=axis)
