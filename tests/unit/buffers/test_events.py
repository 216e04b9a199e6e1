"""Events act in order of time, at once where they are late, and none is lost without being counted."""

import numpy as np
import pytest

from rtspec.buffers.events import (
    AT_ONCE,
    EventQueue,
    apply_due,
    collect,
    samples_until_next,
    send_event,
    store_event,
)
from rtspec.buffers.inbox import Inbox, message_fields
from rtspec.buffers.memory import address, aligned
from rtspec.errors import InvalidValue


def note(number):
    return [0x90, number, 64]


def played(queue, inbox, until):
    """Walk the queue as a driver does, in blocks of 100: (sample, note) of all that arrives."""
    heard, now = [], 0
    while now < until:
        if now % 100 == 0:
            collect(queue.address)
        apply_due(queue.address, now)
        while (message := inbox.pop()) is not None:
            heard.append((now, message[1]))
        now += samples_until_next(queue.address, now, 100 - now % 100)
    return heard


def test_events_act_at_their_sample_in_order_of_time_and_equal_times_in_order_of_arrival():
    queue, inbox = EventQueue(), Inbox()
    for time, number in ((250, 1), (30, 2), (100, 3), (30, 4), (AT_ONCE, 5), (299, 6)):
        assert queue.put(send_event(time, inbox, note(number)))
    assert played(queue, inbox, 300) == [(0, 5), (30, 2), (30, 4), (100, 3), (250, 1), (299, 6)]
    assert queue.late == 0


def test_a_late_event_acts_at_once_and_is_counted():
    queue, inbox = EventQueue(), Inbox()
    queue.put(send_event(30, inbox, note(1)))
    collect(queue.address)
    apply_due(queue.address, 31)
    assert inbox.pop() is not None
    assert queue.late == 1


def test_a_store_reaches_its_place_at_its_sample():
    queue, place = EventQueue(), aligned(1, np.float64)
    queue.put(store_event(10, address(place), 2.5, place))
    collect(queue.address)
    apply_due(queue.address, 9)
    assert place[0] == 0.0
    apply_due(queue.address, 10)
    assert place[0] == 2.5


def test_a_full_queue_refuses_counts_and_loses_nothing_that_it_took():
    queue, inbox = EventQueue(capacity=4), Inbox()
    taken = [queue.put(send_event(1000 + i, inbox, note(i))) for i in range(6)]
    assert taken == [True] * 4 + [False] * 2
    collect(queue.address)  # four wait now
    assert [queue.put(send_event(i, inbox, note(10 + i))) for i in range(5)] == [True] * 4 + [False]
    collect(queue.address)  # no room: they stay where they are
    apply_due(queue.address, 2000)
    assert [inbox.pop()[1] for _ in range(4)] == [0, 1, 2, 3]  # type: ignore[index]
    collect(queue.address)
    apply_due(queue.address, 2000)
    assert [inbox.pop()[1] for _ in range(4)] == [10, 11, 12, 13]  # type: ignore[index]
    assert queue.dropped == 3


def test_many_events_pass_a_small_queue_in_order():
    queue, inbox, heard = EventQueue(capacity=8), Inbox(), []
    rng = np.random.default_rng(2)
    for start in range(0, 8000, 100):
        times = np.sort(start + rng.integers(0, 100, 5))
        for time in times:
            assert queue.put(send_event(int(time), inbox, note(int(time) % 128)))
        collect(queue.address)
        for now in range(start, start + 100):
            apply_due(queue.address, now)
            while (message := inbox.pop()) is not None:
                heard.append((now, message[1]))
    assert len(heard) == 400
    assert all(now % 128 == number for now, number in heard)


def test_what_events_point_into_outlives_them_and_is_let_go_afterwards():
    queue = EventQueue()
    for i in range(200):
        place = aligned(1, np.float64)
        queue.put(store_event(i, address(place), 1.0, place))
        collect(queue.address)
        apply_due(queue.address, i)
    assert len(queue._held) <= 64


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ([0x91, 60, 127], (0x91, 60, 127, 1.0)),
        ([0xE0, 0, 64], (0xE0, 0, 64, 0.0)),
        ([0xE0, 0, 0], (0xE0, 0, 0, -1.0)),
        ([0xE0, 127, 127], (0xE0, 127, 127, 1.0)),
        (bytes([0xD3, 127]), (0xD3, 127, 127, 1.0)),
    ],
)
def test_a_message_says_its_value_as_a_number(message, fields):
    assert message_fields(message) == fields


@pytest.mark.parametrize("message", [[], [0xF8], [0x90, 60], [60, 60, 60], [0x90, 60, 128], [0xC0, 1, 1]])
def test_what_is_no_channel_message_is_refused(message):
    with pytest.raises(InvalidValue, match="is no MIDI channel message"):
        message_fields(message)


def test_a_full_inbox_counts_what_it_loses():
    inbox = Inbox(capacity=2)
    assert [inbox.push(note(i)) for i in range(3)] == [True, True, False]
    assert (len(inbox), inbox.lost) == (2, 1)
    inbox.clear()
    assert (inbox.pop(), inbox.lost) == (None, 0)
