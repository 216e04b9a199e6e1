"""The walk over an offline graph that writes the streaming one.

It visits the nodes in order. For every tensor with frames it knows a `Flow` (time axis, clock, delay); the node's rule
writes what the node becomes, with history in front of each window, delays where branches meet and masks where padding
was.
"""

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cache
from math import ceil, lcm
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from rtspec.errors import ModelError, RtspecError

from .clock import Flow
from .graph import GraphWriter, State
from .load import Inputs
from .prepare import BRANCHING, opset_of
from .refuse import NotStreamable, branches, follows_clip_length, foreign, merged_time, stumbles, without_rule
from .rules import RULES
from .rules.attention import on_band
from .rules.count import count_frames
from .rules.layout import expand_over_time
from .run import METADATA_KEY
from .shapes import Shapes
from .stream import Budget, Clip, Folded, Stream
from .trials import Trials

VERSION = 1


def rewrite(
    offline: ModelProto,
    inputs: Inputs,
    budget: Budget | None = None,
    states: str = "replace",
    attention_frames: int | None = None,
) -> "Rewritten":
    """Walk the graph and give the streaming model with its facts.

    A second walk for a clip twice as long must write the same: what differs follows from the length of the clip.
    """
    budget = budget or Budget()
    trials = Trials(offline, inputs)
    stream = _prepared(offline, inputs, inputs.shapes, trials, budget, states)
    longer = _prepared(offline, inputs, inputs.longer(), trials, budget, states) if inputs.dynamic else None
    for each in (stream, longer):
        if each is not None:
            each.attention_frames = attention_frames
    for node in offline.graph.node:
        _visit(stream, node)
        if longer is not None:
            _visit_again(longer, node, stream)
    outputs, delay = _aligned_outputs(stream, offline)
    return Rewritten(offline, inputs, stream, outputs, delay)


def watched(
    offline: ModelProto, inputs: Inputs, states: str = "replace", attention_frames: int | None = None
) -> "Rewritten":
    """The streaming model that gives out every tensor with frames, each with a delay of its own, for comparison."""
    stream = _prepared(offline, inputs, inputs.shapes, Trials(offline, inputs), Budget(), states)
    stream.attention_frames = attention_frames
    for node in offline.graph.node:
        _visit(stream, node)
    names = [name for node in offline.graph.node for name in node.output if name in stream.flows]
    settled = {name: stream.settled(name) for name in names}
    return Rewritten(
        offline, inputs, stream, {n: _own_name(stream, m, n, settled) for n, m in settled.items()}, Fraction(0)
    )


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


def _prepared(
    offline: ModelProto,
    inputs: Inputs,
    shapes: Mapping[str, tuple[int, ...]],
    trials: Trials,
    budget: Budget,
    states: str,
) -> Stream:
    """A stream whose sources are the inputs, before the first node."""
    n_frames, other_shapes, other_frames = inputs.n_frames, inputs.longer(), 2 * inputs.n_frames
    if shapes != inputs.shapes:
        n_frames, other_shapes, other_frames = other_frames, inputs.shapes, n_frames

    @cache
    def measured_other() -> Shapes | None:
        return _measured(offline, other_shapes, inputs.time_axes) if inputs.dynamic else None

    measured = _measured(offline, shapes, inputs.time_axes)
    writer = GraphWriter(_names(offline), states == "append", opset_of(offline))
    clip = Clip(n_frames, measured, measured_other, other_frames, inputs.dynamic, trials)
    stream = Stream(offline.graph, clip, writer, next(iter(inputs.time_axes)), budget)
    stream.flows.update((name, Flow(axis, silent=True)) for name, axis in inputs.time_axes.items())
    return stream


def _measured(offline: ModelProto, shapes: Mapping[str, tuple[int, ...]], streams: Iterable[str]) -> Shapes:
    """Shapes up to the first node that no rule can pass: what lies behind it is never asked for."""
    measured = Shapes(offline, shapes, streams)
    for node in offline.graph.node:
        if _is_foreign(node) or node.op_type in BRANCHING:
            break
        measured.visit(node)
    return measured


def _is_foreign(node: NodeProto) -> bool:
    return node.domain not in ("", "ai.onnx")


def _names(offline: ModelProto) -> set[str]:
    graph = offline.graph
    names = {name for node in graph.node for name in [*node.input, *node.output]}
    names |= {value.name for value in [*graph.input, *graph.output]}
    return names | {tensor.name for tensor in graph.initializer}


def _visit(stream: Stream, node: NodeProto) -> None:
    """Stream one node, or write it as it is where it has no frames."""
    moving = [name for name in node.input if name in stream.flows]
    if any(name in stream.bands for name in node.input):
        on_band(stream, node)
        return
    if node.op_type in BRANCHING:
        raise branches(node)
    if _is_foreign(node):
        raise foreign(node)
    if node.op_type in ("Shape", "Size"):
        return
    if not moving:
        if not any(name in stream.shapes.varies for name in node.input):
            stream.emit(node)
        elif any(name in stream.shapes.runtime for name in node.output):
            expand_over_time(stream, node)
        else:
            count_frames(stream, node)
        return
    rule = RULES.get(node.op_type)
    if rule is None:
        raise without_rule(node, len(RULES))
    try:
        rule(stream, _on_time(stream, node))
    except RtspecError:
        raise
    except Folded:
        raise merged_time(node) from None
    except Exception as error:  # whatever a rule stumbles over is told with the name of the node
        raise stumbles(node, error) from error
    _check_lengths(stream, node)
    _fit_leads(stream, node)
    _keep_folds(stream, node)


