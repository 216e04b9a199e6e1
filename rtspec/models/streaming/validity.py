"""Which frames are real: the 0/1 validity that travels beside the frames, at every rate and delay.

An offline model pads every layer with zeros; a stream computes, for frames before the first and after the last,
whatever a layer makes of nothing (relu of the bias, for one). Tensors are therefore multiplied by this mask before
each node that looks across time.
"""

from onnx import TensorProto

from .clock import Clock
from .graph import TO_END, GraphWriter, History


class Validity:
    """Writes, once for each length and delay, the mask of a tensor's frames."""

    def __init__(self, writer: GraphWriter) -> None:
        self._writer = writer
        self.name = writer.name("valid")
        self._made: dict[tuple, str] = {}

    def mask(self, clock: Clock, delay: int, rank: int, axis: int) -> str:
        """Mask of a tensor, shaped to broadcast along its time axis: 1 in frames of the clip, else 0."""
        key = ("mask", clock, delay, rank, axis)
        if key not in self._made:
            shape = [1] * rank
            shape[axis] = -1
            self._made[key] = self._reshaped(self._flat(clock, delay), shape)
        return self._made[key]

    def _flat(self, clock: Clock, delay: int) -> str:
        """Validity [frames] of stream frames, each `delay` after its offline frame."""
        base = self._sampled(clock)
        if clock.extra < 0:
            # Frame j is real if j and the later j − extra were frames before the crop.
            ends = self._late(base, delay + clock.extra)
            return self._node("Mul", [self._late(base, delay), ends])
        if clock.extra == 0:
            return self._late(base, delay)
        # Frame j is real if any of j − extra … j was a frame before the padding; of an early tensor the newest of these
        # have not come, but one before them has wherever one of them will.
        reach = self._reshaped(self._late(base, delay + clock.extra, max(delay, 0)), [1, 1, -1])
        pooled = self._node("MaxPool", [reach], kernel_shape=[delay + clock.extra - max(delay, 0) + 1])
        return self._reshaped(pooled, [-1])

    def _sampled(self, clock: Clock) -> str:
        """Validity at the rate of a clock, undelayed: every down-th of the input's, each repeated up times."""
        key = ("sampled", clock.up, clock.down, clock.phase)
        if key not in self._made:
            base = self.name
            if clock.down > 1:
                bounds = (clock.down - 1 - clock.phase, TO_END, 0, clock.down)
                base = self._node("Slice", [base, *(self._writer.constant([bound], "index") for bound in bounds)])
            if clock.up > 1:
                column = self._reshaped(base, [-1, 1])
                base = self._reshaped(self._node("Tile", [column, self._writer.constant([1, clock.up], "shape")]), [-1])
            self._made[key] = base
        return self._made[key]

    def _late(self, base: str, before: int, drop: int | None = None) -> str:
        drop = before if drop is None else drop
        if before == 0 and drop == 0:
            return base
        kept = History(base, 0, None, (1,), TensorProto.FLOAT)
        return self._writer.history(kept, before, drop, early=True)

    def _reshaped(self, tensor: str, shape: list[int]) -> str:
        return self._node("Reshape", [tensor, self._writer.constant(shape, "shape")])

    def _node(self, op: str, inputs: list[str], **attributes) -> str:
        return self._writer.node(op, inputs, f"{self.name}.{op.lower()}", early=True, **attributes)
