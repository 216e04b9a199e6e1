"""``rtspec train inversion``: from a folder of sounds to a network that SpectralInversion plays."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...console import emit
from ...errors import of_kind
from ..fit import Fitted, fit
from ..halves import halves
from ..recipe import Recipe
from ..running import begin, computing, recipe_settings, tell_times
from ..weights import start_from
from .data import PLANS, Features, filters_of, held_out, layers, plan_of
from .networks import Levelled, LiveNetwork, LogNetwork, PaperNetwork, widened

TEXTURE_FRAMES = {"live": 160, "paper": 32, "log": 32}
"""About a second each."""

PAPER_START_CHANNELS, PAPER_CHANNELS = 32, 64
START_SHARE, WIDE_RATE = 0.97, 0.2
"""Share of the paper network's steps that are done with few channels, which cost a quarter; and the share of the
learning rate at which all channels then go on."""

LOWER_SHARE = 0.7
"""Share of the steps that train the paper network on the lower half of the bins, where most of the error is."""

LOG_SHARE = 0.02
"""Weight of the mean absolute difference of log magnitudes beside the error."""


def run(args: argparse.Namespace) -> None:
    """Train, or go on; then export if asked."""
    begin(args)
    fitted = train(args)
    plan = PLANS[args.network]
    times = tell_times(args, fitted, args.batch, TEXTURE_FRAMES[args.network] / plan.frame_rate_hz)
    lines = [
        f"{args.network}: {fitted.step} steps, best {fitted.best:.4g} of the pseudo-inverse's error; in {args.out}"
    ]
    if args.export:
        from .export import export

        lines.append(f"packaged: {export(fitted.network, args.network, Path(args.export), args)}")
    emit(args, {"network": args.network, "steps": fitted.step, "best": fitted.best, "times": times}, "\n".join(lines))


def train(args: argparse.Namespace) -> Fitted:
    """Train the network that the arguments name."""
    if args.network != "paper" or args.start:
        network = make(args.network, args.seed)
        if args.start:
            start_from(network, args.start)
        return _fit(network, args, args.steps, args.learning_rate, Path(args.out))
    steps = max(1, min(args.steps - 1, round(START_SHARE * args.steps)))
    start, rate = make("paper", args.seed, PAPER_START_CHANNELS), args.learning_rate
    levelled = of_kind(_fit(start, args, steps, rate, Path(args.out) / "start").network, Levelled)
    narrow = of_kind(levelled.network, PaperNetwork)
    generator = torch.Generator().manual_seed(args.seed)
    wide = Levelled(widened(narrow, PAPER_CHANNELS, generator))
    return _fit(wide, args, max(1, args.steps - steps), WIDE_RATE * rate, Path(args.out))


def make(name: str, seed: int = 0, channels: int = PAPER_CHANNELS) -> nn.Module:
    """A fresh network by its name, its weights a function of the seed."""
    torch.manual_seed(seed)
    if name == "live":
        return LiveNetwork(filters_of(PLANS["live"]).weights)
    return Levelled(PaperNetwork(channels)) if name == "paper" else LogNetwork()


def _fit(network: nn.Module, args: argparse.Namespace, steps: int, rate: float, folder: Path) -> Fitted:
    plan = plan_of(args.network)
    error = Error(Features(plan))
    held = held_out(Path(args.data) / "validation", plan)[:: 1 if args.network == "live" else 3]
    draw = layers(Path(args.data) / "train", plan, TEXTURE_FRAMES[args.network])
    recipe = Recipe(
        steps,
        args.batch,
        rate,
        validate_every=min(100 if args.network == "live" else 200, steps),
        patience=args.patience,
        average=0.998,
        **recipe_settings(args),
    )
    validate = lambda network: float(np.mean([float(error.relative(network, sound)) for sound in held]))  # noqa: E731
    return fit(network, draw, error, recipe, folder, validate=validate, **computing(args))


class Error:
    """The root mean squared error of each texture, as the paper's table has it, over that of the pseudo-inverse.

    Parameters
    ----------
    features : Features
    """

    def __init__(self, features: Features):
        self.features = features

    def __call__(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """The loss: the error of all textures together, and a little of that of log magnitudes, for faint bins."""
        target, base = self.features(batch[0])
        level = _rms(target)[:, None, None] + 1e-6
        made, target, base = self._made(network, base, target)
        error, before = (_rms((x - target) / level) for x in (made, base))
        floor = 1e-3 * level
        logs = torch.log((made + floor) / (target + floor)).abs().mean()
        return error.sum() / (before.sum() + 1e-9) + LOG_SHARE * logs

    def _made(self, network: nn.Module, base: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The network's magnitudes, the target's and the pseudo-inverse's; of a part of the bins if it is costly."""
        with halves(base.device):  # halves the time
            if not isinstance(network, Levelled):
                return network(base).float(), target, base
            half, reach = base.shape[1] // 2, 20
            if float(torch.rand(())) < LOWER_SHARE:
                part, inner = slice(0, half + reach), slice(0, half)
            else:
                part, inner = slice(half - reach, None), slice(reach, None)
            made = network(base, part).float()
        return made[:, inner], target[:, part][:, inner], base[:, part][:, inner]

    def relative(self, network: Callable[[Tensor], Tensor], sound: Tensor) -> Tensor:
        """One sound's error over that of the pseudo-inverse."""
        target, base = self.features(sound)
        with halves(base.device):
            made = network(base).float()
        return (_rms(made - target) + 1e-9).sum() / (_rms(base - target) + 1e-9).sum()


def _rms(x: Tensor) -> Tensor:
    return torch.sqrt((x * x).mean((1, 2)) + 1e-12)
