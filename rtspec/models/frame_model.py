"""A frame-by-frame model for Python: whole arrays of frames in and out, equal to the offline network's result."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..errors import InvalidValue, ModelError, existing
from ..schema import integer, record
from .catalogue import find
from .manifest import (
    MAX_FRAMES,
    METADATA_KEY,
    Length,
    Manifest,
    Signature,
    State,
    as_model_errors,
    check_graph,
    parse,
    with_stream,
)
from .proto import metadata, read_proto, signatures, stream_metadata
from .stage_shapes import control_arrays

if TYPE_CHECKING:
    from onnx import ModelProto

Frames = np.ndarray | Mapping[str, np.ndarray]


class FrameModel:
    """Runs a packaged model, or a file of :func:`make_streaming`, on arrays of any number of frames.

    Parameters
    ----------
    path : str, Path or onnx.ModelProto
        A file, the name of a shipped model, or the model itself.

    Attributes
    ----------
    manifest : Manifest
        Of a file that is no package yet: its states and delay, with representation "tensor".
    delay_frames : int
        Output frames that the stream gives before the first true one; :meth:`process` drops them.

    Notes
    -----
    All that `process` and `flush` return, joined along time, is as long as the input (longer or shorter by the model's
    rate) and equal to what the offline network gives for the whole clip.

    Examples
    --------
    >>> model = FrameModel("identity")
    >>> frames = np.ones((1, 5, 7), np.float32)
    >>> np.concatenate([model.process(frames[..., :3]), model.process(frames[..., 3:]), model.flush()], axis=2).shape
    (1, 5, 7)
    """

    def __init__(self, path: "str | Path | ModelProto"):
        from .streaming.run import session

        proto = read_proto(find(path)) if isinstance(path, str | Path) else path
        self._inputs, self._outputs = signatures(proto)
        self.manifest, self._flow = _described(proto, "model" if not isinstance(path, str | Path) else Path(path).stem)
        self._controls = control_arrays(self.manifest, self._inputs)
        try:
            self._session = session(proto)
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise ModelError(f"onnxruntime: {' '.join(str(error).split())[:300]}") from error
        self.delay_frames = self.manifest.delay_frames
        self.reset()

    def reset(self) -> None:
        """Start a new clip: states as in a fresh object; parameters stay."""
        self._states = {s.input: s.value() for s in self.manifest.states}
        self._waiting: dict[str, np.ndarray] = {}
        self._still: dict[str, np.ndarray] = {}
        self._seen = self._run_frames = 0
        self._made = {name: _Output(out) for name, out in self._flow.outputs.items()}

    def set(self, **values: float) -> None:
        """Set parameters and latents by name, in their units.

        Raises
        ------
        InvalidValue
            If the name is not known or the value out of its range.
        """
        known = {p.name: p for p in self.manifest.controls}
        for name, value in values.items():
            if name not in known:
                raise InvalidValue(
                    f'"{name}" is no parameter of {self.manifest.name}; it has: {", ".join(known) or "none"}'
                )
            p = known[name]
            checks.number(name, value, p.min, p.max, f"try {p.default:g}", p.unit)
            self._controls[p.tensor].reshape(-1)[p.index] = value

    def process(self, frames: Frames) -> Any:
        """Take the next frames of a clip and give what is ready.

        Parameters
        ----------
        frames : array, or mapping of input name to array
            In the model's own layout, any number of frames; a mapping where the model has several inputs.

        Returns
        -------
        array, or dict of output name to array
            In the model's own layout; a dict where it has several outputs. Frames that are not ready yet come later.

        Raises
        ------
        InvalidValue
            If the shape does not fit the model.
        """
        arrays = self._checked(frames)
        counts = {arrays[name].shape[axis] for name, axis in self._flow.inputs.items()}
        if len(counts) != 1:
            raise InvalidValue(f"the inputs have {sorted(counts)} frames; give as many of each")
        self._seen += counts.pop()
        self._feed(arrays)
        return self._taken()

    def flush(self) -> Any:
        """Give the last frames of the clip; the model is then as after :meth:`reset`."""
        if self._seen:
            total = -(-(self._seen + self.manifest.tail_frames) // self._step) * self._step
            self._feed({name: self._zeros(name, total - self._seen) for name in self._flow.inputs})
        made = self._taken()
        self.reset()
        return made

    @property
    def _step(self) -> int:
        """Frames that a call takes a multiple of; the fixed number where the graph fixes it."""
        sizes = [self._inputs.tensors[name][1][axis] for name, axis in self._flow.inputs.items()]
        return next((size for size in sizes if isinstance(size, int)), self.manifest.period)

    @property
    def _fixed(self) -> bool:
        return any(isinstance(self._inputs.tensors[n][1][axis], int) for n, axis in self._flow.inputs.items())

    def _checked(self, frames: Frames) -> dict[str, np.ndarray]:
        """Inputs by name, in the model's dtype, each of a shape that fits."""
        if not isinstance(frames, Mapping):
            frames = dict.fromkeys(list(self._flow.inputs)[:1], np.asarray(frames))
        known = [*self._flow.inputs, *self._flow.still]
        for name in frames:
            if name not in known:
                raise InvalidValue(f'"{name}" is no input of {self.manifest.name}; it has: {", ".join(known)}')
        missing = [name for name in known if name not in {**self._still, **frames}]
        if missing:
            raise InvalidValue(f'input "{missing[0]}" is missing; give frames as a mapping with {", ".join(known)}')
        arrays = {name: self._fitting(name, np.asarray(array)) for name, array in frames.items()}
        self._still.update({name: arrays[name] for name in self._flow.still if name in arrays})
        return arrays

    def _fitting(self, name: str, array: np.ndarray) -> np.ndarray:
        dtype, sizes = self._inputs.tensors[name]
        time = self._flow.inputs.get(name)
        before = self._waiting.get(name)
        if before is not None:
            sizes = tuple(None if axis == time else n for axis, n in enumerate(before.shape))
        free = [
            axis == time or not isinstance(n, int) or n == m
            for axis, (n, m) in enumerate(zip(sizes, array.shape, strict=False))
        ]
        if array.ndim != len(sizes) or not all(free):
            shown = ["frames" if axis == time else n or "any" for axis, n in enumerate(sizes)]
            raise InvalidValue(
                f'frames of shape {array.shape} do not fit "{name}" of {shown}; bring them to its layout'
            )
        return array.astype(dtype, copy=False)

    def _zeros(self, name: str, n_frames: int) -> np.ndarray:
        shape = list(self._waiting[name].shape)
        shape[self._flow.inputs[name]] = n_frames
        return np.zeros(shape, self._waiting[name].dtype)

    def _feed(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Add frames to those that wait, and run the model on whole periods of them."""
        for name, axis in self._flow.inputs.items():
            before = self._waiting.get(name)
            self._waiting[name] = arrays[name] if before is None else np.concatenate([before, arrays[name]], axis)
        name, axis = next(iter(self._flow.inputs.items()))
        ready = self._waiting[name].shape[axis] // self._step * self._step
        size = self._step if self._fixed else ready
        for start in range(0, ready, size or 1):
            self._run({n: _part(self._waiting[n], a, start, start + size) for n, a in self._flow.inputs.items()}, size)
        self._waiting = {n: _part(self._waiting[n], a, ready, None) for n, a in self._flow.inputs.items()}

    def _run(self, frames: dict[str, np.ndarray], n_frames: int) -> None:
        feeds = {**frames, **self._still, **self._controls, **self._states}
        if self.manifest.valid_input:
            numbers = np.arange(self._run_frames, self._run_frames + n_frames)
            feeds[self.manifest.valid_input] = (numbers < self._seen).astype(np.float32)
        names = list(self._outputs.tensors)
        made: dict[str, Any] = dict(zip(names, self._session.run(names, feeds), strict=True))
        for state in self.manifest.states:
            self._states[state.input] = _next_state(state, self._states[state.input], made[state.output])
        for name, output in self._made.items():
            output.put(made[name])
        self._run_frames += n_frames

    def _taken(self) -> Any:
        """What is ready of each output, and surely belongs to the clip."""
        made = {name: out.take(self._seen) if out.ran else self._nothing(name) for name, out in self._made.items()}
        return made if len(made) > 1 else next(iter(made.values()))

    def _nothing(self, name: str) -> np.ndarray:
        """No frames, in the shape that the output will have as far as it is known."""
        known: dict[str | None, int] = {}
        for each, array in self._waiting.items():
            known |= {
                size: n
                for size, n in zip(self._inputs.tensors[each][1], array.shape, strict=True)
                if isinstance(size, str)
            }
        dtype, sizes = self._outputs.tensors[name]
        shape = [n if isinstance(n, int) else known.get(n, 1) for n in sizes]
        shape[self._flow.outputs[name].axis] = 0
        return np.zeros(shape, dtype)


@dataclass(frozen=True)
class _Timing:
    """How an output runs in time: its axis, the frames to drop, its length for a clip."""

    axis: int
    delay_frames: int
    length: Length


@dataclass(frozen=True)
class _Flow:
    """Where time lies in the inputs and outputs, and which inputs have none."""

    inputs: dict[str, int]
    outputs: dict[str, _Timing]
    still: tuple[str, ...] = ()


class _Output:
    """Frames of one output that wait to be taken: without the delay, and not those that may be beyond the clip."""

    def __init__(self, timing: _Timing):
        self._timing, self._waiting = timing, None
        self._to_drop, self._n_out = timing.delay_frames, 0

    @property
    def ran(self) -> bool:
        """Whether the model has run since the clip began."""
        return self._waiting is not None

    def put(self, made: np.ndarray) -> None:
        axis = self._timing.axis
        dropped = min(self._to_drop, made.shape[axis])
        self._to_drop -= dropped
        fresh = _part(made, axis, dropped, None)
        self._waiting = fresh if self._waiting is None else np.concatenate([self._waiting, fresh], axis)

    def take(self, n_frames: int) -> np.ndarray:
        """All that belongs to a clip of at least `n_frames`."""
        axis, waiting = self._timing.axis, existing(self._waiting)
        ready = min(self._timing.length.of(n_frames) - self._n_out, waiting.shape[axis])
        taken, self._waiting = _part(waiting, axis, 0, ready), _part(waiting, axis, ready, None)
        self._n_out += ready
        return taken


def _part(array: np.ndarray, axis: int, start: int, end: int | None) -> np.ndarray:
    return array[(slice(None),) * axis + (slice(start, end),)]


def _next_state(state: State, old: np.ndarray, made: np.ndarray) -> np.ndarray:
    if state.append_axis is None:
        if made.shape != old.shape:
            raise ModelError(
                f'state "{state.output}" comes back as {list(made.shape)}, it went in as {list(old.shape)}; '
                "a state keeps its shape: export it so"
            )
        return made
    joined = np.concatenate([old, made], state.append_axis)
    return _part(joined, state.append_axis, joined.shape[state.append_axis] - old.shape[state.append_axis], None)


# ------------------------------------------------------------------------------------------ what kind of file it is


def _described(proto: "ModelProto", name: str) -> tuple[Manifest, _Flow]:
    """The manifest and the flow of a package, or of a file that make_streaming wrote."""
    inputs, outputs = signatures(proto)
    packaged, stream = metadata(proto, METADATA_KEY), stream_metadata(proto)
    if packaged is not None:
        manifest = parse(packaged)
        check_graph(manifest, inputs, outputs)
        return manifest, _flow_of(manifest)
    if stream is None:
        raise ModelError(
            f'"{name}" says nothing of its frames; make it streaming with rtspec.models.make_streaming, '
            f"or a package with rtspec.models.package"
        )
    return _bare(stream, name, inputs, outputs)


def _flow_of(m: Manifest) -> _Flow:
    timing = _Timing(m.output.time_axis, m.delay_frames, m.length)
    return _Flow({m.input.name: m.input.time_axis}, {m.output.name: timing})


@as_model_errors()
def _bare(stream: dict[str, Any], name: str, inputs: Signature, outputs: Signature) -> tuple[Manifest, _Flow]:
    """A file of make_streaming that is no package yet."""
    axes = {each: _axis(each, axis, inputs, outputs) for each, axis in stream.get("time_axes", {}).items()}
    moving = {each: axis for each, axis in axes.items() if each in inputs.tensors}
    if not moving:
        raise ModelError(f'"{name}" names no input with frames; make it streaming again')
    timings = {each: _timing(f"outputs.{each}", entry) for each, entry in stream["outputs"].items()}
    port = {"representation": "tensor", "layout": "time"}
    ports = {"input": {"name": next(iter(moving)), **port}, "output": {"name": next(iter(timings)), **port}}
    manifest = parse(with_stream({"name": name, **ports}, stream))
    still = [n for n in inputs.tensors if n not in {*moving, manifest.valid_input, *(s.input for s in manifest.states)}]
    for each in [*timings, *(s.output for s in manifest.states)]:
        outputs.find("outputs", each)
    return _with_layouts(manifest, inputs, outputs, axes), _Flow(moving, timings, tuple(still))


def _axis(name: str, axis: Any, inputs: Signature, outputs: Signature) -> int:
    signature = inputs if name in inputs.tensors else outputs
    _, sizes = signature.find("time_axes", name)
    return integer(0, len(sizes) - 1)(f"time_axes.{name}", axis)


def _timing(where: str, entry: Any) -> _Timing:
    count = integer(-MAX_FRAMES, MAX_FRAMES)
    length = record(Length, up=integer(1, 4096), down=integer(1, 4096), phase=count, extra=count)
    return record(_Timing, axis=integer(0, 7), delay_frames=integer(0, MAX_FRAMES), length=length)(where, entry)


def _with_layouts(m: Manifest, inputs: Signature, outputs: Signature, axes: dict[str, int]) -> Manifest:
    """Layouts that name time alone; the other axes are only counted."""

    def port(port, signature: Signature):
        n_axes = len(signature.tensors[port.name][1])
        layout = tuple("time" if axis == axes[port.name] else f"axis {axis}" for axis in range(n_axes))
        return replace(port, layout=layout)

    return replace(m, input=port(m.input, inputs), output=port(m.output, outputs))
