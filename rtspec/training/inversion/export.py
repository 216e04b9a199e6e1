"""A trained network as a package that SpectralInversion, and any other host of magnitudes, plays."""

import argparse
from pathlib import Path

import numpy as np
from torch import nn

from ...frames import stft
from ..arguments import figures
from ..export import ship
from .data import BANDS, filters_of, plan_of

GOLDEN_FRAMES = 48
_TASKS = {
    "live": "Refine the pseudo-inverse of third-octave levels without look-ahead.",
    "paper": "Refine the pseudo-inverse of third-octave levels by the convolutional network of Gontier et al.",
    "log": "Refine the pseudo-inverse of third-octave levels in the log domain.",
}
CITATION = (
    "F. Gontier, M. Lagrange, C. Lavandier, J.-F. Petiot: Privacy aware acoustic scene synthesis using deep spectral"
    " feature inversion, ICASSP 2020"
)


def export(network: nn.Module, name: str, folder: Path, args: argparse.Namespace) -> Path:
    """Package a network as ``folder/{model.onnx, golden.npz, card.md}``.

    Parameters
    ----------
    network : torch.nn.Module
        Trained, on the CPU.
    name : str
        "live", "paper" or "log".
    folder : Path
    args : argparse.Namespace
        Of the training: its data and its command go onto the card.
    """
    plan = plan_of(name)
    manifest = {
        "name": f"inversion-{name}",
        "version": "1.0",
        "authors": ["the rtspec authors"],
        "licence": "GPL-3.0-or-later",
        "citation": CITATION,
        "task": _TASKS[name],
        "training_data": "sound effects and music of Debian's game packages, listed on the card",
        "sample_rate": plan.sample_rate,
        "n_fft": plan.n_fft,
        "hop": plan.hop,
        "window": plan.window,
        "input": {"name": "magnitude", "representation": "magnitude"},
        "output": {"name": "refined", "representation": "magnitude"},
    }
    return ship(
        network,
        {"magnitude": golden_input(name)},
        manifest,
        folder,
        time_axes={"magnitude": 2, "refined": 2},
        card=_card(name, args),
    )


def golden_input(name: str) -> np.ndarray:
    """What the network sees of decaying noise and a tone, float32 of shape (1, n_bins, GOLDEN_FRAMES)."""
    from ...processors.inversion.band_inversion import invert

    plan, filters = plan_of(name), filters_of(plan_of(name))
    n = GOLDEN_FRAMES * plan.hop
    time = np.arange(n) / n
    noise = np.random.default_rng(0).standard_normal(n) * np.exp(-4 * time)
    sound = 0.1 * noise + 0.05 * np.sin(2 * np.pi * 440 * np.arange(n) / plan.sample_rate)
    return invert(filters, filters.apply(np.abs(stft(sound, plan))))[np.newaxis, :, :GOLDEN_FRAMES]


def _card(name: str, args: argparse.Namespace) -> str:
    from ..data.scenes import SPLITS, TONAL

    packages = ", ".join((*SPLITS["train"], *TONAL))
    settings = (
        ("steps", args.steps),
        ("batch", args.batch),
        ("learning-rate", args.learning_rate),
        ("seed", args.seed),
    )
    settings += (("start", f"runs/{Path(args.start).name}"),) if args.start else ()
    command = f"rtspec train inversion --network {name} " + " ".join(f"--{key} {value}" for key, value in settings)
    return (
        f"Input: the clipped pseudo-inverse of a frame's {BANDS} powers; output: finer magnitudes of the same frame.\n"
        f"Weights: GPL-3.0-or-later. Trained on the sounds of the Debian packages {packages} (their licences: `rtspec"
        f" data scenes`); no speech among them by intent. Made by `rtspec data scenes data/scenes` and `{command}"
        f" --export exports/inversion-{name}`.\n\n{figures(args, 'rtspec evaluate inversion')}\n"
    )
