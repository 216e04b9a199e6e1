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
RATE = 12800
"""Of which a period of 128 frames lasts 10 ms."""


@numba.cfunc(SIGNATURE)
def get_buffer(port, n_frames, _, __):
    return port  # the test's port is its buffer


@numba.cfunc(SIGNATURE)
def count(buffer, _, __, ___):
    return integers(buffer, 1)[0] | 7 << 32  # a C int leaves the upper half of the register as it was


@numba.cfunc(SIGNATURE)
def now_us(client, _, __, ___):
    return client  # the test says what time it is


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
    functions = {"get_buffer": get_buffer, "count": count, "get": get, "now_us": now_us}
    entries = {name: function.address for name, function in functions.items()}
    arrivals = Arrivals(queue, PORT_BYTES, entries, RATE, client=48_000)
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


def test_a_period_that_is_seen_late_began_when_the_others_say():
    """A thread may be late and never early; it was the first of three here, and the fourth."""
    arrivals, buffer = waiting((WHOLE, NOTES[0]), (WHOLE, NOTES[1]))
    arrivals._record["periods"] = 0
    moments = times_of(arrivals, 103.0, 110.0, 120.5, 139.0)
    assert moments == pytest.approx([0.103, 0.1038, 0.11, 0.1108, 0.12, 0.1208, 0.13, 0.1308], abs=2e-5)
    assert buffer.any()  # it lives as long as the callback reads it


def test_no_message_happens_before_the_one_that_came_before_it():
    arrivals, buffer = waiting((WHOLE, NOTES[0]), (WHOLE, NOTES[1]))
    arrivals._record["periods"] = 0
    assert times_of(arrivals, 109.9, 110.2) == pytest.approx([0.1099, 0.1107, 0.1107, 0.1110], abs=1.1e-4)
    assert buffer.any()


def test_what_the_server_lost_is_taken_in_within_eight_periods_and_a_rest_at_once():
    arrivals, buffer = waiting((WHOLE, NOTES[0]))
    lost = times_of(arrivals, *(10.0 * i + 15.0 * (i > 3) for i in range(1, 14)))
    assert lost[4] < 0.051 and lost[-1] == pytest.approx(0.145, abs=1e-4)
    assert times_of(arrivals, 5000.0) == pytest.approx([5.0])
    assert buffer.any()


def times_of(arrivals, *seen_ms):
    """When the messages of periods came that the thread sees at these moments."""
    times = []
    for moment_ms in seen_ms:
        arrivals._record["client"] = round(1000 * moment_ms)
        assert _callback().ctypes(128, arrivals.address) == 0
        while arrivals.get_message() is not None:
            times.append(arrivals.last_time_s)
    return times
