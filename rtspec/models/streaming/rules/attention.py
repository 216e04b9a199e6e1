"""Attention over the last frames: queries of this call against a window of keys, values from the same window.

How far an attention looks is not read off its mask, which exporters write in many ways: the offline model is run at two
lengths, and the weights behind the softmax tell which keys each query ever sees.
"""

from dataclasses import dataclass, replace

import numpy as np
from onnx import NodeProto, TensorProto, helper

from ..clock import Flow
from ..refuse import NotStreamable, attention_over_time, unlimited_attention
from ..stream import Stream
from .registry import attribute, positive

# Lengths of the clips on which attention is measured, for spans below all but the last.
TRIED = (120, 240, 960)
# A score that no softmax sees, yet an honest number in half precision too.
UNSEEN: dict[int, float] = {TensorProto.FLOAT16: -6e4}
UNSEEN_ELSE = -1e30
PASSES = (
    *("Add", "Cast", "Clip", "Div", "Dropout", "Identity", "IsNaN", "Max", "Min", "Mul", "Neg", "Sub", "Sum"),
    *("Tanh", "Where", "Softmax"),
)


@dataclass(frozen=True)
class Band:
    """A tensor of queries (last axis but one) against keys (last axis), of which a stream holds those of a window.

    Attributes
    ----------
    flow : Flow
        Of the queries.
    before, ahead : int
        Frames before and after a query among which its keys lie.
    allowed : tuple of bool
        Which of these ``before + ahead + 1`` keys it ever sees.
    weighed : bool
        Whether the softmax lies behind.
    """

    flow: Flow
    before: int
    ahead: int
    allowed: tuple[bool, ...]
    weighed: bool = False

    @property
    def width(self) -> int:
        """Keys of one query."""
        return self.before + self.ahead + 1

    @property
    def keys_delay(self) -> int:
        """Delay of keys and values before their window."""
        return self.flow.delay - self.ahead


def scores(stream: Stream, node: NodeProto) -> None:
    """Products of queries with keys: those of this call with the keys of the window."""
    rank = len(stream.shapes.shape(node.output[0]))
    before, ahead, allowed = _reach(stream, node)
    queries, keys = (stream.flows[name] for name in node.input[:2])
    if not queries.clock.meets(keys.clock):
        raise NotStreamable(node, "sets frames against frames of another rate", "attend within one rate")
    # Which keys are real is known as late as frames were cropped behind them.
    delay = max(queries.delay, max(keys.delay, -keys.clock.extra, 0) + ahead)
    late = stream.delayed(node.input[0], delay), stream.delayed(node.input[1], delay - ahead)
    window, _ = stream.window(late[1], before + ahead, 1, (before, ahead), 0.0)
    stream.emit(node, [late[0], window])
    band = Band(queries.but(axis=rank - 2, delay=delay, silent=False), before, ahead, allowed)
    stream.bands[node.output[0]] = band


def on_band(stream: Stream, node: NodeProto) -> None:
    """What lies between the products of an attention: masks, scales, the softmax, the product with the values."""
    band = next(stream.bands[name] for name in node.input if name in stream.bands)
    if node.op_type in ("MatMul", "Einsum"):
        return _weighted_values(stream, node, band)
    if node.op_type not in PASSES or any(name in stream.flows for name in node.input):
        raise attention_over_time(node)
    inputs = [name if name in stream.bands else _operand(stream, node, name, band) for name in node.input]
    if node.op_type == "Softmax":
        rank = len(stream.shapes.shape(node.output[0]))
        if positive(attribute(node, "axis", -1), rank) != rank - 1:
            raise attention_over_time(node)
        inputs[0] = _masked(stream, inputs[0], band)
        band = replace(band, weighed=True)
    stream.emit(node, inputs)
    stream.bands.update((name, band) for name in node.output if name)
    return None


