"""What every ``rtspec train`` task does with what all of them ask for (:mod:`~rtspec.training.arguments`)."""

import argparse
import os
import sys
from typing import Any

import torch

from .fit import Fitted
from .halves import has_bf16
from .processes import is_first


def begin(args: argparse.Namespace) -> None:
    """Take the threads and the seed that were asked for; of several processes the first alone prints and exports."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    if not is_first():
        args.export = None
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def recipe_settings(args: argparse.Namespace) -> dict[str, Any]:
    """What every :class:`rtspec.training.recipe.Recipe` takes from the command line."""
    precision = ("bf16" if has_bf16(args.device) else "float") if args.precision == "auto" else args.precision
    return {"seed": args.seed, "accumulate": args.accumulate, "precision": precision}


def computing(args: argparse.Namespace) -> dict[str, Any]:
    """What :func:`rtspec.training.fit.fit` computes on."""
    return {"device": args.device, "workers": args.workers}


def tell_times(
    args: argparse.Namespace, fitted: Fitted, batch: int, item_s: float | None = None, distinct_h: float | None = None
) -> dict[str, float]:
    """Where the time went and how much was heard; one line on stderr with --report.

    Parameters
    ----------
    batch : int
        Items.
    item_s : float, optional
        Seconds of sound in an item of a batch, where items are sound.
    distinct_h : float, optional
        Hours of sound from which they are drawn.
    """
    items = fitted.step * batch
    times = {**fitted.times(), "items_drawn": items}
    heard = f"{items} items drawn"
    if item_s is not None:
        times["hours_drawn"] = items * item_s / 3600
        heard = f"{times['hours_drawn']:.2f} h of sound drawn"
    if item_s is not None and distinct_h is not None:
        times["hours_distinct"] = distinct_h
        heard += f" from {distinct_h:.2f} h (each {times['hours_drawn'] / max(distinct_h, 1e-9):.2g} times)"
    if args.report and is_first():
        print(
            f"rtspec: {fitted.step} steps: network {times['network_s']:.1f} s, loader {times['loader_s']:.1f} s "
            f"(network {100 * times['network_share']:.0f} % of both), validation {times['validation_s']:.1f} s; "
            f"{heard}",
            file=sys.stderr,
        )
    return times
