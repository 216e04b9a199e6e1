"""Weights of a package as a start for training: what was trained elsewhere, or before there was a checkpoint of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from ..models.catalogue import find
from ..models.proto import read_proto
from .checkpoints import TrainingError, load_best


def start_from(network: nn.Module, path: str | Path) -> None:
    """Give a network the best weights of an earlier run, or those of a package; `path` as for :func:`start_at`."""
    place = start_at(path)
    if place.is_dir():
        load_best(network, place)
    else:
        load_package_weights(network, place)


def start_at(path: str | Path) -> Path:
    """Where weights to start from lie: a run's folder, a package's file, or that of a shipped model of this name.

    Raises
    ------
    ModelError
        Nothing is there; the text lists the shipped models.
    """
    return Path(path) if Path(path).is_dir() else find(path)


def name_of_start(path: str | Path) -> str:
    """How a card names a start: a package by its folder of exports, a run by its own."""
    place = start_at(path)
    return f"runs/{place.name}" if place.is_dir() else f"exports/{place.parent.name}/{place.name}"


def load_package_weights(network: nn.Module, path: str | Path) -> None:
    """Give a network the weights of the package that was exported from one like it.

    Exporters keep the names of biases and convolutions; of linear and recurrent layers they keep the order alone, the
    matrices transposed and the gates in ONNX's order (z, r, h; torch's is r, z, n).

    Raises
    ------
    TrainingError
        The package is of another network.
    """
    graph = read_proto(Path(path)).graph
    named = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    state = network.state_dict()
    unnamed = _in_order(graph, {name: array for name, array in named.items() if name not in state})
    try:
        found = {name: _fitting(name, value, named, unnamed) for name, value in state.items()}
    except (StopIteration, ValueError):
        raise TrainingError(f"{path} is of another network (its tensors have other names or shapes)") from None
    network.load_state_dict(found)


def _in_order(graph: onnx.GraphProto, named: dict[str, np.ndarray]) -> Iterator[np.ndarray]:
    """Matrices without a name of the network's, in the order in which the graph uses them, as torch holds them."""
    for node in graph.node:
        held = [named[name] for name in node.input if name in named]
        if node.op_type in ("MatMul", "Gemm") and held and held[0].ndim == 2:
            yield held[0].T
        elif node.op_type == "GRU":
            weight, recurrent, bias = (named[name][0] for name in node.input[1:4])
            yield from (_gates(each) for each in (weight, recurrent, *np.split(bias, 2)))


def _gates(each: np.ndarray) -> np.ndarray:
    update, reset, new = np.split(each, 3)
    return np.concatenate([reset, update, new])


def _fitting(name: str, value: Tensor, named: dict[str, np.ndarray], unnamed: Iterator[np.ndarray]) -> Tensor:
    array = named[name] if name in named else next(unnamed)
    if array.shape != tuple(value.shape):
        raise ValueError(name)
    return torch.as_tensor(np.array(array))
