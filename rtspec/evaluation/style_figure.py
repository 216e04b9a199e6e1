"""``rtspec evaluate style --figure``: the paper's figure [1]_ as a table and a picture, judged on the sound.

A network that was trained to tell sounds apart beside one of random weights, each from the untouched content and from
the content with noise.

References
----------
.. [1] L. Wyse: "Audio spectrogram representations for processing with convolutional neural networks", 2017, figure 1.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..pictures.spectrograms import free_name, spectrograms
from ..style.judging import Judges
from ..style.measures import content_kept, nearness
from ..style.networks import network_named
from ..style.spectra import RATE
from ..style.transfer import Section, Wishes
from .style_pairs import KERNELS, Pair, timed

NOISE = 0.7
"""Share of noise that the content is given to start from; the paper's own code takes .2 or .7."""
CELLS = {
    "trained, no noise": (True, 0.0),
    "random, no noise": (False, 0.0),
    "trained, noise": (True, NOISE),
    "random, noise": (False, NOISE),
}
"""The figure's four panels, a to d: whether trained, and share of noise."""


def figure(
    pairs: Iterable[Pair], wishes: Wishes, picture: Path, trained: str = "wyse"
) -> tuple[list[dict[str, Any]], Path]:
    """A row for each panel of each pair, and the picture of the first pair's.

    Parameters
    ----------
    pairs : iterable of Pair
    wishes : Wishes
        Of which network and start are replaced.
    picture : Path
        Where it goes, as PNG; beside a file of that name that is not rtspec's, it takes another.
    trained : str
        The trained network: its name, or a file.
    """
    rows, drawn = [], free_name(picture)
    for number, pair in enumerate(pairs):
        judges, sounds = Judges(pair.style, pair.content, KERNELS), {"content": pair.content, "style": pair.style}
        for name, (is_trained, noise) in CELLS.items():
            network = trained if is_trained else "wyse-random"
            row, sounds[name] = _cell(pair, replace(wishes, network=network, start=noise), judges)
            rows.append({"panel": name, **row})
        if number == 0:
            panels = {name: np.resize(sound, len(pair.content))[None] for name, sound in sounds.items()}
            spectrograms(drawn, panels, RATE, f"{pair.name}: trained and random weights, with noise and without")
    return rows, drawn


def _cell(pair: Pair, wishes: Wishes, judges: Judges) -> tuple[dict[str, Any], np.ndarray]:
    """What is measured of one transfer, and its sound."""
    section = Section(network_named(wishes.network), pair.style, pair.content, wishes)
    magnitude, seconds = timed(section.magnitude)
    sound = section.rebuilt(magnitude, wishes.phase)
    heard = section.losses_of(sound)
    row = {
        "style": pair.name,
        "unseen": judges.share(sound),
        "own": judges.own,
        "optimised": heard.style,
        "spectrogram": section.losses(magnitude).style,
        "content": heard.content,
        "content_weight": section.content_weight,
        "nearer": float(nearness(sound, pair.style, pair.content) < 1),
        **content_kept(sound, pair.content),
        "seconds": seconds,
    }
    return row, sound
