"""``rtspec validate MODEL [--against OFFLINE]``."""

import argparse

from ..console import emit

EXAMPLE = "rtspec validate streaming.onnx --against offline.onnx"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model and what to hold it against."""
    parser.add_argument("model", help="a streaming .onnx file, or the name of a shipped model")
    parser.add_argument("--against", metavar="OFFLINE", help="the offline model that it was made from")
    parser.add_argument(
        "--audio", metavar="FILE", help="a sound file whose spectrogram is the input (default: made notes)"
    )
    parser.add_argument("--hop-ms", type=float, help="time between frames, where the model does not tell it")


def run(args: argparse.Namespace) -> int:
    """Check the model; 1 if any check fails."""
    from ..models.catalogue import find
    from ..models.validation import validate

    report = validate(find(args.model), args.against, audio=_mono(args.audio), hop_ms=args.hop_ms)
    emit(args, report.to_dict(), str(report))
    return 0 if report.ok else 1


def _mono(path: str | None):
    if path is None:
        return None
    from ..audio.files import read

    return read(path)[0].mean(axis=0)
