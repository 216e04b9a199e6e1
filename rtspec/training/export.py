"""From a trained network to a package that the host plays: ONNX, streaming, manifest, golden file, card."""

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import torch
from torch import nn

from ..audio.files import make_folder
from ..errors import ModelError
from ..models.frame_model import FrameModel
from ..models.packages import package
from ..models.report import inspect
from ..models.streaming import make_streaming
from ..storage import AtomicFile

OPSET = 17
TOLERANCE = 1e-4
"""Greatest difference of stream and network, relative to the network's peak."""
LARGEST_BYTES = 8 << 20
_PIECES = (1, 3, 7)


def ship(
    network: nn.Module,
    inputs: dict[str, np.ndarray],
    manifest: dict[str, Any],
    folder: str | Path,
    *,
    time_axes: Mapping[str, int],
    card: str,
    tolerance: float = TOLERANCE,
    states: Literal["replace", "append"] = "replace",
) -> Path:
    """Export a network, make it streaming, package it, and write folder/{model.onnx, golden.npz, card.md}.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode; its forward takes the inputs in their order and gives one tensor, in time as long as they.
    inputs : dict of str to ndarray, float32, of the network's shapes
        A clip of some dozens of frames; also kept as the golden input. Those without a time axis are parameters at
        their defaults, which `manifest` declares.
    manifest : dict
        Fields of :class:`~rtspec.models.manifest.Manifest`; its "output" names the output.
    folder : path
    time_axes : mapping of str to int
        Time axis of each input that carries frames, and of the output.
    card : str
        Markdown after the facts: weights' licence, data and their licences, the exact command, metrics.
    tolerance : float
        Relative to the peak of the network's output.
    states : {"replace", "append"}
        As in :func:`rtspec.models.make_streaming`.

    Returns
    -------
    Path
        The package.

    Raises
    ------
    ModelError
        If the stream differs from the network, or the file is larger than 8 MiB.
    NotStreamable
        If the network needs the whole clip.
    """
    folder, output = Path(folder), manifest["output"]["name"]
    offline = export(network, inputs, output, time_axes)
    moving = {name: axis for name, axis in time_axes.items() if name in inputs}
    streaming = make_streaming(offline, moving, states=states)
    _check_size(streaming, manifest["name"])
    make_folder(folder)
    path = package(streaming, folder / "model.onnx", **manifest)
    golden = _streamed(path, inputs, moving, time_axes[output])
    _check_equal(manifest["name"], golden, _offline(network, inputs), tolerance)
    with AtomicFile(folder / "golden.npz") as file:
        np.savez_compressed(file, input=inputs[next(iter(moving))], output=golden)
    with AtomicFile(folder / "card.md") as file:
        file.write(_card(path, card).encode())
    return path


def export(
    network: nn.Module, inputs: dict[str, np.ndarray], output: str, time_axes: Mapping[str, int]
) -> onnx.ModelProto:
    """The network as an offline ONNX model whose time axes are dynamic. Inputs by name, float32 of the network's
    shapes."""
    file: Any = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own ageing, and of batches, which are 1; all is compared
        torch.onnx.export(
            network.eval(),
            tuple(torch.as_tensor(array) for array in inputs.values()),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=[output],
            dynamic_axes={name: {axis: "frames"} for name, axis in time_axes.items()},
        )
    return onnx.load_from_string(file.getvalue())


def _offline(network: nn.Module, inputs: dict[str, np.ndarray]) -> np.ndarray:
    with torch.no_grad():
        return network(*(torch.as_tensor(array) for array in inputs.values())).numpy()


def _streamed(path: Path, inputs: dict[str, np.ndarray], moving: Mapping[str, int], axis: int) -> np.ndarray:
    """The clip through the package in pieces of changing length."""
    model = FrameModel(path)
    name, time_axis = next(iter(moving.items()))
    frames, made, start = inputs[name], [], 0
    while start < frames.shape[time_axis]:
        end = start + _PIECES[len(made) % len(_PIECES)]
        made.append(model.process(np.take(frames, range(start, min(end, frames.shape[time_axis])), time_axis)))
        start = end
    return np.concatenate([*made, model.flush()], axis=axis)


def _check_equal(name: str, stream: np.ndarray, wanted: np.ndarray, tolerance: float) -> None:
    peak = float(np.abs(wanted).max())
    error = float(np.abs(stream - wanted).max()) if stream.shape == wanted.shape else np.inf
    if not error <= tolerance * peak:
        raise ModelError(
            f"{name}: the stream {stream.shape} differs from the network {wanted.shape} by {error:.3g} of a peak of "
            f"{peak:.3g}, allowed is {tolerance:g} of it; check it with: rtspec validate"
        )


def _check_size(model: onnx.ModelProto, name: str) -> None:
    if model.ByteSize() > LARGEST_BYTES:
        raise ModelError(
            f"{name} takes {model.ByteSize() / 2**20:.1f} MiB, at most {LARGEST_BYTES >> 20} may ship; "
            "make its layers narrower"
        )


def _card(path: Path, text: str) -> str:
    report = inspect(path)
    facts = "\n".join(str(report).splitlines()[1:])
    return f"# {report.model.manifest.name}\n\n```\n{facts}\n```\n\n{text.strip()}\n"
