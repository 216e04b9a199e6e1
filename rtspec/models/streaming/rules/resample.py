"""More frames out than in: transposed convolution and resizing by whole factors."""

import numpy as np
from onnx import NodeProto

from ..clock import Flow
from ..refuse import NotStreamable, dense_over_time
from ..stream import Stream
from .interpolate import interpolated
from .registry import attribute, main_input, streams
from .windows import kernel_of

# Places at which a nearest-neighbour rule is compared with plain repetition or picking.
PROBED = 64


@streams("ConvTranspose")
def transposed_convolution(stream: Stream, node: NodeProto) -> None:
    """Frames whose last contribution has come are cut out of the uncropped result.

    Frame m of the uncropped output gets x[j] · w[m − step·j]: with x[j] known, all m < step·(j + 1) are complete.
    """
    name, flow, shape = main_input(stream, node)
    if flow.axis == 1:
        raise dense_over_time(node)
    if flow.axis == 0:
        stream.emit(node, [name, *node.input[1:]])
        stream.flows[node.output[0]] = flow.but(silent=False)
        return
    time = flow.axis - 2
    kernel = kernel_of(node, list(stream.shapes.shape(node.input[1])[2:]), shape[2:])
    _explicit_pads(stream, node, kernel, shape)
    step, span, before = kernel.strides[time], kernel.span(time), kernel.begins[time]
    extra = stream.shapes.shape(node.output[0])[flow.axis] - step * stream.length(name)
    if not flow.silent and (extra + before > 0 or (flow.delay > 0 and span)):
        name = stream.masked(name, 0.0)
        flow = stream.flows[name]
    kept = span // step
    frames, made = stream.window(name, kept, 1, (kept, 0), 0.0)
    padding = list(attribute(node, "output_padding", [0] * len(kernel.sizes)))
    padding[time] = max(step - span - 1, 0)
    raw = _raw_output(stream, node, frames, kernel.pads_but(time), padding)
    _cut_out(stream, raw, node.output[0], flow.axis, step * kept, max(span + 1 - step, 0))
    clock, delay = made.clock.repeated(step).longer(extra), step * made.delay + before
    stream.flows[node.output[0]] = Flow(flow.axis, clock, delay, finite=flow.finite)
    if raw in stream.leads and delay < 0:
        start = step * kept + before
        stream.leads[node.output[0]] = np.take(stream.leads[raw], range(start, start - delay), flow.axis)


