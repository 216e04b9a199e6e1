"""What the running JACK or PipeWire server says of itself, asked of the library that PortAudio plays through."""

import ctypes
import os
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_int, c_uint32, c_ulong, c_void_p
from functools import cache
from typing import Any

_NO_START_SERVER, _IS_OUTPUT = 1, 2
_PORTAUDIO = ("PortAudio", *(f"PortAudio-{i:02d}" for i in range(1, 10)))
"""Names that PortAudio's client has: a server numbers those that are taken."""


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
        ("jack_get_buffer_size", c_uint32, (c_void_p,)),
        ("jack_get_client_pid", c_int, (c_char_p,)),
        ("jack_get_ports", POINTER(c_char_p), (c_void_p, c_char_p, c_char_p, c_ulong)),
        ("jack_free", None, (c_void_p,)),
    ):
        function = getattr(jack, name)
        function.restype, function.argtypes = result, arguments
    return jack


def _asked(question: Callable[[Any, Any], Any]) -> Any:
    """An answer of the default server, to a client that only asks; None where no server answers."""
    jack = _library()
    client = jack and jack.jack_client_open(b"rtspec look", _NO_START_SERVER, ctypes.byref(c_int()))
    if not client:
        return None
    try:
        return question(jack, client)
    finally:
        jack.jack_client_close(client)


def jack_period() -> int | None:
    """Frames a period of the default server; None where no server answers."""
    return _asked(lambda jack, client: int(jack.jack_get_buffer_size(client)) or None)


def knows_us() -> bool:
    """Whether the server that answers now is the one that PortAudio's client in this process belongs to."""
    us = os.getpid()
    return bool(_asked(lambda jack, _: any(jack.jack_get_client_pid(name.encode()) == us for name in _PORTAUDIO)))


def monitors() -> set[str]:
    """Names of devices whose inputs are nothing but what their own outputs play."""

    def look(jack: Any, client: Any) -> set[str]:
        listed = jack.jack_get_ports(client, None, b"audio", _IS_OUTPUT)
        ports = [bytes(name).decode(errors="replace") for name in _until_null(listed)]
        jack.jack_free(listed)
        names = {port.rsplit(":", 1)[0] for port in ports}
        real = {port.rsplit(":", 1)[0] for port in ports if not port.rsplit(":", 1)[1].startswith("monitor")}
        return names - real

    return _asked(look) or set()


def _until_null(listed: Any) -> list[bytes]:
    found: list[bytes] = []
    while listed and listed[len(found)]:
        found.append(listed[len(found)])
    return found
