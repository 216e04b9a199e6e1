"""``rtspec train style``: from a folder of textures to a network that StyleTransfer plays."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ... import checks
from ...console import emit
from ..fit import Fitted, fit
from ..recipe import Recipe
from ..running import begin, computing, tell_times
from .judges import Judge, levelled, spectrogram
from .loss import StyleLoss
from .networks import GAIN, StyleNetwork
from .sounds import Batches, Contents, Style, read_styles, split
from .starting import freeze, start_styles

VALIDATION_ITEMS, VALIDATION_SEED = 4, 1 << 40
"""Held-out draws of each style, that are judged by networks that no step draws."""
LEAST_OWN, MOST_OWN = 0.001, 0.1


def run(args: argparse.Namespace) -> None:
    """Train, or go on; then export if asked."""
    begin(args)
    parts = [split(style) for style in read_styles(args.styles)]
    styles = [learnt for learnt, _ in parts]
    fitted = train(args, styles, torch.tensor([own_variability(*each) for each in parts]))
    text = f"{', '.join(style.name for style in styles)}: {fitted.step} steps, best {fitted.best:.4g}; in {args.out}"
    data = {"styles": [style.name for style in styles], "steps": fitted.step, "best": fitted.best, "kept": args.out}
    data["times"] = tell_times(args, fitted, args.batch)
    if args.export:
        from .export import export

        data["package"] = str(export(fitted.network, styles, Path(args.export), args))
        text += f"; packaged: {data['package']}"
    emit(args, data, text)


def train(args: argparse.Namespace, styles: list[Style], own: torch.Tensor) -> Fitted:
    """Train a network of all these styles, of which each is `own` from itself."""
    _as_it_computes(args)
    tonal = torch.tensor([float(style.name in args.tonal.split(",")) for style in styles])
    network = make(styles, args.width, args.seed)
    network.hissing.copy_(1 - tonal[:, None])  # what keeps its chords keeps the phases, which make them
    if args.start:
        start_styles(network, [style.name for style in styles], args.start)
    if args.frozen:
        freeze(network)
    loss, contents = StyleLoss(tonal, args.content_weight, own=own, goals=args.goals), Contents(args.contents)
    draw = Batches(styles, contents, as_often([style.name for style in styles], args.often))
    recipe = Recipe(
        args.steps,
        args.batch,
        args.learning_rate,
        seed=args.seed,
        validate_every=min(100, args.steps),
        patience=args.patience,
        average=args.average,
    )
    return fit(network, draw, loss, recipe, args.out, validate=_judge(styles, contents, loss), **computing(args))


def as_often(names: list[str], often: dict[str, int]) -> list[int]:
    """Places of styles, each so many times as it is to be drawn.

    Raises
    ------
    InvalidValue
        There is no such style.
    """
    for name in often:
        checks.choice("often", name, names)
    return [k for k, name in enumerate(names) for _ in range(often.get(name, 1))]


def _as_it_computes(args: argparse.Namespace) -> None:
    """Refuse what would be ignored: judges are float, and compare the contents of a whole batch."""
    if args.precision == "bf16":
        checks.fail("--precision", args.precision, "must be float for styles", "leave it out")
    if args.accumulate != 1:
        checks.fail("--accumulate", args.accumulate, "must be 1 for styles", "take a smaller --batch")


def make(styles: list[Style], width: int = 192, seed: int = 0) -> StyleNetwork:
    """A fresh network that gives each style's mean spectrum."""
    checks.integer("width", width, 16, 512, "192 is heard in .2 ms a frame")
    torch.manual_seed(seed)
    network = StyleNetwork(len(styles), width)
    with torch.no_grad():
        network.spectra.copy_(torch.as_tensor(np.stack([style.spectrum() for style in styles])) / GAIN)
    return network


def own_variability(style: Style, again: Style) -> float:
    """Squared distance of Gram matrices of two stretches of a style as a share of its size; bounded by what is worth
    being aimed at."""
    learnt, other = (spectrogram(levelled(torch.as_tensor(each.judged)[None])) for each in (style, again))
    found = [Judge(VALIDATION_SEED + k).judge(other, learnt, learnt) for k in range(3)]
    return min(MOST_OWN, max(LEAST_OWN, float(np.mean([float(near / size) for near, _, size in found]))))


def _judge(styles: list[Style], contents: Contents, loss: StyleLoss) -> Callable[[nn.Module], float]:
    """The loss over held draws of every style, told on stderr with each style's share."""
    draws = [Batches(styles, contents, [k]) for k in range(len(styles))]
    held = [draw(np.random.default_rng((VALIDATION_SEED, k)), VALIDATION_ITEMS) for k, draw in enumerate(draws)]

    def validate(network: nn.Module) -> float:
        device = next(network.parameters()).device
        found = [loss.parts(network, tuple(torch.as_tensor(part).to(device) for part in batch)) for batch in held]
        means = {name: float(np.mean([float(each[name]) for each in found])) for name in found[0]}
        shares = {style.name: float(each["style"]) for style, each in zip(styles, found, strict=True)}
        print(*(f"{name} {value:.3f}" for name, value in {**means, **shares}.items()), file=sys.stderr, flush=True)
        return float(loss.weighed(means))

    return validate