@streams("Resize")
def resize(stream: Stream, node: NodeProto) -> None:
    """Repeat or pick frames by a whole factor; other axes as they are."""
    name, flow, before = main_input(stream, node)
    after = stream.shapes.shape(node.output[0])
    longer, shorter = after[flow.axis], before[flow.axis]
    if longer == shorter:
        return _resized(stream, node, name, flow, 1)
    if attribute(node, "mode", "nearest") == "linear" and longer % shorter == 0:
        return interpolated(stream, node, longer // shorter)
    if attribute(node, "mode", "nearest") != "nearest":
        raise NotStreamable(node, "interpolates between frames", 'use mode="nearest", or a transposed convolution')
    if longer % shorter == 0:
        times = longer // shorter
        _check_places(stream, node, [m // times for m in range(PROBED)], times)
        made = Flow(flow.axis, flow.clock.repeated(times), flow.delay * times, flow.silent, flow.finite)
        return _resized(stream, node, name, made, times)
    if shorter % longer == 0:
        return _picked(stream, node, name, shorter // longer)
    raise NotStreamable(node, f"changes the number of frames from {shorter} to {longer}", "use a whole factor")


def _resized(stream: Stream, node: NodeProto, name: str, flow: Flow, times: int) -> None:
    """The node with scales in place of sizes, which count frames."""
    before, after = stream.shapes.shape(node.input[0]), stream.shapes.shape(node.output[0])
    # Rounded up, so that floor(size · scale) is the size wanted.
    scales = np.nextafter(np.divide(after, before).astype(np.float32), np.float32(np.inf))
    scales = np.where(np.equal(before, after), np.float32(1), scales)
    constant = stream.optional(node, 2)
    if constant is not None and constant.size == len(before):
        scales = constant.astype(np.float32)
    scales[flow.axis] = times
    inputs = [name, stream.writer.no_region(), stream.writer.constant(scales, "scales")]
    stream.emit(node, inputs, axes=None, keep_aspect_ratio_policy=None)
    stream.flows[node.output[0]] = flow


def _picked(stream: Stream, node: NodeProto, name: str, step: int) -> None:
    """Every step-th frame; which one of each group is read off the node's own rule."""
    flow = stream.flows[name]
    before, after = stream.shapes.shape(node.input[0]), stream.shapes.shape(node.output[0])
    if any(b != a for axis, (b, a) in enumerate(zip(before, after, strict=True)) if axis != flow.axis):
        raise NotStreamable(node, "shrinks time and another axis at once", "resize one axis after the other")
    first = _places(node, 1 / step)[0]
    _check_places(stream, node, [first + step * m for m in range(PROBED)], 1 / step)
    frames, made = stream.window(name, 0, step, (-first, 0), 0.0)
    stream.writer.write(stream.writer.slice(frames, 0, 2**31 - 1, flow.axis, node.output[0], step))
    stream.flows[node.output[0]] = made.but(clock=flow.clock.strided(step, 0))


def _places(node: NodeProto, scale: float) -> list[int]:
    """Source frame of each of the first output frames, by the node's nearest-neighbour rule."""
    m = np.arange(PROBED)
    mode = attribute(node, "coordinate_transformation_mode", "half_pixel")
    exact = {"asymmetric": m / scale, "half_pixel": (m + 0.5) / scale - 0.5}
    exact["pytorch_half_pixel"] = exact["half_pixel_symmetric"] = exact["half_pixel"]
    if mode not in exact:
        return []
    places = exact[mode]
    rounding = attribute(node, "nearest_mode", "round_prefer_floor")
    rounded = {
        "floor": np.floor(places),
        "ceil": np.ceil(places),
        "round_prefer_floor": np.ceil(places - 0.5),
        "round_prefer_ceil": np.floor(places + 0.5),
    }[rounding]
    return np.maximum(rounded, 0).astype(int).tolist()


def _check_places(stream: Stream, node: NodeProto, wanted: list[int], scale: float) -> None:
    if _places(node, scale) != wanted:
        raise NotStreamable(
            node,
            "takes unequal numbers of copies of each frame",
            'use coordinate_transformation_mode="asymmetric" and nearest_mode="floor"',
        )


def _explicit_pads(stream: Stream, node: NodeProto, kernel, shape: tuple[int, ...]) -> None:
    """Replace automatic cropping by numbers, from the shape of the result."""
    if attribute(node, "auto_pad", "NOTSET") == "NOTSET" and attribute(node, "output_shape") is None:
        return
    result = stream.shapes.shape(node.output[0])[2:]
    padding = attribute(node, "output_padding", [0] * len(kernel.sizes))
    for axis, extent in enumerate(shape[2:]):
        full = kernel.strides[axis] * (extent - 1) + kernel.span(axis) + 1 + padding[axis]
        total = full - result[axis]
        small = total // 2
        upper = attribute(node, "auto_pad", "NOTSET") == "SAME_UPPER"
        kernel.begins[axis] = small if upper else total - small
        kernel.ends[axis] = total - kernel.begins[axis]


def _raw_output(stream: Stream, node: NodeProto, frames: str, pads: list[int], padding: list[int]) -> str:
    raw = stream.writer.name(f"{node.output[0]}.uncropped")
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.output[0] = raw
    options = {"auto_pad": None, "output_shape": None, "pads": pads, "output_padding": padding}
    stream.emit(copy, [frames, *(stream.static(n, node) if n else "" for n in node.input[1:])], **options)
    return raw


def _cut_out(stream: Stream, raw: str, output: str, axis: int, begin: int, end: int) -> None:
    """Leave out what belongs to earlier calls, and what later frames will still add to."""
    if begin == 0 and end == 0:
        stream.writer.node("Identity", [raw], output, exact=True)
        return
    stream.writer.write(stream.writer.slice(raw, begin, -end if end else 2**31 - 1, axis, output))
