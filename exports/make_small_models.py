"""Make the two small models that ship with rtspec: `identity` and `tilt-gate`, with their golden files and cards.

Run from anywhere: ``python exports/make_small_models.py``. The result depends on nothing but this file.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from rtspec.models.frame_model import FrameModel
from rtspec.models.packages import package
from rtspec.models.report import inspect

OPSET = 17
HOLD = 32
"""Frames for which the loudest peak is held, and then the span of the mean that smooths it."""
NEPERS_PER_DB = np.log(10) / 20
GOLDEN_BINS, GOLDEN_FRAMES = 129, 24


def main() -> None:
    """Write exports/<name>/{model.onnx, golden.npz, card.md} for both."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--into", type=Path, default=Path(__file__).parent)
    folder = arguments.parse_args().into
    made_identity(folder / "identity")
    made_tilt_gate(folder / "tilt-gate")


def made_identity(folder: Path) -> None:
    """Magnitudes in, the same magnitudes out: shows what the path through ONNX and phase reconstruction does alone."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["magnitude"], ["restored"])],
        "identity",
        [_frames("magnitude")],
        [_frames("restored")],
    )
    _ship(
        _model(graph),
        folder,
        name="identity",
        task="Give the magnitudes back as they are; the host rebuilds the phase.",
        output={"name": "restored", "representation": "magnitude"},
    )


def made_tilt_gate(folder: Path) -> None:
    """A spectral tilt, and a gate whose threshold follows the loudest recent peak: gains for the input's spectrum."""
    _ship(
        _model(_tilt_gate_graph()),
        folder,
        name="tilt-gate",
        task="Tilt the spectrum about 1/16 of the Nyquist frequency and fade bins far below the recent peak.",
        output={"name": "gain", "representation": "gain"},
        states=[_state("peaks"), _state("holds")],
        parameters=[
            _parameter("tilt_db_per_octave", "tilt", -12, 12, 0, "dB/octave", 20),
            _parameter("gate_db", "gate", -120, 0, -60, "dB", 21),
            _parameter("softness_db", "softness", 1, 48, 12, "dB", 22),
        ],
    )


def _tilt_gate_graph() -> onnx.GraphProto:
    g = _Graph()
    gain = g.node("Mul", _tilt(g), _gate(g, _envelope(g)), output="gain")
    inputs = [_frames("magnitude"), *(_vector(name) for name in ("tilt", "gate", "softness"))]
    states = [[helper.make_tensor_value_info(f"{name}{side}", TensorProto.FLOAT, [1, 1, HOLD - 1])
               for name in ("peaks", "holds")] for side in ("_in", "_out")]  # fmt: skip
    outputs = [_frames(gain), *states[1]]
    return helper.make_graph(g.nodes, "tilt-gate", [*inputs, *states[0]], outputs, g.weights)


def _tilt(g: "_Graph") -> str:
    """(bin / pivot)^(tilt in nepers an octave / ln 2), with DC taken as half a bin: float32 [bins, 1]."""
    n_bins = g.node("Gather", g.node("Shape", "magnitude"), g.integers(1), axis=0)
    bins = g.node("Cast", g.node("Range", g.integers(0), n_bins, g.integers(1)), to=TensorProto.FLOAT)
    nyquist = g.node("Cast", g.node("Sub", n_bins, g.integers(1)), to=TensorProto.FLOAT)
    ratio = g.node("Div", g.node("Max", bins, g.number(0.5)), g.node("Mul", nyquist, g.number(1 / 16)))
    octaves = g.node("Mul", g.node("Log", ratio), g.number(NEPERS_PER_DB / np.log(2)))
    return g.node("Exp", g.node("Mul", g.node("Unsqueeze", octaves, g.integers([1])), "tilt"))


def _envelope(g: "_Graph") -> str:
    """The loudest peak of 32 frames, averaged over 32 more, but never below this frame's own: [1, 1, frames]."""
    peak = g.node("ReduceMax", "magnitude", axes=[1], keepdims=1)
    held = g.node("MaxPool", g.with_history(peak, "peaks"), kernel_shape=[HOLD])
    smooth = g.node("AveragePool", g.with_history(held, "holds"), kernel_shape=[HOLD])
    return g.node("Max", smooth, peak)


