"""Sizes of outputs that only running a file shows: exporters leave them as names that nothing else has."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ModelError
from ..manifest import Signature
from ..proto import signatures
from ..sandbox import sandboxed
from ..streaming.load import BATCH
from ..streaming.run import session

if TYPE_CHECKING:
    from onnx import ModelProto

SHORT, LONG = 1, 2
"""What an open size that is no batch is tried with: where an output's stays the same, it is fixed."""


def write_sizes(proto: "ModelProto") -> None:
    """Write the sizes of outputs into a file whose inputs tell none of them; leave them where it does not run."""
    inputs, outputs = signatures(proto)
    known = {size for _, sizes in inputs.tensors.values() for size in sizes}
    shaped = all(value.type.tensor_type.HasField("shape") for value in proto.graph.output)
    if shaped and all(isinstance(n, int) or (n and n in known) for _, s in outputs.tensors.values() for n in s):
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "theirs.onnx"
        path.write_bytes(proto.SerializeToString())
        try:
            made = sandboxed(f"{__name__}:measured", path=str(path))
        except ModelError:
            return
    for value in proto.graph.output:
        _write(value, *(each[value.name] for each in made))


def _write(value: Any, short: list[int], long: list[int]) -> None:
    dims = value.type.tensor_type.shape.dim
    while len(dims) < len(short) == len(long):
        dims.add()
    for dim, a, b in zip(dims, short, long, strict=False):
        if a == b:
            dim.dim_value = a


def measured(path: str) -> list[dict[str, list[int]]]:
    """Sizes of all outputs, by name, for noise of few and of more frames."""
    run: Any = session(path)
    inputs = Signature("input", {each.name: (each.type, tuple(each.shape)) for each in run.get_inputs()})
    names = [each.name for each in run.get_outputs()]
    return [
        {name: list(np.shape(made)) for name, made in zip(names, run.run(None, _filled(inputs, size)), strict=True)}
        for size in (SHORT, LONG)
    ]


def _filled(inputs: Signature, size: int) -> dict[str, np.ndarray]:
    return {
        name: np.ones([n if isinstance(n, int) else 1 if BATCH.match(str(n)) else size for n in sizes], _dtype(kind))
        for name, (kind, sizes) in inputs.tensors.items()
    }


def _dtype(kind: str) -> str:
    """Of onnxruntime's ``tensor(float16)``, as NumPy says it."""
    name = kind.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(name, name)
