"""The package format: one ONNX file with its manifest inside, written whole or not at all, read with suspicion."""

import hashlib
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..frames.plan import FramePlan
from ..storage import AtomicFile
from .fork_lock import ForkLock
from .manifest import METADATA_KEY, Manifest, Port, Signature, check_graph, parse, with_stream

if TYPE_CHECKING:
    from onnx import ModelProto

from .proto import check_graph_alone, in_order, metadata, model_bytes, parsed_proto, signatures, stream_metadata

DEFAULT_SAMPLE_RATE, DEFAULT_N_FFT = 44100, 2048


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
        A network that hears left and right together names their axis "audio" in both layouts, or "audio*channels"
        where real and imaginary parts are stacked with them: see :func:`with_audio_first`.

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
    from .compose.audio import ports_with_audio
    from .compose.ports import one_spectrum

    proto, manifest = ports_with_audio(*one_spectrum(_proto(model), manifest))
    checked = _checked(proto, with_stream({**_old_manifest(proto), **manifest}, stream_metadata(proto)))
    _set_metadata(proto, checked.manifest)
    target = Path(path)
    _write_atomically(target, proto.SerializeToString())
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
    content = model_bytes(path)
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


def _checked(proto: "ModelProto", fields: Mapping[str, Any] | None, path: Path | None = None) -> PackagedModel:
    """A model with the manifest made of `fields` (its own where None), checked against its graph."""
    check_graph_alone(proto)
    manifest = parse(metadata(proto, METADATA_KEY) or "" if fields is None else fields)
    inputs, outputs = signatures(proto)
    check_graph(manifest, inputs, outputs)
    return PackagedModel(manifest, proto.SerializeToString(), inputs, outputs, path)


def _old_manifest(proto: "ModelProto") -> dict[str, Any]:
    found = metadata(proto, METADATA_KEY)
    return {} if found is None else parse(found).to_dict()


def _proto(model: "str | Path | ModelProto") -> "ModelProto":
    import onnx

    if isinstance(model, onnx.ModelProto):
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        in_order(copy)
        return copy
    from .streaming.load import load as load_offline

    return load_offline(model)


def _set_metadata(proto: "ModelProto", manifest: Manifest) -> None:
    kept = {entry.key: entry.value for entry in proto.metadata_props} | {METADATA_KEY: manifest.to_json()}
    del proto.metadata_props[:]
    for key, value in kept.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value


def _write_atomically(target: Path, content: bytes) -> None:
    try:
        with AtomicFile(target) as file:
            file.write(content)
    except OSError as error:
        kept = "what was there before is untouched" if target.parent.is_dir() else "check the folder"
        raise ModelError(f'"{target}" cannot be written ({error.strerror}); {kept}') from error


def _fixed(port: Port, signature: Signature, axis: str) -> int | None:
    sizes = dict(zip(port.layout, signature.tensors[port.name][1], strict=True))
    size = sizes.get(axis)
    return size if isinstance(size, int) else None
