"""The walk over an offline graph that writes the streaming one.

It visits the nodes in order. For every tensor with frames it knows a `Flow` (time axis, clock, delay); the node's rule
writes what the node becomes, with history in front of each window, delays where branches meet and masks where padding
was.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cache
from math import ceil, lcm

import numpy as np
from onnx import ModelProto, NodeProto

from rtspec.errors import ModelError, RtspecError

from .clock import Flow
from .graph import GraphWriter
from .load import Inputs
from .opsets import opset_of
from .prepare import BRANCHING
from .refuse import NotStreamable, branches, follows_clip_length, foreign, merged_time, stumbles, without_rule
from .rewritten import Rewritten
from .rules import RULES
from .rules.attention import on_band
from .rules.beyond import moves_edges
from .rules.count import count_frames, with_counters
from .rules.layout import expand_over_time
from .shapes import Shapes
from .stream import Folded, Stream
from .trials import Trials
from .walk import Budget, Clip

READS_WINDOWS = ("Conv", "MaxPool", "LpPool", "AveragePool")


def rewrite(
    offline: ModelProto,
    inputs: Inputs,
    budget: Budget | None = None,
    states: str = "replace",
    attention_frames: int | None = None,
) -> Rewritten:
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
) -> Rewritten:
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
        if not moves_edges(stream, node, rule):
            rule(stream, _on_time(stream, with_counters(stream, _with_wholes(stream, node))))
    except RtspecError:
        raise
    except Folded:
        raise merged_time(node) from None
    except Exception as error:  # whatever a rule stumbles over is told with the name of the node
        raise stumbles(node, error) from error
    _check_lengths(stream, node)
    _fit_leads(stream, node)
    _keep_folds(stream, node)


def _with_wholes(stream: Stream, node: NodeProto) -> NodeProto:
    """The node on tensors that hold all their frames: only windows are read beyond the ends of a clip."""
    if node.op_type in READS_WINDOWS or not any(name in stream.edges for name in node.input):
        return node
    copy = NodeProto()
    copy.CopyFrom(node)
    for i, name in enumerate(node.input):
        copy.input[i] = stream.full_length(name)
    return copy


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
        if flow and flow.delay < 0 and name not in stream.edges:
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
    if _descriptions(stream, written) != _descriptions(longer, longer.writer.written_since(start)):
        raise follows_clip_length(node)


def _descriptions(stream: Stream, written: list) -> list:
    """What was written for one node, constants by their values."""
    values = {tensor.name: tensor.raw_data for tensor in stream.writer.initializers}
    described = []
    for item in written:
        if isinstance(item, NodeProto):
            attributes = [a.SerializeToString(deterministic=True) for a in item.attribute]
            described.append(
                (item.op_type, [values.get(name, name) for name in item.input], list(item.output), attributes)
            )
        else:
            shape = [size for axis, size in enumerate(item.shape) if axis != item.axis]
            described.append((item.tensor, item.axis, shape, list(item.requests)))
    return described


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
