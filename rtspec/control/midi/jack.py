"""MIDI from JACK, with a compiled callback that checks what it is given.

RtMidi's JACK input does not ask whether an event could be had. Where its client is late, the server is writing the next
period into the same buffer already; RtMidi then copies whatever lies on its stack, and the process dies. Here a late
period costs its messages. A client has the methods of RtMidi's inputs, as far as :mod:`rtspec.control.midi.inputs`
calls them.

References
----------
JACK's C interface: jack/jack.h and jack/midiport.h.
"""

import ctypes
import time
from contextlib import suppress
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_ulong, c_void_p
from ctypes.util import find_library
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import carray, njit, types

from ...buffers.atomics import load_acquire, publish, read, store_release
from ...buffers.clock import MARKS, period_began
from ...buffers.memory import address, aligned, integers, memmove, pointer
from ...buffers.semaphore import Semaphore, sem_post, sem_timedwait
from ...buffers.step import call_step
from ...errors import DeviceError, InvalidValue

_SHARED = ("head", "tail", "port", "lost", "torn")
_HEAD, _TAIL, _PORT, _LOST, _TORN = range(5)
_PLACES = ("slots", "event", "client", "marks", "get_buffer", "count", "get", "now_us")
_COUNTS = ("capacity", "port_bytes", "rate", "frames", "periods")
STATE = np.dtype([(name, "i8") for name in (*_SHARED, *_COUNTS, "arrival", *_PLACES)])
EVENT = np.dtype(
    {"names": ["frame", "size", "data"], "formats": ["u4", "i8", "i8"], "offsets": [0, 8, 16], "itemsize": 24}
)
"""``jack_midi_event_t``."""

HEADER_BYTES, LONGEST = 16, 48
SLOT_BYTES = HEADER_BYTES + LONGEST
"""Of a message on its way: when its frame comes in microseconds, its length, its bytes. Longer ones are system
exclusive; their first bytes and their last are kept."""

_MIDI = b"8 bit raw midi"
_IS_INPUT, _IS_OUTPUT, _NO_START_SERVER = 1, 2, 1
_SYSEX, _SYSEX_END, _FIRST_STATUS, _FIRST_REAL_TIME = 0xF0, 0xF7, 0x80, 0xF8


# The callback ---------------------------------------------------------------------------------------------------------


@njit
def _keep(s, state, event, time_us):
    """Put a message into the queue; one that finds it full is counted."""
    head = load_acquire(state + 8 * _HEAD)
    if head - load_acquire(state + 8 * _TAIL) >= s.capacity:
        s.lost += 1
        return
    place, n = s.slots + SLOT_BYTES * (head % s.capacity), min(event.size, LONGEST)
    header = integers(place, 2)
    header[0], header[1] = time_us, n
    memmove(place + HEADER_BYTES, event.data, n)
    memmove(place + HEADER_BYTES + n - 1, event.data + event.size - 1, 1)
    store_release(state + 8 * _HEAD, head + 1)


