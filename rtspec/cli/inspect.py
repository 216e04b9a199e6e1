"""``rtspec inspect MODEL``."""

import argparse

from .output import emit

EXAMPLE = "rtspec inspect tilt-gate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model."""
    parser.add_argument("model", help="a packaged .onnx file, or the name of a shipped model")


def run(args: argparse.Namespace) -> None:
    """Print all that a packaged model says of itself."""
    from ..models import inspect

    report = inspect(args.model)
    emit(args, report.json(), str(report))
