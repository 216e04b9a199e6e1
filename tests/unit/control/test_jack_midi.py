"""The compiled JACK callback, with a library of the test's own: what it takes, and what it leaves where it is late."""

import time

import numba
import numpy as np
import pytest
from numba import carray

from rtspec.buffers.memory import address, aligned, integers, pointer
from rtspec.buffers.step import SIGNATURE
from rtspec.control.midi.jack import EVENT, Arrivals, _callback

PORT_BYTES, BYTES_AT = 4096, 1024
WHOLE, FAILS, OUTSIDE, ENDLESS, EMPTY = range(5)
"""What the library does when it is asked for an event."""
NOW_MS = 600


@numba.cfunc(SIGNATURE)
def get_buffer(port, n_frames, _, __):
    return port  # the test's port is its buffer


@numba.cfunc(SIGNATURE)
def count(buffer, _, __, ___):
    return integers(buffer, 1)[0] | 7 << 32  # a C int leaves the upper half of the register as it was


@numba.cfunc(SIGNATURE)
def last_frame(client, _, __, ___):
    return client | 7 << 32


@numba.cfunc(SIGNATURE)
def time_us(client, frame, _, __):
    return 1000 * frame


@numba.cfunc(SIGNATURE)
def now_us(_, __, ___, ____):
    return NOW_MS * 1000


@numba.cfunc(SIGNATURE)
def get(event, buffer, i, _):
    kind, size = integers(buffer + 8 + 16 * i, 2)
    if kind == FAILS:
        return -105
    found = carray(pointer(event), 1, EVENT)[0]
    found.frame, found.size, found.data = 10 * i, size, buffer + BYTES_AT + 128 * i
    if kind == OUTSIDE:
        found.data = buffer - 64
    elif kind == ENDLESS:
        found.size = 1 << 62
    elif kind == EMPTY:
        found.size = 0
    return 0


def waiting(*events, queue=64):
    """What stands where a period with these events, each (kind, bytes), comes; and the port's buffer."""
    buffer = aligned(PORT_BYTES, np.uint8)
    words = buffer.view(np.int64)
    words[0] = len(events)
    for i, (kind, data) in enumerate(events):
        words[1 + 2 * i : 3 + 2 * i] = kind, len(data)
        buffer[BYTES_AT + 128 * i :][: len(data)] = list(data)
    functions = {"get_buffer": get_buffer, "count": count, "get": get}
    functions |= {"last_frame": last_frame, "time_us": time_us, "now_us": now_us}
    entries = {name: function.address for name, function in functions.items()}
    arrivals = Arrivals(queue, PORT_BYTES, entries, client=48)
    assert _callback().ctypes(128, arrivals.address) == 0 and arrivals.get_message() is None  # no port yet
    arrivals.listen_to(address(buffer))
    return arrivals, buffer


def arrived(*events, queue=64):
    """What is read after such a period; and how many messages found the queue full or could not be had."""
    arrivals, _buffer = waiting(*events, queue=queue)
    arrivals.wait(0.0)  # compiles
    assert _callback().ctypes(128, arrivals.address) == 0
    start = time.monotonic()
    arrivals.wait(5.0)
    assert time.monotonic() - start < 4.0, "the callback wakes whoever waits, before the time is over"
    found = []
    while (message := arrivals.get_message()) is not None:
        assert not found or arrivals.last_time_s > 0.048, "the frame of an event counts"
        found.append(message[0])
    losses = arrivals.losses()
    assert arrivals.losses() == (0, 0)  # since the last call
    return found, losses


NOTES = [[0x90, 60 + i, 100] for i in range(6)]


def test_whole_events_come_in_order_and_wake_whoever_waits():
    assert arrived(*((WHOLE, note) for note in NOTES)) == (NOTES, (0, 0))


@pytest.mark.parametrize("kind", [FAILS, OUTSIDE, ENDLESS, EMPTY])
def test_an_event_that_cannot_be_had_ends_the_period_and_is_counted(kind):
    events = [(WHOLE, NOTES[0]), (kind, NOTES[1]), (WHOLE, NOTES[2])]
    assert arrived(*events) == (NOTES[:1], (0, 2))


def test_a_full_queue_keeps_the_oldest_and_counts_the_rest():
    assert arrived(*((WHOLE, note) for note in NOTES), queue=4) == (NOTES[:4], (2, 0))


def test_system_exclusive_in_pieces_is_left_out_and_nothing_else():
    sysex = [[0xF0, 1, 2], [3] * 100, [4, 0xF7]]
    events = [NOTES[0], sysex[0], [0xF8], sysex[1], [0xFE], sysex[2], NOTES[1]]
    assert arrived(*((WHOLE, data) for data in events)) == ([NOTES[0], [0xF8], [0xFE], NOTES[1]], (0, 0))


def test_a_system_exclusive_without_end_takes_nothing_with_it():
    assert arrived((WHOLE, [0xF0, 1, 2]), (WHOLE, NOTES[0]), (WHOLE, [61, 99])) == ([NOTES[0], [61, 99]], (0, 0))


def test_no_message_happens_before_the_one_that_came_before_it():
    """The server's clock of frames goes back by a little where it takes in an xrun."""
    arrivals, buffer = waiting((WHOLE, NOTES[0]), (WHOLE, NOTES[1]))
    assert times_of(arrivals, 480, 40, 490) == pytest.approx([0.48, 0.49, 0.49, 0.49, 0.49, 0.5])
    assert buffer.any()  # it lives as long as the callback reads it


def test_no_period_begins_after_it_is_here():
    """After an xrun the server's clock of frames may be some periods ahead, and its messages would be played late."""
    arrivals, buffer = waiting((WHOLE, NOTES[0]), (WHOLE, NOTES[1]))
    assert times_of(arrivals, 590, NOW_MS + 10, NOW_MS + 40) == pytest.approx([0.59, 0.6, 0.6, 0.61, 0.61, 0.61])
    assert buffer.any()


def times_of(arrivals, *begun_at):
    """When the messages of periods came that begin at these frames; the stand-in's are milliseconds."""
    times = []
    for began_at in begun_at:
        arrivals._record["client"] = began_at
        assert _callback().ctypes(128, arrivals.address) == 0
        while arrivals.get_message() is not None:
            times.append(arrivals.last_time_s)
    return times
