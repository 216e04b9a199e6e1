"""What ``rtspec train scene`` asks for, told without torch."""

import argparse

from ..arguments import add_fit_arguments, add_run_arguments

NETWORKS = ("live", "paper")
EPOCHS, BATCH = 50, 64
"""The paper's (Table 1); an epoch of mixed scenes is this many batches: """
BATCHES_PER_EPOCH = {"live": 40, "paper": 12}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which network, which data, how long, and where to."""
    parser.add_argument("--network", choices=NETWORKS, default="live", help="default: live")
    parser.add_argument(
        "--data",
        default="data/scene",
        metavar="FOLDER",
        help="of rtspec data scene, or DCASE 2017, TAU 2019, ESC-50, UrbanSound8K, or a folder of folders of sound",
    )
    parser.add_argument(
        "--fold", type=int, default=1, metavar="N", help="fold that a labelled set holds out (default 1)"
    )
    parser.add_argument("--pool", type=int, default=6000, metavar="N", help="scenes mixed to draw from (default 6000)")
    add_run_arguments(parser, "runs/scene")
    add_fit_arguments(parser, steps=EPOCHS * BATCHES_PER_EPOCH["live"], batch=BATCH, learning_rate=1e-3)
