"""Networks that hear several channels of a sound at once, left beside right: these become the batch of every call.

A layout says where they lie by the axis "audio" ("batch,audio,bins,time"), or, stacked with real and imaginary parts in
one axis, by "audio*channels" (left real, left imaginary, right real, …) or "channels*audio" (left real, right real, …).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, ValueInfoProto, helper, numpy_helper

from ...errors import ModelError
from ..manifest.fields import STREAM_KEY
from ..streaming.prepare import rename

AUDIO = "audio"
INSIDE = "/inside"
MOST = 64
"""Audio channels that a sound may have."""
Sizes = list[int | str]


def words(layout: Any) -> list[str]:
    """The axes of a layout, which may be text with commas."""
    return [part.strip() for part in layout.split(",")] if isinstance(layout, str) else [str(part) for part in layout]


def names_audio(layout: Any) -> bool:
    """Whether a layout has an axis of audio channels."""
    return any(AUDIO in word.split("*") for word in words(layout or ()))


def ports_with_audio(proto: ModelProto, fields: Mapping[str, Any]) -> tuple[ModelProto, dict[str, Any]]:
    """A network and a manifest's fields as :func:`package` takes them: both as they are where no port names "audio"."""
    ports = {side: fields.get(side) for side in ("input", "output")}
    if not any(isinstance(port, Mapping) and names_audio(port.get("layout")) for port in ports.values()):
        return proto, dict(fields)
    named = {side: dict(port) if isinstance(port, Mapping) else {} for side, port in ports.items()}
    made, told = with_audio_first(proto, named)
    for side, port in named.items():
        port["layout"] = told.pop(f"{side}.layout")
    return made, {**fields, **told, **named}


def with_audio_first(proto: ModelProto, ports: Mapping[str, Mapping[str, Any]]) -> tuple[ModelProto, dict[str, Any]]:
    """The network with its audio channels along the batch axis, outermost, at either side.

    Parameters
    ----------
    proto : onnx.ModelProto
        One frame or any number of them a call, its batch of one; never changed.
    ports : mapping
        "input" and "output", each with `name` and a `layout` that names "audio".

    Returns
    -------
    model : onnx.ModelProto
    fields : dict
        `audio_channels`, and "input.layout", "output.layout" as they are now.

    Raises
    ------
    ModelError
        If a layout does not fit, or the number of channels is not fixed.
    """
    made = ModelProto()
    made.CopyFrom(proto)
    fields: dict[str, Any] = {}
    for side, values in (("input", made.graph.input), ("output", made.graph.output)):
        port = ports[side]
        if not names_audio(port.get("layout")):
            other = "output" if side == "input" else "input"
            raise ModelError(
                f'{side}.layout must name "audio" as {other}.layout does: the channels that go in together come out '
                f"together; say it, as in --set {side}.layout=batch,audio,bins,time"
            )
        value = next((each for each in values if each.name == port.get("name")), None)
        if value is None:
            names = ", ".join(each.name for each in values)
            raise ModelError(f"{side}.name={port.get('name')!r} must be one of the graph's: {names}; correct it")
        axes = _Axes(side, value, words(port["layout"]))
        fields[f"{side}.layout"] = axes.outer
        if fields.setdefault("audio_channels", axes.n) != axes.n:
            raise ModelError(f"{fields['audio_channels']} audio channels go in and {axes.n} come out; export as many")
        _turn(made, side, value, axes)
    _tell_stream(made, ports, fields)
    return made, fields


class _Axes:
    """The axes of a tensor as its network has them, and with the audio channels as its batch."""

    def __init__(self, side: str, value: ValueInfoProto, layout: list[str]) -> None:
        dims = value.type.tensor_type.shape.dim
        self.sizes: Sizes = [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in dims]
        if len(layout) != len(self.sizes) or "time" not in layout:
            raise ModelError(
                f'{side}.layout={",".join(layout)} must name the {len(self.sizes)} axes of "{value.name}" '
                f'{self.sizes}, "time" among them'
            )
        known = dict(zip(layout, self.sizes, strict=True))
        word = next(each for each in layout if AUDIO in each.split("*"))
        whole, parts = known[word], word.count("*") + 1
        if not isinstance(whole, int) or whole % parts or not 2 <= whole // parts <= MOST:
            raise ModelError(
                f'{side}.layout: the axis "{word}" of "{value.name}" has size {whole}; it must be fixed, {parts} for '
                f"each of 2 to {MOST} audio channels: export it so, or name the right axis"
            )
        self.n = whole // parts
        each_size = {"audio": self.n, "channels": 2} if parts == 2 else {"audio": self.n}
        self.inner = [part for each in layout for part in each.split("*") if part != "batch"]
        self.outer = ["batch", *(part for part in self.inner if part != AUDIO)]
        self._by_name = {**{name: size for name, size in known.items() if "*" not in name}, **each_size}

    def sizes_of(self, names: Sequence[str]) -> Sizes:
        """Sizes of axes by name; the batch is that of the audio channels."""
        return [self.n if name == "batch" else self._by_name[name] for name in names]


def _turn(made: ModelProto, side: str, value: ValueInfoProto, axes: _Axes) -> None:
    """Nodes that bring the outer tensor, under the port's own name, to the one that the network reads or makes."""
    name, graph = value.name, made.graph
    for node in graph.node:
        rename(node, {name: name + INSIDE})
    audio_first = [AUDIO, *axes.outer[1:]]
    inner, turned = (graph.node, f"{name}/turned")
    if side == "input":
        shape = _shape(made, f"{name}/sizes", axes.sizes)
        nodes = [
            helper.make_node("Transpose", [name], [turned], turned, perm=[audio_first.index(a) for a in axes.inner]),
            helper.make_node("Reshape", [turned, shape], [name + INSIDE], f"{name}/laid"),
        ]
        rest = list(inner)
        graph.ClearField("node")
        graph.node.extend([*nodes, *rest])
    else:
        shape = _shape(made, f"{name}/sizes", axes.sizes_of(axes.inner))
        perm = [axes.inner.index(a) for a in audio_first]
        inner.append(helper.make_node("Reshape", [name + INSIDE, shape], [turned], turned))
        inner.append(helper.make_node("Transpose", [turned], [name], f"{name}/laid", perm=perm))
    kind = value.type.tensor_type.elem_type
    value.CopyFrom(helper.make_tensor_value_info(name, kind, axes.sizes_of(axes.outer)))
    kept = [each for each in graph.value_info if each.name != name]
    graph.ClearField("value_info")
    graph.value_info.extend(kept)


def _shape(made: ModelProto, name: str, sizes: Sizes) -> str:
    """A shape as a weight, in which one size may be left open."""
    open_ = [size for size in sizes if not isinstance(size, int)]
    if len(open_) > 1:
        raise ModelError(f"only time may be open where audio channels are named, not {open_}; export it so")
    values = np.array([size if isinstance(size, int) else -1 for size in sizes], np.int64)
    made.graph.initializer.append(numpy_helper.from_array(values, name))
    return name


def _tell_stream(made: ModelProto, ports: Mapping[str, Mapping[str, Any]], fields: Mapping[str, Any]) -> None:
    """Where time lies now, in what `make_streaming` wrote."""
    for entry in made.metadata_props:
        if entry.key == STREAM_KEY:
            stream = json.loads(entry.value)
            for side in ("input", "output"):
                name, axis = ports[side]["name"], fields[f"{side}.layout"].index("time")
                stream["time_axes"][name] = axis
                if name in stream["outputs"]:
                    stream["outputs"][name]["axis"] = axis
            entry.value = json.dumps(stream)
