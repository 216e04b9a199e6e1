"""The sound servers of a desktop, PulseAudio and PipeWire: real ones, headless."""

import json
import subprocess
import sys
import time

import pytest

from rtspec.audio.desktop import DesktopServer, why_unavailable

SINKS = {"pulse": "default", "pipewire": "out Audio"}
"""PulseAudio's through ALSA, PipeWire's by its JACK side."""

CHILD = """
import json, sys, time
import numpy as np
import rtspec
from rtspec.errors import RtspecError
source = (0.1 * np.random.default_rng(0).standard_normal((2, 96000))).astype(np.float32)
try:
    rtspec.AudioStream(plugins=[])
    refused = "no"
except RtspecError as error:
    refused = str(error)
processor = rtspec.OnnxProcessor("tilt-gate")
options = dict(plugins=[processor], source=source, sample_rate=48000, record_seconds=3.5)
with rtspec.AudioStream(None, sys.argv[1], **options) as stream:
    finished, latency, statistics, out = stream.wait(30), stream.latency, stream.statistics, stream.recorded[1]
delay = latency.total_samples - latency.items["device"]
equal = bool(np.array_equal(out[:, delay : delay + 96000], processor(source, 48000)))
seen = {"refused": refused, "finished": finished, "equal": equal, "device": latency.items["device"]}
print(json.dumps({**seen, "underruns": statistics.underruns}), flush=True)
with rtspec.AudioStream(None, sys.argv[1], plugins=[], source=source, loop=True, sample_rate=48000) as stream:
    time.sleep(1.0)
    print("playing", flush=True)
    end = time.monotonic() + 25
    while stream.active and time.monotonic() < end:
        time.sleep(0.1)
    print("noticed" if not stream.active else "plays on", flush=True)
"""


@pytest.mark.timeout(150)
@pytest.mark.parametrize("kind", ["pulse", "pipewire"])
def test_a_desktops_server_plays_what_is_rendered_and_howls_at_nobody(kind):
    if (missing := why_unavailable(kind)) is not None:
        pytest.fail(missing)
    with DesktopServer(kind) as server:
        command, pipe = [sys.executable, "-c", CHILD, SINKS[kind]], subprocess.PIPE
        child = subprocess.Popen(command, env=server.environment, stdout=pipe, stderr=pipe, text=True)
        try:
            assert child.stdout is not None and child.stderr is not None
            line = child.stdout.readline()
            assert line, child.stderr.read()
            seen = json.loads(line)
            assert child.stdout.readline() == "playing\n"
            time.sleep(0.5)
            server.control("unload-module", server.module)
            after, _ = child.communicate(timeout=60)
        finally:
            child.kill()
    assert "the only input is the monitor of the machine's own output" in seen["refused"]
    assert seen["finished"] and 0 <= seen["device"] < 48000
    assert seen["equal"] or seen["underruns"]
    if kind == "pipewire":
        assert after == "noticed\n"
