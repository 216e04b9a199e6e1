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
    "trained, no noise": ("wyse", 0.0),
    "random, no noise": ("wyse-random", 0.0),
    "trained, noise": ("wyse", NOISE),
    "random, noise": ("wyse-random", NOISE),
}
"""The figure's four panels, a to d: network, and share of noise."""


def figure(pairs: Iterable[Pair], wishes: Wishes, picture: Path) -> tuple[list[dict[str, Any]], Path]:
    """A row for each panel of each pair, and the picture of the first pair's.

    Parameters
    ----------
    pairs : iterable of Pair
    wishes : Wishes
        Of which network and start are replaced.
    picture : Path
        Where it goes, as PNG; beside a file of that name that is not rtspec's, it takes another.
    """
    rows, drawn = [], free_name(picture)
    for number, pair in enumerate(pairs):
        judges, sounds = Judges(pair.style, pair.content, KERNELS), {"content": pair.content, "style": pair.style}
        for name, (network, noise) in CELLS.items():
            section = Section(
                network_named(network), pair.style, pair.content, replace(wishes, network=network, start=noise)
            )
            magnitude, seconds = timed(section.magnitude)
            sound = section.rebuilt(magnitude, wishes.phase)
            rows.append(
                {
                    "panel": name,
                    "style": pair.name,
                    "unseen": judges.share(sound),
                    "own": judges.own,
                    "optimised": section.losses_of(sound).style,
                    "spectrogram": section.losses(magnitude).style,
                    "content": section.losses_of(sound).content,
                    "content_weight": section.content_weight,
                    "nearer": float(nearness(sound, pair.style, pair.content) < 1),
                    **content_kept(sound, pair.content),
                    "seconds": seconds,
                }
            )
            sounds[name] = sound
        if number == 0:
            panels = {name: np.resize(sound, len(pair.content))[None] for name, sound in sounds.items()}
            spectrograms(drawn, panels, RATE, f"{pair.name}: trained and random weights, with noise and without")
    return rows, drawn
