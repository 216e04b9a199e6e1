"""Words of ``rtspec render`` that would do nothing with these files: said, never passed over."""

import argparse
import glob
from pathlib import Path

from ..audio.formats import is_levels, is_score
from ..batch.lists import LIST
from ..batch.plan import is_batch
from ..errors import InvalidValue
from .pipes import PIPE

BIT_DEPTH = "24"
CODED = (".mp3", ".ogg")
"""Endings of files whose samples have no depth."""


def check_words(args: argparse.Namespace) -> None:
    """Raise :class:`InvalidValue` where a word would do nothing."""
    _check_one_file(args)
    _check_controllers(args)
    if args.bit_depth and (args.format or Path(args.target).suffix[1:]).lower() in [end[1:] for end in CODED]:
        raise InvalidValue("--bit-depth does nothing for Ogg Vorbis and MP3, whose samples have none; leave it out")
    if args.salvage and all(is_score(Path(source)) or is_levels(Path(source)) for source in args.source):
        raise InvalidValue("--salvage does nothing for MIDI files and levels: it reads damaged sound; leave it out")


def _check_one_file(args: argparse.Namespace) -> None:
    through_a_pipe = PIPE in (*args.source, args.target)
    if through_a_pipe or (Path(args.source[0]).is_file() and not is_batch(args.source)):
        for word, value in (("--jobs", args.jobs > 1), ("--shard", args.shard != (1, 1)), ("--cluster", args.cluster)):
            if value:
                raise InvalidValue(
                    f"{word} does nothing for one sound; leave it out, or give a folder or several files"
                )
    if through_a_pipe and args.resume:
        raise InvalidValue("--resume does nothing for a pipe, of which nothing is known; leave it out")
    if args.target == PIPE and args.picture:
        raise InvalidValue("--picture has no place beside standard output; name a file, or leave it out")
    if args.target == PIPE and args.format not in (None, "wav"):
        raise InvalidValue(f"--format {args.format}: standard output is WAV; name a file, or leave it out")


def _check_controllers(args: argparse.Namespace) -> None:
    """What only MIDI messages move, where there can be none."""
    if _may_hold_midi(args):
        return
    controllers = [route for route in args.modulate if route.startswith("cc:")]
    for word, given in (("--map", args.map), (f"--modulate {','.join(controllers)}", controllers)):
        if given:
            raise InvalidValue(
                f"{word} does nothing without MIDI messages; render a .mid file, add --automation FILE.mid, or leave it"
                " out"
            )


def _may_hold_midi(args: argparse.Namespace) -> bool:
    if args.automation and is_score(Path(args.automation)):
        return True
    listed = any("://" in source or source.startswith(LIST) for source in args.source)  # what is there is not known yet
    return listed or any(s == PIPE or glob.has_magic(s) or is_score(Path(s)) or Path(s).is_dir() for s in args.source)
