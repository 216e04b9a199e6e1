"""What ``rtspec train style`` asks for, told without torch."""

import argparse

from ..arguments import add_fit_arguments, add_run_arguments
from ..data.textures import TONAL

GOALS = (0.78, 0.92, 0.6)


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
    parser.add_argument(
        "--often",
        type=_often,
        default={},
        metavar="A=3,B=2",
        help="styles drawn so many times as often as others",
    )
    parser.add_argument("--width", type=int, default=192, help="of the network's layers (default 192)")
    parser.add_argument("--content-weight", type=float, default=4.0, metavar="W", help="default 4")
    parser.add_argument(
        "--goals",
        type=_goals,
        default=GOALS,
        metavar="E,O,C",
        help="correlations of envelope, onsets and, of tonal styles, chroma to be kept (default 0.78,0.92,0.6)",
    )
    parser.add_argument("--average", type=float, default=0.99, metavar="D", help="decay of the weights' running mean")
    parser.add_argument(
        "--frozen", action="store_true", help="with --start: learn the styles' own rows alone, in seconds"
    )
    add_run_arguments(parser, "runs/style")
    add_fit_arguments(parser, steps=3000, batch=4, learning_rate=2e-3)


def _often(text: str) -> dict[str, int]:
    """ "bells=3,rain=2" as a table."""
    try:
        found = {name: int(times) for name, times in (each.split("=") for each in text.split(","))}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} must be STYLE=TIMES,STYLE=TIMES, such as bells=3,water=3") from None
    if min(found.values()) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: every style is drawn at least once as often; leave others out")
    return found


def _goals(text: str) -> tuple[float, ...]:
    """Three correlations."""
    try:
        found = tuple(float(each) for each in text.split(","))
    except ValueError:
        found = ()
    if len(found) != 3 or not all(-1 <= each <= 1 for each in found):
        raise argparse.ArgumentTypeError(f"{text!r} must be three correlations up to 1, such as 0.78,0.92,0.6")
    return found
