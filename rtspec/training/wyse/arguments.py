"""What ``rtspec train wyse`` asks for, told without torch."""

import argparse

from ...options import integers
from ...style.networks import WYSE_FILTERS
from ..arguments import add_fit_arguments, add_run_arguments
from ..data.scenes import SPLITS

SECONDS = 5.0
BATCH, EPOCHS, N_CLIPS = 20, 100, 2000
"""The paper's: ESC-50 has that many clips."""
LEARNING_RATE, EPSILON = 1e-2, 1.0
_CHANNELS_LEAST = 4


def _filters(text: str) -> tuple[int, int]:
    first, *rest = integers(_CHANNELS_LEAST, 8192)(text)
    if len(rest) != 1:
        raise argparse.ArgumentTypeError(f"{text} must be two numbers; write 2048,64")
    return first, rest[0]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which data, how long, and where to."""
    parser.add_argument(
        "--data",
        required=True,
        metavar="FOLDER",
        help="ESC-50, or another labelled set as rtspec train scene takes them, or of rtspec data scenes",
    )
    parser.add_argument("--fold", type=int, default=1, metavar="N", help="that a labelled set holds out (default 1)")
    parser.add_argument("--learnt", default=",".join(SPLITS["train"]), metavar="A,B", help="packages of rtspec data")
    held = ",".join((*SPLITS["validation"], *SPLITS["test"]))
    parser.add_argument("--held", default=held, metavar="A,B", help="packages that are held out")
    parser.add_argument(
        "--notes", metavar="FOLDER", help="of rtspec data notes: families of instruments join the classes"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, metavar="S", help="of a clip (default 5)")
    parser.add_argument("--filters", type=_filters, default=WYSE_FILTERS, metavar="A,B", help="default 2048,64")
    parser.add_argument(
        "--epsilon", type=float, default=EPSILON, metavar="E", help="of Adam (default 1, the paper's; 1e-8 is usual)"
    )
    add_run_arguments(parser, "runs/wyse")
    add_fit_arguments(parser, steps=EPOCHS * N_CLIPS // BATCH, batch=BATCH, learning_rate=LEARNING_RATE)
