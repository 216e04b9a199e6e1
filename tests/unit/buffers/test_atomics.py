"""Release stores are seen by acquire loads in a thread that never takes the GIL."""

import threading

import numpy as np
import pytest
from numba import njit

from rtspec.buffers.atomics import exchange, load_acquire, load_double, publish, publish_double, read
from rtspec.buffers.memory import address, aligned

PATIENCE_S = 20


@njit(nogil=True)
def _spin_until(flag, value):
    turns = 0
    while load_acquire(flag) != value:
        turns += 1
    return turns


@njit(nogil=True)
def _load_double(location):
    return load_double(location)


@njit(nogil=True)
def _give_for_each(location, own, n):
    """Exchange `own` for what lies there, `n` times: what one has at last."""
    for _ in range(n):
        own = exchange(location, own)
    return own


@pytest.mark.parametrize("value", [0, -1, 2**62, -(2**63), 2**63 - 1])
def test_an_integer_is_read_as_it_was_published_and_its_neighbours_stay(value):
    words = aligned(3, np.int64)
    words[:] = 7
    publish(words, 1, value)
    assert [read(words, i) for i in range(3)] == [7, value, 7]


@pytest.mark.parametrize("value", [0.0, -0.5, 1e-300, float("inf")])
def test_a_double_is_loaded_as_it_was_published_and_its_neighbours_stay(value):
    numbers = aligned(3, np.float64)
    numbers[:] = 7
    publish_double(numbers, 1, value)
    assert [_load_double(address(numbers) + 8 * i) for i in range(3)] == [7, value, 7]


def test_a_compiled_spin_loop_sees_what_python_publishes():
    flag = aligned(1, np.int64)
    publish(flag, 0, 1)
    _spin_until(address(flag), 1)  # compiled now
    publish(flag, 0, 0)
    spinner = threading.Thread(target=_spin_until, args=(address(flag), 2), daemon=True)
    spinner.start()
    publish(flag, 0, 2)
    spinner.join(PATIENCE_S)
    assert not spinner.is_alive(), "the load was hoisted out of the loop"


def test_what_threads_exchange_is_neither_lost_nor_doubled():
    place, got = aligned(1, np.int64), []
    _give_for_each(address(place), 0, 1)  # compiled now
    threads = [
        threading.Thread(target=lambda own=own: got.append(_give_for_each(address(place), own, 300_000)))
        for own in (1, 2, 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted([*got, read(place, 0)]) == [0, 1, 2, 3]