def _process(n_frames, state):
    """JACK's process callback: every event of the period that lies whole within the port's buffer."""
    s = carray(pointer(state), 1, STATE)[0]
    event = carray(pointer(s.event), 1, EVENT)[0]
    seen_ns, ns_a_frame = 1000 * call_step(s.now_us, s.client, 0, 0, 0), 1e9 / s.rate
    began_us = period_began(s.marks, s.periods, s.frames, seen_ns, ns_a_frame, n_frames) // 1000
    s.periods += 1
    s.frames += n_frames
    port = load_acquire(state + 8 * _PORT)
    if port == 0:
        return 0
    buffer = call_step(s.get_buffer, port, n_frames, 0, 0)
    n_events = call_step(s.count, buffer, 0, 0, 0) & 0xFFFFFFFF
    if n_events == 0:
        return 0
    for i in range(n_events):
        failed = call_step(s.get, s.event, buffer, i, 0) & 0xFFFFFFFF
        within = buffer <= event.data and 0 < event.size <= buffer + s.port_bytes - event.data
        if failed != 0 or not within:
            s.torn += n_events - i
            break
        _keep(s, state, event, began_us + min(np.int64(event.frame), n_frames) * 1_000_000 // s.rate)
    sem_post(s.arrival)
    return 0


@cache
def _callback() -> Any:
    return numba.cfunc(types.int32(types.uint32, types.int64), cache=True, error_model="numpy")(_process)


# The library ----------------------------------------------------------------------------------------------------------


@cache
def library() -> Any:
    """The libjack that RtMidi brings along, or the system's; told not to write to stderr at each look for a server.

    The C library's strlen stands in for "do nothing": any function of one text that needs no GIL will do.
    """
    with suppress(ImportError):
        import rtmidi._rtmidi  # noqa: F401 (loads its own)

    path = _loaded_with_rtmidi() or find_library("jack")
    if path is None:
        raise DeviceError("no JACK library was found (Debian: apt-get install libjack-jackd2-0)")
    jack = ctypes.CDLL(path)
    silent = ctypes.cast(ctypes.CDLL(None).strlen, c_void_p)
    jack.jack_set_error_function(silent)
    jack.jack_set_info_function(silent)
    for name, result, arguments in (
        ("jack_client_open", c_void_p, (c_char_p, c_int, POINTER(c_int))),
        ("jack_client_close", c_int, (c_void_p,)),
        ("jack_set_process_callback", c_int, (c_void_p, c_void_p, c_void_p)),
        ("jack_activate", c_int, (c_void_p,)),
        ("jack_get_ports", POINTER(c_char_p), (c_void_p, c_char_p, c_char_p, c_ulong)),
        ("jack_get_time", ctypes.c_uint64, ()),
        ("jack_get_sample_rate", ctypes.c_uint32, (c_void_p,)),
        ("jack_free", None, (c_void_p,)),
        ("jack_port_register", c_void_p, (c_void_p, c_char_p, c_char_p, c_ulong, c_ulong)),
        ("jack_port_unregister", c_int, (c_void_p, c_void_p)),
        ("jack_port_name", c_char_p, (c_void_p,)),
        ("jack_port_type_get_buffer_size", c_size_t, (c_void_p, c_char_p)),
        ("jack_connect", c_int, (c_void_p, c_char_p, c_char_p)),
    ):
        function = getattr(jack, name)
        function.restype, function.argtypes = result, arguments
    return jack


def _loaded_with_rtmidi() -> str | None:
    try:
        with open("/proc/self/maps") as maps:
            paths = {line.split(maxsplit=5)[-1].strip() for line in maps if "rtmidi" in line and "libjack" in line}
    except OSError:
        return None
    return min(paths, default=None)


def _entries() -> dict[str, int]:
    """Where the functions begin that the callback calls."""
    names = {
        "get_buffer": "jack_port_get_buffer",
        "count": "jack_midi_get_event_count",
        "get": "jack_midi_event_get",
        "now_us": "jack_get_time",
    }
    return {field: ctypes.cast(getattr(library(), name), c_void_p).value or 0 for field, name in names.items()}


@njit(cache=True, nogil=True)
def _timed_wait(semaphore, until):
    return sem_timedwait(semaphore, until)


class Arrivals:
    """What the callback puts down, until it is read.

    Parameters
    ----------
    queue : int
        Messages that fit in.
    port_bytes : int
        Of a port's buffer.
    entries : dict of str to int
        Where the library's functions begin: get_buffer, count, get, now_us.
    rate : int
        Frames a second of the server.
    client : int
        What the library knows the client by.
    """

    def __init__(self, queue: int, port_bytes: int, entries: dict[str, int], rate: int, client: int = 0):
        self._slots, self._event = aligned(queue * SLOT_BYTES, np.uint8), aligned(1, EVENT)
        self._slots.fill(0)  # touches every page now, so that the callback never waits for one
        self._record, self._queue = aligned(1, STATE), queue
        self._arrival, self._until, self._marks = Semaphore(), aligned(2, np.int64), aligned((MARKS, 2), np.int64)
        self._arrival.try_wait()  # compiled now: the first message must not wait for that
        places = {"slots": address(self._slots), "event": address(self._event), "client": client}
        places |= {"arrival": self._arrival.address, "marks": address(self._marks)}
        for name, value in {"capacity": queue, "port_bytes": port_bytes, "rate": rate, **places, **entries}.items():
            self._record[name] = value
        self._words, self._last_us, self._in_sysex = self._record.view(np.int64), 0, False
        self._reported, self.last_time_s = {_LOST: 0, _TORN: 0}, 0.0
        self.address = address(self._record)

    def losses(self) -> tuple[int, int]:
        """Messages since the last call that found the queue full, and those that the server had overwritten when this
        client came for them, too late."""
        return self._since(_LOST), self._since(_TORN)

    def _since(self, word: int) -> int:
        total, before = read(self._words, word), self._reported[word]
        self._reported[word] = total
        return total - before

    def wait(self, timeout_s: float) -> None:
        """Wait until a message has come, without the GIL, and no longer than this."""
        whole, part = divmod(time.time() + timeout_s, 1.0)
        self._until[:] = int(whole), int(1e9 * part)
        if _timed_wait(self._arrival.address, address(self._until)) == 0:
            while self._arrival.try_wait():  # one look takes all that is there
                pass

    def listen_to(self, port: int) -> None:
        """Take what comes in at this port; 0 for none."""
        publish(self._words, _PORT, port)

    def get_message(self) -> tuple[list[int], float] | None:
        """The oldest message and the seconds since the one before; None if there is none."""
        while (at := int(self._words[_TAIL])) != read(self._words, _HEAD):
            slot = self._slots[SLOT_BYTES * (at % self._queue) :][:SLOT_BYTES]
            time_us, n = (int(word) for word in slot[:HEADER_BYTES].view(np.int64))
            time_us = max(time_us, self._last_us)  # a period may begin before one that was only seen late
            data = slot[HEADER_BYTES : HEADER_BYTES + n].tolist()
            publish(self._words, _TAIL, at + 1)
            if self._is_wanted(data):
                delta_s = 1e-6 * (time_us - self._last_us) if self._last_us else 0.0
                self._last_us, self.last_time_s = time_us, 1e-6 * time_us
                return data, delta_s
        return None

    def _is_wanted(self, data: list[int]) -> bool:
        """Whether it is no part of a system exclusive, which may come in several pieces."""
        first = data[0]
        if first >= _FIRST_REAL_TIME:
            return True
        if first in (_SYSEX, _SYSEX_END) or (self._in_sysex and first < _FIRST_STATUS):
            self._in_sysex = data[-1] != _SYSEX_END
            return False
        self._in_sysex = False
        return True


def _offset_s(jack: Any) -> float:
    """From the server's clock to :func:`time.monotonic`, by the quickest of a few looks at both."""
    looks = []
    for _ in range(8):
        before, server_us, after = time.monotonic(), jack.jack_get_time(), time.monotonic()
        looks.append((after - before, 0.5 * (before + after) - 1e-6 * server_us))
    return min(looks)[1]


class JackMidiInput:
    """One client of the default server with at most one port, which listens to another client's.

    Parameters
    ----------
    name : str
        Of the client.
    queue : int
        Messages that wait to be read.

    Raises
    ------
    DeviceError
        No server runs.
    """

    def __init__(self, name: str, queue: int):
        self._jack, self._port = library(), None
        self._client = self._jack.jack_client_open(name.encode(), _NO_START_SERVER, byref(c_int()))
        if not self._client:
            raise DeviceError("no JACK server runs; start one")
        port_bytes = self._jack.jack_port_type_get_buffer_size(self._client, _MIDI)
        rate = self._jack.jack_get_sample_rate(self._client)
        self._arrivals, self._compiled = Arrivals(queue, port_bytes, _entries(), rate, self._client), _callback()
        self.get_message, self.losses = self._arrivals.get_message, self._arrivals.losses
        self.wait, self._clock_offset_s = self._arrivals.wait, _offset_s(self._jack)
        # The server calls until the client is closed, even while the interpreter ends.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
        self._jack.jack_set_process_callback(self._client, self._compiled.address, self._arrivals.address)
        self._jack.jack_activate(self._client)

    def message_time_s(self) -> float:
        """When the frame of the last message comes, on the clock of :func:`time.monotonic`: within the period that it
        came in, so it may be to come."""
        return self._arrivals.last_time_s + self._clock_offset_s

    def get_ports(self) -> list[str]:
        """Names of all MIDI ports that can be listened to."""
        found, names = self._jack.jack_get_ports(self._client, None, _MIDI, _IS_OUTPUT), []
        while found and found[len(names)]:
            names.append(found[len(names)])
        if found:
            self._jack.jack_free(found)
        return [name.decode(errors="replace") for name in names]

    def ignore_types(self, sysex: bool, timing: bool, active_sense: bool) -> None:
        """As RtMidi has it; system exclusive is always left out, the clock and active sensing never."""
        if (sysex, timing, active_sense) != (True, False, False):
            raise InvalidValue("JACK's MIDI leaves out system exclusive, and neither the clock nor active sensing")

    def open_port(self, index: int, name: str) -> None:
        """Listen to the port of this index in :meth:`get_ports`."""
        source = self.get_ports()[index].encode()
        self._port = self._jack.jack_port_register(self._client, name.encode(), _MIDI, _IS_INPUT, 0)
        if not self._port:
            raise DeviceError(f"the JACK server gives no port {name!r}; has it run out of ports?")
        self._arrivals.listen_to(self._port)
        if self._jack.jack_connect(self._client, source, self._jack.jack_port_name(self._port)):
            self.close_port()
            raise DeviceError(f"{source.decode()} cannot be listened to; is it there still?")

    def close_port(self) -> None:
        """Listen no more; safe to call twice."""
        port, self._port = self._port, None
        self._arrivals.listen_to(0)
        if port:
            self._jack.jack_port_unregister(self._client, port)

    def delete(self) -> None:
        """Close the client; safe to call twice. Where its server has died, leave it alone instead."""
        client, self._client = self._client, None
        if client:
            self._jack.jack_client_close(client)
            ctypes.pythonapi.Py_DecRef(ctypes.py_object(self))
