"""The package format: one ONNX file with its manifest inside, written whole or not at all, read with suspicion."""

import hashlib
import json
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..frames.plan import FramePlan
from ..storage import WholeFile
from .fork_lock import ForkLock
from .manifest import METADATA_KEY, STREAM_KEY, Manifest, Port, Signature, check_graph, parse, with_stream

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

DEFAULT_SAMPLE_RATE, DEFAULT_N_FFT = 44100, 2048
LARGEST_FILE = 1 << 29
MOST_NODES = 10_000
"""Bounds of what is read as a model: far above any that plays in real time."""


@dataclass(frozen=True, eq=False)
class PackagedModel:
    """A model file that has been read and found in order.

    Attributes
    ----------
    manifest : Manifest
    proto_bytes : bytes
        The serialised ModelProto.
    path : Path or None
        Where it came from.
    inputs, outputs : Signature
        What the graph takes and gives.
    lane_axis : str
        Axis of the input's layout along which a call may serve several lanes.
    sessions : dict
        Sessions made of it so far, shared by all stages: weights are in memory once.

    Notes
    -----
    A file of the same content, loaded or unpickled again while the first is in use, is the same object.
    """

    manifest: Manifest
    proto_bytes: bytes = field(repr=False)
    inputs: Signature = field(repr=False)
    outputs: Signature = field(repr=False)
    path: Path | None = None
    lane_axis: str = "batch"
    sessions: dict[tuple, Any] = field(default_factory=dict, repr=False)

    def __reduce__(self) -> tuple:
        """For pickles: all but the sessions, which belong to this process."""
        return _shared, (self.manifest, self.proto_bytes, self.inputs, self.outputs, self.path)

    def __deepcopy__(self, memo: dict) -> "PackagedModel":
        """Itself: nothing in it ever changes, and copies of a processor share its weights."""
        return self

    @cached_property
    def digest(self) -> bytes:
        """What tells its content from any other's."""
        return _digest(self.proto_bytes)

    @property
    def fixed_bins(self) -> int | None:
        """Size of the input's axis "bins" where the graph fixes it (bands, for models that take bands)."""
        return _fixed(self.manifest.input, self.inputs, "bins")

    @property
    def call_frames(self) -> int:
        """Frames of one call of a stage: the graph's own number where it is fixed, else the period."""
        return _fixed(self.manifest.input, self.inputs, "time") or self.manifest.period

    @property
    def stage_delay_frames(self) -> int:
        """Frames by which a stage lags: the model's delay, and the wait until a call's frames are complete."""
        return self.manifest.delay_frames + self.call_frames - 1

    def plan(self, sample_rate: int | None = None) -> FramePlan:
        """The plan of frames that the model wants.

        Parameters
        ----------
        sample_rate : int, optional
            Hz, used where the model works at any rate (44100 by default); otherwise the model's own rate holds.

        Returns
        -------
        FramePlan
            What the manifest leaves open: n_fft 2048, hop a quarter of the window, Hann.
        """
        m = self.manifest
        n_fft = m.n_fft or DEFAULT_N_FFT
        hop = m.hop or (m.window_length or n_fft) // 4
        return FramePlan(
            sample_rate=m.sample_rate or sample_rate or DEFAULT_SAMPLE_RATE,
            n_fft=n_fft,
            hop=hop,
            window=m.window or "hann",
            window_length=m.window_length,
            uneven=n_fft % hop != 0,
            synthesis_window=m.synthesis_window,
            symmetric=m.symmetric,
            centred=m.centred,
            plain=m.overlap_add == "plain",
        )


def package(model: "str | Path | ModelProto", path: str | Path, **manifest) -> Path:
    """Make a model a package: check it, put its manifest inside and write one file.

    Parameters
    ----------
    model : str, Path or onnx.ModelProto
        Frame-by-frame model, as :func:`make_streaming` gives it or made so by hand; never changed.
    path : str or Path
        The file to write; the folder exists. It appears whole or not at all.
    **manifest
        Fields of :class:`~rtspec.models.manifest.Manifest`. States, delay, flush, rate and valid input come from
        :func:`make_streaming` where it made the model; a manifest inside the model gives the fields not given here.
        `input` and `output` may be lists of ports: see :func:`with_ports`, by which they become one spectrum each.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ModelError
        If model and manifest disagree, or the file cannot be written.

    Examples
    --------
    >>> rtspec.models.package(stream, "denoise.onnx", name="denoise", licence="CC0-1.0", n_fft=1024, hop=256,
    ...     input={"name": "x", "representation": "magnitude"},
    ...     output={"name": "y", "representation": "gain"})  # doctest: +SKIP
    """
    from .compose.ports import one_spectrum

    proto, manifest = one_spectrum(_proto(model), manifest)
    checked = _checked(proto, with_stream({**_old_manifest(proto), **manifest}, stream_metadata(proto)))
    _set_metadata(proto, checked.manifest)
    target = Path(path)
    _write_whole(target, proto.SerializeToString())
    return target


