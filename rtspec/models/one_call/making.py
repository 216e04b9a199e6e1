"""How the form in which a model's graph is played is made, and proved against its file.

Apart from :mod:`.form`, since it needs onnx and onnxruntime's own Python, which take .2 s to load: they are wanted only
for a model that this machine has not met.
"""

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from onnx import ModelProto

from ..manifest import State
from ..own_run.assembling import Assembly
from ..own_run.products import has_halves
from .form import Call, CallForm, Precision, Runner, own_form
from .graph import CallGraph, Pass
from .lanes import NoLanes, lane_axes
from .one_frame import depthwise, mean, one_step, pointwise, rotation, whole_packets
from .rows import as_rows, free_lanes, joined_views

HEAVY = 1 << 16
"""Weights from which a model is heavy: below, other arithmetic is not worth a change of its bits."""
CLOSE = 1e-6
"""Largest difference to what the file's own graph gives, relative to its peak."""
CLOSE_HALVES_DB = 70.0
"""Signal to noise of what weights of float16 give, at least, to what the file's own graph gives."""
LARGEST = 64 << 20
"""Bytes of a model at most: whatever is larger does not play live, and copies of it would fill the memory."""
_FRAMES, _LANES = 16, 3
_PRODUCTS: tuple[Pass, ...] = (depthwise, pointwise, mean, whole_packets, as_rows)


@dataclass(frozen=True)
class _Try:
    """A form to make: by which passes, with or without lanes, and who runs it ("" for onnxruntime)."""

    passes: tuple[Pass, ...]
    together: bool = True
    weights: str = ""


def _tries(is_heavy: bool, precision: Precision) -> tuple[_Try, ...]:
    """What is tried, the fastest first; light models keep their bits."""
    if not is_heavy:
        return (_Try((as_rows,), together=False),)
    halves = (_Try(_PRODUCTS, weights="float16"),) if precision == "auto" and has_halves() else ()
    return (*halves, _Try(_PRODUCTS, weights="float32"), _Try(_PRODUCTS), _Try((as_rows,)), _Try(()))


def call_form(content: bytes, call: Call, session: Runner, precision: Precision = "auto") -> tuple[CallForm, Any]:
    """The form in which a model is played, for calls like `call`, and its session; the file's own where no other is
    proved equal."""
    own, plain = own_form(content, call, session)
    call.check(plain.shapes({**call.inputs, **call.known}, list(call.outputs)))
    if len(content) > LARGEST:
        return replace(own, why_as_it_is="it is too large"), plain
    proto = ModelProto.FromString(content)
    is_heavy = sum(prod(tensor.dims) for tensor in proto.graph.initializer) >= HEAVY
    why = None
    for each in _tries(is_heavy, precision):
        try:
            form = _made(proto, call, each)
            made = session(form.content)
            why = _disproved(plain, made, form, call, exact=not is_heavy)
        except Exception as error:  # onnx and onnxruntime raise errors of many classes: the file's own graph is there
            why = " ".join(str(error).split())[:160]
            continue
        if why is None:
            return (_alone_again(form, made, call) if form.joins and is_heavy else form), made
    return replace(own, why_as_it_is=why), plain


def _made(proto: ModelProto, call: Call, wanted: _Try) -> CallForm:
    shapes = {name: array.shape for name, array in call.inputs.items()}
    graph = CallGraph(proto, shapes, call.known)
    while graph.apply(rotation, one_step):
        graph.look()
    why_alone = (
        _find_lanes(graph, call) if wanted.together else "it is light: together they might give other bits than alone"
    )
    graph.apply(*wanted.passes, free_lanes)
    joined_views(graph)
    lanes = {name: axis for name, axis in graph.lanes.items() if name in (*graph.inputs, *graph.outputs)}
    free = {name: _free(shapes[name], lanes[name]) for name in shapes if name in lanes}
    rest = frozenset(call.known), lanes, None, why_alone
    if not wanted.weights:
        return CallForm(graph.proto(free).SerializeToString(), *rest)
    graph.look()
    program = Assembly(graph, half=wanted.weights == "float16").program(_types(proto))
    return CallForm(program.content(), *rest, wanted.weights)


def _types(proto: ModelProto) -> dict[str, int]:
    return {value.name: value.type.tensor_type.elem_type for value in (*proto.graph.input, *proto.graph.output)}


def _free(shape: tuple[int, ...], axis: int) -> list[int | str]:
    return ["lanes" if i == axis else n for i, n in enumerate(shape)]


