"""``rtspec stream-model OFFLINE STREAMING``."""

import argparse
import json
from pathlib import Path

from ..console import emit

EXAMPLE = "rtspec stream-model offline.onnx streaming.onnx --time-axis x=2"

FACTS = ("delay_frames", "rate", "period", "inexact", "clip_frames")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two files and how far look-ahead may be cut."""
    parser.add_argument("offline", help="an ONNX model made for whole clips")
    parser.add_argument("streaming", help="the file to write")
    parser.add_argument(
        "--time-axis",
        metavar="INPUT=AXIS",
        action="append",
        type=_sizes,
        default=[],
        help="which axis of an input is time; repeats (default: its one dynamic axis)",
    )
    parser.add_argument(
        "--size",
        metavar="NAME=N",
        action="append",
        type=_sizes,
        default=[],
        help="a value for another dynamic size; repeats, e.g. --size channels=2 (a batch is 1 without it)",
    )
    parser.add_argument(
        "--max-delay-frames", type=int, metavar="N", help="cut look-ahead to this delay; the error is reported"
    )
    parser.add_argument(
        "--attention-frames",
        type=int,
        metavar="N",
        help="how many frames an attention to all frames so far may see; equal up to clips of so many",
    )
    parser.add_argument(
        "--quantise-frames",
        action="store_true",
        help="where the model quantises dynamically, give each frame a scale of its own; the error is reported",
    )
    parser.add_argument(
        "--whole-periods",
        action="store_true",
        help="the model is only given clips of whole periods (it pads or crops by the remainder of others)",
    )


def run(args: argparse.Namespace) -> None:
    """Rewrite the model and say what delay it has."""
    from ..models import make_streaming
    from ..models.proto import stream_metadata

    axes, sizes = dict(args.time_axis), dict(args.size)
    model = make_streaming(
        args.offline,
        axes or None,
        max_delay_frames=args.max_delay_frames,
        sizes=sizes or None,
        lengths="periods" if args.whole_periods else "any",
        attention_frames=args.attention_frames,
        quantise_frames=args.quantise_frames,
    )
    _write(Path(args.streaming), model.SerializeToString())
    facts = stream_metadata(model) or {}
    data = {"path": args.streaming, **{key: facts[key] for key in FACTS}}
    lines = [f"{args.streaming}: delay {data['delay_frames']} frames, {len(facts['states'])} states"]
    only = (
        f" for clips of {data['clip_frames']} frames, the one length that the file takes" if data["clip_frames"] else ""
    )
    equal = f"exactly equal to the offline model{only}"
    lines += [f"inexact: {json.dumps(data['inexact'])}" if data["inexact"] else equal]
    emit(args, data, "\n".join([*lines, f"check it: rtspec validate {args.streaming} --against {args.offline}"]))


def _write(path: Path, content: bytes) -> None:
    from ..errors import ModelError
    from ..storage import AtomicFile

    try:
        with AtomicFile(path) as file:
            file.write(content)
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error.strerror}") from error


def _sizes(text: str) -> tuple[str, int]:
    """NAME=N."""
    name, _, number = text.rpartition("=")
    if not name or not number.lstrip("-").isdigit():
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=N, e.g. x=2")
    return name, int(number)
