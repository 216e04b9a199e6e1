"""What every ``rtspec train`` task asks for: where to, the seed, and what to compute on. Help needs no torch."""

import argparse
from pathlib import Path


def add_run_arguments(parser: argparse.ArgumentParser, out: str) -> None:
    """--out, --export, --seed, --device and --threads."""
    parser.add_argument("--out", default=out, metavar="FOLDER", help="gets checkpoint and curve")
    parser.add_argument("--export", metavar="FOLDER", help="package the result there")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1; torchrun takes several")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU (default 1)")
    parser.add_argument(
        "--workers", type=int, default=0, metavar="N", help="processes that draw batches ahead (default 0)"
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "float", "bf16"),
        default="float",
        help="of products of matrices; auto: bf16 where the processor has it (default float)",
    )
    parser.add_argument(
        "--accumulate", type=int, default=1, metavar="N", help="parts in which a batch is computed (default 1)"
    )
    parser.add_argument("--report", action="store_true", help="print the network's, the loader's and the hours' times")


def add_fit_arguments(parser: argparse.ArgumentParser, steps: int, batch: int, learning_rate: float) -> None:
    """--steps, --batch, --learning-rate, --patience, --start and --figures."""
    parser.add_argument("--steps", type=int, default=steps, help=f"batches (default {steps})")
    parser.add_argument("--batch", type=int, default=batch, help=f"items of a batch (default {batch})")
    parser.add_argument(
        "--learning-rate", type=float, default=learning_rate, metavar="R", help=f"default {learning_rate:g}"
    )
    parser.add_argument("--patience", type=int, help="validations without a better one before it ends")
    parser.add_argument(
        "--start", metavar="FOLDER|FILE|NAME", help="weights to start from: an earlier run, a package, a shipped model"
    )
    figures = "Markdown for the card: of the task's rtspec evaluate"
    parser.add_argument("--figures", type=_text_of, metavar="FILE", help=figures)


def figures(args: argparse.Namespace, command: str) -> str:
    """The card's part that tells figures: the report that was given, or the command that makes one."""
    return f"## Figures\n\n{args.figures or f'none given; `{command}` makes them'}"


def _text_of(file: str) -> str:
    """Read when the command is: not after hours of training."""
    try:
        return Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{file} cannot be read as text: {error}") from None
