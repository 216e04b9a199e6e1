"""Shapes of what a model takes and gives, looked at before anything is allocated."""

from collections.abc import Sequence
from math import prod

import numpy as np

from ..buffers.memory import (
    aligned,
    aligned_copy,
)
from ..errors import ModelError
from .manifest import Manifest, Signature, State
from .packages import PackagedModel

LARGEST_BYTES = 256 << 20
"""Most that the tensors of one stage may take together: frames, answers and states."""


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
    usual = {
        "batch": m.audio_channels,
        "channels": m.input.n_channels,
        "bins": fixed or n_bins or 1,
        "time": model.call_frames,
    }
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
    """An aligned array for each tensor of parameters, float32 and filled with the defaults, and for each constant.
    Their shapes are the model's."""
    arrays = {name: aligned(_sizes(inputs, name)) for name in sorted({p.tensor for p in m.controls})}
    for p in m.controls:
        arrays[p.tensor].reshape(-1)[p.index] = p.default
    return arrays | {constant.input: aligned_copy(constant.value()) for constant in m.constants}


def _sizes(signature: Signature, name: str) -> tuple[int, ...]:
    return tuple(int(n or 0) for n in signature.tensors[name][1])


def check_rate(m: Manifest) -> None:
    if m.rate.frames_in != m.rate.frames_out:
        rate = f"{m.rate.frames_in}:{m.rate.frames_out}"
        raise ModelError(
            f"{m.name} has a rate of {rate} frames; a stage needs as many out as in: run it with FrameModel"
        )


def check_heard_together(m: Manifest, call_frames: int) -> None:
    if m.audio_channels > 1 and call_frames > 1:
        raise ModelError(
            f"{m.name} hears {m.audio_channels} channels together and takes {call_frames} frames a call; a stage gives "
            "such a model one: run it with FrameModel"
        )


def check_room(name: str, wanted: Sequence[tuple[tuple[int, ...], str]]) -> None:
    """Refuse tensors that take more than :data:`LARGEST_BYTES` together."""
    total = sum(prod(shape) * np.dtype(dtype).itemsize for shape, dtype in wanted)
    if total > LARGEST_BYTES:
        raise ModelError(
            f"{name} needs {total >> 20} MiB for its frames and states; a stage has at most {LARGEST_BYTES >> 20}: "
            "export a smaller one"
        )


def check_output(m: Manifest, taken: tuple[int, ...], shape: tuple[int, ...]) -> None:
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
    wrong = sizes.get("time") != source.get("time") or sizes.get("batch", 1) != m.audio_channels
    if wrong or (bins is not None and sizes.get("bins", 1) != bins):
        raise ModelError(
            f'{m.name}: output "{m.output.name}" has shape {list(shape)}; it must hold as many frames and bins as '
            f"the input's {list(taken)}, in a batch of {m.audio_channels}"
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


def check_state(m: Manifest, state: State, made: tuple[int, ...]) -> None:
    """A state comes back as it went in; one of which only the newest frames come, along that axis alone shorter."""
    axis = state.append_axis
    kept = [n for i, n in enumerate(state.shape) if i != axis]
    same = len(made) == len(state.shape) and [n for i, n in enumerate(made) if i != axis] == kept
    if len(made) == len(state.shape) and [a > b for a, b in zip(made, state.shape, strict=True)].count(True) == 1:
        raise ModelError(
            f'{m.name}: state "{state.output}" comes back as {list(made)}, larger than {list(state.shape)} as it went '
            "in: a cache that grows with every call; keep its newest frames, as in cache[:, -250:], and export so"
        )
    if not same or (axis is not None and made[axis] < 1):
        raise ModelError(
            f'{m.name}: state "{state.output}" comes back as {list(made)}, it went in as {list(state.shape)}; a state '
            "keeps its shape: export it so"
        )
