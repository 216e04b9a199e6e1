"""``rtspec train scene``: from layers, or a labelled set, to a tagger that SceneEqualizer and ``rtspec tag`` use."""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...console import emit
from ..data.dcase import Scene, read_folder
from ..data.scene_sets import folds, is_recipe
from ..fit import Fitted, fit
from ..recipe import Recipe
from ..running import begin, computing, recipe_settings, tell_times
from .batches import FEATURES, Pieces, Pool, sound_of
from .networks import LiveNetwork, PaperNetwork, make

WEIGHT_DECAY = {"live": 5e-3, "paper": 5e-3}
SETTLING_S = 1.5
"""From the start of an example up to which no answer counts."""

Network = LiveNetwork | PaperNetwork


def run(args: argparse.Namespace) -> None:
    """Train, or go on; calibrate; then export if asked."""
    begin(args)
    fitted, labels = train(args)
    temperature = float(fitted.network.get_buffer("temperature"))
    lines = [f"{args.network}: {fitted.step} steps, best {fitted.best:.4g} nats, temperature {temperature:.3g}"]
    if args.export:
        from .export import export

        lines.append(f"packaged: {export(fitted.network, args.network, labels, Path(args.export), args)}")
    facts = {"network": args.network, "steps": fitted.step, "best": fitted.best, "temperature": temperature}
    facts["times"] = tell_times(args, fitted, args.batch)
    emit(args, {**facts, "labels": labels}, "\n".join(lines))


def train(args: argparse.Namespace) -> tuple[Fitted, list[str]]:
    """The network, calibrated, and its classes in their order."""
    folder = Path(args.data)
    if is_recipe(folder):
        draw, held = Pool(folder / "train", args.network, args.pool, args.seed), read_folder(folder / "validation")
    else:
        learnt, held = folds(folder, args.fold)
        draw = Pieces(learnt, args.network)
    network = make(args.network, len(draw.labels), args.seed)
    held_features = Held(held, draw.labels, args.network)
    recipe = Recipe(
        args.steps,
        args.batch,
        args.learning_rate,
        weight_decay=WEIGHT_DECAY[args.network],
        validate_every=min(50, args.steps),
        patience=args.patience,
        average=0.99,
        **recipe_settings(args),
    )
    fitted = fit(network, draw, loss, recipe, args.out, validate=held_features.nats, **computing(args))
    held_features.calibrate(fitted.network)
    return fitted, draw.labels


def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Cross entropy of the answers after the first moments of an example."""
    features, target = batch
    logits = network.logits(features)  # type: ignore[operator]  (both networks have it)
    logits = logits[:, :, settled(logits.shape[2], features.shape[2]) :]
    return -(target[:, :, None] * functional.log_softmax(logits, 1)).sum(1).mean()


def settled(n_answers: int, n_frames: int) -> int:
    """The first answer that counts, of an example of 5 s in so many frames."""
    return min(n_answers - 1, round(n_answers * SETTLING_S / 5.0)) if n_frames else 0


class Held:
    """Labelled clips that training does not see: what is judged, and what calibrates.

    Parameters
    ----------
    scenes : list of Scene
    labels : list of str
        Classes in the network's order; clips of others are left out.
    network : str
    """

    def __init__(self, scenes: list[Scene], labels: list[str], network: str):
        kept = [s for s in scenes if s.label in labels]
        self._features = [torch.as_tensor(FEATURES[network](sound_of(s)))[None] for s in kept]
        self.targets = torch.as_tensor([labels.index(s.label) for s in kept])

    def logits(self, network: nn.Module) -> Tensor:
        """The network's last answer for each clip, (n_clips, n_classes)."""
        device = next(network.parameters()).device
        with torch.no_grad():
            answers = [network.logits(x.to(device))[:, :, -1] for x in self._features]  # type: ignore[operator]
        return torch.cat(answers).cpu()

    def nats(self, network: nn.Module) -> float:
        """Mean cross entropy."""
        return float(functional.cross_entropy(self.logits(network), self.targets))

    def calibrate(self, network: nn.Module) -> None:
        """Set the network's temperature to what makes these clips most likely."""
        logits = self.logits(network)
        tried = np.geomspace(0.3, 8.0, 100)
        nats = [float(functional.cross_entropy(logits / t, self.targets)) for t in tried]
        network.get_buffer("temperature").fill_(float(tried[int(np.argmin(nats))]))
