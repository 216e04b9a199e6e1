"""Words of ``rtspec live`` that mean nothing without another one, or beside it: said, never passed over."""

import argparse

from ..errors import InvalidValue
from .sensor import is_sensor

NEEDS = {
    "loop": ("source",),
    "untimed": ("midi", "map"),
    "osc_host": ("osc",),
    "overwrite": ("record",),
}
"""By a word, those of which it needs one."""


def check_words(args: argparse.Namespace) -> None:
    """Raise :class:`InvalidValue` where a word would do nothing."""
    for word, needed in NEEDS.items():
        if _given(args, word) and not any(_given(args, other) for other in needed):
            others = " or ".join(map(_option, needed))
            raise InvalidValue(f"{_option(word)} does nothing without {others}; add {others}, or leave it out")
    if args.loop and is_sensor(args.source):
        raise InvalidValue(f"--loop does nothing for levels ({args.source}), which play once; leave it out")
    for word in ("input", "output", "input_channels", "output_channels", "no_reopen", "allow_feedback"):
        if args.virtual and _given(args, word):
            raise InvalidValue(f"{_option(word)} does nothing with --virtual, the device that is none; leave one out")
    if args.pad and not (args.midi or args.map or args.osc is not None or panel_wanted(args)):
        raise InvalidValue("--pad needs what moves it; add --midi, --osc or --panel")
    for word in ("input", "input_channels"):
        if args.source is not None and args.sensor is None and _given(args, word):
            raise InvalidValue(
                f"{_option(word)} is not heard beside --source, which plays in place of the input; leave one out"
            )


def panel_wanted(args: argparse.Namespace) -> bool:
    """Whether any word asks for a panel."""
    return any(value is not None for value in (args.panel, args.panel_host, args.panel_password))


def _given(args: argparse.Namespace, word: str) -> bool:
    value = getattr(args, word)
    return value is not None and value is not False


def _option(word: str) -> str:
    return f"--{word.replace('_', '-')}"
