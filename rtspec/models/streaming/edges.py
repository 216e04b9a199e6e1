"""Clips continued beyond their ends by their own frames: the first and last again (replicate), or mirrored (reflect).

Such a tensor is the clip itself, early by the frames in front; whoever reads a window of it gets these frames put in,
as soon as the first frame of the clip lies in the window. So a kernel over a replicated start is as early as over
zeros, and a mirrored start waits only for the frames that it mirrors.
"""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from .clock import Flow
from .graph import TO_END, GraphWriter, History


@dataclass(frozen=True)
class Edge:
    """How a tensor continues another one."""

    inner: str
    flow: Flow  # of the inner tensor
    before: int
    after: int
    mirrored: bool

    @property
    def kept(self) -> int:
        """Frames of the past that the last frame of the continued clip is made of."""
        return self.after * (1 + self.mirrored)

    @property
    def complete(self) -> int:
        """From which stream frame on the first frames can be told."""
        return self.flow.delay + self.before * self.mirrored

    def earliest(self, step: int) -> int:
        """The least delay of a window with this stride at which the first frames can be told."""
        start = self.flow.delay - self.before
        return max(self.complete // step, -(-start // step), 0)


def continued(writer: GraphWriter, edge: Edge, mask: str, joined: History, before: int) -> str:
    """Frames of this call with `before + edge.kept` earlier ones, those outside the clip put in.

    `mask` is the validity [frames] of the inner tensor. Frames whose source has not come yet hold anything.
    """
    frames = writer.history(joined, before + edge.kept, 0)
    real = writer.history(History(mask, 0, None, (1,), TensorProto.FLOAT), before + edge.kept, 0)
    hint = f"{frames}.continued"
    zero, one = (writer.constant(np.array(value, np.float32), "number") for value in (0, 1))
    count = writer.node("Cast", [writer.node("Shape", [real], hint)], hint, to=TensorProto.FLOAT)
    total = writer.node("Reshape", [count, writer.constant(np.zeros(0, np.int64), "scalar")], hint)
    places = writer.node("Range", [zero, total, one], hint)
    first = writer.node("ArgMax", [real], hint, axis=0, keepdims=1)
    first = writer.node("Cast", [first], hint, to=TensorProto.FLOAT)
    last = writer.node("ReduceMax", [writer.node("Mul", [real, places], hint)], hint, keepdims=1)
    source = _mirrored(writer, places, first, last, hint) if edge.mirrored else places
    limit = [zero, writer.node("Sub", [total, one], hint)] if edge.mirrored else [first, last]
    source = writer.node("Min", [writer.node("Max", [source, limit[0]], hint), limit[1]], hint)
    index = writer.node("Cast", [source], hint, to=TensorProto.INT64)
    return writer.node("Gather", [frames, index], hint, axis=joined.axis)


def _mirrored(writer: GraphWriter, places: str, first: str, last: str, hint: str) -> str:
    """last − |last − (first + |i − first|)|."""
    beyond = writer.node("Abs", [writer.node("Sub", [places, first], hint)], hint)
    inside = writer.node("Add", [first, beyond], hint)
    short = writer.node("Abs", [writer.node("Sub", [last, inside], hint)], hint)
    return writer.node("Sub", [last, short], hint)


def cut_out(writer: GraphWriter, made: str, front: int, drop: int, axis: int) -> str:
    """What a reader asked for: without the frames in front that only the edges needed, and without the newest."""
    if front == 0 and drop == 0:
        return made
    output = writer.name(f"{made}.cut")
    writer.write(writer.slice(made, front, -drop if drop else TO_END, axis, output))
    return output
