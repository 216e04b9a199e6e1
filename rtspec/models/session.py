"""A packaged model as a compiled frame stage: onnxruntime's Run called by address, with tensors over memory of our own.

States go in ping-pong: two sets of OrtValues over the same memory take turns, so that what one call writes the next one
reads and nothing is copied. Where the C API is missing, a Python callback with Run's own signature does the same by I/O
binding under the GIL: the step above it is the same compiled code.
"""

import ctypes
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
from llvmlite import ir
from numba import njit, types

from ..buffers.memory import (
    ALIGNMENT,
    address,
    aligned,
    aligned_copy,
    floats,
    intrinsic,
    memmove,
    memset,
)
from ..buffers.record import Record
from ..buffers.step import Row, Stage, step
from ..buffers.views import part, place_of
from ..errors import InvalidValue, ModelError
from . import ort_api
from .fork_lock import ForkLock
from .manifest import Manifest, Port, Signature, State
from .one_call.form import Call, CallForm, own_form
from .one_call.kept import form_key, keep_form, kept_form
from .packages import PackagedModel
from .watch import RUN_S, watch

SessionPath = Literal["auto", "c-api", "binding"]
MESSAGE_BYTES = 256
LARGEST_BYTES = 256 << 20
"""Most that the tensors of one stage may take together: frames, answers and states."""

_APPEND = ("state", "newest", "outer", "kept_bytes", "new_bytes")
_LANE_STATE = ("state", "its_turn", "lane_bytes")

SESSION = Record(
    "Session",
    # How to call Run; where a frame lies in the tensors: `outer` pieces of `inner` bytes, `period` frames apart; which
    # states have newest frames to append, and which are one lane's own; what changes.
    counts="n_inputs n_outputs period input_outer input_inner output_outer output_inner states_bytes n_appends n_lanes"
    " n_lane_states phase=0 position=0 runs=0 under_way=0 failures=0 not_finite=0",
    addresses="run message release session? options? input output states",
    constants="input_names:i8[n_inputs] output_names:i8[n_outputs] values:i8[2,n_inputs+n_outputs]"
    f" initial_states:u1[states_bytes] appends:i8[n_appends,{len(_APPEND)}]"
    f" lane_states:i8[n_lane_states,{len(_LANE_STATE)}]",
    arrays=f"memory:u1 text:u1[{MESSAGE_BYTES}]",
)
"""`states`: where those of the model begin within `memory`, the block of all its tensors."""


def _call(n_args: int):
    """Code that calls the C function at an address with `n_args` int64."""

    def codegen(context, builder, signature, args):
        i64 = ir.IntType(64)
        kind = ir.FunctionType(i64, [i64] * n_args)
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return types.int64(*[types.int64] * (n_args + 1)), codegen


@intrinsic
def call_1(typingctx, entry, a):
    """Call ``entry(a)``."""
    return _call(1)


@intrinsic
def call_run(typingctx, entry, session, options, names, values, n_values, wanted, n_wanted, made):
    """Call a function with the signature of OrtApi::Run; returns the status, 0 where all went well."""
    return _call(8)


strncpy = types.ExternalFunction("strncpy", types.int64(types.int64, types.int64, types.int64))


@njit
def place_frame(s, x):
    """Put the frame at address `x` into the input tensor, at this call's position in time."""
    for o in range(s.input_outer):
        memmove(s.input + (o * s.period + s.position) * s.input_inner, x + o * s.input_inner, s.input_inner)


@njit
def give_frame(s, y):
    """Copy the frame of the output tensor whose turn it is to address `y`."""
    for o in range(s.output_outer):
        memmove(y + o * s.output_inner, s.output + (o * s.period + s.position) * s.output_inner, s.output_inner)


@njit
def append_newest(s):
    """Shift the states of which the model gave only the newest frames, and append these."""
    for k in range(s.n_appends):
        a = s.appends[k]
        state, newest, outer, kept, new = a[0], a[1], a[2], a[3], a[4]
        for o in range(outer):
            row = state + o * kept
            if new < kept:
                memmove(row, row + new, kept - new)
            used = min(new, kept)
            memmove(row + kept - used, newest + (o + 1) * new - used, used)


