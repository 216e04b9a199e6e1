"""The streaming graph in the making: what each tensor's frames are, and the moves that the rules make with them."""

from collections.abc import Callable, Sequence

import numpy as np
from onnx import NodeProto, TensorProto, helper

from rtspec.errors import ModelError, existing

from .clock import Flow
from .edges import continued, cut_out
from .graph import TO_END, History
from .refuse import NotStreamable
from .walk import Walk

# Runtimes offer no Where for these: they are chosen between as int32.
NARROW = (TensorProto.INT8, TensorProto.INT16, TensorProto.UINT16)


class Folded(Exception):
    """Frames stand in one axis with bins, where something looks along it."""


class Stream(Walk):
    """Everything that a rule may ask or do: the moves with frames, beside what `Walk` knows."""

    def settled(self, name: str) -> str:
        """The tensor with none of its frames before the stream's first."""
        return self.delayed(name, max(self.flows[name].delay, 0))

    def with_known_end(self, name: str) -> str:
        """The tensor so late that its validity is known: by at least as many frames as were cropped."""
        flow = self.flows[name]
        return self.delayed(name, max(flow.delay, -flow.clock.extra, 0))

    def delayed(self, name: str, delay: int) -> str:
        """The tensor with its delay raised to `delay`."""
        name = self.full_length(name)
        flow = self.flows[name]
        delay = max(delay, flow.delay) if name in self.wholes else delay
        late = delay - flow.delay
        made = self._past(name, late, late, flow.but(delay=delay), self.leads.get(name))
        if late and delay < 0:
            self.leads[made] = np.take(self.leads[name], range(-delay), flow.axis)
        return made

    def aligned(self, names: Sequence[str], node: NodeProto) -> tuple[list[str], Flow]:
        """Tensors of one clock brought to one delay (others pass as they are), and what they now have in common."""
        moving = [name for name in names if name in self.flows]
        flows = [self.flows[name] for name in moving]
        clock = min((flow.clock for flow in flows), key=lambda c: (c.down, c.phase))
        if not all(flow.clock.meets(clock) for flow in flows):
            raise NotStreamable(node, "joins tensors of different lengths in time", "crop or pad them to one length")
        delay = max(flow.delay for flow in flows)
        late = {name: self.delayed(name, delay) for name in moving}
        silent, finite = all(f.silent for f in flows), all(f.finite for f in flows)
        shared = Flow(flows[0].axis, clock, delay, silent, finite, min(f.tail for f in flows))
        return [late.get(name, name) for name in names], shared

    def window(
        self, name: str, span: int, step: int, pads: tuple[int, int], fill: float, unused: int = 0, exact: bool = False
    ) -> tuple[str, Flow]:
        """Frames that a kernel over time needs in this call, and the facts of what it makes of them.

        Parameters
        ----------
        name : str
            Tensor that the kernel reads.
        span : int
            Distance in frames between the kernel's first and last tap.
        step : int
            Stride along time.
        pads : tuple of int
            Frames of `fill` before the first and after the last frame.
        fill : float
            Value of what lies outside the clip.
        unused : int
            How many of the last outputs nobody reads.
        exact : bool
            Leave no frame over after the last whole window, as rounding up would make one more of it.

        Returns
        -------
        tensor, flow
            The kernel without padding over `tensor` gives the frames described by `flow`.

        Notes
        -----
        Output j reads input frames step·j − before … step·j − before + span, complete at the stream's frame
        delay + step·j − before + span; it leaves as frame j + delay' for the smallest delay' that is late enough.
        """
        if name in self.folded:
            raise Folded
        if any(pads):
            name = self.full_length(name)
        made, flow, lead = self.surrounded(name, *pads, fill, reach=pads[1] - step * unused)
        delay = -((step - 1 - flow.delay - span) // step)
        delay = max(delay, self.edges[name].earliest(step)) if name in self.edges else delay
        kept = step * delay - flow.delay
        drop = kept + step - 1 - span
        frames = self._past(made, kept, drop if exact or drop >= step else 0, flow, lead)
        if delay < 0:
            frames = self._with_lead(frames, lead)
        clock = flow.clock.strided(step, step - 1 - span)
        # Silence stays only where no frame of the clip is moved, spread or left outside of the new clip.
        silent = flow.silent and span == 0 and step == 1
        return frames, Flow(flow.axis, clock, delay, silent, flow.finite, flow.tail if span == 0 and step == 1 else 0)

    def surrounded(
        self, name: str, before: int, after: int, fill: float, reach: int | None = None
    ) -> tuple[str, Flow, np.ndarray | None]:
        """The tensor with frames of `fill` around it (fewer frames where negative), its new facts and its lead, of the
        tensor's shape and dtype.

        No frame is moved: those in front come before the stream's first or lie in what is masked, those behind come
        while the clip is flushed, of which readers look at `reach`.
        """
        flow = self.flows[name]
        read = after if reach is None else reach
        if not (flow.silent and fill == 0) and (read > 0 or (before > 0 and flow.delay > 0)):
            name = self.masked(name, fill)
            flow = self.flows[name]
        delay = flow.delay - before
        silent = flow.silent and fill == 0 and min(before, after) >= 0
        lead = self._longer_lead(name, before, fill) if delay < 0 else None
        tail = max(flow.tail + after, 0)
        return name, flow.but(clock=flow.clock.longer(before + after), delay=delay, silent=silent, tail=tail), lead

    def _longer_lead(self, name: str, before: int, fill: float) -> np.ndarray:
        """The frames before the stream's first with `before` more of them in front (or so many left out)."""
        flow, old = self.flows[name], self.leads.get(name)
        shape = self.shape_of(name, max(min(before, before - flow.delay), 0))
        dtype = helper.tensor_dtype_to_np_dtype(self.shapes.element_type(name))
        more = np.full(shape, fill).astype(dtype)
        if old is None:
            return more
        kept = np.take(old, range(max(-before, 0), old.shape[flow.axis]), flow.axis)
        return np.concatenate([more, kept], flow.axis)

    def _with_lead(self, name: str, lead: np.ndarray | None) -> str:
        """The tensor with this lead: under another name where it has one of its own, or none."""
        if name in self.leads and self.leads[name] is lead:
            return name
        lead = existing(lead)
        if name in self.writer.requested:
            self.leads[name] = lead
            return name
        alias = self.writer.name(f"{name}.early")
        self.rename(name, alias)
        self.adopt(alias, name, self.flows[name])
        self.leads[alias] = lead
        return alias

    def full_length(self, name: str) -> str:
        """The tensor itself, or, of one continued beyond its ends, all its frames, as late as the first can be told."""
        if name not in self.edges:
            return name
        edge = self.edges[name]
        key = ("full_length", name)
        if key not in self._names:
            flow = self.flows[name].but(delay=max(edge.complete, 0))
            late = flow.delay - self.flows[name].delay
            self._names[key] = self._past(name, late, late, flow, None)
            self.wholes.add(self._names[key])
        return self._names[key]

    def masked(self, name: str, fill: float) -> str:
        """The tensor with `fill` in every frame outside the clip; later if only then its end is known."""
        flow = self.flows[name]
        known = flow.but(delay=max(flow.delay, -flow.clock.extra))
        key = ("masked", name, fill, known)
        if key not in self._names:
            late = self.delayed(name, known.delay)
            self._names[key] = self._masked(late, fill, known.but(silent=fill == 0, finite=True))
            if late in self.leads:
                self.leads[self._names[key]] = self.leads[late]
        return self._names[key]

    # ------------------------------------------------------------------ how the moves are made

    def _past(self, name: str, before: int, drop: int, flow: Flow, lead: np.ndarray | None) -> str:
        """Frames of this call with `before` earlier ones in front (or so many left out), without the newest `drop`."""
        if name in self.edges:
            return self._past_edges(name, before, drop, flow)
        if before == 0 and drop == 0:
            return name
        if name in self.dequantised:
            return self._on_quantised(
                name, flow, lambda q: self._past(q, before, drop, flow, self._as_levels(name, lead))
            )
        if before <= 0:
            made = self.writer.name(f"{name}.cut")
            self.writer.write(self.writer.slice(name, -before, -drop if drop else TO_END, flow.axis, made))
        else:
            kept = History(name, flow.axis, lead, self.shapes.shape(name), self.shapes.element_type(name))
            made = self.writer.history(kept, before, drop)
        self.adopt(made, name, flow)
        return made

    def _past_edges(self, name: str, before: int, drop: int, flow: Flow) -> str:
        edge = self.edges[name]
        inner, axis = edge.inner, edge.flow.axis
        mask = self.validity.mask(edge.flow.clock, edge.flow.delay, 1, 0)
        joined = History(inner, axis, None, self.shapes.shape(inner), self.shapes.element_type(inner))
        made = cut_out(self.writer, continued(self.writer, edge, mask, joined, before), edge.kept, drop, axis)
        self.adopt(made, name, flow)
        return made

    def _as_levels(self, name: str, lead: np.ndarray | None) -> np.ndarray | None:
        """A lead as the integers that stand for it; zeros where there is none, of which histories are full."""
        node = self.dequantised[name]
        dtype = helper.tensor_dtype_to_np_dtype(self.shapes.element_type(node.input[0]))
        lead = np.zeros(self.shape_of(name, 1)) if lead is None else lead
        return np.vectorize(lambda value: self._quantised(node, value))(lead).astype(dtype)

    def _masked(self, name: str, fill: float, flow: Flow) -> str:
        if name in self.dequantised:
            level = self._quantised(self.dequantised[name], fill)
            return self._on_quantised(name, flow, lambda q: self._masked(q, level, flow))
        mask = self.validity.mask(flow.clock, flow.delay, len(self.shapes.shape(name)), flow.axis)
        element = self.shapes.element_type(name)
        if fill == 0 and self.flows[name].finite and element == TensorProto.FLOAT:
            made = self.writer.node("Mul", [name, mask], f"{name}.masked")
        else:
            made = self._chosen(name, mask, fill, element)
        self.adopt(made, name, flow)
        return made

    def _chosen(self, name: str, mask: str, fill: float, element: int) -> str:
        wide = TensorProto.INT32 if element in NARROW else element
        inside = self.writer.node("Cast", [mask], f"{name}.inside", to=TensorProto.BOOL)
        source = name if wide == element else self.writer.node("Cast", [name], f"{name}.wide", to=wide)
        outside = self.writer.constant(np.asarray(fill, helper.tensor_dtype_to_np_dtype(wide)), "outside")
        made = self.writer.node("Where", [inside, source, outside], f"{name}.masked")
        return made if wide == element else self.writer.node("Cast", [made], f"{name}.masked", to=element)

    def _on_quantised(self, name: str, flow: Flow, move: Callable[[str], str]) -> str:
        """Make a move before DequantizeLinear, so that a runtime still finds that in front of the consumer to fuse."""
        node = self.dequantised[name]
        moved = move(node.input[0])
        key = ("dequantised", name, moved)
        if key not in self._names:
            again = NodeProto()
            again.CopyFrom(node)
            again.input[0], again.output[0] = moved, self.writer.name(name)
            again.name = f"stream/{again.output[0]}"
            self.writer.write(again)
            self.adopt(again.output[0], name, flow)
            self.dequantised[again.output[0]] = again
            self._names[key] = again.output[0]
        return self._names[key]

    def _quantised(self, node: NodeProto, fill: float) -> float:
        """The integer that stands for `fill`."""
        limits = np.iinfo(helper.tensor_dtype_to_np_dtype(self.shapes.element_type(node.input[0])))
        zero, scale = self.optional(node, 2), self.constant(node, 1)
        if scale.size != 1:
            raise ModelError(f'"{node.output[0]}" is quantised per channel; quantise activations per tensor')
        level = round(np.clip(fill / float(scale.flat[0]), -1e6, 1e6)) + (0 if zero is None else int(zero.flat[0]))
        return float(min(max(level, limits.min), limits.max))
