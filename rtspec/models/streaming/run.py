"""Running an offline model and its streaming twin in plain onnxruntime, to compare them."""

import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from onnx import ModelProto, helper

from rtspec.errors import ModelError

from ..plain_session import plain_session
from .load import Inputs

METADATA_KEY = "rtspec_stream"


def session(model: ModelProto | str) -> onnxruntime.InferenceSession:
    """A session with one thread."""
    return plain_session(model if isinstance(model, str) else model.SerializeToString())


def run_offline(model: ModelProto, clip: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs of the offline model for a whole clip. Arrays by name, of the model's shapes and dtypes."""
    offline = session(model)
    names = [output.name for output in offline.get_outputs()]
    made: Any = offline.run(names, dict(clip))
    return dict(zip(names, made, strict=True))


def run_streaming(
    model: ModelProto, clip: Mapping[str, np.ndarray], frames_per_call: int | Sequence[int]
) -> dict[str, np.ndarray]:
    """Outputs of the streaming model for a clip in pieces: flushed, joined, delay dropped. Arrays by name, of the
    model's shapes and dtypes."""
    return StreamingRun(model).clip(clip, frames_per_call)


class StreamingRun:
    """A streaming model with its states, by the manifest and nothing else.

    Parameters
    ----------
    model : onnx.ModelProto
        Result of `make_streaming`.
    manifest : dict, optional
        Its manifest, where the model carries none in ``metadata_props["rtspec_stream"]``.
    """

    def __init__(self, model: ModelProto, manifest: dict[str, Any] | None = None) -> None:
        self.manifest = manifest or stream_manifest(model)
        self._session = session(model)
        self.fixed_frames = self._fixed_frames()
        self._names = [output.name for output in self._session.get_outputs()]
        self.states: dict[str, np.ndarray] = {}
        self.reset()

    @property
    def step(self) -> int:
        """Frames of which a call takes a multiple, or so many exactly where the graph fixes them."""
        return self.fixed_frames or self.manifest["period"]

    def _fixed_frames(self) -> int | None:
        """Frames of every call where the graph leaves no choice: many public models take one."""
        axes = self.manifest["time_axes"]
        sizes = [each.shape[axes[each.name]] for each in self._session.get_inputs() if each.name in axes]
        return next((size for size in sizes if isinstance(size, int)), None)

    def reset(self) -> None:
        """Start again from the initial states."""
        self.states = {entry["input"]: initial_state(entry) for entry in self.manifest["states"]}

    def process(self, frames: Mapping[str, np.ndarray], valid: np.ndarray) -> dict[str, np.ndarray]:
        """One call: frames in, frames out, states carried. Arrays by name, of the model's shapes and dtypes; `valid` is
        bool or float of shape (n_frames,)."""
        feeds = {**frames, **self.states}
        if self.manifest["valid_input"]:
            feeds[self.manifest["valid_input"]] = valid.astype(np.float32)
        outputs: Any = self._session.run(self._names, feeds)
        made = dict(zip(self._names, outputs, strict=True))
        for entry in self.manifest["states"]:
            self.states[entry["input"]] = _next_state(self.states[entry["input"]], made.pop(entry["output"]), entry)
        return made

    def clip(self, clip: Mapping[str, np.ndarray], frames_per_call: int | Sequence[int]) -> dict[str, np.ndarray]:
        """A whole clip from fresh states, in calls of so many frames (a sequence is taken in turn). Arrays by name, of
        the model's shapes and dtypes."""
        self.reset()
        axes = {name: axis for name, axis in self.manifest["time_axes"].items() if name in clip}
        n_frames = next(clip[name].shape[axis] for name, axis in axes.items())
        period, pieces = self.step, self.fixed_frames or frames_per_call
        total = -(-(n_frames + self.manifest["flush_frames"]) // period) * period
        padded = {name: _lengthened(clip[name], axis, total) for name, axis in axes.items()}
        still = {name: value for name, value in clip.items() if name not in axes}
        valid = np.arange(total) < n_frames
        made = []
        for start, end in _pieces(total, pieces, period):
            part = {name: np.take(padded[name], range(start, end), axis) for name, axis in axes.items()}
            made.append(self.process({**part, **still}, valid[start:end]))
        return {name: self._joined(name, [part[name] for part in made], n_frames) for name in made[0]}

    def _joined(self, name: str, parts: list[np.ndarray], n_frames: int) -> np.ndarray:
        entry = self.manifest["outputs"][name]
        length = entry["length"]
        frames = length["up"] * ((n_frames + length["phase"]) // length["down"]) + length["extra"]
        kept = range(entry["delay_frames"], entry["delay_frames"] + frames)
        return np.take(np.concatenate(parts, entry["axis"]), kept, entry["axis"])


def stream_manifest(model: ModelProto) -> dict[str, Any]:
    """The manifest that `make_streaming` left in a model."""
    found = next((entry.value for entry in model.metadata_props if entry.key == METADATA_KEY), None)
    if found is None:
        raise ModelError(f'the model has no "{METADATA_KEY}" in its metadata: make it streaming first')
    return json.loads(found)


def initial_state(entry: Mapping[str, Any]) -> np.ndarray:
    """What a state of the manifest holds before the first call. Of the manifest's shape and dtype."""
    if isinstance(entry["initial"], str):
        return np.frombuffer(b64decode(entry["initial"]), entry["dtype"]).reshape(entry["shape"]).copy()
    return np.full(entry["shape"], entry["initial"], entry["dtype"])


def random_clip(model: ModelProto, inputs: Inputs, n_frames: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Noise of the right shape for every input: normal for floats, 0 and 1 for others."""
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    clip = {}
    for name, shape in inputs.shapes.items():
        axis = inputs.time_axes.get(name)
        extent = [n_frames if i == axis else size for i, size in enumerate(shape)]
        dtype = helper.tensor_dtype_to_np_dtype(types[name])
        noise = rng.standard_normal(extent) if np.issubdtype(dtype, np.floating) else rng.integers(0, 2, extent)
        clip[name] = noise.astype(dtype)
    return clip


def difference(wanted: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Greatest and root-mean-square difference, both relative to the peak of what was wanted. Both of one shape,
    float32 or float64."""
    peak = float(np.abs(wanted).max(initial=0)) or 1.0
    apart = np.abs(wanted.astype(np.float64) - found)
    return float(apart.max(initial=0)) / peak, float(np.sqrt((apart**2).mean())) / peak


def _next_state(old: np.ndarray, made: np.ndarray, entry: Mapping[str, Any]) -> np.ndarray:
    axis = entry.get("append_axis")
    if axis is None and made.shape != old.shape:
        raise ModelError(
            f'state "{entry["output"]}" comes back as {list(made.shape)}, it went in as {list(old.shape)}; '
            "a state keeps its shape: export it so"
        )
    if axis is None:
        return made
    joined = np.concatenate([old, made], axis)
    return np.take(joined, range(joined.shape[axis] - old.shape[axis], joined.shape[axis]), axis)


def _lengthened(value: np.ndarray, axis: int, total: int) -> np.ndarray:
    missing = [(0, total - value.shape[axis] if i == axis else 0) for i in range(value.ndim)]
    return np.pad(value, missing)


def _pieces(total: int, frames_per_call: int | Sequence[int], period: int):
    """Bounds of the calls, each a multiple of the period."""
    wanted = [frames_per_call] if isinstance(frames_per_call, int) else list(frames_per_call)
    start, turn = 0, 0
    while start < total:
        step = max(period, wanted[turn % len(wanted)] // period * period)
        yield start, min(start + step, total)
        start, turn = start + step, turn + 1
