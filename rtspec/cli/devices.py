"""``rtspec devices``."""

import argparse
from dataclasses import asdict

from ..console import emit

EXAMPLE = "rtspec devices --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond --json."""


def run(args: argparse.Namespace) -> None:
    """List the audio devices; none is no failure."""
    from ..audio.devices import list_devices
    from ..audio.jack_look import jack_period

    devices, period = list_devices(), jack_period()
    text = (
        "\n".join(f"{device}{_period(device, period)}" for device in devices)
        or "no audio device; start a JACK server, or use rtspec live --virtual"
    )
    if devices:
        text += "\n(> default input, < default output; name a device by its index, its name or a part of it)"
    listed = [{**asdict(device), "period": period if _decides(device) else None} for device in devices]
    emit(args, {"devices": listed}, text)


def _decides(device) -> bool:
    return "JACK" in device.host_api


def _period(device, period: int | None) -> str:
    """How many samples its server hands over at once, where a server decides that."""
    return f", periods of {period} samples" if period and _decides(device) else ""
