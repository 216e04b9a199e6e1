"""Operators with memory: recurrent layers and cumulative sums carry their state from call to call."""

from dataclasses import replace

import numpy as np
from onnx import NodeProto, TensorProto, helper

from ..clock import Flow
from ..graph import TO_END
from ..refuse import NotStreamable, runs_backwards
from ..stream import Folded, Stream
from .registry import attribute, main_input, positive, streams

SEQUENCE_LENGTHS = 4


@streams("LSTM", "GRU", "RNN")
def recurrent(stream: Stream, node: NodeProto) -> None:
    """Start from the state of the last call; frames before the clip are passed by, so that they leave no trace."""
    _refuse_recurrent(stream, node)
    name = node.input[0]
    flow = stream.flows[name]
    if flow.axis == 1:
        return _over_another_axis(stream, node, name)
    if name in stream.folded:
        raise Folded
    if flow.axis != 0:
        raise NotStreamable(node, "sums over time in its input", "put time on the first axis")
    last = [output for output in node.output[1:] if output and (stream.consumers(output) or stream.is_output(output))]
    if last:
        raise NotStreamable(
            node, f'gives its last state "{last[0]}", known only at the end', "use its sequence of outputs"
        )
    name = stream.delayed(name, max(flow.delay, -flow.clock.extra))
    flow = stream.flows[name]
    inputs = [name, *(stream.static(other, node) if other else "" for other in node.input[1:5])]
    inputs += [""] * (7 - len(inputs))
    if flow.delay <= 0:
        _carry_on(stream, node, inputs, node.output[0])
    else:
        _carry_on_from_first_frame(stream, node, inputs, flow)
    stream.flows[node.output[0]] = Flow(0, flow.clock, flow.delay)
    return None


@streams("CumSum")
def cumulative_sum(stream: Stream, node: NodeProto) -> None:
    """The sum so far stands in front of the frames of a call; it is kept in double precision: clips may last days."""
    name, flow, shape = main_input(stream, node)
    if positive(int(stream.constant(node, 1).reshape(-1)[0]), len(shape)) != flow.axis:
        stream.emit(node, [name, stream.static(node.input[1], node)])
        stream.flows[node.output[0]] = flow
        return
    if attribute(node, "reverse", 0):
        raise runs_backwards(node)
    if name in stream.folded:
        raise Folded
    if flow.delay > 0 and not flow.silent:
        name = stream.masked(name, 0.0)
        flow = stream.flows[name]
    _running_sum(stream, node, name, flow)
    exclusive = attribute(node, "exclusive", 0)  # the inclusive sum, a frame later
    flow = flow.but(silent=False, delay=flow.delay - exclusive)
    if flow.delay < 0:
        empty = np.zeros(stream.shape_of(name, 0), helper.tensor_dtype_to_np_dtype(stream.shapes.element_type(name)))
        sums = np.cumsum(stream.leads.get(name, empty), flow.axis, dtype=empty.dtype)
        first = np.zeros(stream.shape_of(name, exclusive), empty.dtype)
        stream.leads[node.output[0]] = np.concatenate([first, sums], flow.axis)
    stream.flows[node.output[0]] = flow


def _running_sum(stream: Stream, node: NodeProto, name: str, flow: Flow) -> None:
    writer, output, element = stream.writer, node.output[0], stream.shapes.element_type(node.input[0])
    wide = TensorProto.DOUBLE if element in (TensorProto.FLOAT, TensorProto.FLOAT16) else element
    state = writer.state(*_sum_before(stream, name, flow, wide))
    frames = name if wide == element else writer.node("Cast", [name], f"{output}.double", to=wide)
    joined = writer.node("Concat", [state.input, frames], f"{output}.joined", axis=flow.axis)
    sums = writer.node("CumSum", [joined, stream.static(node.input[1], node)], f"{output}.sums")
    writer.write(writer.slice(sums, -1, TO_END, flow.axis, state.output))
    made = output if wide == element else writer.name(f"{output}.exact")
    writer.write(writer.slice(sums, 1, TO_END, flow.axis, made))
    if made != output:
        writer.node("Cast", [made], output, exact=True, to=element)


