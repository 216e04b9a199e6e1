"""``rtspec evaluate style``: offline style transfer beside baselines, on the sound, by networks that nobody optimised.

For each pair of a content and a style one spectrogram is found; then ways to a sound of it are compared: the phases of
"balanced", which is the default, and "best", 500 rounds of Griffin-Lim, and the samples moved on
(``domain="sound"``). Baselines are the untouched content, cross-synthesis (the style under the content's band
envelopes) and convolution.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import fftconvolve

from ..console import emit, table
from ..frames.stft import istft
from ..style.judging import Judges, levelled
from ..style.measures import content_kept, nearness
from ..style.networks import network_named
from ..style.spectra import PLAN, RATE, frames_of
from ..style.transfer import Section, Wishes
from .style_figure import figure
from .style_pairs import KERNELS, Pair, add_pair_arguments, means, pairs, timed, wishes_of
from .style_verdicts import verdicts

_BANDS = np.unique(np.geomspace(2, PLAN.n_bins, 41).astype(int))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which sounds, and how each transfer is made."""
    add_pair_arguments(parser)
    parser.add_argument("--network", default="ulyanov", metavar="NAME", help="default: ulyanov")
    parser.add_argument(
        "--figure",
        metavar="FILE",
        type=Path,
        help="the paper's, as PNG: trained (--network, or wyse) and random, with noise and without",
    )


def run(args: argparse.Namespace) -> None:
    """Measure every pair, print a table of the means, one of the pairs, and what of the aims is reached."""
    if args.figure:
        trained = "wyse" if args.network == "ulyanov" else args.network
        rows, drawn = figure(pairs(args), wishes_of(args), args.figure, trained)
        mean = means(rows, "panel")
        data = {"means": mean, "pairs": rows, "picture": str(drawn)}
        emit(args, data, f"{table(mean)}\n\n{table(rows)}\n\ndrawn: {drawn}")
        return
    wishes = wishes_of(args, network=args.network)
    rows = [row for each in pairs(args) for row in measured(each, wishes)]
    mean, reached = means(rows, "way"), verdicts(rows, args.seconds, wishes)
    text = f"{table(mean)}\n\n{table(rows)}\n\n{table(reached)}"
    emit(args, {"means": mean, "pairs": rows, "verdicts": reached}, text)


def measured(pair: Pair, wishes: Wishes) -> list[dict[str, Any]]:
    """A row for each way of one pair."""
    heard, reference = pair.content, pair.style
    section = Section(network_named(wishes.network), reference, heard, wishes)
    magnitude, spent = timed(section.magnitude)
    judges = Judges(reference, heard, KERNELS)
    rebuilt = section.rebuilt(magnitude, wishes.phase)
    ways: dict[str, Callable[[], np.ndarray]] = {
        "untouched": lambda: heard,
        "cross-synthesis": lambda: crossed(heard, reference),
        "convolution": lambda: levelled(fftconvolve(heard, reference[:RATE])[: len(heard)]),
        **{name: lambda name=name: section.rebuilt(magnitude, name) for name in (wishes.phase, "best")},
        "griffin-lim 500": lambda: section.rebuilt(magnitude, "griffin-lim:500"),
        "sound": lambda: section.moved(rebuilt),
    }
    found = section.losses(magnitude)
    rows = []
    for way, make in ways.items():
        sound, taken = timed(make)
        losses = section.losses_of(sound)
        rows.append(
            {
                "way": way,
                "style": pair.name,
                "unseen": judges.share(sound),
                "own": judges.own,
                "optimised": losses.style,
                "spectrogram": found.style,
                "content": losses.content,
                "content_weight": section.content_weight,
                "nearer": float(nearness(sound, reference, heard) < 1),
                **content_kept(sound, heard),
                "seconds": taken,
                "search_s": spent,
            }
        )
    return rows


def crossed(content: np.ndarray, style: np.ndarray) -> np.ndarray:
    """The style, repeated, its bands as loud in each frame as the content's: what a vocoder would do. Mono float32 of
    shape (n_samples,), both at the judges' rate."""
    theirs, ours = frames_of(np.resize(style, len(content))), frames_of(content)
    gains = [np.sqrt(np.add.reduceat(np.abs(each) ** 2, _BANDS[:-1], axis=0) + 1e-9) for each in (ours, theirs)]
    gain = np.repeat(gains[0] / gains[1], np.diff(_BANDS), axis=0)
    shaped = theirs[_BANDS[0] : _BANDS[-1]] * gain
    made = np.zeros_like(theirs)
    made[_BANDS[0] : _BANDS[-1]] = shaped
    return levelled(istft(made, PLAN, length=len(content)))
