"""``rtspec processors [NAME]``."""

import argparse

from ..console import emit
from ..processors.catalogue import OWN, Entry, catalogue, create, entry_of

EXAMPLE = "rtspec processors timbre-synth"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which one to tell of."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME[:MODEL]", help="list this one's parameters: unit, range, default, controller"
    )


def run(args: argparse.Namespace) -> None:
    """List the processors, or one's parameters."""
    if args.name is None:
        rows = [{"name": e.name, "takes": e.argument, "instrument": e.is_instrument, "text": e.text} for e in _all()]
        lines = [f"{e.name + (f':{e.argument}' if e.argument else ''):<20} {e.text}" for e in _all()]
        emit(args, {"processors": rows}, "\n".join([*lines, "\nrtspec processors NAME lists its parameters."]))
        return
    entry, specs = entry_of(args.name.partition(":")[0]), _specs(args.name)
    rows = [{"name": s.name, "unit": s.unit, "minimum": s.minimum, "maximum": s.maximum, "default": s.default,
             "role": s.role, "cc": s.cc, "description": s.description} for s in specs]  # fmt: skip
    head = f"{entry.name}: {entry.text}; in Python rtspec.{entry.class_name}" if entry in OWN else entry.name
    emit(args, {"name": entry.name, "parameters": rows}, "\n".join([head, *map(_line, specs)]))


def _all() -> list[Entry]:
    return list(catalogue().values())


def _specs(name: str) -> list:
    """The parameters of a fresh one; where a model is needed, of one that ships."""
    entry = entry_of(name.partition(":")[0])
    needed = f"{name}:tilt-gate" if entry.needs_argument and ":" not in name else name
    return [parameter.spec for parameter in create(needed).parameters.values()]


def _line(spec) -> str:
    span = f"{spec.minimum:g} to {spec.maximum:g} {spec.unit}".strip()
    controller = f"CC {spec.cc}" if spec.cc is not None else spec.role
    words = "; ".join(word for word in (spec.description, controller) if word)
    return f"  {spec.name:<18} {span:<24} default {spec.default:<8g} {words}".rstrip()