def _sum_before(stream: Stream, name: str, flow: Flow, wide: int) -> tuple[tuple[int, ...], int, float | np.ndarray]:
    """Shape, type and value of the sum of all frames before the stream's first."""
    shape = stream.shape_of(name, 1)
    lead = stream.leads.get(name)
    if lead is None:
        return shape, wide, 0.0
    return shape, wide, lead.sum(flow.axis, helper.tensor_dtype_to_np_dtype(wide), keepdims=True)


def _refuse_recurrent(stream: Stream, node: NodeProto) -> None:
    if attribute(node, "layout", 0):
        raise NotStreamable(node, "has its batch first (layout=1)", "export it with time first (layout=0)")
    if stream.flows.get(node.input[0]) is None or any(name in stream.flows for name in node.input[1:5]):
        raise NotStreamable(node, "has parameters that change with time", "use constant weights")
    if len(node.input) > SEQUENCE_LENGTHS and node.input[SEQUENCE_LENGTHS]:
        raise NotStreamable(node, "is given the lengths of sequences", "export it without sequence_lens")
    if stream.flows[node.input[0]].axis == 0 and attribute(node, "direction", "forward") != "forward":
        raise runs_backwards(node)


def _initial(stream: Stream, node: NodeProto, index: int) -> np.ndarray:
    """Offline initial state, zeros where there is none."""
    hidden, batch = attribute(node, "hidden_size"), stream.shapes.shape(node.input[0])[1]
    value = stream.optional(node, index)
    dtype = helper.tensor_dtype_to_np_dtype(stream.shapes.element_type(node.input[0]))
    return np.zeros((1, batch, hidden), dtype) if value is None else np.asarray(value)


def _after_lead(stream: Stream, node: NodeProto, inputs: list[str]) -> list[np.ndarray]:
    """States behind the frames that lie before the stream's first; empty where there are none."""
    if inputs[0] not in stream.leads:
        return []
    whole = NodeProto()
    whole.CopyFrom(node)
    whole.ClearField("output")
    whole.output.extend(
        [node.output[0], *(f"{node.output[0]}.{part}" for part in "hc"[: 1 + (node.op_type == "LSTM")])]
    )
    made = stream.made_of_leads(whole, {node.input[0]: stream.leads[inputs[0]]})
    stream.leads[node.output[0]] = made[node.output[0]]
    return [made[name] for name in whole.output[1:]]


def _states(stream: Stream, node: NodeProto, inputs: list[str]) -> list:
    """Declare the carried states (h, and c of an LSTM)."""
    states = []
    indices = (5, 6) if node.op_type == "LSTM" else (5,)
    values = _after_lead(stream, node, inputs) or [_initial(stream, node, index) for index in indices]
    for index, value in zip(indices, values, strict=True):
        uniform = float(value.flat[0]) if np.all(value == value.flat[0]) else value
        states.append(stream.writer.state(value.shape, stream.shapes.element_type(node.input[0]), uniform))
        inputs[index] = states[-1].input
    return states


def _carry_on(stream: Stream, node: NodeProto, inputs: list[str], output: str) -> None:
    states = _states(stream, node, inputs)
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.ClearField("output")
    copy.output.extend([output, *(state.output for state in states)])
    del copy.input[:]
    copy.input.extend(_trimmed(inputs))
    stream.writer.write(copy)


