"""What every ``rtspec train`` task asks for: where to, the seed, and what to compute on."""

import argparse
from pathlib import Path
from typing import Any

import torch


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


def add_fit_arguments(parser: argparse.ArgumentParser, steps: int, batch: int, learning_rate: float) -> None:
    """--steps, --batch, --learning-rate, --patience, --start and --report."""
    parser.add_argument("--steps", type=int, default=steps, help=f"batches (default {steps})")
    parser.add_argument("--batch", type=int, default=batch, help=f"items of a batch (default {batch})")
    parser.add_argument(
        "--learning-rate", type=float, default=learning_rate, metavar="R", help=f"default {learning_rate:g}"
    )
    parser.add_argument("--patience", type=int, help="validations without a better one before it ends")
    parser.add_argument("--start", metavar="FOLDER|FILE", help="weights to start from: an earlier run, or a package")
    report = "Markdown for the card: of the task's rtspec evaluate"
    parser.add_argument("--report", type=_text_of, metavar="FILE", help=report)


def figures(args: argparse.Namespace, command: str) -> str:
    """The card's part that tells figures: the report that was given, or the command that makes one."""
    return f"## Figures\n\n{args.report or f'none given; `{command}` makes them'}"


def _text_of(file: str) -> str:
    """Read when the command is: not after hours of training."""
    try:
        return Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{file} cannot be read as text: {error}") from None


def begin(args: argparse.Namespace) -> None:
    """Take the threads and the seed that were asked for."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)


def computing(args: argparse.Namespace) -> dict[str, Any]:
    """What :func:`rtspec.training.fit.fit` computes on."""
    return {"device": args.device, "workers": args.workers}
