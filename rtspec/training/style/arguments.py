"""What ``rtspec train style`` asks for, told without torch."""

import argparse

from ..arguments import add_fit_arguments, add_run_arguments
from ..data.textures import TONAL


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which styles, which contents, how long, and where to."""
    parser.add_argument("--styles", required=True, metavar="FOLDER", help="each file, or folder of files, is a style")
    parser.add_argument(
        "--contents", action="append", metavar="FOLDER", default=[], help="what is played: any sound; repeatable"
    )
    parser.add_argument(
        "--tonal",
        default=",".join(TONAL),
        metavar="A,B",
        help=f"styles that keep the chords, and with them the input's phases (default {','.join(TONAL)})",
    )
    parser.add_argument("--width", type=int, default=192, help="of the network's layers (default 192)")
    parser.add_argument("--content-weight", type=float, default=4.0, metavar="W", help="default 4")
    parser.add_argument(
        "--frozen", action="store_true", help="with --start: learn the styles' own rows alone, in seconds"
    )
    add_run_arguments(parser, "runs/style")
    add_fit_arguments(parser, steps=3000, batch=4, learning_rate=2e-3)