def _carry_on_from_first_frame(stream: Stream, node: NodeProto, inputs: list[str], flow: Flow) -> None:
    """Skip the leading frames that lie before the clip: rotate them to the end and give the number of the others."""
    writer = stream.writer
    skip = _frames_to_skip(stream, flow)
    n_frames, batch = stream.frames_now(flow.clock), stream.shapes.shape(node.input[0])[1]
    real = writer.node("Sub", [n_frames, skip], f"{node.output[0]}.real")
    inputs[0] = _rotated(stream, inputs[0], skip, f"{node.output[0]}.rotated")
    lengths = writer.node("Expand", [real, writer.constant([batch], "shape")], f"{node.output[0]}.lengths")
    inputs[SEQUENCE_LENGTHS] = writer.node("Cast", [lengths], f"{node.output[0]}.lengths", to=TensorProto.INT32)
    states = _states(stream, node, inputs)
    made = [writer.name(f"{node.output[0]}.{part}") for part in ("frames", "h", "c")[: 1 + len(states)]]
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.ClearField("output")
    copy.output.extend(made)
    stream.emit(copy, _trimmed(inputs))
    any_real = writer.node("Greater", [real, writer.constant([0], "index")], f"{node.output[0]}.any")
    for state, new in zip(states, made[1:], strict=True):
        writer.node("Where", [any_real, new, state.input], state.output, exact=True)
    writer.node("Identity", [_rotated(stream, made[0], real, f"{node.output[0]}.back")], node.output[0], exact=True)


def _frames_to_skip(stream: Stream, flow: Flow) -> str:
    """[1] int64: frames of this call before the first of the clip; once one was real, none.

    The mask is 0 … 0 1 … 1 at the start and 1 … 1 0 … 0 at the end; frames after the end change nothing that is kept.
    """
    # Where the end is cropped further than the stream is late, nobody knows yet where it lies; nothing here asks.
    clock = replace(flow.clock, extra=max(flow.clock.extra, -flow.delay))
    mask = stream.validity.mask(clock, flow.delay, 1, 0)
    writer = stream.writer
    started = writer.state((1,), TensorProto.FLOAT, 0.0)
    key = writer.constant([0], "index")
    so_far = writer.node("Concat", [started.input, mask], "stream.so_far", axis=0)
    highest = writer.node("CumSum", [so_far, writer.constant(np.array(0), "index")], "stream.count")
    clipped = writer.node("Min", [highest, writer.constant(np.ones(1, np.float32), "one")], "stream.started")
    writer.write(writer.slice(clipped, -1, 2**31 - 1, 0, started.output))
    within = writer.name("stream.within")
    writer.write(writer.slice(clipped, 1, 2**31 - 1, 0, within))
    not_yet = writer.node("Sub", [writer.constant(np.ones(1, np.float32), "one"), within], "stream.not_yet")
    count = writer.node("ReduceSum", [not_yet, key], "stream.skip", keepdims=1)
    return writer.node("Cast", [count], "stream.skip", to=TensorProto.INT64)


def _rotated(stream: Stream, tensor: str, places: str, hint: str) -> str:
    """The tensor with its first `places` frames moved to the end."""
    writer = stream.writer
    zero, end, axis = (writer.constant([value], "index") for value in (0, 2**31 - 1, 0))
    rest = writer.node("Slice", [tensor, places, end, axis], hint)
    first = writer.node("Slice", [tensor, zero, places, axis], hint)
    return writer.node("Concat", [rest, first], hint, axis=0)


def _over_another_axis(stream: Stream, node: NodeProto, name: str) -> None:
    """A layer that runs over bins, with frames as its batch."""
    inputs = [name, *(stream.static(other, node) if other else "" for other in node.input[1:5])]
    flow = stream.flows[name]
    for other in node.input[5:]:
        value = stream.shapes.constant(other) if other else np.zeros(1)
        if value is None and stream.shapes.uniform(other) == 0:  # one for each frame: too many to be held
            value = np.zeros(1)
        if value is None:
            raise NotStreamable(node, f'computes its initial state "{other}" at run time', "start it from zeros")
        inputs.append(stream.as_frames(other, flow.but(axis=1), node) if np.any(value) else "")
    stream.emit(node, _trimmed(inputs))
    for output, axis in zip(node.output, (2, 1, 1), strict=False):
        if output:
            stream.flows[output] = flow.but(axis=axis, silent=False)


def _trimmed(inputs: list[str]) -> list[str]:
    while inputs and not inputs[-1]:
        inputs = inputs[:-1]
    return inputs
