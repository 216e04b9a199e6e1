"""Messages for a compiled instrument: a small ring that the engine fills at each message's sample and a step empties.

The engine splits its block at an event, so a step that takes all messages before it makes sound acts at their sample.
"""

from collections.abc import Iterable
from typing import Any

from numba import njit

from ..errors import InvalidValue
from .memory import address, aligned, memmove
from .record import Record
from .views import part, place_of

MESSAGE = Record("Message", counts="status data1 data2", reals="value")
"""A MIDI message in full: status byte with its channel in the low four bits, data bytes, and what the last one says as
a number: velocity, pressure and controllers from 0 to 1, pitch bend from -1 to 1."""

INBOX = Record(
    "Inbox", counts="head=0 tail=0 capacity lost=0", arrays="messages:Message[capacity]", elements=(MESSAGE,)
)
MESSAGE_BYTES = MESSAGE.dtype.itemsize
_PITCH_BEND, _ONE_DATA_BYTE = 0xE0, (0xC0, 0xD0)


@njit
def push(inbox, message):
    """Put the MESSAGE at address `message` into the inbox at address `inbox`; False, and counted, if it is full."""
    box = INBOX(inbox)
    if box.head - box.tail >= box.capacity:
        box.lost += 1
        return False
    memmove(place_of(part(box.messages, box.head % box.capacity, 1)), message, MESSAGE_BYTES)
    box.head += 1
    return True


@njit
def pop(inbox, message):
    """Take the oldest message of the inbox at address `inbox` to address `message`; False if there is none."""
    box = INBOX(inbox)
    if box.head == box.tail:
        return False
    memmove(message, place_of(part(box.messages, box.tail % box.capacity, 1)), MESSAGE_BYTES)
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
        self._made = INBOX.make(capacity=capacity, messages=aligned(capacity, MESSAGE.dtype))
        self._record, self.address = self._made.record, self._made.address

    def __len__(self) -> int:
        """Messages that wait."""
        return int(self._record["head"][0] - self._record["tail"][0])

    @property
    def lost(self) -> int:
        """Messages that found the inbox full."""
        return int(self._record["lost"][0])

    def push(self, message: Any) -> bool:
        """Put a message (see :func:`message_fields`) while nothing plays; False if the inbox is full."""
        fields = aligned(1, MESSAGE.dtype)
        fields[0] = message_fields(message)
        return bool(_push(self.address, address(fields)))

    def pop(self) -> tuple[int, int, int, float] | None:
        """Take the oldest message while nothing plays: status, data1, data2, value; None if there is none."""
        fields = aligned(1, MESSAGE.dtype)
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
