"""Real PortAudio streams on a JACK server of the test's own. Each stream runs in a child process with a time limit."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from live_children import EQUAL_TO_RENDER, LIMIT_S, PRELUDE, run_child
from punctual import check_in_time, tried_twice

from rtspec.audio.jack import JackServer, why_unavailable

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))


@tried_twice()
@pytest.mark.parametrize("block", [64, 128, 256])
@pytest.mark.parametrize(
    "processor",
    [
        "rtspec.SpectralInversion()",
        "rtspec.OnnxProcessor('tilt-gate', tilt_db_per_octave=2.0)",
        "rtspec.Mix([None, *(rtspec.SpectralInversion() for _ in range(4))])",
    ],
)
def test_what_plays_live_equals_render_sample_for_sample(block, processor):
    with JackServer(48000, block) as server:
        seen = run_child(server, EQUAL_TO_RENDER.format(processor=processor, channels=2, block=block))
    check_in_time(seen, "underruns", "overruns")
    assert seen["equal"]
    assert seen["level"] > 0.01
    assert seen["bad_samples"] == 0
    assert seen["callbacks"] > 0


@tried_twice()
@pytest.mark.parametrize("phase", ["live", "fast", "best", "spsi", "gsrtisi-la", "random"])
def test_every_phase_method_plays_live_what_it_renders(phase):
    processor = f"rtspec.SpectralInversion(phase={phase!r}, n_fft=512, hop=128)"
    with JackServer(48000, 128) as server:
        seen = run_child(server, EQUAL_TO_RENDER.format(processor=processor, channels=1, block=128))
    check_in_time(seen, "underruns", "overruns")
    assert seen["equal"]
    assert seen["level"] > 0.01


LOOP_BACK = """
inject = np.zeros((1, 96000), np.float32)
inject[0, 72000] = 0.5  # late enough for the cables to be plugged on a busy machine
processor = {processor}
with rtspec.AudioStream(
    plugins=[processor], devices=rtspec.Devices(channels=1), sensor={sensor},
    measuring=rtspec.Measuring(inject=inject, tape_seconds=2.5)
) as stream:
    print("ready", flush=True)
    time.sleep(3.0)
    out, total = stream.recorded[1][0], stream.latency.total_samples
heard = np.flatnonzero(np.abs(out) > 0.4)
print(json.dumps({{"round_trip": int(heard[1] - heard[0]), "total": total, "items": dict(stream.latency.items)}}))
"""


@pytest.mark.parametrize(
    ("processor", "sensor"),
    [
        ("rtspec.OnnxProcessor('identity', n_fft=1024)", None),
        ("rtspec.OnnxProcessor('identity', n_fft=2048)", None),
        ("rtspec.SceneEqualizer()", 2),
    ],
)
def test_the_measured_round_trip_is_the_itemised_latency(processor, sensor):
    with JackServer(48000, 128) as server:
        command = [sys.executable, "-c", PRELUDE + LOOP_BACK.format(processor=processor, sensor=sensor)]
        child = subprocess.Popen(command, env=server.environment, stdout=subprocess.PIPE, text=True)
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            server.loop_back()
            seen = json.loads(child.communicate(timeout=LIMIT_S)[0])
        finally:
            child.kill()
    assert seen["round_trip"] == seen["total"]
    framed = [seen["items"].get(item, 0) for item in ("window", "model", "phase")]
    assert any(framed) == (sensor is None), seen["items"]  # what only listens adds nothing


SOUND_UNTIL_LOST = """
stream = rtspec.AudioStream(plugins=[], source=noise(1, 60)).start()
print("ready", flush=True)
try:
    stream.wait(30)
    print("played on")
except RtspecError as error:
    print(error)
stream.stop()
print("stopped")
"""


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_device_that_vanishes_gives_one_line_and_no_hang(end):
    server = JackServer(48000, 128)
    child = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + SOUND_UNTIL_LOST],
        env=server.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.5)
        os.kill(server.pid, end)
        said = child.communicate(timeout=30)[0].splitlines()
    finally:
        child.kill()
        server.kill()
    assert said[0].startswith("the audio device vanished while playing")
    assert said[-1] == "stopped"


CLOSES = """
stream = rtspec.AudioStream(plugins=[], source=noise(1, 60)).start()
print("playing", flush=True)
sys.stdin.readline()
stream.stop()
print("stopped", flush=True)
time.sleep(0.3)
"""


def test_a_server_that_sleeps_while_a_stream_closes_neither_holds_the_process_nor_kills_it():
    with JackServer(48000, 128) as server:
        command, pipe = [sys.executable, "-c", PRELUDE + CLOSES], subprocess.PIPE
        child = subprocess.Popen(command, env=server.environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        try:
            assert child.stdin is not None and child.stdout is not None
            assert child.stdout.readline() == "playing\n"
            os.kill(server.pid, signal.SIGSTOP)
            child.stdin.write("stop\n")
            child.stdin.flush()
            assert child.stdout.readline() == "stopped\n"
            os.kill(server.pid, signal.SIGCONT)  # the device calls again while the interpreter ends
            _, complaint = child.communicate(timeout=30)
        finally:
            child.kill()
    assert child.returncode == 0, complaint


DEVICES = """
from rtspec.audio.devices import find_device, list_devices
said = []
for name, kind in (("nonsense", "input"), ("7", "output")):
    try:
        find_device(name, kind)
    except RtspecError as error:
        said.append(str(error))
try:
    rtspec.AudioStream(plugins=[], source=noise(1, 1), sample_rate=44100)
except RtspecError as error:
    said.append(str(error))
names = [d.name for d in list_devices()]
print(json.dumps({"names": names, "found": find_device("SYST", "input").name, "said": said}))
"""


def test_devices_are_named_and_wrong_ones_refused():
    with JackServer(48000, 128) as server:
        seen = run_child(server, DEVICES)
    assert seen["names"] == ["system"]
    assert seen["found"] == "system"
    assert seen["said"][0] == "input device 'nonsense' is no input device; choose one of 0 'system'"
    assert seen["said"][1] == "output device '7' is no output device; choose one of 0 'system'"
    assert "refuses 44100 Hz" in seen["said"][2]


EDITS = """
import pedalboard
board = rtspec.Pedalboard([rtspec.OnnxProcessor("identity", n_fft=512)])
with rtspec.AudioStream(plugins=board, source=rtspec.Loop(noise(2, 3))) as stream:
    for _ in range(300):
        board.append(pedalboard.Gain(-3))
        board.pop()
    time.sleep(0.2)
    print(json.dumps({"active": stream.active, "callbacks": stream.statistics.callbacks, "left": len(board)}))
"""


def test_edits_while_a_real_device_plays_leave_it_playing():
    with JackServer(48000, 128) as server:
        seen = run_child(server, EDITS)
    assert seen["active"]
    assert seen["left"] == 1
    assert seen["callbacks"] > 50
