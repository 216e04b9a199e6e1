"""What ``rtspec train enhancement`` asks for, told without torch."""

import argparse

from ..arguments import add_fit_arguments, add_run_arguments

MODELS = ("live", "speech", "paper", "paper-skip", "wave-u-net")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which network, which data, how long, and where to."""
    parser.add_argument("--model", choices=MODELS, default="live", help="default: live; speech: the same for voices")
    parser.add_argument("--data", metavar="FOLDER", help="default: data/music; speech: data/voices")
    add_run_arguments(parser, "runs/enhancement")
    add_fit_arguments(parser, steps=1600, batch=8, learning_rate=2e-3)
    parser.add_argument("--blocks", type=int, default=1, metavar="N", help="of the paper's network, 1 to 7 (default 1)")
    parser.add_argument(
        "--snr-weight", type=float, metavar="W", help="of a dB in all in the loss (default .1; paper-skip 2)"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of a segment (default 2; the paper's are 4.5)")
    parser.add_argument(
        "--rendered", metavar="FOLDER", help="of rtspec data rendered: music that no coder has seen joins the rest"
    )
    parser.add_argument(
        "--compile", action="store_true", help="the live loss by torch's compiler: half a minute, then a quarter less"
    )