def load(path_or_name: str | Path) -> PackagedModel:
    """Read a packaged model from a file, or a shipped one by its name.

    Raises
    ------
    ModelError
        If the file is missing, unreadable, damaged, no ONNX or no package, or if its manifest is wrong: one line each.
    """
    from .catalogue import find

    path = find(path_or_name)
    content = _bytes(path)
    with _loading:
        key = (str(path), _digest(content))
        found = _in_use.get(key)
        if found is None:
            found = _in_use[key] = _loaded(path, content)
            _in_use[_pickled_key(path, found.proto_bytes)] = found
        return found


def _loaded(path: Path, content: bytes) -> PackagedModel:
    proto = parsed_proto(path, content)
    if metadata(proto, METADATA_KEY) is None:
        raise ModelError(f'"{path}" has no rtspec manifest; make it a package with rtspec.models.package')
    try:
        return _checked(proto, None, path)
    except ModelError as error:
        raise ModelError(f'"{path}": {error}') from error


_loading = ForkLock()
_in_use: "weakref.WeakValueDictionary[tuple[str, bytes], PackagedModel]" = weakref.WeakValueDictionary()
"""Models by path and content; each goes when its last user goes."""


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=20).digest()


def _pickled_key(path: Path | None, proto_bytes: bytes) -> tuple[str, bytes]:
    return f"pickled {path}", _digest(proto_bytes)


def _shared(
    manifest: Manifest, proto_bytes: bytes, inputs: Signature, outputs: Signature, path: Path | None
) -> PackagedModel:
    """The model that is in use with this path and content, or a new one: what a pickle becomes."""
    with _loading:
        key = _pickled_key(path, proto_bytes)
        found = _in_use.get(key)
        if found is None:
            found = _in_use[key] = PackagedModel(manifest, proto_bytes, inputs, outputs, path)
        return found


def of_one(model: PackagedModel, axis: str) -> PackagedModel | None:
    """A model whose calls hold several of something, along an axis of its input and output, for one of them: these are
    its lanes then. None where the file does not say how many there are."""
    import onnx

    m, proto = model.manifest, onnx.ModelProto.FromString(model.proto_bytes)
    for port, values in ((m.input, proto.graph.input), (m.output, proto.graph.output)):
        value = next(each for each in values if each.name == port.name)
        place = value.type.tensor_type.shape.dim[port.layout.index(axis)] if axis in port.layout else None
        if place is None or not place.HasField("dim_value"):
            return None
        place.dim_value = 1
    del proto.graph.value_info[:]
    inputs, outputs = signatures(proto)
    return PackagedModel(m, proto.SerializeToString(), inputs, outputs, model.path, axis)


def inspect(path_or_name: str | Path) -> "Report":
    """Everything a packaged model says of itself, for people (print it) and for programs (:meth:`Report.json`)."""
    return Report(load(path_or_name))


# ------------------------------------------------------------------------------------------ reading


def read_proto(path: Path) -> "ModelProto":
    """The ModelProto in a file, with one clear line for each thing that can be wrong with the file itself."""
    return parsed_proto(path, _bytes(path))


def parsed_proto(path: Path, content: bytes) -> "ModelProto":
    """The ModelProto in the content of a file."""
    import onnx
    from google.protobuf.message import DecodeError

    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(content)
    except DecodeError as error:
        raise ModelError(f'"{path}" is damaged or is no ONNX file; export or download it again') from error
    if not proto.graph.node or not proto.opset_import:
        raise ModelError(f'"{path}" is damaged or is no ONNX file: it holds no graph; export or download it again')
    return proto


def metadata(proto: "ModelProto", key: str) -> str | None:
    """One entry of metadata_props; None where there is none."""
    return next((entry.value for entry in proto.metadata_props if entry.key == key), None)


def stream_metadata(proto: "ModelProto") -> dict[str, Any] | None:
    """What :func:`make_streaming` wrote into the model; None where it did not make it."""
    found = metadata(proto, STREAM_KEY)
    if found is None:
        return None
    try:
        stream = json.loads(found)
        needed = ("states", "delay_frames", "flush_frames", "rate", "period", "valid_input")
        if not isinstance(stream["outputs"], dict) or not all(key in stream for key in needed):
            raise ValueError("incomplete")
    except (ValueError, RecursionError, KeyError, TypeError):
        raise ModelError(
            f'the metadata "{STREAM_KEY}" is not what make_streaming writes; make the model streaming again'
        ) from None
    return stream


