"""You have a streaming model from somebody else: one frame a call, its caches among its inputs and outputs.

The file below stands for it: real and imaginary parts [batch, bins, frames, 2], as ``torch.view_as_real`` gives them,
and a cache of the last four frames' levels, by which it turns down what is soft. Run
``python examples/adopt_a_streaming_file.py``; it writes both files into ``out/``.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import rtspec
from rtspec.cli import main as rtspec_command

BINS, SAMPLE_RATE = 257, 16000


def somebody_elses_file() -> onnx.ModelProto:
    """A gate: each bin's level over five frames decides how much of it passes."""
    nodes = [
        helper.make_node("Mul", ["mix", "mix"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "last"], ["power"], keepdims=0),
        helper.make_node("Concat", ["cache", "power"], ["five"], axis=2),
        helper.make_node("Slice", ["five", "one", "end", "two"], ["cache_out"]),
        helper.make_node("ReduceMean", ["five"], ["level"], axes=[2], keepdims=1),
        helper.make_node("Add", ["level", "floor"], ["below"]),
        helper.make_node("Div", ["level", "below"], ["gain"]),
        helper.make_node("Unsqueeze", ["gain", "last"], ["wide"]),
        helper.make_node("Mul", ["mix", "wide"], ["enh"]),
    ]
    constants = {"last": [3], "one": [1], "two": [2], "end": [2**31 - 1]}
    weights = [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in constants.items()]
    weights.append(numpy_helper.from_array(np.array(0.01, np.float32), "floor"))
    frames, cache = [1, BINS, 1, 2], [1, BINS, 4]
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("mix", frames), ("cache", cache))]
    outputs = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("enh", frames), ("cache_out", cache))
    ]
    graph = helper.make_graph(nodes, "gate", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main(folder: Path = Path("out")) -> int:
    """Write the file, adopt it, validate it, play through it."""
    folder.mkdir(exist_ok=True)
    theirs, ours = folder / "theirs.onnx", folder / "ours.onnx"
    onnx.save(somebody_elses_file(), theirs)
    words = ["adopt", str(theirs), str(ours), "--sample-rate", str(SAMPLE_RATE), "--window", "sqrt-hann"]
    if rtspec_command(words) or rtspec_command(["validate", str(ours)]):
        return 1
    sound = (0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE)).astype(np.float32)
    played = rtspec.OnnxProcessor(ours)(sound, SAMPLE_RATE)
    print(f"a second of noise: {np.std(sound):.3f} in, {np.std(played):.3f} out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
