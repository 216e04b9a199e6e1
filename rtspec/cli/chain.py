"""``--processor NAME[:MODEL]`` and ``--set NAME=VALUE``: a chain of processors from words."""

import argparse
from typing import TYPE_CHECKING

from ..errors import InvalidValue

if TYPE_CHECKING:
    from ..chain.board import Pedalboard

DEFAULT = "inversion"


def add_chain_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two options; the chain's description ends up in ``args.chain``."""
    parser.set_defaults(chain=[])
    parser.add_argument(
        "--processor",
        metavar="NAME[:MODEL]",
        action=_AddProcessor,
        help=f"a processor of the chain, in order; repeats: inversion, onnx:tilt-gate, onnx:a.onnx (default {DEFAULT});"
        " rtspec processors lists all",
    )
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action=_AddSetting,
        help="a setting or parameter of the processor before it; repeats; e.g. --set bands=mel --set mix=0.8",
    )

    parser.add_argument(
        "--modulate",
        metavar="SOURCE,NAME,DEPTH",
        action="append",
        default=[],
        help="let a source move a parameter by a share of its range; repeats: lfo:0.5,z1,0.3, envelope,mix,-0.5,"
        " cc:21,z2,1, reading:share,z3,0.2; then ,CURVE,ATTACK_S,RELEASE_S where wanted; or a .json file of routes",
    )


def make_chain(args: argparse.Namespace) -> "list | Pedalboard":
    """The processors that the options describe; in a board where something moves them."""
    plugins = [_make(name, settings) for name, settings in args.chain or [(DEFAULT, {})]]
    from ..chain.routes import modulated

    return modulated(plugins, getattr(args, "modulate", []))


def describe(args: argparse.Namespace) -> str:
    """The chain in words."""
    words = [name + "".join(f" {k}={v}" for k, v in settings.items()) for name, settings in args.chain]
    return " → ".join(words or [DEFAULT])


def _make(name: str, settings: dict):
    from ..processors import create

    try:
        return create(name, **settings)
    except TypeError as error:
        words = " ".join(f"{key}={value}" for key, value in settings.items())
        kind = name.partition(":")[0]
        raise InvalidValue(
            f"{name} takes no such setting ({words}): {error}; rtspec processors {kind} lists parameters"
        ) from error


class _AddProcessor(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        namespace.chain = [*namespace.chain, (values, {})]


class _AddSetting(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        name, equals, value = str(values).partition("=")
        if not (name and equals and value):
            parser.error(f"--set {values}: write NAME=VALUE, e.g. --set mix=0.8")
        chain = namespace.chain or [(DEFAULT, {})]
        last, settings = chain[-1]
        namespace.chain = [*chain[:-1], (last, {**settings, name.replace("-", "_"): _value(value)})]


def _value(text: str):
    """A whole number, a number, or the word itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