def _find_lanes(graph: CallGraph, call: Call) -> str | None:
    """Give the graph its lanes; else why it has none."""
    if call.lane_axis is None:
        return "its frames have no batch axis"
    try:
        graph.lanes = lane_axes(graph, {call.frame: call.lane_axis}, [(s.input, s.output) for s in call.states])
    except NoLanes as error:
        return str(error)
    images = [node for node in graph.nodes if node.op_type.startswith("Conv") and len(graph.dims(node.input[1])) > 3]
    return "convolutions over an image gain nothing together" if images else None


def _disproved(plain: Any, made: Any, form: CallForm, call: Call, exact: bool) -> str | None:
    """Why the form is not played: what differs, over some frames, each going on from states of its own."""
    frames = _noise(call)[:, : _LANES if form.joins else 1]
    lanes = range(frames.shape[1])
    alone = [_played(plain, call, {**call.inputs, **call.known}, frames[:, lane]) for lane in lanes]
    together = _together(made, form, call, frames)
    for k, name in enumerate(call.outputs if exact else call.outputs[:1]):
        wanted = np.array([_stacked([each[t][k] for each in alone], form.lanes.get(name)) for t in range(_FRAMES)])
        found = np.array([results[k] for results in together])
        if not (_heard_same(found, wanted) if form.weights == "float16" else _same(found, wanted, exact)):
            return f'"{name}" would be another by {np.abs(found - wanted).max():.3g} of {np.abs(wanted).max():.3g}'
    return None


def _alone_again(form: CallForm, made: Any, call: Call) -> CallForm:
    """The form, with its lanes apart where a lane gets other bits among others than alone: mono is a channel of
    stereo."""
    levels = 10.0 ** np.random.default_rng(1).uniform(-3, 1, (_FRAMES, _LANES))
    frames = (_noise(call).T * levels.T).T.astype(np.float32)
    together = _together(made, form, call, frames)
    for lane in range(_LANES):
        alone = _played(made, call, dict(call.inputs), frames[:, lane])
        for results, several in zip(alone, together, strict=True):
            for name, one, all_ in zip(call.outputs, results, several, strict=True):
                axis = form.lanes.get(name)
                if not np.array_equal(one, all_ if axis is None else np.take(all_, [lane], axis)):
                    return replace(form, why_alone="together they would give other bits than alone")
    return form


def _noise(call: Call) -> np.ndarray:
    """Frames of some lanes, numbers from 0 to 1, the same each time."""
    shape = (_FRAMES, _LANES, *call.inputs[call.frame].shape)
    return np.random.default_rng(0).random(shape, np.float32)


def _together(made: Any, form: CallForm, call: Call, frames: np.ndarray) -> list[list[np.ndarray]]:
    """What a form gives for all lanes at once."""
    lanes = frames.shape[1]
    feeds = {name: _stacked([value] * lanes, form.lanes.get(name)) for name, value in call.inputs.items()}
    axis = form.lanes.get(call.frame)
    return _played(made, call, feeds, [_stacked(list(each), axis) for each in frames])


def _played(session: Any, call: Call, feeds: dict, frames) -> list[list[np.ndarray]]:
    """What a session gives for frames, one a call: all outputs each time."""
    feeds, made = dict(feeds), []
    for frame in frames:
        feeds[call.frame] = np.ascontiguousarray(frame)
        made.append(session.results(feeds, list(call.outputs)))
        results = dict(zip(call.outputs, made[-1], strict=True))
        feeds |= {state.input: _following(state, feeds[state.input], results[state.output]) for state in call.states}
    return made


def _stacked(arrays: list[np.ndarray], axis: int | None) -> np.ndarray:
    return arrays[0] if axis is None else np.concatenate(arrays, axis)


def _same(found: np.ndarray, wanted: np.ndarray, exact: bool) -> bool:
    if found.shape != wanted.shape or found.dtype != wanted.dtype or not np.isfinite(wanted).all():
        return False
    if exact or wanted.dtype.kind != "f":
        return np.array_equal(found, wanted)
    return float(np.abs(found - wanted).max(initial=0)) <= CLOSE * float(np.abs(wanted).max(initial=0))


def _heard_same(found: np.ndarray, wanted: np.ndarray) -> bool:
    if found.shape != wanted.shape or not np.isfinite(wanted).all():
        return False
    noise, signal = (float(np.square(each, dtype=np.float64).sum()) for each in (found - wanted, wanted))
    return noise * 10 ** (CLOSE_HALVES_DB / 10) <= signal


def _following(state: State, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    axis = state.append_axis
    if axis is None:
        return new
    joined = np.concatenate([old, new], axis)
    return np.take(joined, range(joined.shape[axis] - state.shape[axis], joined.shape[axis]), axis)
