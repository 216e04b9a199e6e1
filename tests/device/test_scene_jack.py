"""The scene equalizer on a real JACK device: its sensor is a third channel, which is never heard and never late."""

import json
import subprocess
import sys

import numpy as np
import pytest
from live_children import PRELUDE
from punctual import check_in_time, tried_twice

from rtspec.audio.jack import JackServer, why_unavailable

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))

LISTENING = """
from rtspec.benchmarks.engine import GilBurner
eq = rtspec.SceneEqualizer(cancel=False)
with GilBurner(), rtspec.AudioStream(
    plugins=[eq], buffer_size={block}, source=0.5 * noise(2, 8), sensor=3
) as stream:
    print(json.dumps({{"budget": dict(stream.latency.items)}}), flush=True)
    assert stream.wait(30)
    statistics = stream.statistics
print(json.dumps({{
    "noise": eq.noise_db.tolist(), "curve": eq.curve_db.tolist(), "fault": eq.sensor_fault,
    "late": statistics.late_callbacks, "underruns": statistics.underruns,
}}))
"""


def listened(server, block, wire):
    """What a stream says whose own output reaches its third input, or nothing does."""
    code = PRELUDE + LISTENING.format(block=block)
    environment, pipe = server.environment, subprocess.PIPE
    child = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=pipe, stderr=pipe, text=True)
    assert child.stdout is not None
    try:
        begun = json.loads(child.stdout.readline() or "{}")
        if wire:
            for port in server.connections()["PortAudio:in_2"]:
                server.disconnect(port, "PortAudio:in_2")
            server.connect("PortAudio:out_0", "PortAudio:in_2")
        out, complaint = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 0, complaint[-2000:]
    return {**begun, **json.loads(out.strip().splitlines()[-1])}


@tried_twice(120)
@pytest.mark.parametrize("block", [64, 128, 256])
def test_a_third_channel_is_the_sensor(block):
    with JackServer(48000, block, inputs=3, outputs=2) as server:
        found = listened(server, block, wire=True)
    assert not any(found["budget"][name] for name in ("resampler", "window", "model", "phase", "plugins")), found
    check_in_time(found, "late", "underruns")
    assert found["fault"] == "", found
    assert 40 < np.median(found["noise"]) < 75 and max(found["curve"]) > 3, found


@tried_twice(120)
def test_a_third_channel_that_nobody_plays_into_leaves_the_curve_flat():
    with JackServer(48000, 128, inputs=3, outputs=2) as server:
        found = listened(server, 128, wire=False)
    assert found["fault"] and not any(found["curve"]), found
