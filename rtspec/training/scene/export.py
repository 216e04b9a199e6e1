"""A trained tagger as a package: magnitudes (live) or MFCC (the paper's) in, probabilities of the classes out."""

import argparse
from pathlib import Path

import numpy as np
from torch import nn

from ..arguments import figures
from ..data.surroundings import SPLITS
from ..export import ship
from .features import LIVE_PLAN, SAMPLE_RATE
from .networks import N_FEATURES

GOLDEN_FRAMES = 96
CITATION = "Acoustic scene classification using convolutional neural networks (39 MFCC, 32/64/128 maps; seed paper)"
_TASKS = {
    "live": "Tell what is heard around a player, frame by frame; listening stages play it.",
    "paper": "Tell the acoustic scene of a clip from 39 MFCC, Δ and ΔΔ each 25 ms, with the paper's network.",
}


def export(network: nn.Module, name: str, labels: list[str], folder: Path, args: argparse.Namespace) -> Path:
    """Package a network as ``folder/{model.onnx, golden.npz, card.md}``.

    Parameters
    ----------
    network : torch.nn.Module
        Trained and calibrated, on the CPU.
    name : str
        "live" or "paper".
    labels : list of str
        Classes in the order of the output.
    folder : Path
    args : argparse.Namespace
        Of the training: its data and its command go onto the card.
    """
    is_live = name == "live"
    entry = "magnitude" if is_live else "features"
    manifest = {
        "name": f"scene-{name}",
        "version": "1.0",
        "authors": ["the rtspec authors"],
        "licence": "GPL-3.0-or-later",
        "citation": CITATION,
        "task": _TASKS[name],
        "training_data": "sounds of Debian packages, listed on the card",
        "sample_rate": SAMPLE_RATE,
        "input": {"name": entry, "representation": "magnitude" if is_live else "tensor"},
        "output": {"name": "probabilities", "representation": "tensor"},
        "metrics": {"labels": ",".join(labels), "temperature": float(network.get_buffer("temperature"))},
    }
    if is_live:
        manifest |= {"n_fft": LIVE_PLAN.n_fft, "hop": LIVE_PLAN.hop, "window": LIVE_PLAN.window}
    rows = LIVE_PLAN.n_bins if is_live else N_FEATURES
    golden = np.abs(np.random.default_rng(0).standard_normal((1, rows, GOLDEN_FRAMES))).astype(np.float32)
    axes = {entry: 2, "probabilities": 2}
    return ship(network, {entry: golden}, manifest, folder, time_axes=axes, card=_card(name, labels, args))


def _card(name: str, labels: list[str], args: argparse.Namespace) -> str:
    settings = {"network": name, "pool": args.pool, "steps": args.steps, "batch": args.batch}
    settings |= {"learning-rate": args.learning_rate, "seed": args.seed}
    command = "rtspec train scene --data data/scene " + " ".join(f"--{key} {value}" for key, value in settings.items())
    packages = ", ".join(SPLITS["train"])
    return (
        f"Output: probabilities of {', '.join(labels)}, in this order, calibrated by one temperature on the validation "
        "packages; where the highest is low, nothing is known. With five coarse classes of weakly labelled sounds it "
        "may colour a curve; levels drive it.\n\n"
        f"## Training\n\n```\nrtspec data scene data/scene\n{command} --export exports/scene-{name}\n```\n\n"
        f"Weights: GPL-3.0-or-later, made from the sounds of the Debian packages {packages}, each under its own free "
        "licence (`rtspec data scene` lists them); no sound of them is in this file. People are made of spoken clips, "
        f"many at once.\n\n{figures(args, 'rtspec evaluate scene data/scene')}\n"
    )