@njit
def all_finite(location, n):
    """Whether `n` float32 hold neither NaN nor infinity: x - x is 0 for finite x and NaN otherwise."""
    values, total = floats(location, n), np.float32(0)
    for i in range(n):
        total += values[i] - values[i]
    return total == 0


@njit
def note_failure(s, status):
    """Keep the text of a failed call, free its status and count it."""
    strncpy(place_of(s.text), call_1(s.message, status), MESSAGE_BYTES - 1)
    call_1(s.release, status)
    s.failures += 1


@njit
def start_lane(s, lane):
    """The states of one lane as they were at first, whichever call comes next."""
    for k in range(s.n_lane_states):
        a = s.lane_states[k]
        at = lane * a[2]
        for place in (a[0], a[1]):
            memmove(place + at, place_of(part(s.initial_states, a[0] - s.states + at, a[2])), a[2])


@njit
def start_lost_lanes(s, lane_bytes):
    """Lanes that gave NaN or infinity give zeros and start afresh; the others go on."""
    for lane in range(s.n_lanes):
        if not all_finite(s.output + lane * lane_bytes, lane_bytes // 4):
            memset(s.output + lane * lane_bytes, 0, lane_bytes)
            start_lane(s, lane)


@njit
def run_session(s):
    """Run the model once. A failed call leaves the states, one that gives NaN starts them afresh; both give zeros."""
    values = s.values[s.phase]
    made = place_of(part(values, s.n_inputs, s.n_outputs))
    s.runs += 1
    s.under_way = s.runs
    names, wanted = place_of(s.input_names), place_of(s.output_names)
    status = call_run(s.run, s.session, s.options, names, place_of(values), s.n_inputs, wanted, s.n_outputs, made)
    s.under_way = 0
    n_bytes = s.output_outer * s.period * s.output_inner
    if status != 0:
        note_failure(s, status)
        memset(s.output, 0, n_bytes)
    elif all_finite(s.output, n_bytes // 4):
        append_newest(s)
        s.phase = 1 - s.phase
    elif s.n_lanes > 1:
        s.not_finite += 1
        append_newest(s)
        s.phase = 1 - s.phase
        start_lost_lanes(s, n_bytes // s.n_lanes)
    else:
        s.not_finite += 1
        memset(s.output, 0, n_bytes)
        memmove(s.states, place_of(s.initial_states), s.states_bytes)
        s.phase = 0


@step
def run_model(state, x, n, y):
    """`n` frames of float32 → `n` frames of float32; the model runs whenever a period of frames is complete."""
    s = SESSION(state)
    n_in, n_out = s.input_outer * s.input_inner, s.output_outer * s.output_inner
    for t in range(n):
        place_frame(s, x + t * n_in)
        s.position += 1
        if s.position == s.period:
            s.position = 0
            run_session(s)
        give_frame(s, y + t * n_out)
    return n


# ------------------------------------------------------------------------------------------ from Python


class ModelStage(Stage):
    """A model as a stage: one frame in, one frame out, both float32 in the model's own layout with time left out.

    Attributes
    ----------
    delay : int
        Frames by which the output lags behind the input.
    input_shape, output_shape : tuple of int
        Of one frame: the tensors' axes without "batch" and "time".
    session_path : str
        "c-api", or "binding" where the GIL is taken at each frame.
    why_binding : str or None
        Why the C API is not used.
    manifest : Manifest
    form : CallForm
        What is played of the model.
    controls : dict of str to ndarray
        The tensors of its parameters by name.
    """

    def __init__(self, model: PackagedModel, parts: "_Parts", keep: tuple):
        self.manifest, self.session_path = model.manifest, parts.caller.session_path
        self.why_binding = parts.caller.why
        self.input_shape, self.output_shape = parts.frame_shapes
        self.controls, self.form = parts.controls, parts.form
        self._options, self._ended = parts.caller.options, False
        kept = (model, parts, *keep)
        super().__init__(run_model, SESSION, keep=kept, delay=model.stage_delay_frames, **parts.fields())
        watch(self)

    def reset(self) -> None:
        if self._ended:
            self._options.end(False)
            self._ended = False
        super().reset()

    @property
    def tensors(self) -> tuple[np.ndarray, np.ndarray]:
        """What the model reads a frame of all lanes from, and where it writes its answer."""
        parts = self._kept[0][1]
        return parts.input, parts.output

    def joins(self, other: "ModelStage") -> bool:
        """Whether both can be one call: of one session, which serves several lanes, a frame at a time."""
        one_session = self._kept[0][1].session is other._kept[0][1].session
        return one_session and self.form.joins and int(self.record["period"][0]) == 1

    def together(self, lanes: Sequence["ModelStage"]) -> "ModelStage":
        """A stage for as many lanes as are given, this one's among them: it reads this one's parameters."""
        return self.of_lanes(len(lanes), tuple(lanes))

    def of_lanes(self, n: int, keep: tuple = ()) -> "ModelStage":
        """A stage for `n` lanes in one call, which reads this one's parameters."""
        model, parts = self._kept[0][:2]
        n_bins = dict(zip(self.manifest.input.layout, parts.input.shape, strict=True)).get("bins")
        several = _Parts(model, n_bins, self.session_path, False, n, self.controls)
        return ModelStage(model, several, (self, *keep))

    def run_under_way(self) -> int:
        """Number of the run that is under way, 0 where none is."""
        return int(self.record["under_way"][0])

    def end_run(self) -> None:
        """End the run that is under way; those after it fail at once, until the next :meth:`reset`."""
        self._ended = True
        self._options.end(True)

    def parameter(self, name: str) -> np.ndarray:
        """The float32 array of shape (1,) that the model reads for a parameter; :meth:`reset` leaves it alone.

        Raises
        ------
        InvalidValue
            If the model has no such parameter; the text lists them.
        """
        places = {p.name: (p.tensor, p.index) for p in self.manifest.controls}
        if name not in places:
            raise InvalidValue(
                f'"{name}" is no parameter of {self.manifest.name}; it has: {", ".join(places) or "none"}'
            )
        tensor, index = places[name]
        return self.controls[tensor].reshape(-1)[index : index + 1]

    def parameter_address(self, name: str) -> int:
        """Where compiled code writes a parameter as float32, once a frame."""
        return address(self.parameter(name))

    def row(self, x: np.ndarray | int, y: np.ndarray | int) -> Row:
        """This stage as a row of a table.

        Raises
        ------
        ModelError
            If `x` holds less than the frame that the model reads, or `y` has no room for the one that it gives: what a
            foreign file says of its sizes ends here.
        """
        for side, place, shape in (("takes", x, self.input_shape), ("gives", y, self.output_shape)):
            if not isinstance(place, np.ndarray) or place.nbytes < 4 * prod(shape):
                room = place.nbytes // 4 if isinstance(place, np.ndarray) else 0
                raise ModelError(
                    f"{self.manifest.name} {side} frames of {prod(shape)} numbers, {list(shape)}; there is room for "
                    f"{room} here: export it for this plan, or choose the plan that it was made for"
                )
        return super().row(x, y)

    @property
    def counters(self) -> dict[str, int]:
        """Since the last reset: `runs`, `failures` (Run gave an error), `not_finite` (a frame held NaN or infinity)."""
        return {name: int(self.record[name][0]) for name in ("runs", "failures", "not_finite")}

    @property
    def last_error(self) -> str:
        """What onnxruntime said when it last failed; empty where it never did."""
        if self._ended:
            return f"a run took longer than {RUN_S:g} s and was ended; the model may loop for ever"
        return bytes(self._kept[1]["text"]).split(b"\0")[0].decode(errors="replace")


def model_stage(
    model: PackagedModel,
    n_bins: int | None = None,
    *,
    keep: tuple = (),
    session_path: SessionPath = "auto",
    as_it_is: bool = False,
    controls_of: ModelStage | None = None,
) -> ModelStage:
    """Make a stage of a packaged model, ready to run: session made, memory allocated, one trial call done.

    Parameters
    ----------
    model : PackagedModel
        Stages of the same object share its session, thus its weights; each has states of its own.
    n_bins : int, optional
        Size of the input's axis "bins" (bands, for a model that takes bands); not needed where the model fixes it.
    keep : tuple
        Objects that must live as long as the stage.
    session_path : {"auto", "c-api", "binding"}
        "auto" takes the C API where it is there.
    as_it_is : bool
        Play the file's own graph, and each lane alone, to compare with.
    controls_of : ModelStage, optional
        Its parameters are read in place of parameters of its own.

    Returns
    -------
    ModelStage

    Raises
    ------
    ModelError
        If the model's rate is not one frame out for one in, `n_bins` does not fit it, or a trial call fails.
    """
    if session_path not in ("auto", "c-api", "binding"):
        raise InvalidValue(f'session_path="{session_path}" must be one of auto, c-api, binding; try "auto"')
    controls = None if controls_of is None else controls_of.controls
    return ModelStage(model, _Parts(model, n_bins, session_path, as_it_is, controls=controls), (*keep, controls_of))


@dataclass(frozen=True)
class _Run:
    """How to call Run: addresses of the functions, the handle, and what a table of values holds."""

    session_path: str
    why: str | None
    run: int
    message: int
    release: int
    session: int
    values: np.ndarray
    options: Any
    keep: tuple


class _Parts:
    """All that a stage needs, in order: tensors, a trial call for the output's shape, memory, the way to call Run."""

    def __init__(
        self,
        model: PackagedModel,
        n_bins: int | None,
        session_path: SessionPath,
        as_it_is: bool = False,
        lanes: int = 1,
        controls: dict[str, np.ndarray] | None = None,
    ):
        m = model.manifest
        self.manifest, self.lanes = m, lanes
        self._taken = shape = input_shape(model, n_bins)
        self.period = model.call_frames
        _check_rate(m)
        self.controls = controls or control_arrays(m, model.inputs)
        check_room(m.name, [(shape, "float32"), *((s.shape, s.dtype) for s in m.states)])
        known = {m.valid_input: np.ones(self.period, np.float32)} if m.valid_input else {}
        frame = np.zeros(shape, np.float32)
        axis = m.input.layout.index(model.lane_axis) if model.lane_axis in m.input.layout else None
        given = {m.input.name: frame, **self.controls, **{s.input: aligned_copy(s.value()) for s in m.states}}
        call = Call(m.input.name, axis, given, known, self._output_names, m.states, self._check)
        session, why = _session(model, session_path, call, as_it_is)
        self.session, self.form = session, session.form
        self._valid = {name: aligned_copy(value) for name, value in known.items() if name not in self.form.known}
        shapes = session.shapes({name: {**given, **known}[name] for name in self._input_names}, self._output_names)
        self._check(shapes)
        self._allocate(self._laned([shape], [m.input.name])[0], self._laned(shapes, self._output_names))
        self.caller = session.caller(self._input_names, self._output_names, self._phases(), why)

    def _check(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """What a call gives, by its shapes: the frame as the manifest says, each state as it went in."""
        m = self.manifest
        _check_output(m, self._taken, shapes[0])
        for state, made in zip(m.states, shapes[1:], strict=True):
            _check_state(m, state, made)

    @property
    def _input_names(self) -> list[str]:
        m = self.manifest
        return [m.input.name, *self._valid, *self.controls, *(s.input for s in m.states)]

    @property
    def _output_names(self) -> list[str]:
        return [self.manifest.output.name, *(s.output for s in self.manifest.states)]

    def _laned(self, shapes: Sequence[tuple[int, ...]], names: Sequence[str]) -> list[tuple[int, ...]]:
        """Shapes of tensors for one lane, as they are for all."""
        axes = [self.form.lanes.get(name) if self.lanes > 1 else None for name in names]
        return [
            tuple(self.lanes if i == axis else n for i, n in enumerate(shape))
            for shape, axis in zip(shapes, axes, strict=True)
        ]

    def _allocate(self, shape: tuple[int, ...], shapes: Sequence[tuple[int, ...]]) -> None:
        """One block of memory: the frame in, the frame out, then each state and the one that takes turns with it."""
        states = self.manifest.states
        kept = self._laned([state.shape for state in states], [state.input for state in states])
        wanted = [(shape, "float32"), (shapes[0], "float32")]
        for state, old, made in zip(states, kept, shapes[1:], strict=True):
            wanted += [(old, state.dtype), (made, state.dtype)]
        check_room(self.manifest.name, wanted)
        self.memory, tensors = _block(wanted)
        self.input, self.output, self.pairs = (
            tensors[0],
            tensors[1],
            list(zip(tensors[2::2], tensors[3::2], strict=True)),
        )
        for state, (first, _) in zip(states, self.pairs, strict=True):
            first[...] = state.value()

    def _phases(self) -> list[tuple[list[np.ndarray], list[np.ndarray]]]:
        """Inputs and outputs of even calls and of odd ones."""
        constants = [*self._valid.values(), *self.controls.values()]
        turns = []
        for phase in (0, 1):
            swap = [phase and state.append_axis is None for state in self.manifest.states]
            pairs = [pair[::-1] if odd else pair for pair, odd in zip(self.pairs, swap, strict=True)]
            turns.append(([self.input, *constants, *(a for a, _ in pairs)], [self.output, *(b for _, b in pairs)]))
        return turns

    @property
    def frame_shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shape of a frame in and of a frame out."""
        m = self.manifest
        return _frame_shape(m.input, self.input.shape), _frame_shape(m.output, self.output.shape)

    def fields(self) -> dict[str, Any]:
        """The record's fields by name; arrays stand for their addresses."""
        c, m = self.caller, self.manifest
        self.names = [ort_api.name_table(names) for names in (self._input_names, self._output_names)]
        first = self.pairs[0][0] if self.pairs else self.memory[:0]
        n_bytes = address(self.memory) + self.memory.nbytes - address(first) if self.pairs else 0
        initial = self.memory[len(self.memory) - n_bytes :].copy()
        return {
            **{name: getattr(c, name) for name in ("run", "message", "release", "session", "values")},
            "options": c.options.handle,
            "input_names": self.names[0][0],
            "n_inputs": len(self._input_names),
            "output_names": self.names[1][0],
            "n_outputs": len(self._output_names),
            **_place("input", m.input, self.input),
            **_place("output", m.output, self.output),
            "period": self.period,
            "memory": self.memory,
            "states": address(first),
            "initial_states": _constant(initial),
            "states_bytes": n_bytes,
            "appends": self._appends(),
            "n_appends": sum(s.append_axis is not None for s in m.states),
            "n_lanes": self.lanes,
            "lane_states": (lane_states := self._lane_states()),
            "n_lane_states": len(lane_states),
            "text": aligned(MESSAGE_BYTES, np.dtype(np.uint8)),
        }

    def _appends(self) -> np.ndarray:
        rows = []
        for state, (kept, new) in zip(self.manifest.states, self.pairs, strict=True):
            if state.append_axis is not None:
                outer = max(1, prod(kept.shape[: state.append_axis]))
                rows.append((address(kept), address(new), outer, kept.nbytes // outer, new.nbytes // outer))
        return _constant(np.array(rows, np.int64).reshape(-1, len(_APPEND)))

    def _lane_states(self) -> np.ndarray:
        """Where the states lie of which each lane has its own, and what takes turns with them."""
        rows = [
            (address(kept), address(kept if state.append_axis is not None else turn), kept.nbytes // self.lanes)
            for state, (kept, turn) in zip(self.manifest.states, self.pairs, strict=True)
            if state.input in self.form.lanes
        ]
        return _constant(np.array(rows, np.int64).reshape(-1, len(_LANE_STATE)))


def input_shape(model: PackagedModel, n_bins: int | None = None) -> tuple[int, ...]:
    """Shape of the input tensor for one period of frames.

    Raises
    ------
    ModelError
        If `n_bins` is missing or does not fit.
    """
    m = model.manifest
    fixed = model.fixed_bins
    if fixed is not None and n_bins not in (None, fixed):
        raise ModelError(f"n_bins={n_bins} does not fit {m.name}, which takes {fixed}; use the plan of its manifest")
    if "bins" in m.input.layout and (fixed or n_bins) is None:
        raise ModelError(f"{m.name} takes any number of bins; give n_bins, as in n_bins={1025}")
    usual = {"batch": 1, "channels": m.input.n_channels, "bins": fixed or n_bins or 1, "time": model.call_frames}
    dtype, sizes = model.inputs.tensors[m.input.name]
    made = model.outputs.tensors[m.output.name][0]
    if (dtype, made) != ("float32", "float32"):
        raise ModelError(f"{m.name} takes frames of {dtype} and gives {made}; stages have float32: export it so")
    shape = tuple(n if isinstance(n, int) else usual[axis] for axis, n in zip(m.input.layout, sizes, strict=True))
    if min(shape, default=1) < 1:
        raise ModelError(
            f'{m.name}: input "{m.input.name}" of shape {list(shape)} holds nothing; every axis needs 1 or more'
        )
    if model.call_frames % m.period:
        raise ModelError(f"{m.name} takes {model.call_frames} frames a call, no multiple of its period {m.period}")
    return shape


def control_arrays(m: Manifest, inputs: Signature) -> dict[str, np.ndarray]:
    """An aligned array for each tensor of parameters, float32 and filled with the defaults, and for each constant."""
    arrays = {name: aligned(_sizes(inputs, name)) for name in sorted({p.tensor for p in m.controls})}
    for p in m.controls:
        arrays[p.tensor].reshape(-1)[p.index] = p.default
    return arrays | {constant.input: aligned_copy(constant.value()) for constant in m.constants}


def _sizes(signature: Signature, name: str) -> tuple[int, ...]:
    return tuple(int(n or 0) for n in signature.tensors[name][1])


def _check_rate(m: Manifest) -> None:
    if m.rate.frames_in != m.rate.frames_out:
        rate = f"{m.rate.frames_in}:{m.rate.frames_out}"
        raise ModelError(
            f"{m.name} has a rate of {rate} frames; a stage needs as many out as in: run it with FrameModel"
        )


def check_room(name: str, wanted: Sequence[tuple[tuple[int, ...], str]]) -> None:
    """Refuse tensors that take more than :data:`LARGEST_BYTES` together."""
    total = sum(prod(shape) * np.dtype(dtype).itemsize for shape, dtype in wanted)
    if total > LARGEST_BYTES:
        raise ModelError(
            f"{name} needs {total >> 20} MiB for its frames and states; a stage has at most {LARGEST_BYTES >> 20}: "
            "export a smaller one"
        )


def _check_output(m: Manifest, taken: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """What really came out: one frame for each frame in, with as many bins unless they were bands, and as many numbers
    a bin as its representation says."""
    if len(shape) != len(m.output.layout) or min(shape, default=1) < 1:
        raise ModelError(
            f'{m.name}: output "{m.output.name}" has shape {list(shape)}; its layout {",".join(m.output.layout)} needs '
            "one size of 1 or more for each axis"
        )
    source = dict(zip(m.input.layout, taken, strict=True))
    sizes = dict(zip(m.output.layout, shape, strict=True))
    bins = _output_bins(m, source.get("bins"))
    wrong = sizes.get("time") != source.get("time") or sizes.get("batch", 1) != 1
    if wrong or (bins is not None and sizes.get("bins") != bins):
        raise ModelError(
            f'{m.name}: output "{m.output.name}" has shape {list(shape)}; it must hold as many frames and bins as '
            f"the input's {list(taken)}, in one batch"
        )
    channels = sizes.get("channels", 1)
    if m.output.representation != "tensor" and channels != m.output.n_channels:
        raise ModelError(
            f'{m.name}: output "{m.output.name}" has {channels} channels; representation="{m.output.representation}" '
            f"has {m.output.n_channels}: export it so, or name what it gives"
        )


def _output_bins(m: Manifest, taken: int | None) -> int | None:
    """Bins that the output must have where the input has `taken`; None where the manifest does not tell."""
    if "tensor" in (m.input.representation, m.output.representation) or m.input.bands:
        return None
    if m.output.n_bins is not None or taken is None:
        return m.output.n_bins
    if m.input.n_bins is not None and m.n_fft:
        return m.output.frame_layout.used(m.n_fft // 2 + 1)
    return taken + m.input.first_bin - m.output.first_bin


def _check_state(m: Manifest, state: State, made: tuple[int, ...]) -> None:
    """A state comes back as it went in; one of which only the newest frames come, along that axis alone shorter."""
    axis = state.append_axis
    kept = [n for i, n in enumerate(state.shape) if i != axis]
    same = len(made) == len(state.shape) and [n for i, n in enumerate(made) if i != axis] == kept
    if not same or (axis is not None and made[axis] < 1):
        raise ModelError(
            f'{m.name}: state "{state.output}" comes back as {list(made)}, it went in as {list(state.shape)}; a state '
            "keeps its shape: export it so"
        )


def _frame_shape(port: Port, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for axis, n in zip(port.layout, shape, strict=True) if axis not in ("batch", "time"))


def _place(side: str, port: Port, tensor: np.ndarray) -> dict[str, int]:
    """Where frames lie in a tensor: its address, pieces before time, bytes after it (one piece where time is 1)."""
    outer, inner = prod(tensor.shape[: port.time_axis]), 4 * prod(tensor.shape[port.time_axis + 1 :])
    if tensor.shape[port.time_axis] == 1:
        outer, inner = 1, outer * inner
    return {side: address(tensor), f"{side}_outer": outer, f"{side}_inner": inner}


def _constant(values: np.ndarray) -> np.ndarray:
    out = aligned_copy(values)
    out.flags.writeable = False
    return out


def _block(wanted: Sequence[tuple[tuple[int, ...], str]]) -> tuple[np.ndarray, list[np.ndarray]]:
    """One aligned array of bytes and the tensors inside it, each on a cache line of its own."""
    sizes = [prod(shape) * np.dtype(dtype).itemsize for shape, dtype in wanted]
    starts = np.cumsum([0, *(-(-size // ALIGNMENT) * ALIGNMENT for size in sizes)])
    memory = aligned(int(starts[-1]), np.dtype(np.uint8))
    parts = zip(wanted, sizes, starts, strict=False)
    return memory, [memory[at : at + size].view(dtype).reshape(shape) for (shape, dtype), size, at in parts]


# ------------------------------------------------------------------------------------------ the two ways to call Run


def _session(model: PackagedModel, session_path: SessionPath, call: Call, as_it_is: bool) -> tuple[Any, str | None]:
    """The model's session for calls of one size, made once for each way, and why it is not the C API's.

    Sessions are kept by content: the weights of a model are in memory once, whoever plays it.
    """
    why = "it was asked for" if session_path == "binding" else ort_api.why_unavailable()
    if why and session_path == "c-api":
        raise ModelError(f"{why}; use session_path='auto'")
    key = ("binding" if why else "c-api", as_it_is, call.inputs[call.frame].shape, model.digest)
    with _making:
        found = model.sessions.get(key) or _sessions.get(key)
        if found is None:
            found = _made_session(model, call, _BindingSession if why else _ApiSession, as_it_is)
        model.sessions[key] = _sessions[key] = found
    return found, why


def _made_session(model: PackagedModel, call: Call, session: Any, as_it_is: bool) -> Any:
    """A session of the form that was kept by an earlier start, or of one that is made and proved now."""
    if as_it_is:
        form, made = own_form(model.proto_bytes, call, session)
        made.form = form
        return made
    key = form_key(model.proto_bytes, call.sizes)
    form = kept_form(key, model.proto_bytes)
    if form is not None:
        made = session(form.content)
    else:
        from .one_call.making import call_form

        form, made = call_form(model.proto_bytes, call, session)
        keep_form(key, form)
    made.form = form
    return made


_making = ForkLock()
_sessions: "weakref.WeakValueDictionary[tuple, Any]" = weakref.WeakValueDictionary()
"""Each lives as long as a model or a stage that uses it."""


class _ApiSession(ort_api.CSession):
    """Run by its address: no Python at all in a frame."""

    form: CallForm

    def caller(self, inputs: list[str], outputs: list[str], phases: list, why: str | None) -> _Run:
        values = [ort_api.Values([*given, *made]) for given, made in phases]
        table = _constant(np.array([each.handles for each in values], np.int64))
        run, message, release = map(self.api.address, ("Run", "GetErrorMessage", "ReleaseStatus"))
        options = ort_api.RunOptions()
        return _Run("c-api", None, run, message, release, self.handle, table, options, (self, values))


class _BindingSession:
    """Run by a Python callback that takes the GIL; only where the C API cannot be had."""

    form: CallForm

    def __init__(self, model: bytes):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise ModelError(f"onnxruntime: {' '.join(str(error).split())[:300]}") from error

    def shapes(self, feeds: dict[str, np.ndarray], outputs: list[str]) -> list[tuple[int, ...]]:
        """Shapes of the outputs for one trial call, which is ended when it takes too long."""
        return [made.shape for made in self.results(feeds, outputs)]

    def results(self, feeds: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        """The outputs of one trial call, which is ended when it takes too long."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        with ort_api.limited(lambda: setattr(options, "terminate", True)):
            try:
                return [np.asarray(made) for made in self.session.run(outputs, feeds, options)]
            except Exception as error:
                raise ModelError(f"onnxruntime: {' '.join(str(error).split())[:300]}") from error

    def caller(self, inputs: list[str], outputs: list[str], phases: list, why: str | None) -> _Run:
        table = _constant(np.zeros((2, len(inputs) + len(outputs)), np.int64))
        bindings = [self._binding(inputs, outputs, phase) for phase in phases]
        bound = _Bound(self.session, bindings, address(table), table.strides[0])
        run, message, release = (ctypes.cast(each, ctypes.c_void_p).value or 0 for each in bound.functions)
        return _Run("binding", why, run, message, release, 0, table, bound, (self, bound, phases))

    def _binding(self, inputs: list[str], outputs: list[str], phase: tuple[list[np.ndarray], list[np.ndarray]]):
        binding = self.session.io_binding()
        for bind, names, arrays in zip(
            (binding.bind_input, binding.bind_output), (inputs, outputs), phase, strict=True
        ):
            for name, array in zip(names, arrays, strict=True):
                bind(name, "cpu", 0, array.dtype.type, array.shape, address(array))
        return binding


class _Bound:
    """Functions with the signatures of Run, GetErrorMessage and ReleaseStatus; the table's address tells the phase."""

    def __init__(self, session, bindings: list, table: int, stride: int):
        import onnxruntime

        self._session, self._bindings, self._table, self._stride = session, bindings, table, stride
        self._text = ctypes.create_string_buffer(MESSAGE_BYTES)
        self._options, self.handle = onnxruntime.RunOptions(), 0
        i64 = ctypes.c_int64
        one = ctypes.CFUNCTYPE(i64, i64)
        self.functions = (
            ctypes.CFUNCTYPE(i64, *[i64] * 8)(self._run),
            one(lambda status: ctypes.addressof(self._text)),
            one(lambda status: 0),
        )

    def end(self, ended: bool) -> None:
        """Let runs end at once, or go on again."""
        self._options.terminate = ended

    def _run(self, session, options, names, values, *_others) -> int:
        try:
            self._session.run_with_iobinding(self._bindings[(values - self._table) // self._stride], self._options)
        except Exception as error:  # nothing may escape into compiled code: it is counted there and told later
            self._text.value = str(error).encode()[: MESSAGE_BYTES - 1]
            return 1
        return 0


__all__ = ["ModelStage", "State", "control_arrays", "input_shape", "model_stage"]
