"""What streaming costs: one frame of the third-octave network against its five bare convolutions on the same frames.

Run ``python bench/streaming.py`` for one Markdown table (``--json`` for figures). One thread. The baseline is what a
user would write by hand at best: the same five convolutions on buffers that already hold the nine frames each needs,
nothing else; the rows below it are the streaming model as `make_streaming` gives it, with states that replace or
append, at 1 to 16 frames a call, and the offline model run again on its whole receptive field for every new frame,
which is what plain onnxruntime offers today.
"""

import argparse
import json
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from rtspec.models.streaming import make_streaming
from rtspec.models.streaming.run import difference, run_offline, run_streaming

# isort: split
import onnxruntime  # after rtspec, which turns its telemetry off

BINS, KERNEL, CHANNELS = 513, 9, 64
WIDTHS = [1, CHANNELS, CHANNELS, CHANNELS, CHANNELS, 1]
RECEPTIVE_FIELD = 1 + len(WIDTHS[1:]) * (KERNEL - 1)
ERROR_FRAMES = 48
PAD = KERNEL // 2
BARE = "five bare convolutions"


def weights() -> list:
    """Random weights and biases of the five convolutions, as initializers."""
    generator = np.random.default_rng(0)
    made = []
    for i, (a, b) in enumerate(pairwise(WIDTHS)):
        kernel = generator.standard_normal((b, a, KERNEL, KERNEL)) / np.sqrt(a * KERNEL**2)
        made.append(numpy_helper.from_array(kernel.astype(np.float32), f"w{i}"))
        made.append(numpy_helper.from_array(np.full(b, 0.1, np.float32), f"b{i}"))
    return made


def values(name: str, channels: int, frames: int | str):
    """Typed graph input or output [1, channels, frames, bins]."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, frames, BINS])


def model_of(nodes: list, inputs: list, outputs: list) -> ModelProto:
    """A model with the shared weights."""
    graph = helper.make_graph(nodes, "bench", inputs, outputs, weights())
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def offline_model() -> ModelProto:
    """Five 9×9 convolutions with ReLU and a residual, as the paper has them: 1 005 953 parameters."""
    nodes, name = [], "x"
    for i in range(5):
        nodes.append(helper.make_node("Conv", [name, f"w{i}", f"b{i}"], [f"c{i}"], f"conv{i}", pads=[PAD] * 4))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"], f"relu{i}"))
        name = f"r{i}"
    nodes.append(helper.make_node("Add", [name, "x"], ["y"], "residual"))
    return model_of(nodes, [values("x", 1, "frames")], [values("y", 1, "frames")])


def bare_convolutions(frames: int) -> ModelProto:
    """The five convolutions, each on a buffer that holds its frames already."""
    nodes = [helper.make_node("Conv", [f"x{i}", f"w{i}", f"b{i}"], [f"y{i}"], pads=[0, PAD, 0, PAD]) for i in range(5)]
    inputs = [values(f"x{i}", WIDTHS[i], frames + KERNEL - 1) for i in range(5)]
    return model_of(nodes, inputs, [values(f"y{i}", WIDTHS[i + 1], frames) for i in range(5)])


class Bound:
    """A session with every input and output in buffers of its own, as a host runs it."""

    def __init__(self, model: ModelProto, frames: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._binding = self._session.io_binding()
        shapes = {i.name: [frames if isinstance(n, str) else n for n in i.shape] for i in self._session.get_inputs()}
        feeds = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
        self._inputs = {name: onnxruntime.OrtValue.ortvalue_from_numpy(value) for name, value in feeds.items()}
        made = self._session.run(None, feeds)
        self._outputs = [onnxruntime.OrtValue.ortvalue_from_numpy(np.asarray(value)) for value in made]
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for output, value in zip(self._session.get_outputs(), self._outputs, strict=True):
            self._binding.bind_ortvalue_output(output.name, value)

    def __call__(self) -> None:
        self._session.run_with_iobinding(self._binding)


def interleaved(runs: dict[str, Callable[[], None]], rounds: int) -> dict[str, np.ndarray]:
    """Milliseconds of each call, taken in turns so that a busy machine slows all alike."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            taken[name].append(1000 * (time.perf_counter() - start))
    return {name: np.array(times) for name, times in taken.items()}


def measure(rounds: int) -> dict:
    """All figures of the table."""
    offline = offline_model()
    start = time.perf_counter()
    streaming = make_streaming(offline)
    rewriting_s = time.perf_counter() - start
    appending = make_streaming(offline, states="append")
    rows = []
    for frames in (1, 4, 16):
        runs: dict[str, Callable[[], None]] = {
            BARE: Bound(bare_convolutions(frames), frames),
            "streaming, states replaced": Bound(streaming, frames),
            "streaming, newest frames to a ring": Bound(appending, frames),
        }
        rows += table_rows(interleaved(runs, max(rounds // frames, 5)), frames)
    again = {BARE: Bound(bare_convolutions(1), 1), "offline again for each frame": Bound(offline, RECEPTIVE_FIELD)}
    rows += table_rows(interleaved(again, 5), 1)[1:]
    clip = {"x": np.random.default_rng(1).standard_normal((1, 1, ERROR_FRAMES, BINS)).astype(np.float32)}
    error = difference(run_offline(offline, clip)["y"], run_streaming(streaming, clip, 4)["y"])[0]
    growth = streaming.ByteSize() / offline.ByteSize() - 1
    return {"rows": rows, "rewriting_s": rewriting_s, "size_growth": growth, "error_of_peak": error}


def table_rows(times: dict[str, np.ndarray], frames: int) -> list[dict]:
    """Median milliseconds a frame, and the median over rounds of the ratio to the bare convolutions in each."""
    return [
        {
            "model": name,
            "frames_per_call": frames,
            "ms_per_frame": float(np.median(ms)) / frames,
            "ratio": float(np.median(ms / times[BARE])),
        }
        for name, ms in times.items()
    ]


def markdown(figures: dict) -> str:
    """The one table."""
    lines = ["| model | frames a call | ms a frame | ratio | error of the peak |", "|---|---|---|---|---|"]
    for row in figures["rows"]:
        error = f"{figures['error_of_peak']:.1e}" if row["model"].startswith("streaming") else "–"
        lines.append(
            f"| {row['model']} | {row['frames_per_call']} | {row['ms_per_frame']:.3f} | {row['ratio']:.3f} | {error} |"
        )
    lines.append(
        f"| make_streaming: {figures['rewriting_s']:.3f} s, file {100 * figures['size_growth']:+.2f} % | | | | |"
    )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Cost of streaming the third-octave network.")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--rounds", type=int, default=100, help="timed calls at one frame a call")
    options = parser.parse_args()
    figures = measure(options.rounds)
    print(json.dumps(figures) if options.json else markdown(figures))


if __name__ == "__main__":
    main()
