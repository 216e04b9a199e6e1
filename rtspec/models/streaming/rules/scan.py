"""Scan over time is a step for each frame: its states go on from call to call."""

from dataclasses import replace

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from ..clock import Flow
from ..refuse import NotStreamable
from ..stream import Stream
from .registry import attribute, positive, streams


@streams("Scan")
def scan(stream: Stream, node: NodeProto) -> None:
    """The loop itself over the frames of a call; frames before the clip leave its states as they are."""
    n_states = len(node.input) - attribute(node, "num_scan_inputs")
    _refuse_scan(stream, node, n_states)
    names, flow = stream.aligned([stream.settled(name) for name in node.input[n_states:]], node)
    body = _with_constants(stream, node, attribute(node, "body"))
    states = [_state(stream, node, name) for name in node.input[:n_states]]
    if flow.delay > 0:
        clock = replace(flow.clock, extra=max(flow.clock.extra, -flow.delay))
        names = [*names, stream.validity.mask(clock, flow.delay, 1, 0)]
        _keep_before_the_clip(body, n_states)
    inputs = [*(state.input for state in states), *names]
    outputs = [*(state.output for state in states), *node.output[n_states:]]
    axes = [*attribute(node, "scan_input_axes", [0] * (len(node.input) - n_states)), 0][: len(names)]
    more = {"scan_output_axes": attribute(node, "scan_output_axes", [0] * (len(outputs) - n_states))}
    stream.writer.write(
        helper.make_node(
            "Scan", inputs, outputs, node.name, body=body, num_scan_inputs=len(names), scan_input_axes=axes, **more
        )
    )
    for name, axis in zip(node.output[n_states:], more["scan_output_axes"], strict=True):
        rank = len(stream.shapes.shape(name))
        stream.flows[name] = Flow(positive(axis, rank), flow.clock, flow.delay)


def _refuse_scan(stream: Stream, node: NodeProto, n_states: int) -> None:
    if any([*attribute(node, "scan_input_directions", []), *attribute(node, "scan_output_directions", [])]):
        raise NotStreamable(node, "runs backwards from the end of the clip (a scan in reverse)", "scan forward")
    for name, axis in zip(
        node.input[n_states:], attribute(node, "scan_input_axes", [0] * len(node.input)), strict=False
    ):
        flow = stream.flows.get(name)
        if flow is None or flow.axis != positive(axis, len(stream.shapes.shape(name))):
            raise NotStreamable(node, f'loops over another axis of "{name}" than time', "write that loop as a layer")
    for name in node.output[:n_states]:
        if name and (stream.consumers(name) or stream.is_output(name)):
            raise NotStreamable(
                node, f'gives its last state "{name}", which is known only at the end', "use its sequence of outputs"
            )


def _state(stream: Stream, node: NodeProto, name: str):
    value = None if name in stream.flows else stream.shapes.constant(name)
    if value is None or name in stream.shapes.varies:
        raise NotStreamable(node, f'computes its initial state "{name}" at run time', "start it from a constant")
    same = value.size and np.all(value == value.flat[0])
    return stream.writer.state(value.shape, stream.shapes.element_type(name), float(value.flat[0]) if same else value)


def _with_constants(stream: Stream, node: NodeProto, body: GraphProto) -> GraphProto:
    """The body with constants of the outer graph as its own."""
    own = GraphProto()
    own.CopyFrom(body)
    known = {value.name for value in own.input} | {tensor.name for tensor in own.initializer}
    for inner in own.node:
        if any(a.HasField("g") for a in inner.attribute):
            raise NotStreamable(
                node, "has loops or branches inside its loop", "write the inner ones without control flow"
            )
        for name in [name for name in inner.input if name and name not in known]:
            value = None if name in stream.flows else stream.shapes.constant(name)
            if value is None or name in stream.shapes.varies:
                raise NotStreamable(node, f'reads "{name}" from outside of its loop', "make it an input of the scan")
            own.initializer.append(numpy_helper.from_array(value, name))
            known.add(name)
        known.update(inner.output)
    return own


def _keep_before_the_clip(body: GraphProto, n_states: int) -> None:
    """One input more, 1 in frames of the clip: elsewhere each state stays what it was."""
    body.input.append(helper.make_tensor_value_info("stream.real", TensorProto.FLOAT, []))
    body.node.append(helper.make_node("Cast", ["stream.real"], ["stream.is_real"], to=TensorProto.BOOL))
    for i in range(n_states):
        kept = f"stream.kept.{i}"
        body.node.append(helper.make_node("Where", ["stream.is_real", body.output[i].name, body.input[i].name], [kept]))
        body.output[i].name = kept