def _weighted_values(stream: Stream, node: NodeProto, band: Band) -> None:
    weights, values = node.input
    flow, rank = stream.flows.get(values), len(stream.shapes.shape(node.output[0]))
    if weights not in stream.bands or flow is None or not band.weighed or node.op_type != "MatMul":
        raise attention_over_time(node)
    if flow.axis != len(stream.shapes.shape(values)) - 2 or not flow.clock.meets(band.flow.clock):
        raise attention_over_time(node)
    if flow.delay > band.keys_delay:
        raise NotStreamable(node, "has values that come later than their keys", "please report this model")
    late = stream.delayed(values, band.keys_delay)
    late = late if flow.finite else stream.masked(late, 0.0)
    window, made = stream.window(late, band.width - 1, 1, (band.before, band.ahead), 0.0)
    stream.emit(node, [weights, window])
    stream.flows[node.output[0]] = Flow(rank - 2, band.flow.clock, made.delay)


# ------------------------------------------------------------------------------------------ how far it looks


def _reach(stream: Stream, node: NodeProto) -> tuple[int, int, tuple[bool, ...]]:
    """Frames before and after a query, and which of them it sees."""
    softmax = _softmax_behind(stream, node)
    lengths: tuple[int, ...] = TRIED if stream.clip.dynamic else (stream.clip.n_frames,)
    seen = [_offsets(stream, node, softmax, n) for n in lengths[:2]]
    if len(seen) > 1 and _touches(seen[0]):
        seen = [seen[1], _offsets(stream, node, softmax, lengths[-1])]
    (offsets, n_keys), (again, _) = seen[0], seen[-1]
    if max(again) >= n_keys - 1:
        raise attention_over_time(node)
    if min(again) <= -(n_keys - 1):
        return _bounded(stream, node, max(again))
    if again != offsets:
        raise attention_over_time(node)
    before, ahead = max(-min(offsets), 0), max(max(offsets), 0)
    return before, ahead, tuple(d in offsets for d in range(-before, ahead + 1))


def _bounded(stream: Stream, node: NodeProto, ahead: int) -> tuple[int, int, tuple[bool, ...]]:
    """Attention to all frames so far, cut to as many as the user said."""
    bound = stream.attention_frames
    if bound is None:
        raise unlimited_attention(node)
    stream.bounded.append(bound)
    return bound - 1, max(ahead, 0), (True,) * (bound + max(ahead, 0))


def _touches(seen: tuple[set[int], int]) -> bool:
    offsets, n_keys = seen
    return min(offsets) <= 1 - n_keys or max(offsets) >= n_keys - 1


def _softmax_behind(stream: Stream, node: NodeProto) -> str:
    """The weights that scores become."""
    waiting, seen = list(node.output), set(node.output)
    while waiting:
        for reader in stream.consumers(waiting.pop(0)):
            if reader.op_type == "Softmax":
                return reader.output[0]
            if reader.op_type not in PASSES:
                raise attention_over_time(node)
            waiting += [name for name in reader.output if name and name not in seen]
            seen.update(reader.output)
    raise attention_over_time(node)


def _offsets(stream: Stream, node: NodeProto, weights: str, n_frames: int) -> tuple[set[int], int]:
    """Places of keys, counted from their query, that get any weight; and how many keys there were."""
    tried = stream.clip.tried([weights], n_frames)
    value = tried.get(weights)
    if value is None or value.ndim < 2 or value.shape[-1] != value.shape[-2]:
        raise attention_over_time(node)
    used = (value != 0).any(tuple(range(value.ndim - 2)))
    queries, keys = np.nonzero(used)
    return set(np.unique(keys - queries).tolist()) or {0}, value.shape[-1]


# ------------------------------------------------------------------------------------------ masks


def _operand(stream: Stream, node: NodeProto, name: str, band: Band) -> str:
    """What stands beside scores: one value for all, or one for each distance between query and key."""
    if not name:
        return name
    shape = stream.shapes.shape(name)
    other = next(stream.shapes.shape(n) for n in node.input if n in stream.bands)
    if all(size == 1 for size in shape[-2:]) or not {*shape[-2:]} & {*other[-2:]}:
        return stream.static(name, node)
    if name in stream.shapes.runtime:
        raise attention_over_time(node)
    table = _by_distance(stream, node, name, band)
    return _spread(stream, table, band)


