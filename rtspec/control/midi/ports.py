"""MIDI ports by name, over whatever back end there is."""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...errors import DeviceError
from .jack import JackMidiInput, library

QUEUE = 16384
"""Messages that the back end keeps between two polls, and that an input keeps until they are read."""

CLIENT = "rtspec"
_THROUGH = "midi through"
_ALSA_SEQUENCER = "/dev/snd/seq"
_OWN_JACK = -1
"""In place of RtMidi's number of a back end: :class:`JackMidiInput` without RtMidi."""


@dataclass(frozen=True)
class MidiPort:
    """A MIDI port: `index` counts over all back ends; `name` is as the back end says it, `api` names the back end."""

    index: int
    name: str
    api: str

    @property
    def stable_name(self) -> str:
        """The name without the numbers that ALSA adds and that change when a device is plugged in anew."""
        words = self.name.split(" ")
        numbers = words[-1].split(":")
        renumbered = self.api == "ALSA" and len(numbers) == 2 and all(part.isdecimal() for part in numbers)
        return " ".join(words[:-1]) if renumbered and len(words) > 1 else self.name

    def __str__(self) -> str:
        return f"{self.index:3d} {self.name}, {self.api}"


def list_ports(direction: str = "input") -> list[MidiPort]:
    """All MIDI ports; empty where there is none. `direction` is "input" (what can be listened to) or "output"."""
    found: list[MidiPort] = []
    for api in back_ends():
        with suppress(Exception):  # a back end that is compiled in and not running has no ports
            client = open_client(api, direction)
            names = client.get_ports()
            client.delete()
            found += [MidiPort(len(found) + i, name, api_name(api)) for i, name in enumerate(names)]
    return found


def find_port(name: str | int = "auto", direction: str = "input") -> MidiPort:
    """The port with this index, name or part of a name; "auto" is the first that is not ALSA's "Midi Through".

    Raises
    ------
    DeviceError
        There is none, or several; the text lists the candidates.
    """
    ports = list_ports(direction)
    found = choose_port(ports, name)
    if len(found) == 1:
        return found[0]
    if not ports:
        more = "" if has_rtmidi() else "; only JACK's are seen without python-rtmidi (pip install 'rtspec[midi]')"
        raise DeviceError(f"there is no MIDI {direction} port; plug a controller in or start a JACK server{more}")
    problem = "fits several ports" if found else f"is no MIDI {direction} port"
    raise DeviceError(f"{name!r} {problem}; choose one of {'; '.join(f'{p.index} {p.name!r}' for p in found or ports)}")


def choose_port(ports: list[MidiPort], name: str | int) -> list[MidiPort]:
    """The ports that `name` means: index, name, part of a name, or "auto"."""
    if name == "auto":
        return [port for port in ports if _THROUGH not in port.name.lower()][:1]
    exact = [p for p in ports if name in (p.name, p.stable_name) or str(name) == str(p.index)]
    return exact or [p for p in ports if str(name).lower() in p.name.lower()]


def back_ends() -> list[int]:
    """The back ends that can work here, without the dummy; without python-rtmidi our own JACK input alone."""
    if not has_rtmidi():
        return [_OWN_JACK]
    import rtmidi

    apis = [api for api in rtmidi.get_compiled_api() if api != rtmidi.API_RTMIDI_DUMMY]
    if sys.platform == "linux" and not os.path.exists(_ALSA_SEQUENCER):
        apis.remove(rtmidi.API_LINUX_ALSA) if rtmidi.API_LINUX_ALSA in apis else None
    return apis


def has_rtmidi() -> bool:
    """Whether python-rtmidi is there; from Python 3.13 on it has no wheels, and rtspec does without."""
    try:
        import rtmidi  # noqa: F401
    except ImportError:
        return False
    return True


def api_name(api: int) -> str:
    """What people call a back end."""
    if api == _OWN_JACK:
        return "Jack"
    import rtmidi

    return rtmidi.get_api_display_name(api)


def open_client(api: int, direction: str = "input") -> Any:
    """A client of a back end, with the methods of RtMidi's; it has opened no port yet."""
    if api == _OWN_JACK:
        if direction == "input":
            return JackMidiInput(CLIENT, QUEUE)
        raise DeviceError("MIDI outputs need python-rtmidi; pip install 'rtspec[midi]'")
    import rtmidi

    jack = api == rtmidi.API_UNIX_JACK
    if jack:
        library()  # keeps RtMidi's outputs quiet too
    if direction == "input":
        return JackMidiInput(CLIENT, QUEUE) if jack else rtmidi.MidiIn(rtapi=api, name=CLIENT, queue_size_limit=QUEUE)
    return rtmidi.MidiOut(rtapi=api, name=CLIENT)
