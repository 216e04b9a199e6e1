"""Verbs that play: keys, takes, the source, devices, and models that were dropped."""

from pathlib import Path
from typing import Any

from ..audio.devices import find_device, list_devices
from ..chain.plugin import Plugin
from ..checks import flag, number, text
from ..control.presets import check_name
from ..errors import InvalidValue
from ..live import transport
from ..schema import by_name, integer, optional
from .desk import Desk
from .verbs import plain, verb

VIRTUAL = "virtual"
"""The name of the paced virtual device among the outputs."""

LOOKING = "looking for devices"

BLOCKS = (32, 64, 128, 256, 512, 1024)


# Keys -----------------------------------------------------------------------------------------------------------------


@verb("note", key=integer(0, 127), velocity=integer(0, 127))
def _note(desk: Desk, client: int, key: int, velocity: int) -> str | None:
    from mido import Message

    off = Message("note_off", note=key)
    heard = desk.play(client, Message("note_on", note=key, velocity=velocity) if velocity else off, off)
    return None if heard or not velocity else "no instrument is in the chain; add timbre-synth"


@verb("pressure", key=integer(0, 127), value=integer(0, 127))
def _pressure(desk: Desk, client: int, key: int, value: int) -> None:
    from mido import Message

    desk.stream.send(Message("polytouch", note=key, value=value))


@verb("controller", number=integer(0, 127), value=integer(0, 127))
def _controller(desk: Desk, client: int, number: int, value: int) -> None:
    from mido import Message

    desk.play(client, *(Message("control_change", control=number, value=at) for at in (value, 0)))


@verb("bend", value=integer(-8192, 8191))
def _bend(desk: Desk, client: int, value: int) -> None:
    from mido import Message

    desk.play(client, *(Message("pitchwheel", pitch=at) for at in (value, 0)))


@verb("silence")
def _silence(desk: Desk, client: int) -> None:
    desk.controllers.silence()


# Takes and the source -------------------------------------------------------------------------------------------------


@verb("record", slow=True, name=text)
def _record(desk: Desk, client: int, name: str) -> str:
    path = Path(check_name(name)).with_suffix(".wav")
    return f"recording to {desk.stream.record(path)[1]}"


@verb("stop_recording", slow=True)
def _stop_recording(desk: Desk, client: int) -> str:
    paths = desk.stream.takes.stop(desk.session.exchange)
    return f"{paths[1]} is whole" if paths else "nothing is being recorded"


@verb("pause", on=flag)
def _pause(desk: Desk, client: int, on: bool) -> None:
    if not transport.source_frames(desk.session):
        raise InvalidValue("there is no source to pause; start with --source FILE")
    transport.pause(desk.session, on)


@verb("seek", slow=True, seconds=number)
def _seek(desk: Desk, client: int, seconds: float) -> None:
    transport.seek(desk.session, round(seconds * desk.session.settings.sample_rate))


# Devices --------------------------------------------------------------------------------------------------------------


@verb("look", LOOKING, slow=True)
def _look(desk: Desk, client: int) -> None:
    look_at_devices(desk)


def look_at_devices(desk: Desk) -> None:
    """Note what devices and MIDI ports there are now."""
    from ..control.midi.ports import list_ports
    from ..errors import DeviceError

    try:
        found = list_devices()
    except DeviceError:  # no PortAudio: the virtual device is left
        found = []
    desk.devices = {
        "outputs": [*(device.name for device in found if device.outputs), VIRTUAL],
        "inputs": [device.name for device in found if device.inputs],
        "midi": [port.name for port in list_ports()],
    }


@verb("device", "changing the device", slow=True, output=text, input=optional(text), block=optional(integer(1, 8192)))
def _device(desk: Desk, client: int, output: str, input: str | None, block: int | None) -> None:
    if output == VIRTUAL:
        devices = None, None
    else:
        reader = None if input is None or transport.source_frames(desk.session) else find_device(input, "input", True)
        devices = reader, find_device(output, "output")
    desk.stream.move_to(devices, block)


@verb("listen", slow=True, port=optional(text))
def _listen(desk: Desk, client: int, port: str | None) -> None:
    desk.controllers.listen_to(port)


# Models that were dropped ---------------------------------------------------------------------------------------------


@verb("drop", name=text, size=integer(1, 1 << 40))
def _drop(desk: Desk, client: int, name: str, size: int) -> None:
    desk.drops.begin(client, name, size)


@verb("dropped", foreign=True, at=optional(integer(0, 1000)))
def _dropped(desk: Desk, client: int, at: int | None) -> dict | str:
    from .models import looked_at

    found = looked_at(desk.drops.complete(client))
    if found["kind"] != "package":
        return {"drop": found}
    desk.rack.add(_playing(found, desk.drops.path(client)), at)
    desk.drops.forget(client)
    return f"{found['name']} plays"


@verb(
    "adopt",
    foreign=True,
    like=optional(text),
    fields=by_name(plain, most=64),
    at=optional(integer(0, 1000)),
    streaming=flag,
)
def _adopt(
    desk: Desk, client: int, like: str | None, fields: dict, at: int | None, streaming: bool
) -> dict[str, object]:
    from .models import adopted

    made = adopted(desk.drops.path(client), like, fields, streaming)
    desk.rack.add(_playing({"player": "onnx"}, Path(made["path"])), at)
    desk.drops.forget(client)
    doubts = "; ".join(made["doubts"])
    return {"adopted": made, "say": f"{made['path']} plays" + (f"; unsure: {doubts}" if doubts else "")}


def _playing(found: dict, path: Path) -> Plugin:
    from ..processors.catalogue import create, entry_of

    if found["player"] == "onnx":
        return create(f"onnx:{path}")
    made: Any = entry_of(found["player"]).load()
    return made(model=path)
