"""The offline model tried on noise, where a rule must know what a tensor holds and cannot read it off the graph."""

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, ValueInfoProto

from .load import Inputs
from .run import random_clip, run_offline

# How loud the noise is on which attention is measured: no softmax of it rounds a weight to zero.
SOFT = 0.1


class Trials:
    """Tensors of the offline model for soft noise of some length, each computed once."""

    def __init__(self, offline: ModelProto, inputs: Inputs) -> None:
        self._offline, self._inputs = offline, inputs
        self._made: dict[tuple[str, int], np.ndarray] = {}

    def __call__(self, names: Sequence[str], n_frames: int) -> dict[str, np.ndarray]:
        """Values by name; without those that cannot be had. Arrays of the tensors' shapes and dtypes, `n_frames` along
        time."""
        wanted = [name for name in names if (name, n_frames) not in self._made]
        if wanted:
            clip = random_clip(self._offline, self._inputs, n_frames, np.random.default_rng(0))
            soft = {n: (SOFT * v).astype(v.dtype) if v.dtype.kind == "f" else v for n, v in clip.items()}
            try:
                found = run_offline(with_outputs(self._offline, wanted), soft)
            except Exception:  # onnxruntime's errors share no base class; a rule says what it makes of no answer
                return {}
            self._made.update(((name, n_frames), found[name]) for name in wanted)
        return {name: self._made[name, n_frames] for name in names}


def with_outputs(model: ModelProto, names: Sequence[str]) -> ModelProto:
    """The model with more of its tensors as outputs."""
    more = ModelProto()
    more.CopyFrom(model)
    known = {value.name for value in more.graph.output}
    more.graph.output.extend(ValueInfoProto(name=name) for name in names if name not in known)
    return more
