"""What the running JACK or PipeWire server says of itself, asked of the library that PortAudio plays through.

A client of our own that only asks stands beside PortAudio's. It is told when its server dies, and so is known what
PortAudio does not tell: that to touch its client again would hang or abort the process.
"""

import ctypes
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_int, c_uint32, c_ulong, c_void_p
from functools import cache
from typing import Any

_NO_START_SERVER, _IS_OUTPUT = 1, 2
_SEMAPHORE_BYTES = 64


@cache
def _library() -> Any:
    """The system's libjack, which PortAudio has loaded already; None where there is none."""
    try:
        jack = ctypes.CDLL("libjack.so.0")
    except OSError:
        return None
    silent = ctypes.cast(ctypes.CDLL(None).strlen, c_void_p)  # any function of one text that needs no GIL
    jack.jack_set_error_function(silent)
    jack.jack_set_info_function(silent)
    for name, result, arguments in (
        ("jack_client_open", c_void_p, (c_char_p, c_int, POINTER(c_int))),
        ("jack_client_close", c_int, (c_void_p,)),
        ("jack_on_shutdown", None, (c_void_p, c_void_p, c_void_p)),
        ("jack_get_buffer_size", c_uint32, (c_void_p,)),
        ("jack_get_ports", POINTER(c_char_p), (c_void_p, c_char_p, c_char_p, c_ulong)),
        ("jack_free", None, (c_void_p,)),
    ):
        function = getattr(jack, name)
        function.restype, function.argtypes = result, arguments
    return jack


class Witness:
    """A client that only asks, and is told when its server dies: libjack then posts a semaphore."""

    def __init__(self):
        self._jack, self._c = _library(), ctypes.CDLL(None)
        self._died = ctypes.create_string_buffer(_SEMAPHORE_BYTES)
        self._c.sem_init(self._died, 0, 0)
        opened = self._jack and self._jack.jack_client_open(b"rtspec look", _NO_START_SERVER, ctypes.byref(c_int()))
        self._client = opened or None
        if self._client:
            tell = ctypes.cast(self._c.sem_post, c_void_p)
            self._jack.jack_on_shutdown(self._client, tell, ctypes.addressof(self._died))

    @property
    def alive(self) -> bool:
        """Whether the server that it belongs to is there."""
        posted = c_int()
        self._c.sem_getvalue(self._died, ctypes.byref(posted))
        return self._client is not None and posted.value == 0

    def ask(self, question: Callable[[Any, Any], Any]) -> Any:
        """What the library's functions answer for this client; None without a server."""
        return question(self._jack, self._client) if self.alive else None

    def close(self) -> None:
        """Leave the server; one that is dead is left alone."""
        if self.alive:
            self._jack.jack_client_close(self._client)
            self._client = None


_witnesses: list[Witness] = []
"""The present one is the last; those of dead servers stay where libjack can find them."""


def stand_beside() -> None:
    """Have a witness of the server that PortAudio has just found."""
    if _witnesses:
        _witnesses[-1].close()
    _witnesses.append(Witness())


def server_lives() -> bool:
    """Whether the server that PortAudio found is still there."""
    return bool(_witnesses) and _witnesses[-1].alive


def leave_server() -> None:
    """Let the witness go, at the end."""
    if _witnesses:
        _witnesses[-1].close()


def jack_period() -> int | None:
    """Frames a period of the server that PortAudio found; None where there is none."""
    if not _witnesses:
        return None
    return _witnesses[-1].ask(lambda jack, client: int(jack.jack_get_buffer_size(client)) or None)


def device_there(name: str) -> bool:
    """Whether a device of this name still has ports; True where nobody answers."""
    if not _witnesses:
        return True
    ports = _witnesses[-1].ask(lambda jack, client: _ports(jack, client, 0))
    return ports is None or any(port.rpartition(":")[0] == name for port in ports)


def jack_devices() -> dict[str, bool] | None:
    """Names of the devices whose inputs there are; whether they hear nothing but what their own outputs play."""
    ports = _witnesses[-1].ask(_output_ports) if _witnesses else None
    if ports is None:
        return None
    found: dict[str, bool] = {}
    for port in ports:
        device, _, name = port.rpartition(":")
        found[device] = found.get(device, True) and name.startswith("monitor")
    return found


def _output_ports(jack: Any, client: Any) -> list[str]:
    return _ports(jack, client, _IS_OUTPUT)


def _ports(jack: Any, client: Any, flags: int) -> list[str]:
    listed, ports = jack.jack_get_ports(client, None, b"audio", flags), []
    while listed and listed[len(ports)]:
        ports.append(listed[len(ports)])
    jack.jack_free(listed)
    return [bytes(port).decode(errors="replace") for port in ports]


def monitors() -> set[str]:
    """Devices on the server whose inputs are nothing but what their own outputs play."""
    return {name for name, monitor in (jack_devices() or {}).items() if monitor}
