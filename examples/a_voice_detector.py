"""You have a network that makes no sound but says something of it, like Silero VAD: its number is played as a gain.

The one below stands for it: the level of 512 samples, smoothed by a state, as a "probability" from 0 to 1. Run
``python examples/a_voice_detector.py``; it writes both files into ``out/``.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import rtspec
from rtspec.cli import main as rtspec_command

SAMPLE_RATE, BLOCK = 16000, 512


def detector() -> onnx.ModelProto:
    """Mean square, smoothed, against a threshold: [1, 512] and [1, 1] to [1, 1] and [1, 1]."""
    nodes = [
        helper.make_node("Mul", ["input", "input"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["level"], axes=[1], keepdims=1),
        helper.make_node("Add", ["state", "level"], ["both"]),
        helper.make_node("Mul", ["both", "half"], ["stateN"]),
        helper.make_node("Sub", ["stateN", "threshold"], ["above"]),
        helper.make_node("Mul", ["above", "steepness"], ["steep"]),
        helper.make_node("Sigmoid", ["steep"], ["output"]),
    ]
    numbers = {"half": 0.5, "threshold": 0.002, "steepness": 4000.0}
    weights = [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in numbers.items()]
    sizes = {"input": [1, BLOCK], "state": [1, 1], "output": [1, 1], "stateN": [1, 1]}
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in sizes.items()]
    graph = helper.make_graph(nodes, "detector", values[:2], values[2:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main(folder: Path = Path("out")) -> int:
    """Write the file, adopt it, play through it."""
    folder.mkdir(exist_ok=True)
    theirs, ours = folder / "detector.onnx", folder / "voice-gate.onnx"
    onnx.save(detector(), theirs)
    words = ["--set", "input.representation=samples", "--sample-rate", str(SAMPLE_RATE)]
    if rtspec_command(["adopt", str(theirs), str(ours), *words]):
        return 1
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    sound = (np.where(t < 1, 0.01, 0.3) * np.sin(2 * np.pi * 200 * t)).astype(np.float32)
    played = rtspec.OnnxProcessor(ours)(sound, SAMPLE_RATE)
    levels = [
        np.std(played[a : a + SAMPLE_RATE // 2]) / np.std(sound[a : a + SAMPLE_RATE // 2]) for a in (0, SAMPLE_RATE)
    ]
    print(f"what is soft passes by {levels[0]:.4f}, what is loud by {levels[1]:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
