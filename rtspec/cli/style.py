"""``rtspec style CONTENT STYLE OUT``: one sound in the texture of another, offline."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import options
from ..console import emit, progress
from ..errors import InvalidValue

if TYPE_CHECKING:
    from ..style import Transferred

EXAMPLE = "rtspec style song.wav rain.wav rainy.wav --domain sound --picture"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two sounds, the file to write, and how it is made."""
    parser.add_argument("content", help="a sound file: what happens")
    parser.add_argument("style", help="a sound file: the texture in which it happens (its first 30 s are heard)")
    parser.add_argument("out", help="the file to write: .wav, .flac, .ogg or .mp3")
    parser.add_argument(
        "--network",
        default="ulyanov",
        metavar="NAME[:SEED]|FILE",
        help="ulyanov (default) or wyse-random, and which draw; wyse, or a file of rtspec train wyse",
    )
    parser.add_argument(
        "--content-weight",
        type=options.word_or(("half",), options.number(0, 1e6, "or write half")),
        default="half",
        metavar="W",
        help="more keeps more of the content; half (default) finds the one that leaves about half of it",
    )
    parser.add_argument("--iterations", type=int, default=300, metavar="N", help="of L-BFGS (default 300)")
    parser.add_argument(
        "--start",
        type=options.word_or(("noise", "content"), options.number(0, 1, "or write noise or content")),
        default="noise",
        metavar="noise|content|SHARE",
        help="what is moved (default noise)",
    )
    parser.add_argument(
        "--domain", choices=("spectrogram", "sound"), default="spectrogram", help="sound: go on with the samples"
    )
    parser.add_argument(
        "--phase", default="balanced", metavar="METHOD", help="balanced (default), best, rtpghi, griffin-lim:500, …"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise (default 0)")
    parser.add_argument("--picture", action="store_true", help="draw content, style and result beside OUT, as PNG")


def run(args: argparse.Namespace) -> None:
    """Read, transfer, write, and say how near it came."""
    import numpy as np

    from ..audio import files
    from ..style import transfer

    if Path(args.out).resolve() in (Path(args.content).resolve(), Path(args.style).resolve()):
        raise InvalidValue(f"OUT {args.out} is one of the two sounds that are read; name another file")
    content, rate = files.read(args.content)
    style, _ = files.read(args.style, rate)
    with progress(args.json) as bar:
        task = bar.add_task("style", total=1.0)
        made = transfer(
            content,
            style,
            rate,
            network=args.network,
            content_weight=args.content_weight,
            iterations=args.iterations,
            start=args.start,
            domain=args.domain,
            phase=args.phase,
            seed=args.seed,
            progress=lambda share: bar.update(task, completed=share),
        )
    peak = float(np.abs(made.audio).max())
    audio = made.audio / max(1.0, peak)
    files.write(args.out, audio, rate)
    data = _figures(args.out, made, peak, content.shape[0])
    if args.picture:
        data["picture"] = _draw(Path(args.out), {"content": content, "style": style, "made": audio}, rate)
    emit(args, data, "\n".join(_lines(data)))


def _figures(out: str, made: "Transferred", peak: float, n_channels: int) -> dict[str, Any]:
    return {
        "out": out,
        "spectrogram": {"style": made.spectrogram.style, "content": made.spectrogram.content},
        "sound": {"style": made.sound.style, "content": made.sound.content},
        "unseen": made.unseen,
        "own": made.own if math.isfinite(made.own) else None,
        "content_weight": made.content_weight,
        "sections": made.n_sections,
        "style_seconds": made.style_s,
        "lowered_db": 20 * math.log10(max(1.0, peak)),
        "channels_averaged": n_channels,
        "evaluations": len(made.curve),
    }


def _draw(out: Path, sounds: dict[str, Any], rate: int) -> str:
    from ..pictures.spectrograms import free_name, spectrograms

    path = free_name(out.with_suffix(".png"))
    spectrograms(path, sounds, rate, out.name)
    return str(path)


def _own(share: float | None) -> str:
    return "too short to tell" if share is None else f"{share:.4f}"


def _lines(data: dict[str, Any]) -> list[str]:
    """What was made, in shares: 1 is the untouched content's distance to the style, and silence's to the content."""
    lines = [
        f"{data['out']}: distance to the style, as a share of the untouched content's: {data['sound']['style']:.4f} "
        f"as heard, {data['spectrogram']['style']:.5f} on the spectrogram, {data['unseen']:.4f} by networks that were "
        f"not optimised (the style by itself: {_own(data['own'])})",
        f"distance to the content, as a share of silence's: {data['sound']['content']:.2f} "
        f"(content weight {data['content_weight']:g})",
    ]
    if data["channels_averaged"] > 1:
        lines.append(f"{data['channels_averaged']} channels were averaged to one")
    if data["sections"] > 1:
        lines.append(f"made in {data['sections']} sections, each faded into the next")
    if data["lowered_db"] > 0:
        lines.append(f"lowered by {data['lowered_db']:.1f} dB, so that nothing clips")
    return lines
