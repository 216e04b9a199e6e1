"""Files that say any number of frames and take one: torch's newer exporter keeps the example's where a layer fixes it.

Such a graph is streamed as what it is, a network for clips of that length. What its constants hold for each frame is
then read as what the author's code computes: a range of frame numbers is a counter.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, numpy_helper

from .load import Inputs
from .run import random_clip, session

# A length that no example has; candidates beyond so many are not tried.
ODD_FRAMES = 97
MOST_CANDIDATES = 24
LONGEST_EXAMPLE = 20_000
MOST_AXES = 8


def as_exported(model: ModelProto, inputs: Inputs) -> Inputs:
    """The inputs with the one length that the model takes, where it takes one only; else as they are."""
    if not inputs.dynamic:
        return inputs
    takes = _taker(model, inputs)
    if takes is None or takes(ODD_FRAMES):
        return inputs
    tried = sorted({size for size in _numbers(model) if 1 < size <= LONGEST_EXAMPLE}, reverse=True)[:MOST_CANDIDATES]
    own = [n for n in tried if takes(n) and not takes(2 * n)]
    return inputs.of_length(own[0]) if len(own) == 1 else inputs


def _numbers(model: ModelProto) -> Iterable[int]:
    """Sizes of the outputs and of shapes in the graph, among which the example's number of frames is."""
    for value in model.graph.output:
        yield from (size.dim_value for size in value.type.tensor_type.shape.dim if size.HasField("dim_value"))
    constants = [a.t for node in model.graph.node for a in node.attribute if node.op_type == "Constant"]
    for tensor in [*model.graph.initializer, *constants]:
        if tensor.data_type == TensorProto.INT64 and len(tensor.dims) <= 1 and np.prod(tensor.dims) <= MOST_AXES:
            yield from (int(value) for value in numpy_helper.to_array(tensor).reshape(-1))


def _taker(model: ModelProto, inputs: Inputs) -> Callable[[int], bool] | None:
    """Whether the model runs for so many frames; None where onnxruntime does not load it."""
    try:
        offline: Any = session(model)
    except Exception:  # onnxruntime's errors share no base class of their own
        return None
    noise = np.random.default_rng(0)

    def takes(n_frames: int) -> bool:
        try:
            offline.run(None, random_clip(model, inputs, n_frames, noise))
        except Exception:  # as above
            return False
        return True

    return takes