def signatures(proto: "ModelProto") -> tuple[Signature, Signature]:
    """What the graph takes (weights left out) and gives."""
    weights = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in weights]
    return Signature("input", dict(map(_tensor, inputs))), Signature("output", dict(map(_tensor, proto.graph.output)))


def _tensor(value) -> tuple[str, tuple[str, tuple[int | str | None, ...]]]:
    from onnx import helper

    kind = value.type.tensor_type
    try:
        dtype = str(helper.tensor_dtype_to_np_dtype(kind.elem_type).name)
    except (KeyError, TypeError, ValueError):
        raise ModelError(f'graph tensor "{value.name}" has no usable element type; export the model again') from None
    sizes = tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in kind.shape.dim)
    return value.name, (dtype, sizes)


def _checked(proto: "ModelProto", fields: Mapping[str, Any] | None, path: Path | None = None) -> PackagedModel:
    """A model with the manifest made of `fields` (its own where None), checked against its graph."""
    check_graph_alone(proto)
    manifest = parse(metadata(proto, METADATA_KEY) or "" if fields is None else fields)
    inputs, outputs = signatures(proto)
    check_graph(manifest, inputs, outputs)
    return PackagedModel(manifest, proto.SerializeToString(), inputs, outputs, path)


def check_graph_alone(proto: "ModelProto") -> None:
    """Refuse a graph that is no valid one, is too large, or wants another file."""
    import onnx

    if (count := sum(1 for _ in nodes_of(proto.graph))) > MOST_NODES:
        raise ModelError(f"the graph has {count} nodes, at most {MOST_NODES} are taken; simplify the model")
    inside = [tensor for function in proto.functions for node in function.node for tensor in _held(node)]
    outside = [
        tensor.name
        for tensor in (*tensors_of(proto.graph), *inside)
        if tensor.data_location == onnx.TensorProto.EXTERNAL
    ]
    if outside:
        raise ModelError(
            f'weight "{outside[0]}" lies in another file; a package is one file: save it with its weights inside'
        )
    try:
        onnx.checker.check_model(proto)
    except (onnx.checker.ValidationError, ValueError) as error:
        line = (str(error).strip().splitlines() or ["?"])[0][:160]
        raise ModelError(f"the model is not valid ONNX ({line}); export it again") from error


def nodes_of(graph: "GraphProto") -> Iterator["NodeProto"]:
    """All nodes of a graph and of its sub-graphs."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from nodes_of(inner)


def tensors_of(graph: "GraphProto") -> Iterator["TensorProto"]:
    """All tensors that a graph holds: initialisers (sparse ones too) and those of nodes, in sub-graphs as well."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _held(node)


def _held(node: "NodeProto") -> Iterator["TensorProto"]:
    for attribute in node.attribute:
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for inner in (attribute.g, *attribute.graphs):
            yield from tensors_of(inner)


def _old_manifest(proto: "ModelProto") -> dict[str, Any]:
    found = metadata(proto, METADATA_KEY)
    return {} if found is None else parse(found).to_dict()


def _proto(model: "str | Path | ModelProto") -> "ModelProto":
    import onnx

    if isinstance(model, onnx.ModelProto):
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        return copy
    from .streaming.load import load as load_offline

    return load_offline(model)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ModelError(f'"{path}" is larger than the {LARGEST_FILE >> 20} MiB that a model may have; is it one?')
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(
            f'there is no model file "{path}"; check the path, or list shipped models with: rtspec models'
        ) from None
    except OSError as error:
        raise ModelError(f'"{path}" cannot be read ({error.strerror}); check the path and its permissions') from error


# ------------------------------------------------------------------------------------------ writing


def _set_metadata(proto: "ModelProto", manifest: Manifest) -> None:
    kept = {entry.key: entry.value for entry in proto.metadata_props} | {METADATA_KEY: manifest.to_json()}
    del proto.metadata_props[:]
    for key, value in kept.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value


def _write_whole(target: Path, content: bytes) -> None:
    try:
        with WholeFile(target) as file:
            file.write(content)
    except OSError as error:
        kept = "what was there before is untouched" if target.parent.is_dir() else "check the folder"
        raise ModelError(f'"{target}" cannot be written ({error.strerror}); {kept}') from error


def _fixed(port: Port, signature: Signature, axis: str) -> int | None:
    sizes = dict(zip(port.layout, signature.tensors[port.name][1], strict=True))
    size = sizes.get(axis)
    return size if isinstance(size, int) else None


# ------------------------------------------------------------------------------------------ reporting


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
