"""Commands on a real PortAudio device: a JACK dummy server of the test's own."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from punctual import check_in_time, tried_twice

import rtspec
from rtspec.audio import files
from rtspec.audio.jack import JackServer, why_unavailable
from rtspec.benchmarks.midi import WORKERS

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))
COMMAND = [sys.executable, "-m", "rtspec.cli"]
RATE, LIMIT_S = 48000, 100


@pytest.fixture
def server():
    with JackServer(RATE, 128) as running:
        yield running


def run(server, *words, limit_s=LIMIT_S) -> subprocess.CompletedProcess:
    command = [*COMMAND, *map(str, words)]
    return subprocess.run(command, env=server.environment, capture_output=True, text=True, timeout=limit_s, check=False)


@pytest.fixture
def sound(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, RATE))
    files.write(tmp_path / "sound.wav", noise, RATE)
    return tmp_path / "sound.wav"


def test_devices_lists_the_server(server):
    (device,) = json.loads(run(server, "devices", "--json").stdout)["devices"]
    assert (device["name"], device["inputs"], device["outputs"], device["sample_rate"]) == ("system", 2, 2, RATE)


@tried_twice(120)
def test_live_plays_on_the_device_what_render_gives(server, sound, tmp_path):
    chain = ["--processor", "onnx:tilt-gate", "--set", "tilt_db_per_octave=2"]
    words = ["--source", sound, "--output", "sys", "--record", tmp_path / "heard.wav", "--json"]
    ran = run(server, "live", *chain, *words)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    check_in_time(said["statistics"], "underruns")
    assert said["latency"]["items"]["device"] > 0
    delay = said["latency"]["total_samples"] - said["latency"]["items"]["device"]
    wanted = rtspec.OnnxProcessor("tilt-gate", tilt_db_per_octave=2)(files.read(sound)[0], RATE)
    heard = files.read(tmp_path / "heard.wav")[0][:, delay : delay + RATE]
    np.testing.assert_allclose(heard, wanted, atol=2**-22, rtol=0)


def test_live_listens_to_the_devices_input(server):
    ran = run(server, "live", "--seconds", "0.5", "--input", "system", "--processor", "onnx:identity", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["statistics"]["callbacks"] > 100


def test_the_demo_takes_the_device(server, tmp_path):
    ran = run(server, "demo", "--seconds", "1", "--out", tmp_path, "--json")
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["device"].startswith("system")
    assert files.read(said["wav"])[0].shape == (2, RATE)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--output", "nonsense"], "'nonsense' is no output device; choose one of 0 'system'"),
        (["--rate", "44100"], "refuses 44100 Hz"),
    ],
)
def test_a_wrong_device_or_rate_gives_one_line(server, words, match):
    ran = run(server, "live", "--seconds", "1", *words)
    assert ran.returncode == 1 and match in ran.stderr and len(ran.stderr.splitlines()) == 1


def test_a_device_that_vanishes_ends_live_with_one_line():
    server = JackServer(RATE, 128)
    words = [*COMMAND, "live", "--no-reopen", "--processor", "onnx:identity"]
    child = subprocess.Popen(words, env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        while "playing" not in child.stdout.readline():
            assert child.poll() is None
        server.kill()
        _, complaint = child.communicate(timeout=30)
    finally:
        child.send_signal(signal.SIGKILL)
        server.stop()
    assert child.returncode == 1
    assert "rtspec: the audio device vanished" in complaint.splitlines()[-1]


@tried_twice(220)
def test_the_measured_round_trip_is_the_itemised_latency_for_every_block_and_plan(server):
    ran = run(server, "benchmark", "latency", "--seconds", "2", "--json", limit_s=200)
    told = json.loads(ran.stdout)
    assert "rows" in told, told
    rows = told["rows"]
    assert [(row["block"], row["n_fft"]) for row in rows] == [(b, n) for n in (1024, 512) for b in (64, 128, 256)]
    assert all(row["measured_samples"] == row["stated_samples"] for row in rows), rows
    notes = [row for row in told["midi_to_sound"] if row["timed"]]
    assert len(notes) == len(WORKERS)
    check_in_time({"broken": not all(row["kept"] for row in notes), "notes": notes}, "broken")
    assert ran.returncode == 0


@tried_twice(200)
def test_what_plays_while_the_gil_burns_equals_render_at_every_block(server):
    ran = run(server, "benchmark", "engine", "--seconds", "4", "--json")
    rows = json.loads(ran.stdout)["rows"]
    assert [row["block"] for row in rows] == [64, 128, 256]
    assert all(row["gil_turns"] > 100_000 for row in rows)
    for row in rows:
        check_in_time(row, "underruns", "overruns")
    assert all(row["equal_to_render"] for row in rows), rows
