"""Pairs of a content and a style, as the evaluations of offline style transfer take them."""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..audio import files
from ..errors import InvalidValue
from ..options import number, word_or
from ..style.spectra import RATE
from ..style.transfer import MOST_STYLE_S, Wishes, as_heard
from .style_live import SOUND_RATE, contents

KERNELS = (1, 3, 5, 7, 11, 15)
"""Frames of the unseen networks."""


@dataclass(frozen=True)
class Pair:
    """A style's name, and both sounds as the networks hear them: mono, at 22 050 Hz, float32 of shape (n_samples,)."""

    name: str
    style: np.ndarray
    content: np.ndarray


def add_pair_arguments(parser: argparse.ArgumentParser) -> None:
    """Which sounds, and how each transfer is made."""
    parser.add_argument("--contents", required=True, metavar="FOLDER", help="of sounds, or of rtspec data music")
    parser.add_argument("--styles", required=True, metavar="FOLDER", help="of sounds: a texture a file")
    parser.add_argument("--pairs", type=int, default=5, metavar="N", help="of a content and a style (default 5)")
    parser.add_argument("--seconds", type=float, default=8.0, metavar="S", help="of each content (default 8)")
    parser.add_argument("--iterations", type=int, default=300, metavar="N", help="default 300")
    parser.add_argument(
        "--content-weight",
        type=word_or(("half",), number(0, 1e6, "or write half")),
        default="half",
        metavar="W",
        help="default: half is kept",
    )


def wishes_of(args: argparse.Namespace, **more: Any) -> Wishes:
    """How each transfer is made."""
    return Wishes(iterations=args.iterations, content_weight=args.content_weight, **more)


def pairs(args: argparse.Namespace) -> Iterator[Pair]:
    """Contents, each with the next style.

    Raises
    ------
    InvalidValue
        No style.
    """
    styles = sorted(path for path in Path(args.styles).iterdir() if files.is_audio(path))
    if not styles:
        raise InvalidValue(f"{args.styles} holds no sound; give a folder of textures")
    for k, content in enumerate(contents(args.contents, args.pairs, args.seconds)):
        style = styles[k % len(styles)]
        reference = as_heard(*files.read(style), "style")[0][: round(MOST_STYLE_S * RATE)]
        yield Pair(style.stem, reference, as_heard(content, SOUND_RATE, "content")[0])


def timed(make: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """What is made, float32 of any shape, and the seconds of processor time that it took."""
    start = time.process_time()
    return make(), time.process_time() - start


def means(rows: list[dict[str, Any]], by: str) -> list[dict[str, Any]]:
    """The means over pairs of each way."""
    found = []
    for way in dict.fromkeys(row[by] for row in rows):
        chosen = [row for row in rows if row[by] == way]
        names = [name for name, value in chosen[0].items() if isinstance(value, float)]
        numbers = {name: float(np.mean([row[name] for row in chosen])) for name in names}
        found.append({by: way, "pairs": len(chosen), **numbers})
    return found
