"""Operators that move axes: time may change its place but not be mixed with others."""

import numpy as np
from onnx import NodeProto

from ..clock import Flow
from ..refuse import NotStreamable, merged_time
from ..stream import Stream
from .registry import attribute, axes_of, main_input, positive, streams


@streams("Transpose")
def transpose(stream: Stream, node: NodeProto) -> None:
    """Time goes where the permutation puts it."""
    flow = stream.flows[node.input[0]]
    rank = len(stream.shapes.shape(node.input[0]))
    order = list(attribute(node, "perm", range(rank)[::-1]))
    stream.emit(node)
    stream.flows[node.output[0]] = flow.but(axis=order.index(flow.axis))


@streams("Unsqueeze")
def unsqueeze(stream: Stream, node: NodeProto) -> None:
    """New axes before time push it back."""
    rank = len(stream.shapes.shape(node.output[0]))
    axes = attribute(node, "axes") or stream.constant(node, 1).tolist()
    new = {positive(axis, rank) for axis in axes}
    kept = [axis for axis in range(rank) if axis not in new]
    _move(stream, node, lambda axis: kept[axis])


@streams("Squeeze")
def squeeze(stream: Stream, node: NodeProto) -> None:
    """Dropped axes before time pull it forward."""
    shape = stream.shapes.shape(node.input[0])
    axes = axes_of(stream, node)
    gone = set(axes) if axes is not None else {axis for axis, size in enumerate(shape) if size == 1}
    kept = [axis for axis in range(len(shape)) if axis not in gone]
    _move(stream, node, kept.index)


@streams("Reshape", "Flatten")
def reshape(stream: Stream, node: NodeProto) -> None:
    """A reshape that keeps time apart becomes one with −1 for time and numbers for the rest."""
    name, flow, before = main_input(stream, node)
    after = stream.shapes.shape(node.output[0])
    if name in stream.folded and _unfolded(stream, node, after):
        return None
    place = _same_place(before, after, flow.axis)
    if place is not None:
        return _reshaped(stream, node, name, after, flow.but(axis=place))
    split, merged = _split_place(before, after, flow), _merged_place(before, after, flow.axis)
    if split is not None:
        return _split(stream, node, name, after, split)
    if merged is not None:
        times = after[merged] // before[flow.axis]
        delay, clock = flow.delay * times, flow.clock.repeated(times)
        return _reshaped(stream, node, name, after, flow.but(axis=merged, delay=delay, clock=clock))
    if _folds(before, after, flow.axis) and name not in stream.folded:
        return _fold(stream, node, after)
    raise merged_time(node)


def _folds(before: tuple[int, ...], after: tuple[int, ...], axis: int) -> bool:
    """[bins …, T, …] to [bins · T, …], as before a dense layer over the last axis."""
    front = int(np.prod(before[:axis]))
    return front > 1 and after[0] == front * before[axis] and np.prod(after[1:]) == np.prod(before[axis + 1 :])


def _fold(stream: Stream, node: NodeProto, after: tuple[int, ...]) -> None:
    """Rows of all bins for each frame, in the order of time: what works row by row does not see the difference."""
    name = stream.settled(node.input[0])
    flow, rank = stream.flows[name], len(stream.shapes.shape(name))
    bins = int(np.prod(stream.shapes.shape(name)[: flow.axis]))
    order = [flow.axis, *(axis for axis in range(rank) if axis != flow.axis)]
    turned = stream.writer.node("Transpose", [name], f"{node.output[0]}.by_frame", perm=order)
    target = stream.writer.constant([-1, *after[1:]], "shape")
    stream.writer.node("Reshape", [turned, target], node.output[0], exact=True)
    stream.flows[node.output[0]] = flow.but(axis=0, clock=flow.clock.repeated(bins), delay=flow.delay * bins)
    stream.folded[node.output[0]] = bins


def _unfolded(stream: Stream, node: NodeProto, after: tuple[int, ...]) -> bool:
    """Back to [bins …, T, …]; False where the rows stay together."""
    name = node.input[0]
    flow, bins = stream.flows[name], stream.folded[name]
    frames = stream.shapes.shape(name)[flow.axis] // bins
    fronts = [place for place, size in enumerate(after) if size == frames and np.prod(after[:place]) == bins]
    if flow.axis != 0 or not fronts or np.prod(after[fronts[0] + 1 :]) * bins * frames != np.prod(after):
        return False
    place = fronts[0]
    target = stream.writer.constant([-1, *after[:place], *after[place + 1 :]], "shape")
    apart = stream.writer.node("Reshape", [name, target], f"{node.output[0]}.by_frame")
    order = [*range(1, place + 1), 0, *range(place + 1, len(after))]
    stream.writer.node("Transpose", [apart], node.output[0], exact=True, perm=order)
    clock, delay = flow.clock.strided(bins, 0), flow.delay // bins
    stream.flows[node.output[0]] = flow.but(axis=place, clock=clock, delay=delay)
    return True


