"""``rtspec devices``."""

import argparse
from dataclasses import asdict

from .output import emit

EXAMPLE = "rtspec devices --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond --json."""


def run(args: argparse.Namespace) -> None:
    """List the audio devices; none is no failure."""
    from ..audio.devices import list_devices

    devices = list_devices()
    text = "\n".join(map(str, devices)) or "no audio device; start a JACK server, or use rtspec live --virtual"
    if devices:
        text += "\n(> default input, < default output; name a device by its index, its name or a part of it)"
    emit(args, {"devices": [asdict(device) for device in devices]}, text)
