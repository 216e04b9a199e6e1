"""A stream leaves the machine as it found it; what it plays never takes longer for tiny numbers."""

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numba import njit

import rtspec
from rtspec.buffers.denormals import flush_denormals, flushed
from rtspec.buffers.priority import become_real_time, become_real_time_but_compile


def locked_kib() -> int:
    return next(
        int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmLck")
    )


@pytest.mark.timeout(120)
def test_memory_is_locked_while_a_stream_plays_and_no_longer_and_no_allocation_fails_for_it():
    before, silence = locked_kib(), np.zeros((2, 4800), np.float32)
    with rtspec.AudioStream(plugins=[], source=silence, devices=rtspec.Devices(virtual=True)) as stream:
        assert stream.wait(20)
        during = locked_kib()
        assert len(np.zeros(1 << 30, np.uint8)) == 1 << 30  # lazy, as anywhere else
        assert locked_kib() < during + (1 << 20)
    assert locked_kib() == before


def halved(x):
    return x * np.float32(0.5)


def test_tiny_numbers_are_zero_within_and_as_they_were_after():
    tiny = np.full(4, 2e-38, np.float32)
    assert halved(tiny).all()
    with flushed():
        assert not halved(tiny).any()
    assert halved(tiny).all()


def test_the_setting_is_the_threads_own():
    found = []
    thread = threading.Thread(target=lambda: (flush_denormals(), found.append(halved(np.full(4, 2e-38, np.float32)))))
    thread.start()
    thread.join()
    assert not found[0].any()
    assert halved(np.full(4, 2e-38, np.float32)).all()


def test_an_edit_does_not_compile_under_real_time_priority():
    found = []

    @njit
    def fresh(x):
        return x + 1

    def work():
        if not become_real_time(1):
            found.append(None)
            return
        become_real_time_but_compile(1)
        found.append(os.sched_getscheduler(0))
        fresh(1)
        found.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found in ([None], [os.SCHED_FIFO, os.SCHED_OTHER])


@pytest.mark.timeout(120)
def test_a_block_of_more_than_two_seconds_is_no_device_that_vanished():
    sound = np.zeros((1, 3 * 65536), np.float32)
    with rtspec.AudioStream(
        plugins=[], source=sound, sample_rate=8000, buffer_size=32768, devices=rtspec.Devices(virtual=True)
    ) as stream:
        time.sleep(2.5)
        assert stream.active
        assert not [line for line in stream.reports if "vanished" in line]


def test_a_burst_of_1e18_is_over_when_it_is_over():
    sound = (0.1 * np.random.default_rng(0).standard_normal((1, 96000))).astype(np.float32)
    burst = sound.copy()
    burst[0, 24000:24064] = 1e18
    processor = rtspec.SpectralInversion()
    clean, after = processor(sound, 48000), processor(burst, 48000)
    assert np.isfinite(after).all()
    assert abs(np.std(after[0, 60000:]) / np.std(clean[0, 60000:]) - 1) < 0.05
