"""What the callback shares with other threads: they may take it away, or move it, at any moment of a callback."""

import threading
import time

import numpy as np
import pytest
from numba import njit

from rtspec.audio.callback import exchange
from rtspec.audio.exchange import DISK, MARKED, TAP, Exchange
from rtspec.buffers.atomics import load_acquire, publish
from rtspec.buffers.clock import MARKS, period_began
from rtspec.buffers.memory import address, aligned
from rtspec.buffers.ring import Ring

RATE, BLOCK = 48000, 2048
NS = round(1e9 * BLOCK / RATE)


@njit(cache=True, nogil=True)
def _call(state, going, n):
    """One callback, and others as long as `going` says so."""
    exchange(state, 0, 0, n)
    while load_acquire(going) != 0:
        exchange(state, 0, 0, n)


class Calling:
    """A device that calls as fast as it can, in a thread of its own that needs no GIL."""

    def __init__(self, source=None):
        self.exchange = Exchange(
            channels=2, device_inputs=0, device_outputs=0, block=BLOCK, prefill=BLOCK, sample_rate=RATE, source=source
        )
        self._going = aligned(1, np.int64)
        self.once()
        self._going[0] = 1
        self._thread = threading.Thread(target=self.once)

    def once(self):
        _call(self.exchange.address, address(self._going), BLOCK)

    def __enter__(self):
        self._thread.start()
        return self.exchange

    def __exit__(self, *_):
        self._going[0] = 0
        self._thread.join()


def rings():
    return Ring(BLOCK, 2), Ring(BLOCK, 2)


def test_rings_may_be_taken_away_in_the_midst_of_a_callback():
    pairs, n = [rings() for _ in range(2)], 0
    with Calling() as shared:
        end = time.monotonic() + 1.0
        while n <= 100 or time.monotonic() < end:  # both: beside other work a second may be one turn
            for hand_to in (shared.record_to, shared.tap_to):
                hand_to(pairs[n % 2])
                hand_to(None)
            for ring in (ring for pair in pairs for ring in pair):
                ring.read(BLOCK)
            n += 1
    for heard, played in pairs:
        assert len(heard) == len(played)


def test_rings_live_as_long_as_a_callback_may_write_to_them():
    shared = Calling().exchange
    first = rings()
    for word, hand_to in ((DISK, shared.record_to), (TAP, shared.tap_to)):
        hand_to(first)
        hand_to(None)
        hand_to(rings())
        assert any(kept is first for kept, _ in shared._handed[word])


def until_rests(shared):
    end = time.monotonic() + 20.0
    while not shared.source_rests:
        assert time.monotonic() < end


def test_a_source_that_rests_stays_where_it_was_put():
    with Calling(source=np.zeros((1 << 30, 2), np.float32)) as shared:
        for frame in range(300):
            shared.pause_source(True)
            until_rests(shared)
            shared.record["source_at"] = frame
            time.sleep(1e-4)
            assert shared.source_rests and int(shared.record["source_at"][0]) == frame
            shared.pause_source(False)


def test_a_source_that_rested_before_is_not_believed_to_rest_again():
    device = Calling(source=np.zeros((RATE, 2), np.float32))
    device._going[0] = 0
    shared = device.exchange
    shared.pause_source(True)
    for _ in range(3):
        device.once()
    assert shared.source_rests
    shared.pause_source(False)
    shared.pause_source(True)  # a callback that has found it playing may be under way
    assert not shared.source_rests
    device.once()
    assert not shared.source_rests
    device.once()
    assert shared.source_rests


def marked(*moments):
    """When the last period began of those that are seen at these moments, all in periods."""
    marks, began = aligned((MARKS, 2), np.int64), 0
    for i, moment in enumerate(moments):
        began = period_began(address(marks), i, BLOCK * (i + 1), round(moment * NS), NS / BLOCK, BLOCK)
    return began / NS


def test_the_clock_stands_still_before_the_first_callback_and_follows_each():
    calling = Calling()  # called once
    frames, then_s = calling.exchange.clock()
    assert frames == BLOCK and 0.0 <= time.monotonic() - then_s < 60.0
    calling._going[0] = 0
    calling.once()
    assert calling.exchange.clock()[0] == 2 * BLOCK and calling.exchange.clock()[1] >= then_s - BLOCK / RATE
    publish(calling.exchange._words, MARKED // 8, 0)
    calling.exchange._arrays["marks"][:] = 0
    assert calling.exchange.clock() == (0, 0.0)


def test_a_callback_that_is_late_does_not_move_the_clock():
    assert marked(1, 2.9, 3.3, 4) == pytest.approx(4.0)
    assert marked(1, 2, 3, 4.9) == pytest.approx(4.0)
    assert marked(*range(1, 40), 40.5) == pytest.approx(40.0)


def test_what_the_device_has_lost_is_taken_in_within_eight_callbacks_and_a_rest_at_once():
    lost = [*range(1, 11), *(i + 0.9 for i in range(11, 30))]
    assert marked(*lost[:12]) == pytest.approx(12.0)
    assert marked(*lost[:18]) == pytest.approx(18.9)
    assert marked(*range(1, 11), 5000.0) == pytest.approx(5000.0)
