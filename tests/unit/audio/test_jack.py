"""Servers of one's own: side by side, and no place lost when one is killed."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from rtspec.audio import jack
from rtspec.errors import DeviceError

needs_jack = pytest.mark.skipif(jack.why_unavailable() is not None, reason=str(jack.why_unavailable()))


def test_a_machine_without_jack_is_told_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DeviceError, match=r"jackd is not installed \(Debian: apt-get install jackd2\)"):
        jack.JackServer()


@needs_jack
def test_servers_run_side_by_side():
    with jack.JackServer(48000, 64) as first, jack.JackServer(44100, 256) as second:
        assert first.name != second.name
        for server in (first, second):
            assert server.ports() == [
                "system:capture_1", "system:capture_2", "system:playback_1", "system:playback_2"
            ]  # fmt: skip


@needs_jack
def test_servers_that_start_at_once_take_nothing_from_each_other():
    with ThreadPoolExecutor(4) as pool:  # a server ends with the thread that started it
        servers = list(pool.map(lambda _: jack.JackServer(), range(4)))
        try:
            assert len({server.name for server in servers}) == 4
            assert all(len(server.ports()) == 4 for server in servers)
        finally:
            for server in servers:
                server.stop()


@needs_jack
def test_killed_servers_do_not_use_up_the_machines_places():
    for _ in range(10):
        jack.JackServer().kill()
    with jack.JackServer() as server:
        assert server.ports()


@needs_jack
def test_a_period_that_cannot_be_is_refused_in_one_line():
    with pytest.raises(DeviceError, match="no JACK server starts at 48000 Hz with periods of -5") as error:
        jack.JackServer(48000, -5)
    assert "\n" not in str(error.value)
