"""The manifest and the graph must agree: names, types and sizes of what goes in and out."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from ...checks import fail
from .fields import Constant, Manifest, Parameter, Port, State
from .refusals import as_model_errors


@dataclass(frozen=True)
class Signature:
    """Inputs or outputs of a graph: for each name its dtype and its sizes (text or None where dynamic)."""

    kind: str
    tensors: dict[str, tuple[str, tuple[int | str | None, ...]]]

    @as_model_errors()
    def find(self, where: str, name: str) -> tuple[str, tuple[int | str | None, ...]]:
        """Dtype and sizes of a tensor that the manifest names."""
        if name not in self.tensors:
            fail(where, name, f"must be one of the graph's {self.kind}s: {', '.join(self.tensors)}", "correct the name")
        return self.tensors[name]


@as_model_errors()
def check_graph(m: Manifest, inputs: Signature, outputs: Signature) -> None:
    """Raise :class:`ModelError` where the manifest and the graph's inputs and outputs disagree."""
    _check_port(m, "input", m.input, inputs)
    _check_port(m, "output", m.output, outputs)
    for k, state in enumerate(m.states):
        _check_state(f"states[{k}]", state, inputs, outputs)
    if m.valid_input is not None:
        _check_valid(m.valid_input, inputs)
    for p in m.controls:
        _check_parameter(p, inputs)
    for k, constant in enumerate(m.constants):
        _check_constant(f"constants[{k}]", constant, inputs)
    known = {
        m.input.name,
        m.valid_input,
        *(c.input for c in m.constants),
        *(s.input for s in m.states),
        *(p.tensor for p in m.controls),
    }
    for name in inputs.tensors:
        if name not in known:
            fail(
                "graph input", name, "must be named by the manifest", "declare it as a state, a parameter or a constant"
            )


def _check_port(m: Manifest, side: str, port: Port, signature: Signature) -> None:
    dtype, sizes = signature.find(f"{side}.name", port.name)
    if dtype != "float32" and port.representation != "tensor":
        fail(f"{side} dtype", dtype, "must be float32", "export the model in float32")
    if len(sizes) != len(port.layout):
        fail(f"{side}.layout", ",".join(port.layout), f"must name the {len(sizes)} axes of {list(sizes)}", "correct it")
    rule = {"batch": m.audio_channels, "channels": port.n_channels if port.representation != "tensor" else None}
    for axis, size in zip(port.layout, sizes, strict=True):
        wanted = rule.get(axis)
        if isinstance(size, int) and wanted is not None and size != wanted:
            fail(f"{side} axis {axis}", size, f"must be {wanted}", "export the model so")
    _check_bins(m, side, port, sizes)


def _check_bins(m: Manifest, side: str, port: Port, sizes: tuple[int | str | None, ...]) -> None:
    size = dict(zip(port.layout, sizes, strict=True)).get("bins")
    if not isinstance(size, int) or port.representation == "tensor":
        return
    if "samples" in (m.input.representation, port.representation):
        if size != port.n_bins:
            fail(f"{side}.n_bins", port.n_bins, f"must be the tensor's {size}", f"try {size}")
    elif port.bands is not None:
        if size != port.bands.n_bands:
            fail("input.bands.n_bands", port.bands.n_bands, f"must be the tensor's {size} bands", f"try {size}")
    elif m.n_fft is None:
        fail("n_fft", None, f"must be given, for the {side} has a fixed size of {size} bins", f"try {2 * (size - 1)}")
    elif (port.first_bin, port.n_bins) == (0, None) and size != m.n_fft // 2 + 1:
        fail("n_fft", m.n_fft, f"must fit the {side}'s {size} bins (n_fft/2 + 1)", f"try {2 * (size - 1)}")
    elif size != port.frame_layout.used(m.n_fft // 2 + 1):
        fail(f"{side}.n_bins", port.n_bins, f"must be the tensor's {size} bins", f"try {size}")


def _check_state(where: str, state: State, inputs: Signature, outputs: Signature) -> None:
    for side, name, signature in (("input", state.input, inputs), ("output", state.output, outputs)):
        dtype, sizes = signature.find(f"{where}.{side}", name)
        if dtype != state.dtype:
            fail(f"{where}.dtype", state.dtype, f'must be that of "{name}": {dtype}', f"write {dtype}")
        wanted = [None if side == "output" and axis == state.append_axis else n for axis, n in enumerate(state.shape)]
        if len(wanted) != len(sizes) or not all(map(_fits, wanted, sizes)):
            fail(f"{where}.shape", list(state.shape), f'must fit "{name}": {list(sizes)}', "correct one of them")


def _check_constant(where: str, constant: Constant, inputs: Signature) -> None:
    dtype, sizes = inputs.find(f"{where}.input", constant.input)
    if dtype != constant.dtype:
        fail(f"{where}.dtype", constant.dtype, f'must be that of "{constant.input}": {dtype}', f"write {dtype}")
    if len(sizes) != len(constant.shape) or not all(map(_fits, constant.shape, sizes)):
        fail(f"{where}.shape", list(constant.shape), f'must fit "{constant.input}": {list(sizes)}', "correct it")


def _fits(wanted: int | None, size: int | str | None) -> bool:
    return wanted is None or not isinstance(size, int) or wanted == size


def _check_valid(name: str, inputs: Signature) -> None:
    dtype, sizes = inputs.find("valid_input", name)
    if dtype != "float32" or len(sizes) != 1:
        fail("valid_input", name, f"must be float32 [frames], not {dtype} {list(sizes)}", "correct the graph")


def _check_parameter(p: Parameter, inputs: Signature) -> None:
    where = f'parameter "{p.name}"'
    dtype, sizes = inputs.find(f"{where}.tensor", p.tensor)
    if dtype != "float32":
        fail(f"{where}.tensor", p.tensor, f"must be float32, not {dtype}", "export it in float32")
    if not all(isinstance(size, int) for size in sizes):
        fail(f"{where}.tensor", p.tensor, f"must have fixed sizes, not {list(sizes)}", "export it so")
    n_values = prod(size for size in sizes if isinstance(size, int))
    if p.index >= n_values:
        fail(f"{where}.index", p.index, f'must be below the {n_values} values of "{p.tensor}"', f"try {n_values - 1}")


def with_stream(values: Mapping[str, Any], stream: Mapping[str, Any] | None) -> dict[str, Any]:
    """Fields of a manifest with what `make_streaming` wrote filled in where nothing else is said."""
    if stream is None:
        return dict(values)
    first = next(iter(stream["outputs"].values()))
    found = {key: stream[key] for key in ("states", "delay_frames", "flush_frames", "rate", "period", "valid_input")}
    found["length"] = first["length"]
    if stream.get("inexact"):
        found["inexact"] = stream["inexact"]
    return {**found, "look_ahead_frames": stream["delay_frames"], **values}
