"""The sound servers of a desktop, PulseAudio and PipeWire: real ones, headless."""

import json
import subprocess
import sys
import time

import pytest

from rtspec.audio.desktop import DesktopServer, why_unavailable

SINKS = {"pulse": "default", "pipewire": "out Audio"}
"""PulseAudio's through ALSA, PipeWire's by its JACK side."""

ROUNDS = 6
"""Tries until one has no underrun: these servers' buffers are short, and the machine may be busy."""

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
options = dict(plugins=[processor], source=source, sample_rate=48000, measuring=rtspec.Measuring(tape_seconds=3.5))
wanted = processor(source, 48000)
for _ in range(int(sys.argv[2])):
    with rtspec.AudioStream(None, sys.argv[1], **options) as stream:
        finished, latency, statistics, out = stream.wait(30), stream.latency, stream.statistics, stream.recorded[1]
    delay = latency.total_samples - latency.items["device"]
    equal = bool(np.array_equal(out[:, delay : delay + 96000], wanted))
    seen = {"refused": refused, "finished": finished, "equal": equal, "device": latency.items["device"]}
    print(json.dumps({**seen, "underruns": statistics.underruns}), flush=True)
    if not statistics.underruns:
        break
with rtspec.AudioStream(None, sys.argv[1], plugins=[], source=rtspec.Loop(source), sample_rate=48000) as stream:
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
        command, pipe = [sys.executable, "-c", CHILD, SINKS[kind], str(ROUNDS)], subprocess.PIPE
        child = subprocess.Popen(command, env=server.environment, stdout=pipe, stderr=pipe, text=True)
        try:
            assert child.stdout is not None and child.stderr is not None
            rounds = []
            while (line := child.stdout.readline()) != "playing\n":
                assert line, child.stderr.read()
                rounds.append(json.loads(line))
            time.sleep(0.5)
            server.control("unload-module", server.module)
            after, _ = child.communicate(timeout=60)
        finally:
            child.kill()
    clean = [seen for seen in rounds if seen["underruns"] == 0]
    assert len(clean) == 1, f"no round without an underrun: {rounds}"
    assert clean[0]["equal"] and clean[0]["finished"] and 0 <= clean[0]["device"] < 48000
    assert "the only input is the monitor of the machine's own output" in clean[0]["refused"]
    assert after == "noticed\n"
