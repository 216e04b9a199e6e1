"""Chains side by side on two threads: the same samples as on one, and no thread that outlives what it plays."""

import gc
import os
import signal
import threading
import time

import numpy as np
import pedalboard
import pytest

import rtspec
from rtspec.chain import mix_program
from rtspec.chain.beside import Beside

RATE = 48000
NAME = "rtspec-beside"


def sound(n=9000):
    return (0.2 * np.random.default_rng(3).standard_normal((2, n))).astype(np.float32)


def sides():
    inner = rtspec.Mix([rtspec.SpectralInversion(), [pedalboard.Delay(0.01), rtspec.OnnxProcessor("tilt-gate")]])
    heavy = [
        rtspec.OnnxProcessor("identity", n_fft=512),
        inner,
        [rtspec.SpectralInversion(), rtspec.SpectralInversion()],
    ]
    return [None, pedalboard.Gain(-6), *heavy]


def program(monkeypatch, n_cores, plugins):
    monkeypatch.setattr(mix_program, "cores", lambda: n_cores)
    return rtspec.Mix(plugins).prepare(RATE, 2)


@pytest.fixture
def all_is_heavy(monkeypatch):
    """Whatever a machine's speed makes of a chain."""
    monkeypatch.setattr(mix_program, "_measured_us", lambda program: 40.0 if program.latency_samples else 1.0)


def n_threads():
    return sum(thread.name == NAME for thread in threading.enumerate())


def policies(name, others):
    """How threads of a name are scheduled, but for those that were there before."""
    numbers = [thread.native_id for thread in threading.enumerate() if thread.name == name and thread not in others]
    return {(os.sched_getscheduler(n), os.sched_getparam(n).sched_priority) for n in numbers if n is not None}


def n_beside(played):
    return sum(isinstance(stage, Beside) for stage in played.stages)


@pytest.mark.usefixtures("all_is_heavy")
@pytest.mark.parametrize("block", [64, 100, 1024])
def test_two_threads_give_what_one_gives_to_the_bit(monkeypatch, block):
    two, one = program(monkeypatch, 2, sides()), program(monkeypatch, 1, sides())
    assert (n_beside(two), n_beside(one)) == (1, 0)  # the mix inside it is too light
    wanted = one.run(sound(), 128)
    assert np.abs(wanted).max() > 0.1
    np.testing.assert_array_equal(two.run(sound(), block), wanted)
    two.reset()
    np.testing.assert_array_equal(two.run(sound(), 128), wanted)


def test_light_chains_need_no_second_thread(monkeypatch):
    light = [None, pedalboard.Gain(-6), rtspec.Equalizer(), *(rtspec.OnnxProcessor("identity") for _ in range(3))]
    assert n_beside(program(monkeypatch, 2, light)) == 0


def test_instruments_need_one_whatever_they_take_in_silence(monkeypatch):
    assert n_beside(program(monkeypatch, 2, [rtspec.TimbreSynth() for _ in range(4)])) == 1
    assert n_beside(program(monkeypatch, 2, [rtspec.TimbreSynth() for _ in range(2)])) == 0


def test_what_is_measured_plays_as_if_it_never_had_been(monkeypatch):
    plugins = [rtspec.BandwidthExtension(), rtspec.SpectralInversion()]
    measured, fresh = (program(monkeypatch, n, plugins) for n in (2, 1))
    loads = [side.load_us for side in measured.sides]
    assert loads[0] > 1.3 * loads[1] > 0
    np.testing.assert_array_equal(measured.run(sound(), 128), fresh.run(sound(), 128))


@pytest.mark.usefixtures("all_is_heavy")
def test_a_thread_ends_with_what_it_plays(monkeypatch):
    gc.collect()
    before = n_threads()
    played = program(monkeypatch, 2, sides())
    played.run(sound(2000), 128)
    assert n_threads() == before + 1
    del played
    gc.collect()
    end = time.monotonic() + 10
    while n_threads() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert n_threads() == before


@pytest.mark.usefixtures("all_is_heavy")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_child_made_by_fork_plays_it_alone(monkeypatch):
    played = program(monkeypatch, 2, [rtspec.OnnxProcessor("identity", n_fft=512) for _ in range(4)])
    wanted = played.run(sound(), 128)
    played.reset()
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # it would wait for ever for a thread that is not there
        os._exit(0 if np.array_equal(played.run(sound(), 128), wanted) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.usefixtures("all_is_heavy")
def test_it_plays_live_what_one_thread_plays(monkeypatch):
    source, heard = sound(24000), []
    for n_cores in (2, 1):
        monkeypatch.setattr(mix_program, "cores", lambda: n_cores)  # noqa: B023
        others = threading.enumerate()
        with rtspec.AudioStream(
            plugins=[rtspec.Mix(sides())],
            source=source,
            devices=rtspec.Devices(virtual=True, worker_samples=8192),
            measuring=rtspec.Measuring(tape_seconds=2),
        ) as stream:
            assert policies(NAME, others) <= policies("rtspec-engine", others)  # as who waits for it
            assert stream.wait(30)
            heard.append(stream.recorded[1][:, stream.latency.total_samples :][:, :20000])
    assert np.abs(heard[0]).max() > 0.1
    np.testing.assert_array_equal(*heard)
