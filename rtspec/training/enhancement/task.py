"""``rtspec train enhancement``: from prepared music to a network that BandwidthExtension plays."""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from ...cli.output import emit
from ..data.folders import Clip, clips
from ..fit import Fitted, Recipe, fit
from .batches import LIVE_PLAN, LiveBatches
from .live import LiveLoss, LiveNetwork

MODELS = ("live", "paper")
VALIDATION_BATCHES = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which network, which data, how long, and where to."""
    parser.add_argument("--model", choices=MODELS, default="live", help="default: live")
    parser.add_argument("--data", default="data/music", metavar="FOLDER", help="of rtspec data music")
    parser.add_argument("--out", default="runs/enhancement", metavar="FOLDER", help="checkpoint and curve")
    parser.add_argument("--export", metavar="FOLDER", help="package the result there")
    parser.add_argument("--steps", type=int, default=2000, help="batches (default 2000)")
    parser.add_argument("--batch", type=int, default=8, help="segments a batch (default 8)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a segment (default 2)")
    parser.add_argument("--learning-rate", type=float, default=2e-3, metavar="R", help="default 0.002")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=int, help="validations without a better one before it ends")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU (default 1)")


def run(args: argparse.Namespace) -> None:
    """Train, or go on; then export if asked."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    fitted = {"live": train_live}[args.model](args)
    data = {"model": args.model, "steps": fitted.step, "best": fitted.best, "curve": fitted.curve[-1:]}
    emit(args, data, f"{args.model}: {fitted.step} steps, best validation {fitted.best:.4g}; kept in {args.out}")


def train_live(args: argparse.Namespace) -> Fitted:
    """The live network, its loss being its validation too."""
    root = Path(args.data) / "clips"
    loss = LiveLoss(LIVE_PLAN)
    held = _validation_batches(clips(root / "validation"), args.seconds)

    def validate(network: torch.nn.Module) -> float:
        torch.manual_seed(0)
        parts = [loss.parts(network, batch) for batch in held]
        means = {name: float(np.mean([float(p[name]) for p in parts])) for name in parts[0]}
        print(*(f"{name} {value:.3f}" for name, value in means.items()), file=sys.stderr, flush=True)
        return float(np.mean([float(loss.total(p)) for p in parts]))

    recipe = Recipe(
        args.steps,
        args.batch,
        args.learning_rate,
        seed=args.seed,
        patience=args.patience,
        average=0.995,
    )
    draw = LiveBatches(clips(root / "train"), args.seconds)
    return fit(LiveNetwork(), draw, loss, recipe, args.out, validate=validate, device=args.device)


def _validation_batches(sources: list[Clip], seconds: float) -> list[tuple[torch.Tensor, ...]]:
    draw = LiveBatches(sources, seconds)
    drawn = [draw(np.random.default_rng(k), 8) for k in range(VALIDATION_BATCHES)]
    return [tuple(torch.as_tensor(part) for part in batch) for batch in drawn]