def _gate(g: "_Graph", envelope: str) -> str:
    """Logistic in dB about the threshold, 10 to 90 % over `softness` dB: [1, bins, frames]."""
    depth = g.node("Exp", g.node("Mul", "gate", g.number(NEPERS_PER_DB)))
    threshold = g.node("Add", g.node("Mul", envelope, depth), g.number(1e-30))
    above = g.node("Log", g.node("Max", g.node("Div", "magnitude", threshold), g.number(1e-12)))
    steepness = g.node("Div", g.number(2 * np.log(9) / NEPERS_PER_DB), "softness")
    return g.node("Sigmoid", g.node("Mul", above, steepness))


class _Graph:
    """Nodes and weights as they are made; tensors get names by themselves."""

    def __init__(self):
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def node(self, op: str, *inputs: str, output: str | None = None, **attributes) -> str:
        name = output or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def number(self, value: float) -> str:
        return self._weight(np.asarray(value, np.float32))

    def integers(self, value) -> str:
        return self._weight(np.asarray(value, np.int64))

    def with_history(self, tensor: str, state: str) -> str:
        """The last 31 frames in front of this call's; what is to be kept goes out."""
        joined = self.node("Concat", f"{state}_in", tensor, axis=2)
        ends = [self.integers([bound]) for bound in (1 - HOLD, 2**31 - 1, 2)]
        self.node("Slice", joined, *ends, output=f"{state}_out")
        return joined

    def _weight(self, value: np.ndarray) -> str:
        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value, name))
        return name


def _frames(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "bins", "frames"])


def _vector(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])


def _state(name: str) -> dict:
    return {"input": f"{name}_in", "output": f"{name}_out", "shape": [1, 1, HOLD - 1]}


def _parameter(name: str, tensor: str, low: float, high: float, default: float, unit: str, cc: int) -> dict:
    return {"name": name, "tensor": tensor, "min": low, "max": high, "default": default, "unit": unit, "cc": cc}


def _model(graph: onnx.GraphProto) -> ModelProto:
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="rtspec"
    )


def _ship(model: ModelProto, folder: Path, **manifest) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = package(
        model,
        folder / "model.onnx",
        version="1.0",
        authors=["the rtspec authors"],
        licence="GPL-3.0-or-later",
        training_data="none: no weight is trained",
        input={"name": "magnitude", "representation": "magnitude"},
        **manifest,
    )
    _write_golden(path, folder / "golden.npz")
    (folder / "card.md").write_text(_card(path))


def _write_golden(path: Path, golden: Path) -> None:
    """Decaying noise with a silent stretch, seed 0, through the model with its default parameters."""
    rng = np.random.default_rng(0)
    level = np.exp(-np.arange(GOLDEN_FRAMES) / 6) * (np.arange(GOLDEN_FRAMES) % 12 < 9)
    frames = np.abs(rng.standard_normal((1, GOLDEN_BINS, GOLDEN_FRAMES)) * level).astype(np.float32)
    model = FrameModel(path)
    made = np.concatenate([model.process(frames), model.flush()], axis=2)
    np.savez_compressed(golden, input=frames, output=made)


def _card(path: Path) -> str:
    report = inspect(path)
    facts = "\n".join(str(report).splitlines()[1:])
    m = report.model.manifest
    return (
        f"# {m.name}\n\n{m.task}\n\n```\n{facts}\n```\n\n"
        f"Any plan: the number of bins is free. Made by `exports/make_small_models.py`, which also writes `golden.npz` "
        f"(seed 0, {GOLDEN_BINS} bins, {GOLDEN_FRAMES} frames; input and output at the default parameters, checked to "
        f"1e-6 of the peak by the tests). The cost of a frame is measured by `rtspec benchmark model`.\n"
    )


if __name__ == "__main__":
    main()
