"""Semaphores count, wake, and wait without the GIL."""

import ctypes
import threading

import pytest

from rtspec.buffers.semaphore import Semaphore

PATIENCE_S = 20


@pytest.mark.parametrize("value", [0, 1, 5])
def test_it_gives_as_many_as_it_started_with_plus_those_posted(value):
    semaphore = Semaphore(value)
    for _ in range(3):
        semaphore.post()
    assert sum(semaphore.try_wait() for _ in range(value + 10)) == value + 3
    assert not semaphore.try_wait()


def test_two_semaphores_are_independent():
    a, b = Semaphore(), Semaphore()
    a.post()
    assert not b.try_wait()
    assert a.try_wait()


def test_waiting_leaves_the_gil_to_the_thread_that_posts():
    request, answer = Semaphore(), Semaphore()

    def serve():
        for _ in range(1000):
            request.wait()
            answer.post()

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    for _ in range(1000):
        request.post()
        answer.wait()
    server.join(PATIENCE_S)
    assert not server.is_alive()
    assert not request.try_wait() and not answer.try_wait()


def test_a_platform_without_semaphores_is_named(monkeypatch):
    class Library:
        @staticmethod
        def sem_init(location, shared, value):
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library)
    with pytest.raises(OSError, match=r"sem_init failed: this platform has no unnamed semaphores; .* needs Linux"):
        Semaphore()
