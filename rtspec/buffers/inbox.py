"""Messages for a compiled instrument: a small ring that the engine fills at each message's sample and a step empties.

The engine splits its block at an event, so a step that takes all messages before it makes sound acts at their sample.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numba import carray, njit

from ..errors import InvalidValue
from .memory import address, aligned, memmove, pointer

MESSAGE = np.dtype([("status", "i8"), ("data1", "i8"), ("data2", "i8"), ("value", "f8")])
"""A MIDI message in full: status byte with its channel in the low four bits, data bytes, and what the last one says as
a number: velocity, pressure and controllers from 0 to 1, pitch bend from -1 to 1."""

INBOX = np.dtype([(name, "i8") for name in ("head", "tail", "capacity", "lost", "messages")])
MESSAGE_BYTES = MESSAGE.itemsize
_PITCH_BEND, _ONE_DATA_BYTE = 0xE0, (0xC0, 0xD0)


@njit
def push(inbox, message):
    """Put the MESSAGE at address `message` into the inbox at address `inbox`; False, and counted, if it is full."""
    box = carray(pointer(inbox), 1, INBOX)[0]
    if box.head - box.tail >= box.capacity:
        box.lost += 1
        return False
    memmove(box.messages + MESSAGE_BYTES * (box.head % box.capacity), message, MESSAGE_BYTES)
    box.head += 1
    return True


@njit
def pop(inbox, message):
    """Take the oldest message of the inbox at address `inbox` to address `message`; False if there is none."""
    box = carray(pointer(inbox), 1, INBOX)[0]
    if box.head == box.tail:
        return False
    memmove(message, box.messages + MESSAGE_BYTES * (box.tail % box.capacity), MESSAGE_BYTES)
    box.tail += 1
    return True


@njit(cache=True)
def _push(inbox, message):
    return push(inbox, message)


@njit(cache=True)
def _pop(inbox, message):
    return pop(inbox, message)


class Inbox:
    """Messages that wait for one instrument's step; writer and reader are in the same thread, the engine's.

    Parameters
    ----------
    capacity : int
        Messages that may arrive at one sample.

    Attributes
    ----------
    address : int
        What compiled code passes to :func:`push` and :func:`pop`.
    """

    def __init__(self, capacity: int = 4096):
        self._messages, self._record = aligned(capacity, MESSAGE), aligned(1, INBOX)
        self._record["capacity"], self._record["messages"] = capacity, address(self._messages)
        self.address = address(self._record)

    def __len__(self) -> int:
        """Messages that wait."""
        return int(self._record["head"][0] - self._record["tail"][0])

    @property
    def lost(self) -> int:
        """Messages that found the inbox full."""
        return int(self._record["lost"][0])

    def push(self, message: Any) -> bool:
        """Put a message (see :func:`message_fields`) while nothing plays; False if the inbox is full."""
        fields = aligned(1, MESSAGE)
        fields[0] = message_fields(message)
        return bool(_push(self.address, address(fields)))

    def pop(self) -> tuple[int, int, int, float] | None:
        """Take the oldest message while nothing plays: status, data1, data2, value; None if there is none."""
        fields = aligned(1, MESSAGE)
        return fields[0].item() if _pop(self.address, address(fields)) else None

    def clear(self) -> None:
        """Forget all messages."""
        for name in ("head", "tail", "lost"):
            self._record[name] = 0


def message_fields(message: Any) -> tuple[int, int, int, float]:
    """A channel message as (status, data1, data2, value) of a :data:`MESSAGE`.

    Parameters
    ----------
    message : mido.Message, bytes or sequence of int
        Note, poly pressure, controller, program, pressure or pitch bend: one to three bytes.

    Raises
    ------
    InvalidValue
        It is no channel message.
    """
    found: Iterable[int] = message.bytes() if hasattr(message, "bytes") else message
    data = [int(byte) for byte in found]
    kind = data[0] & 0xF0 if data else 0
    wanted = 2 if kind in _ONE_DATA_BYTE else 3
    if not 0x80 <= kind < 0xF0 or len(data) != wanted or max(data[1:]) > 127 or min(data) < 0:
        raise InvalidValue(
            f"{message!r} is no MIDI channel message: it must be a status byte from 128 to 239 and data bytes"
            " below 128; send notes, controllers, pressure, bend or program changes"
        )
    status, data1, data2 = data[0], data[1], data[-1]
    if kind == _PITCH_BEND:
        wide = (data2 << 7 | data1) - 8192
        return status, data1, data2, wide / (8192 if wide < 0 else 8191)
    return status, data1, data2, data2 / 127
