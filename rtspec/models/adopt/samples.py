"""Networks of waveforms: blocks of samples in, blocks or gains out, one block a call."""

from typing import TYPE_CHECKING, Any

from onnx import numpy_helper

from ...errors import ModelError
from ..manifest.fields import Constant
from ..streaming.load import Inputs
from ..streaming.prepare import without_known_conditions
from .facts import Facts, Sizes

if TYPE_CHECKING:
    from onnx import ModelProto

LAYOUTS = {1: ["time"], 2: ["time", "bins"], 3: ["batch", "time", "bins"]}
"""By the number of axes; one number for each frame has but one."""


def takes_samples(fields: dict[str, Any]) -> bool:
    """Whether somebody said that the input is a block of samples."""
    return fields.get("input", {}).get("representation") == "samples"


def propose_samples(fields: dict[str, Any], facts: Facts) -> list[str]:
    """Fill in what a network of samples leaves open; gives what was assumed, one line each."""
    doubts = []
    source, goal = fields["input"], fields.setdefault("output", {})
    for side, port, name, signature in (
        ("input", source, facts.frames_in, facts.inputs),
        ("output", goal, facts.frames_out, facts.outputs),
    ):
        sizes = signature.tensors[port.setdefault("name", name)][1]
        if len(port.get("layout", ())) != len(sizes):
            port["layout"] = _layout(side, name, sizes)
        if port.get("n_bins") is None and len(sizes) == 1:
            port["n_bins"] = 1
        if port.get("n_bins") is None:
            port["n_bins"] = _fixed(sizes) or (fields.get("n_fft") if side == "input" else source["n_bins"])
    if source["n_bins"] is None:
        raise ModelError(f'input "{source["name"]}" takes any number of samples; say how many a call: --n-fft 512')
    goal.setdefault("representation", "samples" if goal["n_bins"] > 1 else "gain")
    defaults = {"n_fft": source["n_bins"], "window": "rectangular", "overlap_add": "plain"}
    defaults["hop"] = goal["n_bins"] if goal["representation"] == "samples" else source["n_bins"]
    for name, value in defaults.items():
        if fields.get(name) is None:
            fields[name] = value
            if name == "hop":
                doubts.append(f"hop={value}: a block as long as what comes out was assumed; --hop N says otherwise")
    return doubts


def _layout(side: str, name: str, sizes: Sizes) -> list[str]:
    if len(sizes) not in LAYOUTS:
        raise ModelError(
            f'{side} "{name}" {list(sizes)} must have 2 or 3 axes for samples, the last of them the samples; say them: '
            f"--set {side}.layout=batch,time,bins"
        )
    return list(LAYOUTS[len(sizes)])


def _fixed(sizes: Sizes) -> int | None:
    last = sizes[-1]
    return last if isinstance(last, int) else None


def one_block_a_call(proto: "ModelProto", fields: dict[str, Any]) -> "ModelProto":
    """The network with everything fixed that one block a call fixes: sizes, one batch, and branches taken by a constant
    (files that serve two sample rates choose by `sr`; the other branch does not take this block)."""
    _fix_sizes(proto, fields)
    if not any(node.op_type == "If" for node in proto.graph.node):
        return proto
    _freeze(proto, fields)
    return without_known_conditions(proto, Inputs({}, _shapes(proto), 1, False))


def _fix_sizes(proto: "ModelProto", fields: dict[str, Any]) -> None:
    ports = {fields[side]["name"]: fields[side] for side in ("input", "output")}
    shapes = {state[side]: state["shape"] for state in fields.get("states", []) for side in ("input", "output")}
    for value in [*proto.graph.input, *proto.graph.output]:
        if value.name in ports:
            port = ports[value.name]
            shapes[value.name] = [port["n_bins"] if axis == "bins" else 1 for axis in port["layout"]]
        for dim, size in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, []), strict=False):
            dim.dim_value = size


def _freeze(proto: "ModelProto", fields: dict[str, Any]) -> None:
    """Constants of the manifest become weights of the graph."""
    values = {
        each["input"]: Constant(**{**each, "shape": tuple(each["shape"])}) for each in fields.pop("constants", [])
    }
    for value in [each for each in proto.graph.input if each.name in values]:
        proto.graph.initializer.append(numpy_helper.from_array(values[value.name].value(), value.name))
        proto.graph.input.remove(value)


def _shapes(proto: "ModelProto") -> dict[str, tuple[int, ...]]:
    return {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in proto.graph.input}
