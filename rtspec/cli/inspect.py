"""``rtspec inspect MODEL``."""

import argparse

from ..console import emit

EXAMPLE = "rtspec inspect tilt-gate"
_SHORT = {"timbre": "timbre-synth"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, and whether to draw it."""
    parser.add_argument("model", help="a packaged .onnx file, or the name of a shipped model")
    parser.add_argument(
        "--plot", metavar="FILE", nargs="?", const="latents.png", help="draw a timbre model's latents (latents.png)"
    )


def run(args: argparse.Namespace) -> None:
    """Print all that a packaged model says of itself."""
    from ..models import inspect

    name = str(_SHORT.get(args.model, args.model))
    report = inspect(name)
    emit(args, report.json(), str(report))
    if args.plot:
        from ..evaluation.timbre.pictures import draw_map
        from ..processors.timbre.synth import TimbreSynth

        draw_map(args.plot, TimbreSynth(model=name))
