"""What ``rtspec train timbre`` asks for, told without torch."""

import argparse

from ..arguments import add_run_arguments

MOMENT_STEPS, PAPER_STEPS = 5000, 20000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which network, which data, how long, and where to."""
    parser.add_argument(
        "--model",
        choices=("playable", "paper", "courses"),
        default="playable",
        help="default: playable; courses: how notes go on, measured anew for the package of --export",
    )
    parser.add_argument(
        "--variant",
        default="no-dense",
        metavar="ROW",
        help="of the paper's tables: no-dense, latent-dim-2048, kr-l2-d, …",
    )
    parser.add_argument("--peaks", action="store_true", help="train by a loss that sees peaks, not the paper's")
    parser.add_argument(
        "--start",
        metavar="RUN",
        help="of no-dense, from which a variant goes on or on which it is stacked; playable: a timbre-morph package",
    )
    parser.add_argument("--data", default="data/notes", metavar="FOLDER", help="of rtspec data notes")
    add_run_arguments(parser, "runs/timbre")
    parser.add_argument("--steps", type=int, help=f"batches (default {MOMENT_STEPS}, the paper's {PAPER_STEPS})")
