"""Devices that come and go while a process lives: what is there now counts, and a dead server ends no process."""

import subprocess
import sys

import pytest

from rtspec.audio.jack import JackServer, why_unavailable

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))

ATTEMPTS = """
import os, sys
import numpy as np
import rtspec
os.environ.update(JACK_NO_AUDIO_RESERVATION="1", JACK_NO_START_SERVER="1")
for line in sys.stdin:
    name, rate = line.split()
    os.environ["JACK_DEFAULT_SERVER"] = name
    try:
        source = np.zeros((2, 4800), np.float32)
        with rtspec.AudioStream(plugins=[], source=source, sample_rate=float(rate) or None) as stream:
            played = stream.wait(20)
        print("plays", played, f"{stream.sample_rate:g}", flush=True)
    except rtspec.errors.RtspecError as error:
        print(error, flush=True)
"""


@pytest.fixture
def attempt():
    """Opens a stream in one and the same process, on the server of this name at this rate (0: its own)."""
    pipe = subprocess.PIPE
    child = subprocess.Popen([sys.executable, "-c", ATTEMPTS], stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def attempted(name: str, rate: int) -> str:
        assert child.stdin is not None and child.stdout is not None
        print(name, rate, file=child.stdin, flush=True)
        return child.stdout.readline().strip()

    yield attempted
    try:
        _, complaint = child.communicate(timeout=30)
        assert child.returncode == 0, complaint
    finally:
        child.kill()


@pytest.mark.timeout(90)
def test_a_server_that_starts_after_the_first_refusal_is_found(attempt):
    assert "there is no audio output device" in attempt("rtspec-absent", 48000)
    with JackServer(48000, 128) as server:
        assert attempt(server.name, 48000) == "plays True 48000"


@pytest.mark.timeout(90)
def test_a_server_that_ends_and_comes_back_at_another_rate_is_found_and_ends_no_process(attempt):
    with JackServer(48000, 128) as server:
        assert attempt(server.name, 48000) == "plays True 48000"
    refused = attempt(server.name, 48000)
    assert "there is no audio output device" in refused or "is not there" in refused
    with JackServer(44100, 128) as again:
        assert "refuses 48000 Hz: " in (wrong := attempt(again.name, 48000)) and "try the sample rate" in wrong
        assert attempt(again.name, 0) == "plays True 44100"
        again.kill()  # and the process ends with its client
