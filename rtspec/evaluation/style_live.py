"""``rtspec evaluate style-live``: StyleTransfer on contents and networks that its training never met.

A texture is judged on the sound, by random networks of seeds that no training draws, as a share of how far the
untouched content is; beside it stands how far other stretches of the same style, as long as the contents, are: its own
variability.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from ..console import emit, table
from ..style.judging import Texture, unseen_networks
from ..style.measures import content_kept, nearness
from ..style.networks import Ulyanov
from ..training.data.folders import FACTS, clips, tracks
from ..training.data.packages import DataError
from ..training.data.textures import TONAL
from ..training.style.sounds import Style, read_styles, split

KERNELS = (3, 5, 11)
"""Frames that the judges see at once, a judge each."""
SEEDS = (1 << 40,)
SOUND_RATE = 48000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, styles and contents."""
    parser.add_argument("--styles", required=True, metavar="FOLDER", help="as of rtspec data styles: what was learnt")
    parser.add_argument("--contents", required=True, metavar="FOLDER", help="sound that the training did not hear")
    parser.add_argument("--model", default="style-live", metavar="MODEL", help="default: style-live")
    parser.add_argument("--n", type=int, default=10, help="contents (default 10), each with noise of its own")
    parser.add_argument("--seconds", type=float, default=6.0, metavar="S", help="of each content (default 6)")


def run(args: argparse.Namespace) -> None:
    """Measure every style, print a table."""
    rows = measured(args.model, read_styles(args.styles), list(contents(args.contents, args.n, args.seconds)))
    tonal = [row["chroma_r"] for row in rows if row["style"] in TONAL]
    summary = {name: float(np.mean([row[name] for row in rows])) for name in ("share", "own", "envelope_r", "onset_r")}
    summary["times_own"] = summary["share"] / summary["own"]
    summary["chroma_r_tonal"] = float(np.mean(tonal)) if tonal else float("nan")
    summary["statistics_nearer"] = float(np.mean([row["nearer"] for row in rows]))
    text = ", ".join(f"{name} {value:.3f}" for name, value in summary.items())
    emit(args, {"rows": rows, "mean": summary}, f"{table(rows)}\n\n{text}")


def measured(model: str, styles: list[Style], sounds: list[np.ndarray]) -> list[dict]:
    """A row a style: means over the contents. They are mono float32 of shape (n_samples,)."""
    networks = unseen_networks(KERNELS, SEEDS)
    return [_row(model, style, sounds, networks) for style in styles]


def contents(folder: str | Path, n: int, seconds: float) -> Iterator[np.ndarray]:
    """The loudest stretch of each of `n` sounds of a folder, mono, float32, at 48 kHz. Shape (n_samples,)."""
    root = Path(folder)
    prepared = any(root.glob(f"*/{FACTS}"))
    found = clips(root) if prepared else tracks(root)
    if len(found) < n:
        raise DataError(f"{root} holds {len(found)} sounds, {n} are to be measured; give more, or a smaller --n")
    for each in (found[k * len(found) // n] for k in range(n)):
        sound = _mono(each)
        length = round(seconds * SOUND_RATE)
        starts = range(0, max(1, len(sound) - length), SOUND_RATE)
        best = max(starts, key=lambda start: float(np.mean(sound[start : start + length] ** 2)))
        yield np.resize(sound[best : best + length], length)


def _mono(each) -> np.ndarray:
    if hasattr(each, "paths"):
        return each.read(SOUND_RATE, 0.0, 60.0).mean(0)
    rate = each.facts["sample_rate"]
    sound = each.part("original", 0, 60 * rate).mean(0)
    common = int(np.gcd(rate, SOUND_RATE))
    return np.asarray(resample_poly(sound, SOUND_RATE // common, rate // common), np.float32)


def _row(model: str, style: Style, sounds: list[np.ndarray], networks: list[Ulyanov]) -> dict:
    """Means of one style over all contents."""
    from ..processors.style.processor import StyleTransfer

    learnt, other = (part.judged for part in split(style))
    texture, found = Texture(learnt, networks), []
    own = np.mean([texture.distances(each) for each in _stretches(other, len(_at_judges(sounds[0])))], axis=0)
    for seed, sound in enumerate(sounds):
        made = StyleTransfer(style.name, model=model, seed=seed)(sound, SOUND_RATE)
        heard, untouched = _at_judges(made), _at_judges(sound)
        far = texture.distances(untouched)
        found.append(
            {
                "share": float(np.mean(texture.distances(heard) / far)),
                "own": float(np.mean(own / far)),
                **{f"{name}_r": value for name, value in content_kept(heard, untouched).items()},
                "nearer": float(nearness(heard, learnt, untouched) < 1),
                "level_db": 20 * np.log10((np.std(made) + 1e-9) / (np.std(sound) + 1e-9)),
            }
        )
    means = {name: float(np.mean([each[name] for each in found])) for name in found[0]}
    return {"style": style.name, **{name: round(value, 4) for name, value in means.items()}, **_times_own(means)}


def _times_own(means: dict[str, float]) -> dict[str, float]:
    return {"times_own": round(means["share"] / means["own"], 2)}


def _stretches(sound: np.ndarray, n: int) -> list[np.ndarray]:
    """A style's held-out part in pieces as long as what is judged beside them; one, if it is not that long."""
    return [sound[k * n : (k + 1) * n] for k in range(max(1, len(sound) // n))]


def _at_judges(sound: np.ndarray) -> np.ndarray:
    return resample_poly(sound, 147, 320)
