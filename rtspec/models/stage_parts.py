"""All that a model's stage needs: its tensors in one block of memory, and the way to call Run on them."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..buffers.memory import (
    ALIGNMENT,
    address,
    aligned,
    aligned_copy,
)
from . import ort_api
from .manifest import Port
from .one_call.form import Call, Precision
from .ort_sessions import SessionPath, open_session
from .packages import PackagedModel
from .run_call import constant_copy
from .run_kernels import APPEND_COLUMNS, LANE_STATE_COLUMNS, MESSAGE_BYTES
from .stage_shapes import (
    check_heard_together,
    check_output,
    check_rate,
    check_room,
    check_state,
    control_arrays,
    input_shape,
)


class StageParts:
    """All that a stage needs, in order: tensors, a trial call for the output's shape, memory, the way to call Run."""

    def __init__(
        self,
        model: PackagedModel,
        n_bins: int | None,
        session_path: SessionPath,
        as_it_is: bool = False,
        lanes: int = 1,
        controls: dict[str, np.ndarray] | None = None,
        precision: Precision = "auto",
    ):
        m = model.manifest
        self.precision, self.session_path = precision, session_path
        self.manifest, self.lanes = m, lanes
        self._taken = shape = input_shape(model, n_bins)
        self.period = model.call_frames
        check_rate(m)
        check_heard_together(m, self.period)
        self.controls = controls or control_arrays(m, model.inputs)
        check_room(m.name, [(shape, "float32"), *((s.shape, s.dtype) for s in m.states)])
        known = {m.valid_input: np.ones(self.period, np.float32)} if m.valid_input else {}
        frame = np.zeros(shape, np.float32)
        axis = m.input.layout.index(model.lane_axis) if model.lane_axis in m.input.layout else None
        feeds = {m.input.name: frame, **self.controls, **{s.input: aligned_copy(s.value()) for s in m.states}}
        call = Call(m.input.name, axis, feeds, known, self._output_names, m.states, self._check)
        session, why = open_session(model, session_path, call, as_it_is, precision)
        self.session, self.form = session, session.form
        self._valid = {name: aligned_copy(value) for name, value in known.items() if name not in self.form.known}
        shapes = session.shapes({name: {**feeds, **known}[name] for name in self._input_names}, self._output_names)
        self._check(shapes)
        self._allocate(self._laned([shape], [m.input.name])[0], self._laned(shapes, self._output_names))
        self.caller = session.caller(self._input_names, self._output_names, self._phases(), why)

    def _check(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """What a call gives, by its shapes: the frame as the manifest says, each state as it went in."""
        m = self.manifest
        check_output(m, self._taken, shapes[0])
        for state, made in zip(m.states, shapes[1:], strict=True):
            check_state(m, state, made)

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
        self.memory, tensors = tensor_block(wanted)
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
        return frame_shape(m.input, self.input.shape), frame_shape(m.output, self.output.shape)

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
            **placing("input", m.input, self.input),
            **placing("output", m.output, self.output),
            "period": self.period,
            "memory": self.memory,
            "states": address(first),
            "initial_states": constant_copy(initial),
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
        return constant_copy(np.array(rows, np.int64).reshape(-1, len(APPEND_COLUMNS)))

    def _lane_states(self) -> np.ndarray:
        """Where the states lie of which each lane has its own, and what takes turns with them."""
        rows = [
            (address(kept), address(kept if state.append_axis is not None else turn), kept.nbytes // self.lanes)
            for state, (kept, turn) in zip(self.manifest.states, self.pairs, strict=True)
            if state.input in self.form.lanes
        ]
        return constant_copy(np.array(rows, np.int64).reshape(-1, len(LANE_STATE_COLUMNS)))


def frame_shape(port: Port, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for axis, n in zip(port.layout, shape, strict=True) if axis not in ("batch", "time"))


def placing(side: str, port: Port, tensor: np.ndarray) -> dict[str, int]:
    """Where frames lie in a tensor: its address, pieces before time, bytes after it (one piece where time is 1). It is
    float32 of the model's shape."""
    outer, inner = prod(tensor.shape[: port.time_axis]), 4 * prod(tensor.shape[port.time_axis + 1 :])
    if tensor.shape[port.time_axis] == 1:
        outer, inner = 1, outer * inner
    return {side: address(tensor), f"{side}_outer": outer, f"{side}_inner": inner}


def tensor_block(wanted: Sequence[tuple[tuple[int, ...], str]]) -> tuple[np.ndarray, list[np.ndarray]]:
    """One aligned array of bytes and the tensors inside it, each on a cache line of its own. The memory is uint8 of
    shape (n_bytes,); the tensors have the shapes and dtypes that were wanted."""
    sizes = [prod(shape) * np.dtype(dtype).itemsize for shape, dtype in wanted]
    starts = np.cumsum([0, *(-(-size // ALIGNMENT) * ALIGNMENT for size in sizes)])
    memory = aligned(int(starts[-1]), np.dtype(np.uint8))
    parts = zip(wanted, sizes, starts, strict=False)
    return memory, [memory[at : at + size].view(dtype).reshape(shape) for (shape, dtype), size, at in parts]
