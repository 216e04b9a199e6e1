"""A model's card: what its manifest says and what its file holds, as text and as data."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .manifest import Manifest, Port, Signature

if TYPE_CHECKING:
    pass

from .packages import PackagedModel, load


def inspect(path_or_name: str | Path) -> "Report":
    """Everything a packaged model says of itself, for people (print it) and for programs (:meth:`Report.json`)."""
    return Report(load(path_or_name))


class Report:
    """A model's card: text by `str` and `print`, data by :meth:`json`."""

    def __init__(self, model: PackagedModel):
        self.model = model

    def json(self) -> dict[str, Any]:
        """The manifest and the facts of the file, as JSON takes them."""
        model = self.model
        return {
            "path": str(model.path),
            "bytes": len(model.proto_bytes),
            "weights": self._weights,
            "graph_inputs": _listed(model.inputs),
            "graph_outputs": _listed(model.outputs),
            **model.manifest.to_dict(),
        }

    @cached_property
    def _weights(self) -> int:
        import onnx

        tensors = onnx.ModelProto.FromString(self.model.proto_bytes).graph.initializer
        return sum(_product(tensor.dims) for tensor in tensors)

    def __str__(self) -> str:
        m = self.model.manifest
        rows = {
            "task": m.task,
            "authors": ", ".join(m.authors),
            "licence": m.licence,
            "citation": m.citation,
            "training data": m.training_data,
            "plan": _plan_text(m),
            "input": _port_text(m.input, self.model.inputs),
            "output": _port_text(m.output, self.model.outputs),
            "delay": f"{m.delay_frames} frames (look-ahead {m.look_ahead_frames})",
            "rate": f"{m.rate.frames_in} frames in, {m.rate.frames_out} out",
            "states": f"{len(m.states)} tensors, {sum(s.n_bytes for s in m.states)} bytes" if m.states else "none",
            "size": f"{self._weights} weights, {len(self.model.proto_bytes)} bytes",
            **{f"  {p.name}": _parameter_text(p) for p in m.controls},
            **{f"  {name}": str(value) for name, value in m.metrics.items()},
        }
        lines = [f"{label:<16} {value}" for label, value in rows.items() if value]
        return "\n".join([f"{m.name} {m.version}", *lines])


def _listed(signature: Signature) -> dict[str, Any]:
    return {name: {"dtype": dtype, "shape": list(sizes)} for name, (dtype, sizes) in signature.tensors.items()}


def _product(sizes) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


def _plan_text(m: Manifest) -> str:
    rate = f"{m.sample_rate} Hz" if m.sample_rate else "any sample rate"
    return f"{rate}, n_fft {m.n_fft or 'any'}, hop {m.hop or 'any'}, window {_window_text(m)}"


def _window_text(m: Manifest) -> str:
    shape = m.window if isinstance(m.window, str) or m.window is None else "by its values"
    words = [shape or "any", *(word for word in ("symmetric", "centred") if getattr(m, word))]
    return " ".join([*words, "(plain overlap-add)"] if m.overlap_add == "plain" else words)


def _port_text(port: Port, signature: Signature) -> str:
    dtype, sizes = signature.tensors[port.name]
    axes = ", ".join(f"{axis}={size or '?'}" for axis, size in zip(port.layout, sizes, strict=True))
    return f"{port.name}: {port.representation}, {dtype} [{axes}]"


def _parameter_text(p) -> str:
    control = "" if p.cc is None else f", CC {p.cc}"
    return f"{p.min:g} to {p.max:g} {p.unit} (default {p.default:g}, {p.curve}{control})"
