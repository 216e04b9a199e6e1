"""Streams with a fault put in on purpose: what tells wrong graphs from rounding must find them."""

from collections.abc import Iterator, Mapping

import numpy as np
from onnx import ModelProto, TensorProto, numpy_helper

from rtspec.models.streaming.run import StreamingRun, initial_state


class Forgetful(StreamingRun):
    """One state starts anew in each call."""

    forgotten: str

    def process(self, frames: Mapping[str, np.ndarray], valid: np.ndarray) -> dict[str, np.ndarray]:
        """As it should be, and then one state is lost."""
        made = super().process(frames, valid)
        entry = next(each for each in self.manifest["states"] if each["input"] == self.forgotten)
        self.states[self.forgotten] = initial_state(entry)
        return made


class Unpadded(StreamingRun):
    """What lies beyond the clip's ends is taken for frames."""

    def process(self, frames: Mapping[str, np.ndarray], valid: np.ndarray) -> dict[str, np.ndarray]:
        """All frames are told to be real."""
        return super().process(frames, np.ones_like(valid))


def broken(streaming: ModelProto) -> Iterator[tuple[str, StreamingRun]]:
    """Every fault that a stream can have put in, by its name."""
    late = StreamingRun(streaming)
    for entry in late.manifest["outputs"].values():
        entry["delay_frames"] += 1
    late.manifest["flush_frames"] += late.manifest["period"]
    yield "a delay off by one", late
    for entry in late.manifest["states"]:
        run = Forgetful(streaming)
        run.forgotten = entry["input"]
        yield "a state lost", run
    if late.manifest["valid_input"]:
        yield "ends not padded", Unpadded(streaming)
    for part in (1e-2, 1e-3, 1e-4):
        if (model := _with_a_weight_off(streaming, 1 + part)) is not None:
            yield f"a weight {part:g} off", StreamingRun(model)


def _with_a_weight_off(streaming: ModelProto, times: float) -> ModelProto | None:
    copy = ModelProto()
    copy.CopyFrom(streaming)
    floats = [t for t in copy.graph.initializer if t.data_type in (TensorProto.FLOAT, TensorProto.DOUBLE)]
    weights = [t for t in floats if t.name.startswith("w")]
    if not weights:
        return None
    value = numpy_helper.to_array(weights[0])
    weights[0].CopyFrom(numpy_helper.from_array((value * times).astype(value.dtype), weights[0].name))
    return copy
