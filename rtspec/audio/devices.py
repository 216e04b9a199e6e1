"""What audio devices there are, how to name one, and how to find one again that has vanished."""

import atexit
import ctypes
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakSet

from ..errors import DeviceError
from .jack_look import leave_server, monitors, server_lives, stand_beside
from .outliving import outlived
from .pulse_look import default_monitors


@dataclass(frozen=True)
class Device:
    """An audio device as PortAudio sees it: `inputs` and `outputs` are channels, `sample_rate` its default in Hz."""

    index: int
    name: str
    host_api: str
    inputs: int
    outputs: int
    sample_rate: float
    is_default_input: bool = False
    is_default_output: bool = False

    def __str__(self) -> str:
        marks = ("<" if self.is_default_output else " ") + (">" if self.is_default_input else " ")
        channels = f"{self.inputs} in, {self.outputs} out"
        return f"{marks}{self.index:3d} {self.name}, {self.host_api} ({channels}) {self.sample_rate:g} Hz"


_playing: WeakSet[Any] = WeakSet()
"""Streams that are open, which PortAudio's own end would close."""

_left = [False]
"""Whether a device was left open because closing it could hang, or abort the process."""


_forked = [0]
"""The process that PortAudio was loaded in, where this one was forked from it."""


def portaudio() -> Any:
    """The sounddevice module, or :class:`DeviceError` where PortAudio is not installed, or is not this process's."""
    if _forked[0]:
        raise DeviceError(
            f"process {os.getpid()} was forked from {_forked[0]}, which uses PortAudio already, and a library with"
            " threads of its own does not outlive a fork: it would hang here; start it by multiprocessing's 'spawn',"
            " open its stream before the parent's, or play on the virtual device: rtspec.Devices(virtual=True)"
        )
    return _loaded()


@cache
def _loaded() -> Any:
    try:
        import sounddevice
    except OSError as error:
        raise DeviceError(
            f"{error}: audio devices need PortAudio; install it (Debian: apt-get install libportaudio2)"
        ) from None
    atexit.unregister(sounddevice._exit_handler)
    atexit.register(_end, sounddevice)
    stand_beside()
    return sounddevice


def _end(sd: Any) -> None:
    """Close PortAudio at the interpreter's end, unless it has a dead server's client: that would abort the process."""
    if _forked[0] or _left[0] or _has_dead_client(sd):
        return
    if not _on_jack(sd):
        sd._exit_handler()
    elif outlived(sd._exit_handler, server_lives):
        leave_server()


def _has_dead_client(sd: Any) -> bool:
    return _on_jack(sd) and not server_lives()


def _on_jack(sd: Any) -> bool:
    """Whether PortAudio is the client of a JACK server."""
    return bool(sd._initialized) and any("JACK" in api["name"] and api["devices"] for api in sd.query_hostapis())


def _after_fork() -> None:
    if _loaded.cache_info().currsize:
        _forked[0] = _forked[0] or os.getppid()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def note_open(stream: object) -> None:
    """A stream of PortAudio's has been opened: until :func:`note_closed` no new look at the devices is possible."""
    _playing.add(stream)


def note_closed(stream: object, left: bool = False) -> None:
    """It is closed, or `left` alone for ever."""
    _playing.discard(stream)
    _left[0] = _left[0] or left


def can_look_again() -> bool:
    """Whether nothing plays that a new look at the devices would end."""
    return not _playing


def look_again(died: bool = False) -> None:
    """Let PortAudio find devices anew.

    Parameters
    ----------
    died : bool
        A stream's device has just vanished. PortAudio cannot end a stream whose JACK server is gone: it hangs or
        aborts the process. So it is left alone for ever, and a second copy of the library, which knows nothing of it,
        takes over.
    """
    sd: Any = portaudio()
    copy = None
    if died or _left[0] or _has_dead_client(sd) or not outlived(sd._terminate, server_lives):
        copy = _copied(sd)
    if copy is not None:
        for library in (sd._lib, copy):  # threads of the sound system run in their code until the process ends
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))
        sd._lib, sd._initialized = copy, 0
        _left[0] = False
    try:
        sd._initialize()
        stand_beside()
    except sd.PortAudioError as error:
        raise DeviceError(f"PortAudio does not start: {str(error).splitlines()[0]}") from None