@streams("Expand")
def expand(stream: Stream, node: NodeProto) -> None:
    """Broadcast other axes; a one in the target leaves the number of frames as it is."""
    name, flow, before = main_input(stream, node)
    after = list(stream.shapes.shape(node.output[0]))
    axis = flow.axis + len(after) - len(before)
    target = [1 if i == axis else size for i, size in enumerate(after)]
    stream.emit(node, [name, stream.writer.constant(target, "shape")])
    stream.flows[node.output[0]] = flow.but(axis=axis)


@streams("Tile")
def tile(stream: Stream, node: NodeProto) -> None:
    """Repeat other axes; the whole clip cannot be repeated."""
    name, flow, _ = main_input(stream, node)
    repeats = stream.constant(node, 1)
    if int(repeats[flow.axis]) != 1:
        raise NotStreamable(node, "repeats the whole clip", "repeat other axes only")
    stream.emit(node, [name, stream.writer.constant(repeats.tolist(), "repeats")])
    stream.flows[node.output[0]] = flow


@streams("DepthToSpace", "SpaceToDepth")
def depth_to_space(stream: Stream, node: NodeProto) -> None:
    """Blocks over two image axes: possible where time is neither (as the batch)."""
    name, flow, _ = main_input(stream, node)
    if flow.axis != 0:
        raise merged_time(node)
    stream.emit(node, [name])
    stream.flows[node.output[0]] = flow


def expand_over_time(stream: Stream, node: NodeProto) -> bool:
    """Expand of a frameless run-time tensor (a latent, say) to one copy for each frame; False where it is not that."""
    target = stream.shapes.constant(node.input[1]) if len(node.input) > 1 else None
    if node.op_type != "Expand" or target is None or node.input[1] not in stream.shapes.varies:
        return False
    source = stream.flows[stream.source].clock
    axes = [axis for axis, size in enumerate(target) if size == source.length(stream.clip.n_frames)]
    if len(axes) != 1:
        return False
    shape = stream.frame_shape(np.asarray(target).tolist(), axes[0], source)
    stream.emit(node, [stream.static(node.input[0], node), shape])
    rank = len(stream.shapes.shape(node.output[0]))
    stream.flows[node.output[0]] = Flow(axes[0] + rank - len(target), source)
    return True


def _move(stream: Stream, node: NodeProto, place) -> None:
    flow = stream.flows[node.input[0]]
    stream.emit(node, [node.input[0], *(stream.static(name, node) for name in node.input[1:] if name)])
    stream.flows[node.output[0]] = flow.but(axis=place(flow.axis))


def _reshaped(stream: Stream, node: NodeProto, name: str, after: tuple[int, ...], flow: Flow) -> None:
    target = [-1 if axis == flow.axis else size for axis, size in enumerate(after)]
    made = stream.writer.constant(target, "shape")
    stream.writer.node("Reshape", [name, made], node.output[0], exact=True)
    if name in stream.leads:
        stream.leads[node.output[0]] = stream.leads[name].reshape(target)
    stream.flows[node.output[0]] = flow


def _split(stream: Stream, node: NodeProto, name: str, after: tuple[int, ...], place: int) -> None:
    """[… T …] to [… T/n, n …]: frames of one group leave together, so the delay must be whole groups."""
    group = stream.shapes.shape(name)[stream.flows[name].axis] // after[place]
    name = stream.delayed(name, -(-stream.flows[name].delay // group) * group)
    flow = stream.flows[name]
    clock = flow.clock.strided(group, 0)
    _reshaped(stream, node, name, after, flow.but(axis=place, delay=flow.delay // group, clock=clock))


def _same_place(before: tuple[int, ...], after: tuple[int, ...], axis: int) -> int | None:
    """Axis after a reshape that has all that was before time before it, and all that was behind it behind."""
    front, back = np.prod(before[:axis]), np.prod(before[axis + 1 :])
    for place, size in enumerate(after):
        if size == before[axis] and np.prod(after[:place]) == front and np.prod(after[place + 1 :]) == back:
            return place
    return None


def _split_place(before: tuple[int, ...], after: tuple[int, ...], flow: Flow) -> int | None:
    """Axis of [… T·n, m …] reshaped to [… T, n·m …], the latter in any parts."""
    front, frames = np.prod(before[: flow.axis]), before[flow.axis]
    for place in range(len(after) - 1):
        group = frames // max(after[place], 1)
        if np.prod(after[:place]) == front and after[place] * group == frames and 1 < group < frames // 2:
            return place
    return None


def _merged_place(before: tuple[int, ...], after: tuple[int, ...], axis: int) -> int | None:
    """Axis of [… T, n·m …] reshaped to [… T·n, m …]."""
    front = np.prod(before[:axis])
    for place, size in enumerate(after):
        if np.prod(after[:place]) == front and size > before[axis] and size % before[axis] == 0:
            return place
    return None
