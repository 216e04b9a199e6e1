"""The networks as packages: manifests and cards."""

from pathlib import Path

import numpy as np

from ...processors.bandwidth_stages import N_FEATURES
from ..data.folders import Clip
from ..export import ship
from .batches import LIVE_PLAN, Seen
from .live import LiveNetwork

LICENCE = "GPL-3.0-or-later"
CITATION = (
    "D. Deshpande, H. Abichandani: Long-term sequence reconstruction of MP3 audio by residually stacked autoencoders"
)
GOLDEN_S = 0.4


def ship_live(network: LiveNetwork, sample: Clip, folder: str | Path, facts: dict[str, str], card: str) -> Path:
    """Package the live network.

    Parameters
    ----------
    network : LiveNetwork
    sample : Clip
        A clip of coded music, whose features make the golden file (numbers from which no sound can be made again).
    folder : path
    facts : dict of str to str
        `training_data`, and what else the manifest shall say.
    card : str
        Markdown.
    """
    sound = sample.array("mp3-32")[0, 20 * 44100 : round((21 + GOLDEN_S) * 44100)]
    features = Seen(sound).features[None, -round(GOLDEN_S * LIVE_PLAN.frame_rate_hz) :]
    layout = ["batch", "time", "bins"]
    manifest = {
        "name": "bandwidth-live",
        "version": "1.0",
        "authors": ["the rtspec authors"],
        "licence": LICENCE,
        "task": "Say how coded or narrow-band sound is to be mended and filled; BandwidthExtension plays it.",
        "n_fft": LIVE_PLAN.n_fft,
        "hop": LIVE_PLAN.hop,
        "window": LIVE_PLAN.window,
        "input": {"name": "features", "representation": "tensor", "layout": layout},
        "output": {"name": "answer", "representation": "tensor", "layout": layout},
        **facts,
    }
    assert features.shape[2] == N_FEATURES
    inputs = {"features": np.ascontiguousarray(features)}
    return ship(network, inputs, manifest, folder, time_axes={"features": 1, "answer": 1}, card=card)
