"""``rtspec models``."""

import argparse

from ..console import emit
from ..processors.catalogue import player_of

EXAMPLE = "rtspec models"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond --json."""


def run(args: argparse.Namespace) -> None:
    """List the shipped models."""
    from ..models import inspect, models

    shipped = {name: inspect(path) for name, path in models().items()}
    cards = [_card(name, report.model.manifest) for name, report in shipped.items()] or ["no model is installed"]
    data = {"models": {name: report.json() | {"processor": player_of(name)} for name, report in shipped.items()}}
    emit(
        args,
        data,
        "\n".join([*cards, "\nrtspec inspect NAME tells more."]),
    )


def _card(name: str, manifest) -> str:
    ranges = [f"{p.name} {p.min:g} to {p.max:g} {p.unit}".strip() for p in manifest.controls]
    played = player_of(name)
    how = f"\n{'':<16}   --processor {played}" if played else ""
    return f"{name:<16} {manifest.task}{how}" + "".join(f"\n{'':<16}   --set {each}" for each in ranges)
