"""A trained network as a package that StyleTransfer plays."""

import argparse
import re
import shlex
from pathlib import Path

import numpy as np
from torch import nn

from ...frames import stft
from ...processors.style.frames import PLAN, seen_of
from ..arguments import figures
from ..data.folders import FACTS, clips
from ..data.packages import licence_list, unpacked
from ..data.textures import PACKAGES
from ..enhancement.shipping import golden_sound
from ..export import ship
from ..weights import name_of_start
from .sounds import Style, drawn

_GOLDEN_FRAMES = 48
CITATION = (
    "D. Ulyanov, V. Lebedev: Audio texture synthesis and style transfer, 2016; L. Wyse: Audio spectrogram"
    " representations for processing with convolutional neural networks, 2017"
)


def export(network: nn.Module, styles: list[Style], folder: Path, args: argparse.Namespace) -> Path:
    """Package a network as ``folder/{model.onnx, golden.npz, card.md}``.

    Parameters
    ----------
    network : StyleNetwork
        Trained, on the CPU.
    styles : list of Style
        In the order of its weights.
    folder : Path
    args : argparse.Namespace
        Of the training: its command goes onto the card.
    """
    layout = ["batch", "time", "bins"]
    weights = np.zeros((1, len(styles)), np.float32)
    weights[0, 0] = 1
    manifest = {
        "name": folder.resolve().name,
        "version": "1.0",
        "authors": ["the rtspec authors"],
        "licence": "GPL-3.0-or-later",
        "citation": CITATION,
        "task": f"Tell live sound in the texture of {', '.join(each.name for each in styles)}; StyleTransfer plays it.",
        "training_data": "see the card",
        "sample_rate": PLAN.sample_rate,
        "n_fft": PLAN.n_fft,
        "hop": PLAN.hop,
        "window": PLAN.window,
        "input": {"name": "features", "representation": "tensor", "layout": layout},
        "output": {"name": "answer", "representation": "tensor", "layout": layout},
        "parameters": [_weight(k, style.name) for k, style in enumerate(styles)],
    }
    inputs = {"features": golden_input(), "weights": weights}
    return ship(network, inputs, manifest, folder, time_axes={"features": 1, "answer": 1}, card=_card(args))


def _weight(k: int, name: str) -> dict:
    return {
        "name": f"style_{k + 1}",
        "tensor": "weights",
        "index": k,
        "default": float(k == 0),
        "label": name,
        "cc": 20 + k if k < 12 else None,
    }


def golden_input() -> np.ndarray:
    """Features of decaying noise and tones, float32 of shape (1, 48, N_FEATURES)."""
    spectrum = stft(golden_sound(PLAN.sample_rate), PLAN)[:, :_GOLDEN_FRAMES]
    return seen_of(spectrum, drawn(np.random.default_rng(0), _GOLDEN_FRAMES)[0])[0][np.newaxis]


def _card(args: argparse.Namespace) -> str:
    chosen = {"width": args.width, "content-weight": args.content_weight, "steps": args.steps, "batch": args.batch}
    chosen |= {"learning-rate": args.learning_rate, "seed": args.seed}
    chosen |= {"often": ",".join(f"{name}={times}" for name, times in args.often.items())} if args.often else {}
    chosen |= {"goals": ",".join(f"{each:g}" for each in args.goals), "average": args.average}
    chosen |= {"start": name_of_start(args.start)} if args.start else {}
    command = " ".join(f"--{name} {shlex.quote(str(value))}" for name, value in chosen.items())
    command += " --frozen" if args.frozen else ""
    contents = "".join(f" --contents data/{'/'.join(Path(each).parts[-3:])}" for each in args.contents)
    heard = _packages(args)
    made_of = f"The weights are made from sounds of these packages; none of them is in this file.\n\n{heard}\n\n"
    return (
        f"## Training\n\n```\nrtspec data styles --out data/styles\nrtspec train style --styles data/styles/styles"
        f"{contents} {command} --export FOLDER\n```\n\n{made_of if heard else ''}"
        f"{figures(args, 'rtspec evaluate style-live')}\n"
    )


def _packages(args: argparse.Namespace) -> str:
    """Licences of the packages that were heard, as far as they lie where ``rtspec data`` puts them."""
    found = [each for name in PACKAGES if (each := unpacked(re.escape(name), Path(args.styles).parent))]
    for folder in args.contents:
        groups = {clip.facts["group"] for clip in clips(folder)} if any(Path(folder).glob(f"*/{FACTS}")) else set()
        root = Path(folder).parent.parent
        found += [each for name in sorted(groups) if (each := unpacked(re.escape(name), root))]
    return licence_list({each.name: each for each in found}.values())
