"""``rtspec models``."""

import argparse

from ..console import emit

EXAMPLE = "rtspec models"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond --json."""


def run(args: argparse.Namespace) -> None:
    """List the shipped models."""
    from ..models import inspect, models

    shipped = {name: inspect(path) for name, path in models().items()}
    cards = [_card(name, report.model.manifest) for name, report in shipped.items()] or ["no model is installed"]
    data = {"models": {name: report.json() for name, report in shipped.items()}}
    emit(
        args,
        data,
        "\n".join([*cards, "\nrtspec inspect NAME tells more; rtspec live --processor onnx:NAME plays one."]),
    )


def _card(name: str, manifest) -> str:
    ranges = [f"{p.name} {p.min:g} to {p.max:g} {p.unit}".strip() for p in manifest.controls]
    return f"{name:<14} {manifest.task}" + "".join(f"\n{'':<14}   --set {each}" for each in ranges)
