"""The networks as packages: manifests, and golden files made of sound that comes from a formula."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...errors import InvalidValue, of_kind
from ...processors.bandwidth.sizes import N_FEATURES
from ..export import ship
from .batches import LIVE_PLAN, Seen
from .degradation import low_pass
from .paper import PLAN, SCALE, PaperNetwork, stacked

CITATION = (
    "D. Deshpande, H. Abichandani: Long-term sequence reconstruction of MP3 audio by residually stacked autoencoders"
)
_COMMON = {"version": "1.0", "authors": ["the rtspec authors"], "licence": "GPL-3.0-or-later"}
_GOLDEN_FRAMES = 48


def ship_live(network: nn.Module, folder: Path, facts: dict[str, Any], card: str) -> Path:
    """Package the live network.

    Parameters
    ----------
    network : LiveNetwork
    folder : Path
    facts : dict
        `training_data`, `metrics`: what the manifest says beside the format.
    card : str
        Markdown.
    """
    return _ship_live(network, folder, facts, card, "bandwidth-live", "coded or narrow-band sound")


def ship_speech(network: nn.Module, folder: Path, facts: dict[str, Any], card: str) -> Path:
    """Package the live network for voices; parameters are those of :func:`ship_live`."""
    return _ship_live(network, folder, facts, card, "bandwidth-speech", "speech from telephones and headsets")


def _ship_live(network: nn.Module, folder: Path, facts: dict[str, Any], card: str, name: str, sound: str) -> Path:
    features = Seen(golden_sound(LIVE_PLAN.sample_rate)).features[None, -_GOLDEN_FRAMES:]
    if features.shape[2] != N_FEATURES:
        raise InvalidValue(f"{features.shape[2]} features a frame must be the {N_FEATURES} that the network takes")
    layout = ["batch", "time", "bins"]
    manifest = {
        "name": name,
        "task": f"Say how {sound} is to be mended and filled; BandwidthExtension plays it.",
        "n_fft": LIVE_PLAN.n_fft,
        "hop": LIVE_PLAN.hop,
        "window": LIVE_PLAN.window,
        "input": {"name": "features", "representation": "tensor", "layout": layout},
        "output": {"name": "answer", "representation": "tensor", "layout": layout},
        **_COMMON,
        **facts,
    }
    inputs = {"features": np.ascontiguousarray(features)}
    return ship(network, inputs, manifest, folder, time_axes={"features": 1, "answer": 1}, card=card)


def ship_paper(network: nn.Module, folder: Path, facts: dict[str, Any], card: str) -> Path:
    """Package the paper's network, with or without the identity skip; parameters are those of :func:`ship_live`."""
    network = of_kind(network, PaperNetwork)
    sound = torch.as_tensor(golden_sound(PLAN.sample_rate))[None]
    spectrum = stacked(sound)[..., -_GOLDEN_FRAMES:].contiguous().numpy()
    port = {"representation": "complex", "layout": ["batch", "channels", "bins", "time"], "scale": SCALE}
    skip = "with an identity skip" if network.identity_skip else "as written"
    manifest = {
        "name": "bandwidth-paper" if network.identity_skip else "bandwidth-paper-as-written",
        "task": f"Mend and extend 32 kbit/s MP3 at 22.05 kHz: the paper's network, N = {len(network.blocks)}, {skip}.",
        "citation": CITATION,
        "sample_rate": PLAN.sample_rate,
        "n_fft": PLAN.n_fft,
        "hop": PLAN.hop,
        "window": PLAN.window,
        "window_length": PLAN.window_length,
        "input": {"name": "coded", **port},
        "output": {"name": "mended", **port},
        **_COMMON,
        **facts,
    }
    return ship(network, {"coded": spectrum}, manifest, folder, time_axes={"coded": 3, "mended": 3}, card=card)


def golden_sound(sample_rate: int) -> np.ndarray:
    """Two seconds of decaying noise and tones below 5 kHz, seed 0: float32 of shape (n_samples,)."""
    t = np.arange(2 * sample_rate) / sample_rate
    decay = np.exp(-6 * (t % 0.25))
    noise = np.random.default_rng(0).standard_normal(len(t))
    tones = sum(np.sin(2 * np.pi * hz * t) / k for k, hz in enumerate((220, 660, 1500, 3100), 1))
    return low_pass((decay * (0.1 * noise + 0.2 * tones))[None], sample_rate, 5000.0)[0]
