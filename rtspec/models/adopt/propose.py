"""The manifest that a file seems to want: from its facts, a recipe and what the user said, in rising order of trust."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ...errors import ModelError
from ..manifest import COMPLEX
from .facts import Facts, Sizes, layout_of
from .recipes import Recipe
from .samples import propose_samples, takes_samples

ASKED = ("sample_rate", "window")
"""What no graph says."""
RATE_INPUTS = ("sr", "sample_rate", "fs", "sampling_rate")
STEREO = (
    '{side} "{name}" holds left and right in one frame for representation="{kind}"; say so: '
    '--set input.layout={layout} --set output.layout={layout} (the axis of left and right is "audio"), and give it '
    "stereo sound"
)


@dataclass
class Proposal:
    """Fields of a manifest, and what is unsure of them.

    Attributes
    ----------
    fields : dict
        As :func:`rtspec.models.package` takes them.
    found : list of str
        What was found and taken as sure.
    doubts : list of str
        What was assumed, one line each.
    missing : list of str
        Fields that nobody has said.
    """

    fields: dict[str, Any]
    found: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def propose(
    facts: Facts, recipe: Recipe | None, answers: Mapping[str, Any], constants: Mapping[str, float]
) -> Proposal:
    """Propose a manifest.

    Parameters
    ----------
    facts : Facts
    recipe : Recipe or None
    answers : mapping
        Fields that the user gave, "input" and "output" by dotted names as in ``"output.representation"``.
    constants : mapping of str to float
        Values for inputs that are the same in every call.

    Raises
    ------
    ModelError
        If an axis or an input cannot be told; the text says which flag does.
    """
    made = Proposal(deepcopy(dict(recipe.manifest)) if recipe else {})
    for name, value in answers.items():
        _put(made.fields, name, value)
    if takes_samples(made.fields):
        made.doubts += propose_samples(made.fields, facts)
    else:
        _ports(made, facts)
        _plan(made, facts)
    _states(made, facts)
    _constants(made, facts, constants)
    made.missing = [name for name in ASKED if made.fields.get(name) is None]
    if facts.unread:
        made.doubts.append(f"nothing reads the output {_listed(facts.unread)}: is it a state with another shape?")
    return made


def _put(fields: dict[str, Any], name: str, value: Any) -> None:
    first, _, rest = name.partition(".")
    if rest:
        fields.setdefault(first, {})[rest] = value
    else:
        fields[first] = value


def _listed(names) -> str:
    return ", ".join(f'"{name}"' for name in names)


# ------------------------------------------------------------------------------------------ frames


def _ports(made: Proposal, facts: Facts) -> None:
    n_fft = made.fields.get("n_fft")
    known = made.fields.get("input", {}).get("n_bins") or (n_fft // 2 + 1 if n_fft else None)
    for side, name, signature in (
        ("input", facts.frames_in, facts.inputs),
        ("output", facts.frames_out, facts.outputs),
    ):
        port = made.fields.setdefault(side, {})
        port.setdefault("name", name)
        sizes = signature.tensors[port["name"]][1]
        if "layout" not in port:
            port["layout"] = list(_layout(side, name, sizes, known))
        if port.get("representation") == "samples":
            continue
        _representation(made, side, port, dict(zip(port["layout"], sizes, strict=False)))
        known = known or _size(port["layout"], sizes, "bins")


def _layout(side: str, name: str, sizes: Sizes, n_bins: int | None) -> tuple[str, ...]:
    layout = layout_of(sizes, n_bins) or layout_of(sizes)
    if not layout:
        raise ModelError(
            f'the axes of {side} "{name}" {list(sizes)} cannot be told: none is surely bins and one time; say which is '
            f"which, as in --set {side}.layout=batch,bins,time,channels"
        )
    return layout


def _size(layout: list[str], sizes: Sizes, axis: str) -> int | None:
    size = dict(zip(layout, sizes, strict=False)).get(axis)
    return size if isinstance(size, int) else None


def _representation(made: Proposal, side: str, port: dict[str, Any], sizes: Mapping[str, Any]) -> None:
    pairs = sizes.get("channels") == 2
    if "representation" in port:
        if pairs and port["representation"] not in (*COMPLEX, "tensor"):
            layout = ",".join("audio" if axis == "channels" else axis for axis in port["layout"])
            raise ModelError(STEREO.format(side=side, name=port["name"], kind=port["representation"], layout=layout))
        if pairs != (port["representation"] in COMPLEX) and sizes.get("channels") is not None:
            made.doubts.append(f'{side}: representation="{port["representation"]}" with {sizes["channels"]} channels')
        return
    port["representation"] = "complex" if pairs else "magnitude"
    if pairs and side == "input" and port["layout"][-1] != "channels":
        made.doubts.append(
            "input.representation=complex: its 2 channels were taken as real and imaginary parts; if they are left and "
            "right, say --set input.representation=magnitude, and read on"
        )
    if side == "input" and not pairs:
        made.doubts.append(
            "input.representation=magnitude: its values are of one channel; --set input.representation=power or "
            "log-magnitude (with input.log) if the network was trained on these"
        )


def _plan(made: Proposal, facts: Facts) -> None:
    port = made.fields["input"]
    sizes = facts.inputs.tensors[port["name"]][1]
    bins = _size(port["layout"], sizes, "bins")
    if made.fields.get("n_fft") is None and bins:
        made.fields["n_fft"] = 2 * (bins - 1) if bins % 2 else 2 * bins
        made.found.append(f"{bins} bins: n_fft {made.fields['n_fft']}")
    n_fft = made.fields.get("n_fft")
    if n_fft is None:
        made.missing.append("n_fft")
        return
    if bins and bins != n_fft // 2 + 1:
        _part_of_spectrum(made, bins, n_fft)
    if made.fields.get("hop") is None:
        made.fields["hop"] = n_fft // 2
        made.doubts.append(f"hop={n_fft // 2}: half of n_fft was assumed; --hop N says otherwise")


def _part_of_spectrum(made: Proposal, bins: int, n_fft: int) -> None:
    """A tensor that holds other bins than all: those from DC on, unless somebody said which."""
    for side in ("input", "output"):
        port = made.fields[side]
        if port.get("n_bins") is None and "bins" in port["layout"]:
            port["n_bins"] = bins
    if made.fields["input"].get("first_bin") is None:
        made.doubts.append(
            f"{bins} bins of {n_fft // 2 + 1}: the first ones were assumed (Nyquist left out); --set input.first_bin=1 "
            "--set output.first_bin=1 if DC is the one that is left out"
        )


# ------------------------------------------------------------------------------------------ the rest of the inputs


def _states(made: Proposal, facts: Facts) -> None:
    if "states" not in made.fields and facts.states:
        made.fields["states"] = [
            {"input": p.input, "output": p.output, "shape": list(p.shape), "dtype": p.dtype} for p in facts.states
        ]
    for pair in facts.states:
        text = f'state "{pair.input}" {list(pair.shape)} comes back as "{pair.output}"'
        (made.found if pair.by == "name" else made.doubts).append(
            text if pair.by == "name" else f"{text}: by order alone, several have this shape"
        )


def _constants(made: Proposal, facts: Facts, values: Mapping[str, float]) -> None:
    held = made.fields.setdefault("constants", [])
    known = {each["input"] for each in held}
    for name in facts.others:
        dtype, sizes = facts.inputs.tensors[name]
        value = values.get(name, made.fields.get("sample_rate") if name.lower() in RATE_INPUTS else None)
        if name in known:
            continue
        if value is None:
            raise ModelError(
                f'input "{name}" {list(sizes)} is neither frames nor a state: no output has its type and shape; if it '
                f"is the same in every call, say its value, as in --constant {name}=1; "
                f"if the frames go in there, --set input.name={name}; if it holds frames too, name "
                """all ports: --set 'input=[{"name": …, "representation": "phase", "layout": […]}, …]' and output"""
            )
        shape = [size if isinstance(size, int) else 1 for size in sizes]
        held.append({"input": name, "values": [value], "shape": shape, "dtype": dtype})
        made.found.append(f'constant "{name}" = {value:g}')
