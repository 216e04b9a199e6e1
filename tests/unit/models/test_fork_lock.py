"""Locks of models in forked children."""

import os
import threading

import pytest

from rtspec.models.fork_lock import ForkLock


@pytest.mark.timeout(30)
def test_a_child_finds_open_what_another_thread_holds():
    lock, held, let_go = ForkLock(), threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            let_go.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    child = os.fork()
    if child == 0:
        with lock, lock:
            os._exit(7)
    _, status = os.waitpid(child, 0)
    let_go.set()
    holder.join()
    assert os.waitstatus_to_exitcode(status) == 7
