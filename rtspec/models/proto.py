"""A model's file as onnx reads it: read, looked through and checked, with what its metadata says."""

import json
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from .manifest import STREAM_KEY, Signature

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

LARGEST_FILE = 1 << 29
MOST_NODES = 10_000
"""Bounds of what is read as a model: far above any that plays in real time."""


def read_proto(path: Path) -> "ModelProto":
    """The ModelProto in a file, with one clear line for each thing that can be wrong with the file itself."""
    return parsed_proto(path, model_bytes(path))


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


def take_weights(proto: "ModelProto", path: Path) -> None:
    """Put inside what a file keeps in another one beside it, as torch's newer exporter does."""
    import onnx

    try:
        onnx.load_external_data_for_model(proto, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        line = (str(error).strip().splitlines() or ["?"])[0][:160]
        raise ModelError(
            f'"{path}" keeps weights in another file that cannot be read ({line}); put it beside this one'
        ) from error


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


def check_graph_alone(proto: "ModelProto") -> None:
    """Refuse a graph that is no valid one, is too large, or wants another file."""
    import onnx

    if (count := sum(1 for _ in nodes_of(proto.graph))) > MOST_NODES:
        raise ModelError(f"the graph has {count} nodes, at most {MOST_NODES} are taken; simplify the model")
    inside = [tensor for function in proto.functions for node in function.node for tensor in held_tensors(node)]
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


def mended(proto: "ModelProto") -> None:
    """What onnxruntime takes and ONNX does not: no name of the graph, an old file format whose weights are no inputs,
    nodes out of order."""
    proto.graph.name = proto.graph.name or "network"
    inputs = {value.name for value in proto.graph.input}
    if proto.ir_version < WEIGHTS_APART and any(tensor.name not in inputs for tensor in proto.graph.initializer):
        proto.ir_version = WEIGHTS_APART
    in_order(proto)


WEIGHTS_APART = 4
"""From this version of the file format on, weights need not be inputs."""


def in_order(proto: "ModelProto") -> None:
    """Put each node behind those that it reads: converters append their casts, which onnxruntime takes and ONNX not."""
    nodes = list(proto.graph.node)
    maker = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    reads = [{maker[name] for name in _read_by(node) if name in maker} for node in nodes]
    if all(i > max(read, default=-1) for i, read in enumerate(reads)):
        return
    try:
        order = list(TopologicalSorter(dict(enumerate(reads))).static_order())
    except CycleError:
        return  # of which the checker tells
    proto.graph.ClearField("node")
    proto.graph.node.extend(nodes[i] for i in order)


def _read_by(node: "NodeProto") -> set[str]:
    """Tensors that a node reads, those of its sub-graphs included."""
    inner = [n for a in node.attribute for graph in (a.g, *a.graphs) for n in graph.node]
    return {name for name in node.input if name}.union(*map(_read_by, inner))


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
        yield from held_tensors(node)


def held_tensors(node: "NodeProto") -> Iterator["TensorProto"]:
    for attribute in node.attribute:
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for inner in (attribute.g, *attribute.graphs):
            yield from tensors_of(inner)


def model_bytes(path: Path) -> bytes:
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