def _by_distance(stream: Stream, node: NodeProto, name: str, band: Band) -> np.ndarray:
    """Value of a mask for each distance [width]; NotStreamable where it depends on more than the distance."""
    n_frames = -(-max(TRIED[0], 3 * band.width) // TRIED[0]) * TRIED[0]
    value = stream.clip.tried([name], n_frames if stream.clip.dynamic else stream.clip.n_frames).get(name)
    refusal = NotStreamable(
        node,
        f'has a mask "{name}" that does not depend on the distance between two frames alone',
        "use a mask of relative positions",
    )
    if value is None:
        raise refusal
    square = value.reshape(-1, *value.shape[-2:])
    if (square != square[:1]).any() or square.shape[1] != square.shape[2]:
        raise refusal
    diagonals = [np.diagonal(square[0], offset) for offset in range(-band.before, band.ahead + 1)]
    seen = [values for values, allowed in zip(diagonals, band.allowed, strict=True) if allowed]
    if any(values.size and (values != values[0]).any() for values in seen):
        raise refusal
    return np.array([values[0] if values.size else diagonals[band.before][0] for values in diagonals])


def _spread(stream: Stream, table: np.ndarray, band: Band) -> str:
    """[queries, keys] of this call from one value for each distance."""
    whole = np.concatenate([table[:1], table, table[-1:]])
    hint = "stream.by_distance"
    return stream.writer.node("Gather", [stream.writer.constant(whole, "distances"), _places(stream, band)], hint)


def _places(stream: Stream, band: Band) -> str:
    """[queries, keys] of this call: 1 + the place of a key in its query's band, 0 before it, width + 1 behind it."""
    key = ("places", band.flow.clock, band.width)
    if key in stream.made:
        return stream.made[key]
    writer, hint = stream.writer, "stream.places"
    zero, one = writer.constant(np.array(0), "zero"), writer.constant(np.array(1), "one")
    count = writer.node(
        "Reshape", [stream.frames_now(band.flow.clock), writer.constant(np.zeros(0, np.int64), "scalar")], hint
    )
    wide = writer.node("Add", [count, writer.constant(np.array(band.width - 1), "more")], hint)
    ranges = [writer.node("Range", [zero, end, one], hint) for end in (count, wide)]
    rows = writer.node("Reshape", [ranges[0], writer.constant([-1, 1], "shape")], hint)
    apart = writer.node("Cast", [writer.node("Sub", [ranges[1], rows], hint)], hint, to=TensorProto.FLOAT)
    bounds = [writer.constant(np.array(n, np.float32), "bound") for n in (-1, band.width)]
    near = writer.node("Cast", [writer.node("Clip", [apart, *bounds], hint)], hint, to=TensorProto.INT64)
    stream.made[key] = writer.node("Add", [near, one], hint)
    return stream.made[key]


def _masked(stream: Stream, name: str, band: Band) -> str:
    """Scores with nothing of keys that lie out of the band, before the clip or behind it."""
    writer, flow = stream.writer, band.flow
    allowed = np.array([False, *band.allowed, False])
    inside = writer.node("Gather", [writer.constant(allowed, "allowed"), _places(stream, band)], "stream.inside")
    real = _real_keys(stream, flow.but(axis=0, delay=band.keys_delay, silent=True), band)
    seen = writer.node("And", [inside, real], "stream.seen")
    element = stream.shapes.element_type(name)
    dtype = helper.tensor_dtype_to_np_dtype(element)
    unseen = writer.constant(np.array(UNSEEN.get(element, UNSEEN_ELSE), dtype), "unseen")
    return writer.node("Where", [seen, name, unseen], f"{name}.seen")


def _real_keys(stream: Stream, flow: Flow, band: Band) -> str:
    """[keys] bool: which frames of the window belong to the clip."""
    key = ("real keys", flow, band.width)
    if key not in stream.made:
        mask = stream.validity.mask(flow.clock, flow.delay, 1, 0)
        stream.flows[mask] = flow
        stream.shapes.declare(mask, TensorProto.FLOAT, [1])
        window, _ = stream.window(mask, band.width - 1, 1, (band.before, band.ahead), 0.0)
        stream.made[key] = stream.writer.node("Cast", [window], "stream.real", to=TensorProto.BOOL)
    return stream.made[key]