def _copied(sd: Any) -> Any:
    """PortAudio loaded once more; None where the system shows no path of the first one."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return None
    paths = [line.split(maxsplit=5)[-1] for line in lines if "libportaudio" in line]
    there = next((path for path in paths if os.path.exists(path)), None)
    if there is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(there, Path(folder) / "libportaudio.so")
        return sd._ffi.dlopen(str(copy))


def list_devices() -> list[Device]:
    """All audio devices, a JACK server once; empty where there is none."""
    sd = portaudio()
    apis, (default_in, default_out) = sd.query_hostapis(), sd.default.device
    found = []
    for index, entry in enumerate(sd.query_devices()):
        api = apis[entry["hostapi"]]
        found.append(
            Device(
                index,
                entry["name"],
                api["name"],
                entry["max_input_channels"],
                entry["max_output_channels"],
                entry["default_samplerate"],
                index == (default_in if default_in >= 0 else api["default_input_device"]),
                index == (default_out if default_out >= 0 else api["default_output_device"]),
            )
        )
    return _without_detours(found) if any(map(_is_jack, found)) else found


def _without_detours(found: list[Device]) -> list[Device]:
    """JACK's own devices in place of ALSA's plug-in to them, as defaults too."""
    hidden = [device for device in found if _is_detour(device)]
    ins, outs = (any(d.is_default_input for d in hidden), any(d.is_default_output for d in hidden))
    shown = []
    for device in (d for d in found if d not in hidden):
        takes_in = ins and _is_jack(device) and device.inputs > 0
        takes_out = outs and _is_jack(device) and device.outputs > 0
        ins, outs = ins and not takes_in, outs and not takes_out
        is_in, is_out = device.is_default_input or takes_in, device.is_default_output or takes_out
        shown.append(replace(device, is_default_input=is_in, is_default_output=is_out))
    return shown


def _is_jack(device: Device) -> bool:
    return "JACK" in device.host_api


def _is_detour(device: Device) -> bool:
    """ALSA's plug-in to the JACK server, which hides the server's period behind buffers of its own."""
    return device.host_api == "ALSA" and device.name == "jack"


def find_device(name: str | int | None, kind: str, allow_feedback: bool = False) -> Device:
    """The device with this index, name or part of a name; the default one where None. `kind` is "input" or "output".

    The default input is none that hears the own output, unless `allow_feedback`. Before a refusal the devices are
    looked at anew.
    """
    if can_look_again() and _has_dead_client(portaudio()):
        look_again()
    try:
        return _found(name, kind, allow_feedback)
    except DeviceError:
        if not can_look_again():
            raise
    look_again()
    return _found(name, kind, allow_feedback)


def _found(name: str | int | None, kind: str, allow_feedback: bool) -> Device:
    usable = [d for d in list_devices() if (d.inputs if kind == "input" else d.outputs) > 0]
    if not usable:
        raise DeviceError(
            f"there is no audio {kind} device; plug one in, start a JACK server, or do without: live --virtual,"
            " rtspec.Devices(virtual=True), tag FILE"
        )
    if name is None:
        if kind == "input" and not allow_feedback:
            usable = _without_monitors(usable)
        default = [d for d in usable if (d.is_default_input if kind == "input" else d.is_default_output)]
        return (default or usable)[0]
    exact = [d for d in usable if name in (d.index, d.name) or str(name) == str(d.index)]
    matches = exact or [d for d in usable if str(name).lower() in d.name.lower()]
    if len(matches) == 1:
        return matches[0]
    problem = "fits several devices" if matches else f"is no {kind} device"
    listed = "; ".join(f"{d.index} {d.name!r}" for d in matches or usable)
    raise DeviceError(f"{kind} device {name!r} {problem}; choose one of {listed}")


def _without_monitors(usable: list[Device]) -> list[Device]:
    """Inputs that hear something else than what this machine plays."""
    heard = monitors() | default_monitors()
    found = [d for d in usable if d.name not in heard]
    if not found:
        named = ", ".join(repr(d.name) for d in usable)
        raise DeviceError(
            f"the only input is the monitor of the machine's own output ({named}): it would howl; plug in an input,"
            " name one, play a source, or allow feedback"
        )
    return found


def find_again(device: Device) -> Device:
    """The same device after :func:`look_again`, which may have given it another index or sample rate.

    Raises
    ------
    DeviceError
        It is not there.
    """
    for found in list_devices():
        if (found.name, found.host_api) == (device.name, device.host_api):
            return found
    raise DeviceError(f"audio device {device.name!r} is not there; plug it in or start its server")
