"""Random graphs over the rewriter's rules: each streams to its offline result, or is refused by the name of a node.

Run ``python bench/streaming_graphs.py --graphs 2000`` (some ten minutes). Graphs are drawn as in tests/property, then
given a random operator set and single or double precision; the exit status is 1 where one is accepted and wrong.
"""

import argparse
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, numpy_helper

from rtspec.errors import ModelError
from rtspec.models.streaming import NotStreamable, make_streaming
from rtspec.models.streaming.load import inputs_of
from rtspec.models.streaming.run import StreamingRun, random_clip, run_offline

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "property"))
graphs: Any = import_module("test_streaming_graphs")

graphs.STEPS += graphs.LARGER_STEPS
OPSETS = (11, 12, 13, 14, 15, 16, 17)
NEWER = (18, 19, 20)
NEW_IN_17 = {"LayerNormalization"}
"""Operators that no older set has."""
WRITTEN_OTHERWISE = {"ReduceMean", "Split"}
"""Operators that the drawn graphs write as sets before 18 do."""
SINGLE_ONLY = {"GRU", "LSTM", "RNN", "QuantizeLinear"}
"""Operators that onnxruntime runs in single precision alone."""
LENGTHS = (73, 96)
FAINTEST_PEAK = 0.05
ILL, ROUNDINGS = "no further off than rounding moves it", 8


def varied(model: ModelProto, random: Random) -> ModelProto:
    """The graph in another operator set and, now and then, in double precision."""
    operators = {node.op_type for node in model.graph.node}
    older = () if operators & NEW_IN_17 else OPSETS
    model.opset_import[0].version = random.choice((*older, 17, *(() if operators & WRITTEN_OTHERWISE else NEWER)))
    if random.random() < 0.3 and not operators & SINGLE_ONLY:
        for tensor in model.graph.initializer:
            if tensor.data_type == TensorProto.FLOAT:
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
        for cast in (a for node in model.graph.node if node.op_type == "Cast" for a in node.attribute):
            cast.i = TensorProto.DOUBLE
        for value in [*model.graph.input, *model.graph.output]:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    return model


def outcome(seed: int) -> str:
    """What became of one graph: equal, refused, not valid ONNX (or not run by onnxruntime), off by no more than
    the offline result is itself where the clip is rounded otherwise, or WRONG."""
    random = Random(seed)
    model = varied(graphs.draw(random), random)
    if not any(graphs.takes(model, n_frames) for n_frames in LENGTHS):
        return "not run by onnxruntime"
    try:
        run = StreamingRun(make_streaming(model))
    except NotStreamable:
        return "refused, node named"
    except ModelError:
        return "not valid"
    for n_frames in LENGTHS:
        if graphs.takes(model, n_frames):
            clip = random_clip(model, inputs_of(model, None, None), n_frames, np.random.default_rng(seed + 1))
            wanted, given = (
                run_offline(model, clip)["y"],
                run.clip(clip, [random.randint(1, 20) for _ in range(3)])["y"],
            )
            # A graph may by chance compute nothing but rounding errors.
            allowed = graphs.TOLERANCE * max(np.abs(wanted).max(), FAINTEST_PEAK)
            if wanted.shape != given.shape:
                return "WRONG"
            error = np.abs(wanted - given).max()
            if error > allowed:
                return ILL if error <= rounding(model, clip, wanted) else "WRONG"
    return "equal"


def rounding(model: ModelProto, clip: dict[str, np.ndarray], wanted: np.ndarray) -> float:
    """By how much the offline result itself moves where each sample of the clip is a rounding off: a normalization
    over two nearly equal channels lifts 1e-7 to 1e-4."""
    draw, moved = np.random.default_rng(0), 0.0
    for _ in range(ROUNDINGS):
        other = {
            name: (value * (1 + np.finfo(value.dtype).eps / 2 * draw.choice((-1, 1), value.shape))).astype(value.dtype)
            for name, value in clip.items()
        }
        moved = max(moved, float(np.abs(run_offline(model, other)["y"] - wanted).max()))
    return moved


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Random graphs, streamed and compared.")
    parser.add_argument("--graphs", type=int, default=2000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the first graph's number")
    options = parser.parse_args()
    found: Counter[str] = Counter()
    for seed in range(options.seed, options.seed + options.graphs):
        result = outcome(seed)
        found[result] += 1
        if result == "WRONG":
            print(f"graph {seed}: accepted and wrong")
    print("\n".join(["| outcome | graphs |", "|---|---|", *(f"| {name} | {n} |" for name, n in found.most_common())]))
    sys.exit(1 if found["WRONG"] else 0)


if __name__ == "__main__":
    main()
