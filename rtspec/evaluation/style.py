"""``rtspec evaluate style``: offline style transfer beside baselines, on the sound, by networks that nobody optimised.

For each pair of a content and a style one spectrogram is found; then ways to a sound of it are compared: the phase
method "best", 500 rounds of Griffin-Lim, and the samples moved on (``domain="sound"``). Baselines are the untouched
content, cross-synthesis (the style under the content's band envelopes) and convolution.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import fftconvolve

from ..audio import files
from ..console import emit, table
from ..errors import InvalidValue
from ..frames.stft import istft
from ..style.judging import Judges, levelled
from ..style.measures import content_kept, nearness
from ..style.networks import network_named
from ..style.spectra import PLAN, RATE, frames_of, sound_of
from ..style.transfer import MOST_STYLE_S, Section, Wishes, as_heard
from .style_live import SOUND_RATE, contents

KERNELS = (1, 3, 5, 7, 11, 15)
"""Frames of the unseen networks."""
_BANDS = np.unique(np.geomspace(2, PLAN.n_bins, 41).astype(int))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which sounds, and how each transfer is made."""
    parser.add_argument("--contents", required=True, metavar="FOLDER", help="of sounds, or of rtspec data music")
    parser.add_argument("--styles", required=True, metavar="FOLDER", help="of sounds: a texture a file")
    parser.add_argument("--pairs", type=int, default=5, metavar="N", help="of a content and a style (default 5)")
    parser.add_argument("--seconds", type=float, default=8.0, metavar="S", help="of each content (default 8)")
    parser.add_argument("--network", default="ulyanov", metavar="NAME", help="default: ulyanov")
    parser.add_argument("--iterations", type=int, default=300, metavar="N", help="default 300")
    parser.add_argument("--content-weight", type=_weight, default="half", metavar="W", help="default: half is kept")


def _weight(text: str) -> Any:
    return text if text == "half" else float(text)


def run(args: argparse.Namespace) -> None:
    """Measure every pair, print a table of the means and one of the pairs."""
    styles = sorted(path for path in Path(args.styles).iterdir() if path.suffix in (".wav", ".flac", ".ogg", ".mp3"))
    if not styles:
        raise InvalidValue(f"{args.styles} holds no .wav, .flac, .ogg or .mp3; give a folder of textures")
    wishes = Wishes(network=args.network, iterations=args.iterations, content_weight=args.content_weight)
    rows = []
    for k, content in enumerate(contents(args.contents, args.pairs, args.seconds)):
        rows += pair(content, styles[k % len(styles)], wishes)
    means = [_mean(rows, way) for way in dict.fromkeys(row["way"] for row in rows)]
    emit(args, {"means": means, "pairs": rows}, f"{table(means)}\n\n{table(rows)}")


def pair(content: np.ndarray, style_file: Path, wishes: Wishes) -> list[dict[str, Any]]:
    """A row for each way of one pair; the content is at :data:`rtspec.evaluation.style_live.SOUND_RATE`. It is mono
    float32 of shape (n_samples,)."""
    reference = as_heard(*files.read(style_file), "style")[0][: round(MOST_STYLE_S * RATE)]
    heard = as_heard(content, SOUND_RATE, "content")[0]
    section = Section(network_named(wishes.network), reference, heard, wishes)
    magnitude, spent = _timed(section.magnitude)
    judges = Judges(reference, heard, KERNELS)
    best = sound_of(magnitude, len(heard), wishes.phase)
    ways: dict[str, Callable[[], np.ndarray]] = {
        "untouched": lambda: heard,
        "cross-synthesis": lambda: crossed(heard, reference),
        "convolution": lambda: levelled(fftconvolve(heard, reference[:RATE])[: len(heard)]),
        "best": lambda: sound_of(magnitude, len(heard), wishes.phase),
        "griffin-lim 500": lambda: sound_of(magnitude, len(heard), "griffin-lim:500"),
        "sound": lambda: section.moved(best),
    }
    found = section.losses(magnitude)
    rows = []
    for way, make in ways.items():
        sound, taken = _timed(make)
        losses = section.losses(np.abs(frames_of(sound)))
        rows.append(
            {
                "way": way,
                "style": style_file.stem,
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


def _timed(make: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """What is made, and the seconds of processor time that it took."""
    start = time.process_time()
    return make(), time.process_time() - start


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


def _mean(rows: list[dict[str, Any]], way: str) -> dict[str, Any]:
    chosen = [row for row in rows if row["way"] == way]
    names = [name for name in chosen[0] if name not in ("way", "style")]
    return {"way": way, "pairs": len(chosen), **{name: float(np.mean([row[name] for row in chosen])) for name in names}}
