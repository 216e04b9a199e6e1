"""``rtspec train wyse``: the paper's classifier of sounds, whose convolutions are a network of style transfer."""

import argparse
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ... import checks
from ...console import emit
from ...style.spectra import RATE
from ..arguments import figures
from ..data.packages import licence_list, unpacked
from ..fit import Fitted, fit
from ..recipe import Recipe
from ..running import begin, computing, recipe_settings, tell_times
from .clips import Labelled, Pieces, held_views, instruments, labelled
from .network import Classifier, Held, export, loss

N_USUAL = 60
"""Pieces that tell the usual level of each bin."""


def run(args: argparse.Namespace) -> None:
    """Train, or go on; judge what was held out; then export if asked."""
    checks.within("--seconds", args.seconds, 0.2, 30, "the paper's clips last 5")
    begin(args)
    learnt, held, n_unknown = labelled(Path(args.data), args.fold, args.learnt.split(","), args.held.split(","))
    if args.notes:
        more_learnt, more_held = instruments(Path(args.notes))
        learnt, held = learnt + more_learnt, held + more_held
    pieces = Pieces(learnt, args.seconds)
    judged = Held(held_views(held, args.seconds), [pieces.labels.index(clip.label) for clip in held])
    fitted = train(args, pieces, judged)
    facts = _facts(fitted, learnt, held, judged.right(fitted.network)) | {"unknown": n_unknown}
    facts["times"] = tell_times(args, fitted, args.batch, args.seconds, facts["learnt_minutes"] / 60)
    lines = _lines(facts)
    if args.export:
        card = _card(args, lines, {clip.group for clip in learnt})
        lines.append(f"written: {export(fitted.network, Path(args.export), card)}")  # type: ignore[arg-type]
    emit(args, facts, "\n".join(lines))


def train(args: argparse.Namespace, pieces: Pieces, judged: Held) -> Fitted:
    """The network with the weights that name held clips best."""
    torch.manual_seed(args.seed)
    usual = torch.as_tensor(pieces(np.random.default_rng(args.seed), N_USUAL)[0])
    recipe = Recipe(
        args.steps,
        args.batch,
        args.learning_rate,
        schedule="constant",
        clip=None,
        epsilon=args.epsilon,
        validate_every=min(100, args.steps),
        patience=args.patience,
        **recipe_settings(args),
    )
    network = Classifier(len(pieces.labels), usual.shape[2], args.filters)
    network.accustom(usual)
    return fit(network, pieces, loss, recipe, args.out, validate=judged.nats, **computing(args))


def _facts(fitted: Fitted, learnt: list[Labelled], held: list[Labelled], right: np.ndarray) -> dict[str, Any]:
    labels, groups = (np.array([getattr(clip, name) for clip in held]) for name in ("label", "group"))
    return {
        "classes": sorted({clip.label for clip in learnt}),
        "steps": fitted.step,
        "learnt_clips": len(learnt),
        "learnt_minutes": sum(len(clip.sound) for clip in learnt) / RATE / 60,
        "held_clips": len(held),
        "accuracy": float(right.mean()),
        "accuracy_classes_alike": float(np.mean([right[labels == label].mean() for label in set(labels)])),
        "most_frequent_share": max(float(np.mean(labels == label)) for label in set(labels)),
        "groups": {str(group): float(right[groups == group].mean()) for group in sorted(set(groups))},
        "nats": fitted.best,
    }


def _lines(facts: dict[str, Any]) -> list[str]:
    groups = ", ".join(f"{group} {100 * share:.0f} %" for group, share in facts["groups"].items())
    lines = [
        f"{facts['steps']} steps on {facts['learnt_clips']} clips ({facts['learnt_minutes']:.0f} minutes) of "
        f"{len(facts['classes'])} classes: {', '.join(facts['classes'])}",
        f"of {facts['held_clips']} held clips {100 * facts['accuracy']:.0f} % are named ({groups}); the most frequent "
        f"class has {100 * facts['most_frequent_share']:.0f} %",
        f"classes alike: {100 * facts['accuracy_classes_alike']:.0f} %, by chance {100 / len(facts['classes']):.0f} %",
    ]
    if facts["unknown"]:
        lines.append(f"{facts['unknown']} more held clips are of classes that were not learnt: not judged")
    return lines


_HEAD = """# wyse

The convolutions of a classifier of sounds, for `rtspec style --network wyse`. Licence: GPL-3.0-or-later. After L. Wyse:
Audio spectrogram representations for processing with convolutional neural networks, 2017.
"""


def _card(args: argparse.Namespace, lines: list[str], packages: set[str]) -> str:
    """How it was made, and how well it names what it did not hear. The weights that name the held clips best are
    kept, so those clips chose the step."""
    is_recipe = (Path(args.data) / "packages").is_dir()
    names = ["learnt", "held"] if is_recipe else ["fold"]
    names += ["seconds", "steps", "batch", "learning_rate", "epsilon", "precision", "seed"]
    command = " ".join(f"--{name.replace('_', '-')} {shlex.quote(str(getattr(args, name)))}" for name in names)
    data = "data/scenes" if is_recipe else Path(args.data).name
    fetch = "rtspec data scenes data/scenes\n" if is_recipe else ""
    if args.notes:
        fetch, command = f"{fetch}rtspec data notes --out data/notes\n", f"--notes data/notes {command}"
    places = [args.data, *([args.notes] if args.notes else [])]
    found = [each for name in sorted(packages) for place in places if (each := unpacked(name, place))]
    heard = "The weights are made from sounds of these packages; none of them is in the file.\n\n" + licence_list(found)
    return "\n".join(
        [
            _HEAD,
            f"## Training\n\n```\n{fetch}rtspec train wyse --data {data} {command} --export FOLDER\n```\n",
            f"{heard}\n" if found else "",
            "## What it names\n",
            *(f"- {line}" for line in lines),
            "\nThe held clips chose among the steps; beyond that nothing was tuned on them.\n",
            figures(args, "rtspec evaluate style --figure"),
            "",
        ]
    )
