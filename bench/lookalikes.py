"""What a public model costs here: the whole chain's frames a second beside plain onnxruntime's, for each look-alike.

    python bench/lookalikes.py [--frames 4000] [--rounds 5]

"plain" is ``onnxruntime.InferenceSession.run`` from Python on the streaming file, one frame a call, states from hand to
hand, one thread; "chain" is OnnxProcessor on sound: analysis, features, model, overlap-add. Both in turns, best of the
rounds; the chain shall have .9 of plain's frames a second at least. The last line is what a stage costs beside the
network: a model of one Identity and one state, µs a frame, with onnxruntime's own call in it, 10 at most. States are
appended to rings (``states="append"``) by the chain. Exit status 1 where one of these does not hold.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnx import ModelProto, TensorProto, helper

import rtspec
from rtspec.models.streaming import make_streaming
from rtspec.models.streaming.run import StreamingRun, session

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
look_alikes: Any = import_module("lookalikes")
networks: Any = import_module("networks")

RATE = 16000
WANTED, MOST_US = 0.9, 10.0


def port_of(name: str, shape: tuple[int, ...], time_axis: int) -> dict[str, Any]:
    """The port that a tensor of this shape makes: complex where it has two channels, else magnitudes."""
    names = ["batch"] + [""] * (len(shape) - 1)
    names[time_axis] = "time"
    others = [axis for axis in range(1, len(shape)) if axis != time_axis]
    names[others[-1]] = "bins"
    if len(others) == 2:
        names[others[0]] = "channels"
    pairs = len(others) == 2 and shape[others[0]] == 2
    representation = "complex" if pairs else "magnitude"
    return {"name": name, "representation": representation, "layout": names, "n_bins": shape[others[-1]]}


def packaged(name: str, folder: Path) -> tuple[ModelProto, Path, int]:
    """The streaming file of a look-alike, its package, and the package's hop."""
    case = look_alikes.LOOK_ALIKES[name]
    torch.manual_seed(0)
    offline = networks.export(case.make(), torch.randn(case.shape), case.time)
    streaming = make_streaming(offline, {"x": case.time}, states="append")
    result = next(value for value in streaming.graph.output if value.name == "y")
    shape = tuple(d.dim_value for d in result.type.tensor_type.shape.dim)
    ports = port_of("x", case.shape, case.time), port_of("y", shape, shape.index(0))
    n_fft = max(16, 2 * ports[0]["n_bins"])
    path = rtspec.models.package(
        streaming, folder / "model.onnx", name="model", sample_rate=RATE, n_fft=n_fft, hop=n_fft // 2,
        window="sqrt-hann", input=ports[0], output=ports[1],
    )  # fmt: skip
    return make_streaming(offline, {"x": case.time}), path, n_fft // 2


def plain_rate(model: ModelProto, frames: int) -> float:
    """Frames a second of onnxruntime from Python."""
    run: Any = session(model)
    entry = StreamingRun(model).manifest
    states = {s["input"]: np.full(s["shape"], s["initial"], s["dtype"]) if not isinstance(s["initial"], str) else None
              for s in entry["states"]}  # fmt: skip
    shapes = {each.name: [n if isinstance(n, int) else 1 for n in each.shape] for each in run.get_inputs()}
    states |= {name: np.zeros(shapes[name], np.float32) for name, value in states.items() if value is None}
    feeds = {name: np.ones(shape, np.float32) for name, shape in shapes.items()} | states
    outputs = ["y", *(s["output"] for s in entry["states"])]
    start = time.perf_counter()
    for _ in range(frames):
        made = run.run(outputs, feeds)
        feeds.update(zip(states, made[1:], strict=True))
    return frames / (time.perf_counter() - start)


def chain_rate(processor: rtspec.OnnxProcessor, hop: int, frames: int) -> float:
    """Frames a second of the whole chain on sound."""
    sound = (0.1 * np.random.default_rng(0).standard_normal(frames * hop)).astype(np.float32)
    start = time.perf_counter()
    processor(sound, RATE)
    return frames / (time.perf_counter() - start)


def own_us(folder: Path, frames: int) -> float:
    """µs a frame of a chain around a network that does nothing but hand on its state."""
    sizes = {"x": [1, 2, 1, 129], "state": [1, 8], "y": [1, 2, 1, 129], "state_out": [1, 8]}
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in sizes.items()]
    nodes = [helper.make_node("Identity", [a], [b]) for a, b in (("x", "y"), ("state", "state_out"))]
    graph = helper.make_graph(nodes, "nothing", values[:2], values[2:])
    port = {"representation": "complex", "layout": ["batch", "channels", "time", "bins"]}
    path = rtspec.models.package(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        folder / "nothing.onnx",
        name="nothing",
        sample_rate=RATE,
        n_fft=256,
        hop=128,
        window="sqrt-hann",
        states=[{"input": "state", "output": "state_out", "shape": [1, 8]}],
        input={"name": "x", **port},
        output={"name": "y", **port},
    )
    processor = rtspec.OnnxProcessor(path)
    chain_rate(processor, 128, 100)
    return min(1e6 / chain_rate(processor, 128, frames) for _ in range(5))


def compared(name: str, frames: int, rounds: int, folder: Path) -> tuple[str, float]:
    """A row of the table, and the ratio."""
    model, path, hop = packaged(name, folder)
    processor = rtspec.OnnxProcessor(path)
    chain_rate(processor, hop, 100)
    plain, chain = (max(each) for each in zip(
        *((plain_rate(model, frames), chain_rate(processor, hop, frames)) for _ in range(rounds)), strict=True
    ))  # fmt: skip
    ratio = chain / plain
    return f"| {name} | {plain:.0f} | {chain:.0f} | {ratio:.2f} | {verdict(ratio >= WANTED)} |", ratio


def verdict(holds: bool) -> str:
    """A word for a table."""
    return "ok" if holds else "TOO SLOW"


def main() -> int:
    """The table; exit status 1 where a chain is slower than it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    ratios = []
    print("| look-alike | plain, frames/s | chain, frames/s | ratio | |\n| --- | --: | --: | --: | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name in look_alikes.LOOK_ALIKES:
            row, ratio = compared(name, options.frames, options.rounds, Path(folder))
            ratios.append(ratio)
            print(row, flush=True)
        own = own_us(Path(folder), options.frames)
    print(f"\na stage around a network that does nothing: {own:.1f} us a frame, {verdict(own <= MOST_US)}")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return int(min(ratios) < WANTED or own > MOST_US)


if __name__ == "__main__":
    sys.exit(main())
