"""Files that say any number of frames and take one: torch's newer exporter keeps the example's where a layer fixes it.

Such a graph is streamed as what it is, a network for clips of that length. What its constants hold for each frame is
then read as what the author's code computes: a range of frame numbers is a counter.
"""

from collections.abc import Iterable

import numpy as np
from onnx import ModelProto

from .load import Inputs
from .run import random_clip, run_offline


def as_exported(model: ModelProto, inputs: Inputs) -> Inputs:
    """The inputs with the one length that the model takes where all outputs state fixed sizes; else as they are."""
    if not inputs.dynamic or any(size is None for size in _output_sizes(model)):
        return inputs
    lengths = sorted({size for size in _output_sizes(model) if size and size > 1}, reverse=True)
    own = [n for n in lengths if _takes(model, inputs, n) and not _takes(model, inputs, 2 * n + 1)]
    return inputs.of_length(own[0]) if len(own) == 1 else inputs


def _output_sizes(model: ModelProto) -> Iterable[int | None]:
    for value in model.graph.output:
        for size in value.type.tensor_type.shape.dim:
            yield size.dim_value if size.HasField("dim_value") else None


def _takes(model: ModelProto, inputs: Inputs, n_frames: int) -> bool:
    try:
        run_offline(model, random_clip(model, inputs, n_frames, np.random.default_rng(0)))
    except Exception:  # onnxruntime's errors share no base class of their own
        return False
    return True
