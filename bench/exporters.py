"""Look-alikes of public networks by both exporters of torch, streamed beside the network itself.

    python bench/exporters.py [--opsets 11 13 15 17] [NAME ...]

The older exporter writes each operator set given, the newer one 18, 20 and 21. Where that fixes the example's length
(recurrent layers, im2col), the network is exported for that length. Each file is streamed 1, 3 and 64 frames a call for
a clip half as long again and compared with the torch network; exit status 1 where one is accepted and wrong.
"""

import argparse
import io
import logging
import sys
import warnings
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import onnx
import torch

from rtspec.errors import ModelError
from rtspec.models.streaming import make_streaming
from rtspec.models.streaming.run import StreamingRun, difference

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
look_alikes: Any = import_module("lookalikes")

TOLERANCE = 1e-5
NEWER = (18, 20, 21)
CALLS = (1, 3, 64)
"""Frames a call."""


def older(network: torch.nn.Module, example: torch.Tensor, time_axis: int, opset: int) -> onnx.ModelProto:
    """By torch.onnx.export(dynamo=False), time dynamic."""

    file: Any = io.BytesIO()
    torch.onnx.export(network, (example,), file, dynamo=False, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {time_axis: "frames"}}, opset_version=opset)  # fmt: skip
    return onnx.load_from_string(file.getvalue())


def newer(network: torch.nn.Module, example: torch.Tensor, time_axis: int, opset: int) -> onnx.ModelProto:
    """By torch.onnx.export(dynamo=True), time dynamic if torch lets it be."""
    shapes: Any = ({time_axis: torch.export.Dim.DYNAMIC},)
    names: Any = {"input_names": ["x"], "output_names": ["y"], "verbose": False, "opset_version": opset}
    try:
        program = torch.onnx.export(network, (example,), dynamo=True, dynamic_shapes=shapes, **names)
    except Exception:  # the exporter's errors share no base class
        program = torch.onnx.export(network, (example,), dynamo=True, **names)
    assert program is not None
    return program.model_proto


def outcome(case: Any, write: Any, opset: int) -> str:
    """What became of one export."""
    torch.manual_seed(0)
    network = case.make().eval()
    try:
        with redirect_stdout(io.StringIO()):  # torch prints its whole graph where it does not export
            model = write(network, torch.randn(case.shape), case.time, opset)
    except Exception as error:  # what torch cannot export is no matter of ours
        return f"not exported ({type(error).__name__})"
    try:
        run = StreamingRun(make_streaming(model, {"x": case.time}))
    except ModelError as error:
        return f"refused: {str(error)[:160]}"
    clip = torch.randn([3 * size // 2 if axis == case.time else size for axis, size in enumerate(case.shape)])
    with torch.no_grad():
        wanted = network(clip).numpy()
    apart = max(difference(wanted, run.clip({"x": clip.numpy()}, frames)["y"])[0] for frames in CALLS)
    early = run.manifest["delay_frames"] == case.look_ahead
    delay = "" if early else f", delay {run.manifest['delay_frames']} where {case.look_ahead} is true"
    only = run.manifest["clip_frames"]
    return f"{apart:.1e}{delay}{f' (file for {only} frames)' if only else ''}" + (
        "" if apart <= TOLERANCE else " WRONG"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Look-alikes by both exporters.")
    parser.add_argument("names", nargs="*", help="which (default: all)")
    parser.add_argument("--opsets", type=int, nargs="+", default=[11, 13, 15, 17], help="of the older exporter")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    columns = [(older, opset) for opset in options.opsets] + [(newer, opset) for opset in NEWER]
    print("| network |", " | ".join(f"{write.__name__}, {opset}" for write, opset in columns), "|")
    print("|---" * (1 + len(columns)) + "|")
    wrong = False
    for name, case in look_alikes.LOOK_ALIKES.items():
        if not options.names or name in options.names:
            results = [outcome(case, write, opset) for write, opset in columns]
            wrong |= any("WRONG" in result for result in results)
            print("|", name, "|", " | ".join(results), "|", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