def _keep_folds(stream: Stream, node: NodeProto) -> None:
    """What is made of rows in which bins and frames lie together has them together, too."""
    folds = {stream.folded.get(name, 0) for name in node.input if name in stream.flows}
    if folds == {0} or (node.op_type in ("Reshape", "Flatten") and not _rows_stay(stream, node)):
        return
    if len(folds) > 1:
        raise merged_time(node)
    stream.folded.update((name, folds.copy().pop()) for name in node.output if name in stream.flows)


def _rows_stay(stream: Stream, node: NodeProto) -> bool:
    """Whether a reshape left the axis of bins and frames as it was."""
    source, made = stream.flows[node.input[0]], stream.flows[node.output[0]]
    return node.input[0] in stream.folded and source.clock == made.clock


def _on_time(stream: Stream, node: NodeProto) -> NodeProto:
    """The node on inputs that are not early, where nobody can tell what it makes of the frames before the first."""
    early = any(name in stream.flows and stream.flows[name].delay < 0 for name in node.input)
    others = [name for name in node.input if name and name not in stream.flows]
    if not early or all(stream.value(name) is not None for name in others):
        return node
    copy = NodeProto()
    copy.CopyFrom(node)
    for i, name in enumerate(node.input):
        copy.input[i] = stream.settled(name) if name in stream.flows else name
    return copy


def _fit_leads(stream: Stream, node: NodeProto) -> None:
    """Early outputs keep as many constant frames as they are early; others have none."""
    for name in node.output:
        flow, lead = stream.flows.get(name), stream.leads.pop(name, None)
        if flow and flow.delay < 0:
            if lead is None or lead.shape[flow.axis] < -flow.delay:
                raise stumbles(node, LookupError("frames before the first"))
            stream.leads[name] = np.take(lead, range(-flow.delay), flow.axis)


def _visit_again(longer: Stream, node: NodeProto, stream: Stream) -> None:
    """Visit a node for a longer clip and see that the same was written for it."""
    start = longer.writer.written
    _visit(longer, node)
    names = [name for name in node.output if name in stream.flows or name in longer.flows]
    written = stream.writer.written_since(start)
    if [stream.flows.get(name) for name in names] != [longer.flows.get(name) for name in names]:
        raise follows_clip_length(node)
    if _told(stream, written) != _told(longer, longer.writer.written_since(start)):
        raise follows_clip_length(node)


def _told(stream: Stream, written: list) -> list:
    """What was written for one node, constants by their values."""
    values = {tensor.name: tensor.raw_data for tensor in stream.writer.initializers}
    told = []
    for item in written:
        if isinstance(item, NodeProto):
            attributes = [a.SerializeToString(deterministic=True) for a in item.attribute]
            told.append((item.op_type, [values.get(name, name) for name in item.input], list(item.output), attributes))
        else:
            shape = [size for axis, size in enumerate(item.shape) if axis != item.axis]
            told.append((item.tensor, item.axis, shape, list(item.requests)))
    return told


def _check_lengths(stream: Stream, node: NodeProto) -> None:
    """The number of frames that a rule foretells is the one that shape inference found."""
    for name in node.output:
        flow = stream.flows.get(name)
        if flow and stream.length(name) != stream.shapes.shape(name)[flow.axis]:
            raise NotStreamable(
                node,
                f'makes {stream.shapes.shape(name)[flow.axis]} frames of "{name}", its rule {stream.length(name)}',
                "please report this model: it is a fault in the rule",
            )


def _aligned_outputs(stream: Stream, offline: ModelProto) -> tuple[dict[str, str], Fraction]:
    """Outputs settled and brought to one delay, counted in input frames."""
    names = [value.name for value in offline.graph.output]
    still = [name for name in names if name not in stream.flows]
    if still:
        raise ModelError(
            f'output "{still[0]}" has no time axis, so a stream cannot give it; export the model without it'
        )
    settled = {name: stream.settled(name) for name in names}
    flows = [stream.flows[made] for made in settled.values()]
    period = lcm(*(flow.clock.rate.denominator for flow in flows))
    delay = max(Fraction(flow.delay) / flow.clock.rate for flow in flows)
    if len(flows) > 1:
        delay = Fraction(ceil(delay / period) * period)
    late = {name: stream.delayed(made, int(delay * stream.flows[made].clock.rate)) for name, made in settled.items()}
    return {name: _own_name(stream, made, name, late) for name, made in late.items()}, delay


def _own_name(stream: Stream, made: str, name: str, late: Mapping[str, str]) -> str:
    """A tensor of its own for each output, where two share one or an input is given out as it is."""
    shared = sum(other == made for other in late.values()) > 1 or made in stream.shapes.inputs
    if made == name or not shared:
        return made
    copy = stream.writer.node("Identity", [made], name)
    stream.adopt(copy, made, stream.flows[made])
    return copy


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
