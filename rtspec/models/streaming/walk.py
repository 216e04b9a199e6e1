"""What a walk knows and writes: questions about the offline graph, nodes of the streaming one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, helper

from .clock import Clock, Flow
from .edges import Edge
from .graph import GraphWriter
from .refuse import NotStreamable, per_frame_parameters, uses_clip_length
from .shapes import Shapes
from .validity import Validity


@dataclass
class Budget:
    """How far look-ahead is cut: the greatest delay that each tensor may have, and by which method."""

    delays: dict[str, int] = field(default_factory=dict)
    method: str = "truncate"


@dataclass
class Clip:
    """The lengths for which the offline model was measured."""

    n_frames: int
    shapes: Shapes
    other: Callable[[], Shapes | None]  # the same graph at another length, measured only when asked for
    other_frames: int
    dynamic: bool  # whether the offline model takes clips of any length
    tried: Callable[[Sequence[str], int], Mapping[str, np.ndarray]]  # tensors of the offline model for so much noise


class Walk:
    """Everything that a rule may ask, and how it writes.

    Parameters
    ----------
    graph : onnx.GraphProto
        Offline graph.
    clip : Clip
        Shapes and constants of the offline graph.
    writer : GraphWriter
        Where the streaming graph goes.
    source : str
        An input with frames, from which the number of frames of a call is read at run time.
    budget : Budget
        Where look-ahead is cut.

    Attributes
    ----------
    flows : dict of str to Flow
        What is known of each tensor with frames.
    leads : dict of str to ndarray
        Frames of early tensors before the stream's first.
    bands : dict of str to Band
        Tensors of frames against frames, inside an attention.
    folded : dict of str to int
        Tensors [bins · frames, …] that hold frames first here: how many bins.
    edges : dict of str to Edge
        Tensors that continue another beyond its ends; `wholes` are what was made of them where all frames were needed.
    attention_frames : int or None
        Bound of an attention to all frames so far; `bounded` says where it was needed.
    """

    def __init__(self, graph: onnx.GraphProto, clip: Clip, writer: GraphWriter, source: str, budget: Budget) -> None:
        self.graph, self.clip, self.shapes = graph, clip, clip.shapes
        self.writer, self.source, self.budget = writer, source, budget
        self.validity = Validity(writer)
        self.flows: dict[str, Flow] = {}
        self.leads: dict[str, np.ndarray] = {}
        self.dequantised: dict[str, NodeProto] = {}
        self.bands: dict[str, Any] = {}
        self.folded: dict[str, int] = {}
        self.edges: dict[str, Edge] = {}
        self.wholes: set[str] = set()
        self.made: dict[tuple, str] = {}
        self.attention_frames: int | None = None
        self.bounded: list[int] = []
        self._names: dict[tuple, str] = {}

    # ------------------------------------------------------------------ questions

    def length(self, name: str) -> int:
        """Frames of a tensor in the measured clip."""
        return self.flows[name].clock.length(self.clip.n_frames)

    def shape_of(self, name: str, n_frames: int) -> tuple[int, ...]:
        """Shape of so many frames of a tensor."""
        axis = self.flows[name].axis
        return tuple(n_frames if i == axis else size for i, size in enumerate(self.shapes.shape(name)))

    def consumers(self, name: str) -> list[NodeProto]:
        """Nodes of the offline graph that read a tensor."""
        return [node for node in self.graph.node if name in node.input]

    def is_output(self, name: str) -> bool:
        """Whether the tensor is an output of the offline graph."""
        return any(value.name == name for value in self.graph.output)

    def optional(self, node: NodeProto, index: int) -> np.ndarray | None:
        """Value of an optional input that must be constant, None where it is left out. Of any shape and dtype."""
        is_present = index < len(node.input) and node.input[index]
        return self.constant(node, index) if is_present else None

    def constant(self, node: NodeProto, index: int) -> np.ndarray:
        """Value of an input that must be constant. Of any shape and dtype."""
        value = self.shapes.constant(node.input[index])
        if value is None:
            raise NotStreamable(
                node, f'computes its input "{node.input[index]}" at run time', "export it as a constant"
            )
        return value

    def value(self, name: str) -> np.ndarray | None:
        """Value of a constant of either graph, None of a tensor that is none. Of any shape and dtype."""
        if any(tensor.name == name for tensor in self.writer.initializers):
            return self.writer.value(name)
        return self.shapes.constant(name)

    # ------------------------------------------------------------------ writing

    def emit(self, node: NodeProto, inputs: Sequence[str] | None = None, **attributes) -> None:
        """Write a copy of an offline node, with other inputs or attributes (None removes one) where given."""
        copy = NodeProto()
        copy.CopyFrom(node)
        if inputs is not None:
            copy.ClearField("input")
            copy.input.extend(inputs)
        kept = [a for a in node.attribute if a.name not in attributes]
        copy.ClearField("attribute")
        copy.attribute.extend(kept)
        copy.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items() if v is not None)
        self.writer.write(copy)
        if any(name in self.leads for name in copy.input):
            self.leads.update(self.made_of_leads(copy, self.leads))

    def made_of_leads(self, node: NodeProto, leads: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What a node makes of the frames that lie before the stream's first. Arrays by name, of the tensors' shapes
        and dtypes."""
        feeds = {n: leads[n] if n in leads else self.value(n) for n in node.input if n}
        known = {name: value for name, value in feeds.items() if value is not None}
        outputs = [name for name in node.output if name]
        return dict(zip(outputs, self.shapes.run(node, known, outputs), strict=True))

    def weight(self, value: np.ndarray, hint: str) -> str:
        """A new constant that takes the place of an offline one. Of any shape and dtype."""
        name = self.writer.constant(value, hint)
        self.shapes.define(name, value)
        return name

    def rename(self, made: str, output: str) -> None:
        """Give a tensor the name that an offline node's output has."""
        if made in self.leads:
            self.leads[output] = self.leads[made]
        if made not in self.dequantised:
            self.writer.node("Identity", [made], output, exact=True)
            return
        # Not Identity, which a runtime removes, and then merges two quantisers that the offline model keeps apart.
        target = [-1 if axis == self.flows[made].axis else n for axis, n in enumerate(self.shapes.shape(made))]
        self.writer.node("Reshape", [made, self.writer.constant(target, "shape")], output, exact=True)
        self.dequantised[output] = self.dequantised[made]

    def static(self, name: str, node: NodeProto) -> str:
        """A tensor without frames as a stream can use it: what follows from shapes becomes a plain constant."""
        if name not in self.shapes.varies:
            return name
        value, other = self.shapes.constant(name), self.clip.other()
        if value is None or (other is not None and not equal(value, other.constant(name))):
            raise uses_clip_length(node, name)
        return self.writer.constant(value, "folded")

    def adopt(self, made: str, like: str, flow: Flow) -> None:
        """Register a new tensor with the type of another."""
        self.flows[made] = flow
        self.shapes.alias(made, like)

    def frames_now(self, clock: Clock) -> str:
        """A 1-element tensor: how many frames a tensor of this clock has in this call."""
        key = ("frames now", clock.rate)
        if key not in self._names:
            axis = self.writer.constant([self.flows[self.source].axis], "index")
            shape = self.writer.node("Shape", [self.source], "stream.shape", early=True)
            count = self.writer.node("Gather", [shape, axis], "stream.frames", early=True)
            for op, number in (("Mul", clock.rate.numerator), ("Div", clock.rate.denominator)):
                if number != 1:
                    count = self.writer.node(op, [count, self.writer.constant([number])], "stream.frames", early=True)
            self._names[key] = count
        return self._names[key]

    def frame_shape(self, shape: Sequence[int], axis: int, clock: Clock) -> str:
        """A shape tensor whose entry at `axis` is the number of frames of this call."""
        front, back = (
            [self.writer.constant(part, "shape")] if part else [] for part in (shape[:axis], shape[axis + 1 :])
        )
        return self.writer.node("Concat", [*front, self.frames_now(clock), *back], "stream.shape", axis=0)

    # ------------------------------------------------------------------ tensors without frames beside ones with

    def beside(self, name: str, place: int, frames: int, node: NodeProto) -> str:
        """A frameless operand of a frame-wise operation; `place` is the time axis counted from the last (1 = last).

        An operand that is the same in all frames is reduced to one frame; one that differs is refused.
        """
        shape = self.shapes.shape(name)
        if place > len(shape) or shape[-place] == 1:
            return self.static(name, node)
        value = self.shapes.constant(name)
        if value is None or shape[-place] != frames:
            raise per_frame_parameters(node, name)
        one = np.take(value, [0], axis=len(shape) - place)
        if not equal(np.broadcast_to(one, value.shape), value):
            raise per_frame_parameters(node, name)
        return self.writer.constant(np.ascontiguousarray(one), "shared")

    def as_frames(self, name: str, flow: Flow, node: NodeProto) -> str:
        """A frameless tensor that is the same in all frames, as a stream of real frames, as early as another is."""
        axis, clock = flow.axis, flow.clock
        rank = len(self.shapes.shape(name))
        one = self.beside(name, rank - axis, clock.length(self.clip.n_frames), node)
        made = self.writer.node("Expand", [one, self.frame_shape([1] * rank, axis, clock)], f"{name}.frames")
        value = self.value(one)
        delay = min(flow.delay, 0) if value is not None else 0
        self.adopt(made, name, Flow(axis, clock, delay))
        if value is not None and delay < 0:
            self.leads[made] = np.repeat(value, -delay, axis)
        return made


def equal(a: np.ndarray, b: np.ndarray | None) -> bool:
    """Whether two constants are the same, NaN included. Of any shape and dtype."""
    return b is not None and a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
