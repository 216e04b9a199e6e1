"""Convolution and pooling along time: a window over the frames so far."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto

from ..refuse import NotStreamable, dense_over_time, pooled_over_time
from ..stream import Stream
from .pick import trailing_crop
from .registry import attribute, streams

# Stands for "less than anything": below all that a spectrogram network computes, yet an honest number in a manifest.
LOWEST = -1e12


@dataclass
class Kernel:
    """A node's window on every spatial axis."""

    sizes: list[int]
    strides: list[int]
    dilations: list[int]
    begins: list[int]
    ends: list[int]

    def span(self, axis: int) -> int:
        """Distance between the first and the last tap."""
        return (self.sizes[axis] - 1) * self.dilations[axis]

    def pads_but(self, axis: int) -> list[int]:
        """Padding attribute without any along one axis."""
        pads = [*self.begins, *self.ends]
        pads[axis] = pads[axis + len(self.begins)] = 0
        return pads


def kernel_of(node: NodeProto, sizes: list[int], spatial: tuple[int, ...]) -> Kernel:
    """Read a window's attributes; `spatial` is the extent of the input, which automatic padding depends on."""
    n = len(spatial)
    strides, dilations = list(attribute(node, "strides", [1] * n)), list(attribute(node, "dilations", [1] * n))
    pads = list(attribute(node, "pads", [0] * 2 * n))
    kernel = Kernel(sizes, strides, dilations, pads[:n], pads[n:])
    mode = attribute(node, "auto_pad", "NOTSET")
    if mode.startswith("SAME"):
        totals = [_same_padding(kernel, axis, extent) for axis, extent in enumerate(spatial)]
        small, large = [total // 2 for total in totals], [total - total // 2 for total in totals]
        kernel.begins, kernel.ends = (small, large) if mode == "SAME_UPPER" else (large, small)
    elif mode == "VALID":
        kernel.begins, kernel.ends = [0] * n, [0] * n
    return kernel


@streams("Conv", "ConvInteger", "QLinearConv")
def convolution(stream: Stream, node: NodeProto) -> None:
    """Past frames in front of the new ones, no padding along time."""
    if node.op_type != "Conv":
        raise NotStreamable(node, "is an integer convolution", "export the quantised model in QDQ form")
    shape = stream.shapes.shape(node.input[0])
    axis = stream.flows[node.input[0]].axis
    if any(name in stream.flows for name in node.input[1:]):
        raise NotStreamable(node, "has a kernel that changes with time", "use constant weights")
    if axis < 2:
        return _beside_time(stream, node, axis)
    sizes = list(stream.shapes.shape(node.input[1])[2:])
    kernel = kernel_of(node, sizes, shape[2:])
    unused = trailing_crop(stream, node.output[0], axis)
    node = _with_less_look_ahead(stream, node, kernel, axis - 2)
    if axis == 3 and kernel.span(1) and _may_turn(stream, node):
        _time_first(stream, node, kernel, unused)
    else:
        _windowed(stream, node, kernel, axis - 2, 0.0, unused)
    silent = len(node.input) < 3 or not node.input[2]
    flow = stream.flows[node.output[0]]
    stream.flows[node.output[0]] = flow.but(silent=flow.silent and silent)
    return None


@streams("MaxPool", "LpPool", "AveragePool")
def pooling(stream: Stream, node: NodeProto) -> None:
    """The window of a pool; an average that leaves padding out is divided by the number of real frames."""
    shape = stream.shapes.shape(node.input[0])
    axis = stream.flows[node.input[0]].axis
    if axis < 2:
        return _beside_time(stream, node, axis)
    if len(node.output) > 1 and node.output[1]:
        raise NotStreamable(node, "gives the places of its maxima in the clip", "export without indices")
    kernel = kernel_of(node, list(attribute(node, "kernel_shape")), shape[2:])
    _last_window(stream, node, kernel, axis - 2)
    if kernel.sizes[axis - 2] >= stream.length(node.input[0]):
        raise pooled_over_time(node)
    padded = kernel.begins[axis - 2] + kernel.ends[axis - 2] > 0
    if node.op_type == "AveragePool" and padded and not attribute(node, "count_include_pad", 0):
        return _average_of_real_frames(stream, node, kernel, axis - 2)
    unused = trailing_crop(stream, node.output[0], axis)
    node = _with_less_look_ahead(stream, node, kernel, axis - 2)
    _windowed(stream, node, kernel, axis - 2, LOWEST if node.op_type == "MaxPool" else 0.0, unused)
    # The greatest of nothing is the lowest number, from which arithmetic makes infinities.
    made = stream.flows[node.output[0]]
    stream.flows[node.output[0]] = made.but(finite=made.finite and node.op_type != "MaxPool")
    return None


def _windowed(
    stream: Stream, node: NodeProto, kernel: Kernel, time: int, fill: float, unused: int, **attributes: Any
) -> None:
    """Write a windowed node that sees its past; nobody reads its last `unused` frames."""
    pads, step = (kernel.begins[time], kernel.ends[time]), kernel.strides[time]
    exact = bool(attribute(node, "ceil_mode", 0))
    frames, flow = stream.window(node.input[0], kernel.span(time), step, pads, fill, unused, exact)
    others = [stream.static(name, node) if name else "" for name in node.input[1:]]
    attributes |= {"kernel_shape": kernel.sizes, "auto_pad": None, "pads": kernel.pads_but(time)}
    stream.emit(node, [frames, *others], **attributes)
    stream.flows[node.output[0]] = flow


def _may_turn(stream: Stream, node: NodeProto) -> bool:
    """Whether two spatial axes may be exchanged: not where quantisers must stay in front of the convolution."""
    return stream.shapes.constant(node.input[1]) is not None and not (
        node.input[0] in stream.dequantised or node.input[0] in stream.edges
    )


def _time_first(stream: Stream, node: NodeProto, kernel: Kernel, unused: int) -> None:
    """A convolution over [bins, frames] as one over [frames, bins].

    With a few frames a call, rows of all bins are computed twice as fast as columns of few frames, and the history is
    joined in long pieces. Runtimes cancel transposes between convolutions; for one frame they move no number anyway.
    """
    weight = np.ascontiguousarray(np.swapaxes(stream.constant(node, 1), 2, 3))
    turned = NodeProto()
    turned.CopyFrom(node)
    turned.input[0] = _turned(stream, node.input[0])
    turned.input[1] = stream.weight(weight, "turned")
    turned.output[0] = _declared_turned(stream, node.output[0])
    options = {"strides": kernel.strides[::-1], "dilations": kernel.dilations[::-1]}
    swapped = Kernel(*(values[::-1] for values in vars(kernel).values()))
    _windowed(stream, turned, swapped, 0, 0.0, unused, **options)
    stream.writer.node("Transpose", [turned.output[0]], node.output[0], exact=True, perm=[0, 1, 3, 2])
    if turned.output[0] in stream.leads:
        stream.leads[node.output[0]] = np.swapaxes(stream.leads[turned.output[0]], 2, 3)
    stream.flows[node.output[0]] = stream.flows[turned.output[0]].but(axis=3)


def _turned(stream: Stream, name: str) -> str:
    """A tensor [batch, channels, bins, frames] with frames before bins; a turned convolution has made its own."""
    key = f"{name}.turned"
    if key not in stream.flows:
        stream.writer.node("Transpose", [name], _declared_turned(stream, name), exact=True, perm=[0, 1, 3, 2])
        stream.flows[key] = stream.flows[name].but(axis=2)
        if name in stream.leads:
            stream.leads[key] = np.swapaxes(stream.leads[name], 2, 3)
    return key


def _declared_turned(stream: Stream, name: str) -> str:
    batch, channels, bins, frames = stream.shapes.shape(name)
    stream.shapes.declare(f"{name}.turned", stream.shapes.element_type(name), [batch, channels, frames, bins])
    return f"{name}.turned"


def _average_of_real_frames(stream: Stream, node: NodeProto, kernel: Kernel, time: int) -> None:
    """Average with zeros, divided by the average of the mask: the share of the window that lies inside the clip."""
    name, output = stream.settled(node.input[0]), node.output[0]
    flow = stream.flows[name]
    clean = stream.masked(name, 0.0)
    flow = stream.flows[clean]
    rank = len(stream.shapes.shape(name))
    mask = stream.validity.mask(flow.clock, flow.delay, rank, flow.axis)
    stream.flows[mask] = flow.but(silent=True)
    stream.shapes.declare(mask, TensorProto.FLOAT, [1] * rank)
    pads, step = (kernel.begins[time], kernel.ends[time]), kernel.strides[time]
    exact = bool(attribute(node, "ceil_mode", 0))
    frames, made = stream.window(clean, kernel.span(time), step, pads, 0.0, exact=exact)
    real, _ = stream.window(mask, kernel.span(time), step, pads, 0.0, exact=exact)
    total, share = (stream.writer.name(f"{output}.{part}") for part in ("total", "share"))
    _emit_as(stream, node, [frames], total, auto_pad=None, pads=kernel.pads_but(time))
    flat = [size if i == time else 1 for i, size in enumerate(kernel.sizes)]
    strides = [step if i == time else 1 for i in range(len(flat))]
    _emit_as(stream, node, [real], share, auto_pad=None, pads=None, ceil_mode=0, kernel_shape=flat, strides=strides)
    least = stream.writer.constant(np.array([0.5 / kernel.sizes[time]], np.float32), "least")
    floored = stream.writer.node("Max", [share, least], share)
    stream.writer.node("Div", [total, floored], output, exact=True)
    stream.flows[output] = made


def _emit_as(stream: Stream, node: NodeProto, inputs: list[str], output: str, **attributes) -> None:
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.output[0], copy.name = output, f"stream/{output}"
    stream.emit(copy, inputs, **attributes)


def _with_less_look_ahead(stream: Stream, node: NodeProto, kernel: Kernel, time: int) -> NodeProto:
    """Lower the delay of a node's output to what the budget allows: drop future taps, or shift the kernel."""
    excess = _excess(stream, node, kernel, time)
    if excess <= 0:
        return node
    if stream.budget.method == "shift" or node.op_type != "Conv":
        kernel.begins[time] += excess
        kernel.ends[time] -= excess
        return node
    dilation = kernel.dilations[time]
    after = kernel.ends[time] + stream.flows[node.input[0]].tail
    taps = min(-(-excess // dilation), after // dilation, kernel.sizes[time] - 1)
    kernel.sizes[time] -= taps
    kernel.ends[time] -= taps * dilation
    kept = np.take(stream.constant(node, 1), range(kernel.sizes[time]), axis=2 + time)
    shorter = NodeProto()
    shorter.CopyFrom(node)
    shorter.input[1] = stream.weight(np.ascontiguousarray(kept), "truncated")
    return shorter


def _excess(stream: Stream, node: NodeProto, kernel: Kernel, time: int) -> int:
    """Frames of look-ahead that must go: at most what this kernel has, and what padding after the end covers."""
    flow = stream.flows[node.input[0]]
    ahead = kernel.span(time) - kernel.begins[time] + min(flow.delay, 0)
    allowed = stream.budget.delays.get(node.output[0])
    step = kernel.strides[time]
    over = 0 if allowed is None else max(flow.delay, 0) + ahead - step + 1 - step * allowed
    return min(over, ahead, kernel.ends[time] + flow.tail)


def _beside_time(stream: Stream, node: NodeProto, axis: int) -> None:
    """A window over other axes: time as the batch is left alone, time as channels cannot be."""
    if axis == 1:
        raise dense_over_time(node)
    name = node.input[0]
    flow = stream.flows[name]
    stream.emit(node, [name, *(stream.static(other, node) if other else "" for other in node.input[1:])])
    silent = flow.silent and node.op_type != "Conv"
    stream.flows[node.output[0]] = flow.but(silent=silent)


def _same_padding(kernel: Kernel, axis: int, extent: int) -> int:
    outputs = -(-extent // kernel.strides[axis])
    return max((outputs - 1) * kernel.strides[axis] + kernel.span(axis) + 1 - extent, 0)


def _last_window(stream: Stream, node: NodeProto, kernel: Kernel, time: int) -> None:
    """Room behind the clip for a last window that is only partly filled, where frames are rounded up."""
    step = kernel.strides[time]
    if not attribute(node, "ceil_mode", 0) or step == 1:
        return
    if kernel.ends[time] or kernel.span(time) + 1 < step or attribute(node, "count_include_pad", 0):
        rest = stream.length(node.input[0]) + kernel.begins[time] + kernel.ends[time] - kernel.span(time) - 1
        if rest % step == 0 and not stream.clip.dynamic:
            return
        raise NotStreamable(
            node,
            "rounds its number of frames up (ceil_mode) while it pads the end",
            "export it with ceil_mode=False, or without padding at the end",
        )
    kernel.ends[time] += step - 1
