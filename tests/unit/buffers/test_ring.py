"""Rings: first in, first out, nothing lost, nothing reordered, also between two threads that never take the GIL."""

import threading

import numpy as np
import pytest
from numba import njit, types

from rtspec.buffers.memory import address, aligned, floats
from rtspec.buffers.ring import Ring, readable, skip, take, writable, write

_yield = types.ExternalFunction("sched_yield", types.int32())
LARGEST_BLOCK = 97
WRAP = 1 << 20  # counted values stay exact in float32
PATIENCE_S = 60


@njit
def _block(seed):
    """A pseudo-random block size from 1 to LARGEST_BLOCK, and the next seed."""
    seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
    return 1 + (seed >> 8) % LARGEST_BLOCK, seed


@njit(nogil=True)
def _produce(ring, buffer, total):
    """Write frame i as (i, -i) for every i below `total`, in random blocks."""
    values, done, seed = floats(buffer, 2 * LARGEST_BLOCK), 0, 1
    while done < total:
        n, seed = _block(seed)
        n = min(n, total - done)
        for i in range(n):
            values[2 * i], values[2 * i + 1] = (done + i) % WRAP, -((done + i) % WRAP)
        written = write(ring, buffer, n)
        done += written
        if written < n:
            _yield()


@njit(nogil=True)
def _consume(ring, buffer, total, wrong):
    """Take `total` frames in random blocks; counts those that are not the next one."""
    values, done, seed = floats(buffer, 2 * LARGEST_BLOCK), 0, 2
    while done < total:
        n, seed = _block(seed)
        taken = take(ring, buffer, min(n, total - done))
        for i in range(taken):
            expected = (done + i) % WRAP
            if values[2 * i] != expected or values[2 * i + 1] != -expected:
                wrong[0] += 1
        done += taken
        if taken == 0:
            _yield()


@njit
def _free_and_filled(ring):
    return writable(ring), readable(ring)


@njit
def _skip(ring, n):
    return skip(ring, n)


def _count(start, n, channels=2):
    return np.arange(start * channels, (start + n) * channels, dtype=np.float32).reshape(n, channels)


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (2, 2), (3, 4), (64, 64), (65, 128)])
def test_capacity_is_rounded_up_to_a_power_of_two(asked, given):
    ring = Ring(asked, 1)
    assert ring.capacity == given
    assert ring.write(_count(0, 2 * given, 1)) == given


def test_a_full_ring_takes_no_more_and_an_empty_one_gives_none():
    ring = Ring(8, 2)
    assert len(ring.read(4)) == 0
    assert ring.write(_count(0, 6)) == 6
    assert ring.write(_count(6, 6)) == 2
    assert ring.write(_count(8, 1)) == 0
    assert len(ring) == 8
    np.testing.assert_array_equal(ring.read(100), _count(0, 8))
    assert len(ring) == 0


def test_frames_come_out_in_order_over_many_wraps():
    ring, written, taken = Ring(16, 2), 0, []
    rng = np.random.default_rng(0)
    for _ in range(500):
        written += ring.write(_count(written, int(rng.integers(0, 20))))
        taken.append(ring.read(int(rng.integers(0, 20))))
    taken.append(ring.read(16))
    np.testing.assert_array_equal(np.concatenate(taken), _count(0, written))
    assert written > 20 * ring.capacity


def test_free_and_filled_places_add_up_to_the_capacity():
    ring = Ring(16, 2)
    for n_written, n_read in ((10, 3), (9, 12), (16, 5)):
        ring.write(_count(0, n_written))
        ring.read(n_read)
        assert _free_and_filled(ring.address) == (16 - len(ring), len(ring))


def test_skipped_frames_are_gone_and_the_rest_stays_in_order():
    ring = Ring(8, 2)
    ring.write(_count(0, 6))
    assert _skip(ring.address, 4) == 4
    np.testing.assert_array_equal(ring.read(8), _count(4, 2))
    assert _skip(ring.address, 4) == 0


def test_a_ring_that_starts_filled_gives_that_much_silence_first():
    ring = Ring(8, 2, filled=3)
    ring.write(_count(1, 2))
    np.testing.assert_array_equal(ring.read(8), np.concatenate([np.zeros((3, 2)), _count(1, 2)]))


@pytest.mark.parametrize("capacity", [1, 64, 4096])
def test_two_threads_lose_and_reorder_nothing(capacity):
    total = 3_000_000 if capacity > 1 else 20_000
    ring, wrong = Ring(capacity, 2), np.zeros(1, np.int64)
    buffers = [aligned(2 * LARGEST_BLOCK) for _ in range(2)]
    _produce(ring.address, address(buffers[0]), 1)  # compiled now, before the threads start
    _consume(ring.address, address(buffers[1]), 1, wrong)
    threads = [
        threading.Thread(target=_produce, args=(ring.address, address(buffers[0]), total), daemon=True),
        threading.Thread(target=_consume, args=(ring.address, address(buffers[1]), total, wrong), daemon=True),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not any(thread.is_alive() for thread in threads), "a frame never arrived"
    assert wrong[0] == 0
    assert len(ring) == 0
