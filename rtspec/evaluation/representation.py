"""``rtspec evaluate representation``: what a random network is given to see, and what that costs.

Magnitudes as they are, their logarithms, or logarithms of mel bands; bins (or bands) as channels of a convolution over
time [1]_, or as rows of a picture over which small filters move. All find the same thing, a spectrogram of 1025 bins,
and are judged alike: on its sound, by networks that none of them optimised.

References
----------
.. [1] L. Wyse: "Audio spectrogram representations for processing with convolutional neural networks", 2017, section 2.
"""

import argparse
from typing import Any

from ..console import emit, table
from ..style.judging import Judges
from ..style.measures import content_kept, nearness
from ..style.representations import LAYOUTS, VIEWS, Represented
from ..style.transfer import Section
from .style_pairs import KERNELS, Pair, add_pair_arguments, means, pairs, timed, wishes_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which sounds, and how each transfer is made."""
    add_pair_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Measure every pair with every representation, print a table of the means and one of the pairs."""
    wishes = wishes_of(args)
    rows = [row for pair in pairs(args) for row in measured(pair, wishes)]
    mean = means(rows, "seen as")
    emit(args, {"means": mean, "pairs": rows}, f"{table(mean)}\n\n{table(rows)}")


def measured(pair: Pair, wishes) -> list[dict[str, Any]]:
    """A row for each representation of one pair."""
    judges, rows = Judges(pair.style, pair.content, KERNELS), []
    for view in VIEWS:
        for layout in LAYOUTS:
            section = Section(Represented(view, layout), pair.style, pair.content, wishes)
            magnitude, seconds = timed(section.magnitude)
            sound = section.rebuilt(magnitude, wishes.phase)
            rows.append(
                {
                    "seen as": f"{view}, {layout}",
                    "style": pair.name,
                    "unseen": judges.share(sound),
                    "own": judges.own,
                    "optimised": section.losses_of(sound).style,
                    "content": section.losses_of(sound).content,
                    "content_weight": section.content_weight,
                    "nearer": float(nearness(sound, pair.style, pair.content) < 1),
                    **content_kept(sound, pair.content),
                    "seconds": seconds,
                }
            )
    return rows
