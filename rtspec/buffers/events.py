"""Timed changes on their way to compiled code: a queue that Python fills and a driver empties at each event's sample.

A driver asks how many samples there are until the next event, runs the stages so far, applies the event and goes on.
Stages are the same for every block size, so all of them follow a change at its sample and none knows of time.
"""

import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numba import carray, njit

from .atomics import load_acquire, publish, read, store_double, store_release
from .inbox import MESSAGE, Inbox, message_fields, push
from .memory import address, aligned, memmove, pointer

_HEAD = [(name, "i8") for name in ("time", "kind", "place")]
EVENT = np.dtype([*_HEAD, *((name, MESSAGE.dtype[name]) for name in MESSAGE.dtype.names or ()), ("unused", "i8")])
"""`time` in samples of the stream; `place` the address of a float64 (kind STORE: `value` goes there) or of an Inbox
(kind SEND: the MESSAGE does)."""

STORE, SEND = 0, 1
AT_ONCE = -1
"""Time of an event that acts at the start of the next block."""

QUEUE = np.dtype(
    {
        "names": ["head", "tail", "capacity", "arriving", "waiting", "first", "end", "late"],
        "formats": ["i8"] * 8,
        "offsets": [0, 64, 128, 136, 144, 152, 160, 168],
        "itemsize": 192,
    }
)
_TAIL = QUEUE.fields["tail"][1]  # type: ignore[index]
EVENT_BYTES = EVENT.itemsize
_MOST_HELD = 64
_FIRST = QUEUE.fields["first"][1]  # type: ignore[index]
_MESSAGE = EVENT.fields["status"][1]  # type: ignore[index]


@njit(inline="always")
def _time(event):
    return load_acquire(event)


@njit
def _insert(queue, event):
    """Copy an event among those that wait, behind all that are due no later."""
    q = carray(pointer(queue), 1, QUEUE)[0]
    if q.end == q.capacity:
        memmove(q.waiting, q.waiting + EVENT_BYTES * q.first, EVENT_BYTES * (q.end - q.first))
        q.end -= q.first
        q.first = 0
    at = q.end
    while at > q.first and _time(q.waiting + EVENT_BYTES * (at - 1)) > _time(event):
        at -= 1
    place = q.waiting + EVENT_BYTES * at
    memmove(place + EVENT_BYTES, place, EVENT_BYTES * (q.end - at))
    memmove(place, event, EVENT_BYTES)
    q.end += 1


@njit
def collect(queue):
    """Take over what has arrived, sorted by time, as far as there is room; called once a block."""
    q = carray(pointer(queue), 1, QUEUE)[0]
    head = load_acquire(queue)
    while q.tail < head and q.end - q.first < q.capacity:
        _insert(queue, q.arriving + EVENT_BYTES * (q.tail % q.capacity))
        store_release(queue + _TAIL, q.tail + 1)


@njit
def _apply(event):
    e = carray(pointer(event), 1, EVENT)[0]
    if e.kind == STORE:
        store_double(e.place, e.value)
    else:
        push(e.place, event + _MESSAGE)


@njit
def apply_due(queue, now):
    """Apply all events up to sample `now`; one that should have acted earlier counts as late."""
    q = carray(pointer(queue), 1, QUEUE)[0]
    while q.first < q.end:
        event = q.waiting + EVENT_BYTES * q.first
        if _time(event) > now:
            return
        q.late += AT_ONCE < _time(event) < now
        _apply(event)
        store_release(queue + _FIRST, q.first + 1)


@njit
def samples_until_next(queue, now, most):
    """Samples from `now` to the next event that waits, at most `most`."""
    q = carray(pointer(queue), 1, QUEUE)[0]
    if q.first == q.end:
        return most
    return min(most, _time(q.waiting + EVENT_BYTES * q.first) - now)


class Event(NamedTuple):
    """One event, its time in samples, and what its address belongs to."""

    time: int
    kind: int
    place: int
    message: tuple[int, int, int, float]
    held: Any


def store_event(time: int, place: int, value: float, held: Any) -> Event:
    """From sample `time` on, the float64 at address `place`, a part of `held`, is `value`."""
    return Event(time, STORE, place, (0, 0, 0, float(value)), held)


def send_event(time: int, inbox: Inbox, message: Any) -> Event:
    """At sample `time`, `message` (:func:`~rtspec.buffers.inbox.message_fields`) lies in the inbox."""
    return Event(time, SEND, inbox.address, message_fields(message), inbox)


class EventQueue:
    """Events from any thread to one driver.

    Parameters
    ----------
    capacity : int
        Events that may be on their way, and as many that may wait for their time.

    Attributes
    ----------
    address : int
        What compiled code passes to :func:`collect`, :func:`apply_due` and :func:`samples_until_next`.
    dropped : int
        Events that found the queue full.
    """

    def __init__(self, capacity: int = 4096):
        self._arriving, self._waiting = aligned(capacity, EVENT), aligned(capacity + 1, EVENT)
        self._record = aligned(1, QUEUE)
        for name, value in (("capacity", capacity), ("arriving", self._arriving), ("waiting", self._waiting)):
            self._record[name] = address(value) if isinstance(value, np.ndarray) else value
        self._words, self._lock = self._record.view(np.int64), threading.Lock()
        self._held: dict[int, Any] = {}
        self.address, self.dropped = address(self._record), 0

    @property
    def late(self) -> int:
        """Timed events that came after their sample, and acted at once."""
        return int(self._record["late"][0])

    def put(self, event: Event) -> bool:
        """Hand an event over; False, and counted, if too many are on their way."""
        with self._lock:
            head, capacity = int(self._words[0]), len(self._arriving)
            if head - read(self._words, _TAIL // 8) >= capacity:
                self.dropped += 1
                return False
            self._arriving[head % capacity] = (*event[:3], *event.message, 0)
            self._hold(event.held)
            publish(self._words, 0, head + 1)
            return True

    def _hold(self, held: Any) -> None:
        """Keep what an event points into; a long list is let go when no event is left."""
        if len(self._held) >= _MOST_HELD and self._is_empty():
            self._held.clear()
        self._held[id(held)] = held

    def _is_empty(self) -> bool:
        head, tail = int(self._words[0]), read(self._words, _TAIL // 8)
        return head == tail and read(self._words, _FIRST // 8) == int(self._record["end"][0])


def queue_of(events: Iterable[Event]) -> EventQueue:
    """A queue that holds exactly these events, for a driver that begins at sample 0."""
    if not (listed := list(events)):
        return _NOTHING
    queue = EventQueue(len(listed))
    for event in sorted(listed, key=lambda event: event.time):
        queue.put(event)
    return queue


_NOTHING = EventQueue(1)
"""For every run without events: a driver writes nothing into an empty queue, so all may read this one."""
