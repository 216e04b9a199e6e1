"""What ``rtspec train inversion`` asks for, told without torch."""

import argparse

from ..arguments import add_fit_arguments, add_run_arguments

NETWORKS = ("live", "paper", "log")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which network, which data, how long, and where to."""
    parser.add_argument("--network", choices=NETWORKS, default="live", help="default: live")
    parser.add_argument(
        "--data", default="data/scenes", metavar="FOLDER", help="has train/ and validation/, as of rtspec data scenes"
    )
    add_run_arguments(parser, "runs/inversion")
    add_fit_arguments(parser, steps=3000, batch=16, learning_rate=2e-3)
