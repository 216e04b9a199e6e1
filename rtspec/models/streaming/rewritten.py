"""The result of a walk as a model: the nodes that outputs depend on, their states, and the manifest."""

import json
from fractions import Fraction
from math import ceil, lcm
from typing import Any

import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from .clock import Flow
from .graph import State
from .load import Inputs
from .run import METADATA_KEY
from .stream import Stream

VERSION = 1


class Rewritten:
    """The result of one walk: what was learnt of each tensor, and the model that it makes.

    Attributes
    ----------
    delay : Fraction
        Delay of the outputs in input frames.
    stream : Stream
        Facts of every tensor.
    outputs : dict of str to str
        Tensor of the walk behind each output.
    """

    def __init__(self, offline: ModelProto, inputs: Inputs, stream: Stream, outputs: dict[str, str], delay: Fraction):
        self._offline, self._inputs, self.stream, self.outputs = offline, inputs, stream, outputs
        self.delay = delay
        names = {made: name for name, made in outputs.items() if made != name}
        names |= {name: stream.writer.name(f"{name}.offline") for name in names.values()}
        self._nodes, self._states = _alive(
            _renamed(stream.writer.finished(), names), list(outputs), stream.writer.states
        )
        self._valid = stream.validity.name
        self._reads_valid = any(self._valid in node.input for node in self._nodes)

    def model(self, inexact: dict[str, Any] | None = None) -> ModelProto:
        """The streaming model with its manifest in `metadata_props`."""
        graph = self._graph()
        made = ModelProto()
        made.CopyFrom(self._offline)
        made.ClearField("functions")
        made.graph.CopyFrom(graph)
        kept = {entry.key: entry.value for entry in self._offline.metadata_props if entry.key != METADATA_KEY}
        made.ClearField("metadata_props")
        helper.set_model_props(made, kept | {METADATA_KEY: json.dumps(self.manifest(inexact))})
        return made

    def manifest(self, inexact: dict[str, Any] | None = None) -> dict[str, Any]:
        """Everything that a runtime must know: see `make_streaming`."""
        outputs = {name: self.stream.flows[made] for name, made in self.outputs.items()}
        main = next(iter(outputs.values()))
        return {
            "version": VERSION,
            "time_axes": self._inputs.time_axes | {name: flow.axis for name, flow in outputs.items()},
            "states": [state.manifest() for state in self._states],
            "delay_frames": main.delay,
            "flush_frames": max(_flush(flow, self.period()) for flow in outputs.values()),
            "rate": {"in": main.clock.rate.denominator, "out": main.clock.rate.numerator},
            "period": self.period(),
            "outputs": {name: _output_entry(flow) for name, flow in outputs.items()},
            "valid_input": self._valid if self._reads_valid else None,
            "inexact": self._bounded() | (inexact or {}) or None,
            "clip_frames": None if self._inputs.dynamic else self._inputs.n_frames,
        }

    def _bounded(self) -> dict[str, Any]:
        """Beyond which clips an attention was cut."""
        bounded = self.stream.bounded
        return {"method": "attention bound", "attention_frames": min(bounded)} if bounded else {}

    def period(self) -> int:
        """Every call takes a multiple of so many frames."""
        return lcm(*(flow.clock.down for flow in self.stream.flows.values()))

    def reach(self) -> int:
        """Frames of the past and of look-ahead that the longest history and the flush hold."""
        kept = [state.shape[state.axis] for state in self._states if state.axis is not None]
        rates = [flow.clock.rate for flow in self.stream.flows.values()]
        return ceil(max(kept, default=0) / min(rates)) + max(
            _flush(self.stream.flows[m], 1) for m in self.outputs.values()
        )

    def _graph(self) -> onnx.GraphProto:
        nodes, writer = self._nodes, self.stream.writer
        states = [state.value_infos() for state in self._states]
        outputs = [self._output_info(name) for name in self.outputs] + [output for _, output in states]
        used = {name for node in nodes for name in node.input}
        weights = [t for t in [*self._offline.graph.initializer, *writer.initializers] if t.name in used]
        inputs = [self._input_info(name) for name in self._inputs.shapes]
        if self._reads_valid:
            inputs.append(helper.make_tensor_value_info(self._valid, TensorProto.FLOAT, ["frames"]))
        inputs += [state for state, _ in states]
        return helper.make_graph(nodes, self._offline.graph.name or "stream", inputs, outputs, weights)

    def _input_info(self, name: str) -> ValueInfoProto:
        shape: list[int | str] = list(self._inputs.shapes[name])
        if name in self._inputs.time_axes:
            shape[self._inputs.time_axes[name]] = "frames"
        return helper.make_tensor_value_info(name, self.stream.shapes.element_type(name), shape)

    def _output_info(self, name: str) -> ValueInfoProto:
        flow = self.stream.flows[self.outputs[name]]
        shape: list[int | str] = list(self.stream.shapes.shape(name))
        rate = flow.clock.rate
        shape[flow.axis] = "frames" if rate == 1 else f"frames*{rate.numerator}/{rate.denominator}"
        return helper.make_tensor_value_info(name, self.stream.shapes.element_type(name), shape)


def _renamed(nodes: list[NodeProto], names: dict[str, str]) -> list[NodeProto]:
    """Give tensors other names."""
    for node in nodes:
        for names_of in (node.input, node.output):
            for i, name in enumerate(names_of):
                names_of[i] = names.get(name, name)
    return nodes


def _alive(nodes: list[NodeProto], outputs: list[str], states: list[State]) -> tuple[list[NodeProto], list[State]]:
    """Nodes and states on which an output depends, now or in a later call."""
    kept: list[State] = []
    while True:
        alive = _upstream(nodes, [*outputs, *(state.output for state in kept)])
        read = {name for node in alive for name in node.input}
        needed = [state for state in states if state.input in read]
        if len(needed) == len(kept):
            return alive, kept
        kept = needed


def _upstream(nodes: list[NodeProto], wanted: list[str]) -> list[NodeProto]:
    needed, alive = set(wanted), []
    for node in reversed(nodes):
        if any(name in needed for name in node.output):
            needed.update(node.input)
            alive.append(node)
    return alive[::-1]


def _output_entry(flow: Flow) -> dict[str, Any]:
    rate = flow.clock
    length = {"up": rate.up, "down": rate.down, "phase": rate.phase, "extra": rate.extra}
    return {"axis": flow.axis, "delay_frames": flow.delay, "length": length}


def _flush(flow: Flow, period: int) -> int:
    """Input frames after the end until the last output frame has come, in whole periods."""
    missing = Fraction(flow.delay + flow.clock.extra) / flow.clock.rate
    return max(0, ceil(missing / period) * period)
