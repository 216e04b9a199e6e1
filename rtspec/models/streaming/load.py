"""Reading an offline model, and one clear line for each thing that can be wrong with the file itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, ValueInfoProto
from onnx.inliner import inline_local_functions

from rtspec.errors import InvalidValue, ModelError
from rtspec.models.proto import mended, take_weights

LARGEST_BYTES = 1 << 29
OLDEST_OPSET, NEWEST_OPSET = 9, min(onnx.defs.onnx_opset_version(), 26)
# A clip length that no other axis is likely to have and that most rates divide.
PROBE_FRAMES = 40320
BATCH = re.compile(r"^(n|b|bs|batch.*|unk__0)$", re.IGNORECASE)
"""Names of dynamic sizes that count clips: a stream is one of them."""


@dataclass(frozen=True)
class Inputs:
    """Shapes of a model's inputs for a clip of `n_frames`, and which of their axes is time."""

    time_axes: dict[str, int]
    shapes: dict[str, tuple[int, ...]]
    n_frames: int
    dynamic: bool

    def longer(self) -> dict[str, tuple[int, ...]]:
        """The shapes for a clip twice as long."""
        return {
            name: tuple(size * 2 if axis == self.time_axes.get(name) else size for axis, size in enumerate(shape))
            for name, shape in self.shapes.items()
        }

    def of_length(self, n_frames: int) -> "Inputs":
        """The same inputs for clips of one length only."""
        shapes = {
            name: tuple(n_frames if axis == self.time_axes.get(name) else size for axis, size in enumerate(shape))
            for name, shape in self.shapes.items()
        }
        return replace(self, shapes=shapes, n_frames=n_frames, dynamic=False)


def load(model: str | Path | ModelProto) -> ModelProto:
    """Read a model with its weights, local functions inlined; the argument is never changed.

    Raises
    ------
    ModelError
        If the file is missing, corrupt, lacks its external data, or uses an operator set that is not supported.
    """
    loaded = _copy(model) if isinstance(model, ModelProto) else _read(Path(model))
    _check_opset(loaded)
    mended(loaded)
    try:
        onnx.checker.check_model(loaded)
    except onnx.checker.ValidationError as error:
        raise ModelError(f"the model is not valid ONNX ({_first_line(error)}); export it again") from error
    return inline_local_functions(loaded) if loaded.functions else loaded


def inputs_of(model: ModelProto, time_axes: Mapping[str, int] | None, sizes: Mapping[str, int] | None) -> Inputs:
    """Find the time axis of each input and fix every other size; a batch is one clip."""
    weights = {tensor.name for tensor in model.graph.initializer}
    values = {value.name: value for value in model.graph.input if value.name not in weights}
    axes = _given_axes(values, time_axes) if time_axes else _only_dynamic_axes(values, sizes or {})
    lengths = [_dims(values[name])[axis] for name, axis in axes.items()]
    fixed = {length for size in lengths if isinstance(length := (sizes or {}).get(str(size), size), int)}
    if len(fixed) > 1:
        raise ModelError(f"the inputs have {sorted(map(str, fixed))} frames; export them with one length")
    dynamic, n_frames = not fixed, fixed.pop() if fixed else PROBE_FRAMES
    shapes = {name: _fixed_shape(value, axes.get(name), n_frames, sizes or {}) for name, value in values.items()}
    return Inputs(axes, shapes, n_frames, dynamic)


def _read(path: Path) -> ModelProto:
    if not path.is_file():
        raise ModelError(f'there is no model file "{path}"; check the path')
    if path.stat().st_size > LARGEST_BYTES:
        raise ModelError(f'"{path}" is larger than the {LARGEST_BYTES >> 20} MiB that a model may have; is it one?')
    try:
        loaded = onnx.load(path, load_external_data=False)
    except (DecodeError, ValueError) as error:
        raise ModelError(f'"{path}" is not an ONNX file or is damaged; export or download it again') from error
    if not loaded.graph.node:
        raise ModelError(f'"{path}" is not an ONNX file or is damaged: it holds no graph; export or download it again')
    take_weights(loaded, path)
    return loaded


def _copy(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def _check_opset(model: ModelProto) -> None:
    version = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if not OLDEST_OPSET <= version <= NEWEST_OPSET:
        age = "old" if version < OLDEST_OPSET else "new"
        raise ModelError(
            f"opset {version} is too {age}: {OLDEST_OPSET} to {NEWEST_OPSET} are supported; export with opset 17 "
            f"or convert with onnx.version_converter"
        )


def _dims(value: ValueInfoProto) -> list[int | str]:
    return [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in value.type.tensor_type.shape.dim]


def _given_axes(values: dict[str, ValueInfoProto], time_axes: Mapping[str, int]) -> dict[str, int]:
    axes = {}
    for name, axis in time_axes.items():
        if name not in values:
            raise InvalidValue(f'time_axes names "{name}", which is no input; the inputs are {", ".join(values)}')
        rank = len(_dims(values[name]))
        if not isinstance(axis, int) or not -rank <= axis < rank:
            raise InvalidValue(
                f'time_axes["{name}"]={axis} must be an axis of a tensor with {rank} axes, 0 to {rank - 1}'
            )
        axes[name] = axis % rank
    return axes


def _only_dynamic_axes(values: dict[str, ValueInfoProto], sizes: Mapping[str, int]) -> dict[str, int]:
    """The one dynamic axis of each input that has one."""
    axes = {}
    for name, value in values.items():
        dynamic = [i for i, size in enumerate(_dims(value)) if isinstance(size, str) and size not in sizes]
        dynamic = [i for i in dynamic if not BATCH.match(str(_dims(value)[i]))]
        if len(dynamic) > 1:
            raise InvalidValue(
                f'input "{name}" has {len(dynamic)} dynamic axes ({", ".join(map(str, dynamic))}); say which is time, '
                f'as in time_axes={{"{name}": {dynamic[-1]}}} (--time-axis {name}={dynamic[-1]}), and fix the others, '
                f'as in sizes={{"{_dims(value)[dynamic[0]]}": 1}} (--size {_dims(value)[dynamic[0]]}=1)'
            )
        axes.update((name, axis) for axis in dynamic)
    if not axes:
        raise InvalidValue(
            f"no input has a time axis: all sizes are fixed; name it, as in time_axes={{{_example(values)}}} "
            f"(--time-axis INPUT=AXIS), or export with time dynamic"
        )
    return axes


def _example(values: dict[str, ValueInfoProto]) -> str:
    return next((f'"{name}": {max(len(_dims(value)) - 1, 0)}' for name, value in values.items()), '"x": 2')


def _fixed_shape(value: ValueInfoProto, time: int | None, n_frames: int, sizes: Mapping[str, int]) -> tuple[int, ...]:
    shape: list[int] = []
    for axis, size in enumerate(_dims(value)):
        if axis == time:
            shape.append(n_frames)
        elif isinstance(size, int):
            shape.append(size)
        elif size in sizes:
            shape.append(sizes[size])
        elif BATCH.match(size):
            shape.append(1)
        else:
            raise ModelError(
                f'input "{value.name}" has a dynamic axis {axis} ("{size}") that is not time; every other size must be '
                f'fixed: export it so, or pass sizes={{"{size}": 1}} (--size {size}=1)'
            )
    return tuple(shape)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
