"""``rtspec live`` and ``rtspec demo`` on the virtual device."""

import json
import re

import numpy as np
import pytest
from PIL import Image

import rtspec as rt
from rtspec.audio import files
from rtspec.cli import demo

RATE = 16000  # of the fixture `sound`


def test_a_source_is_played_to_its_end_and_recorded(rtspec, sound, tmp_path):
    words = ["--virtual", "--rate", RATE, "--source", sound, "--record", tmp_path / "heard.wav", "--json"]
    ran = rtspec("live", "--processor", "onnx:tilt-gate", "--set", "gate_db=-20", *words)
    assert ran.status == 0 and ran.err == ""
    said = json.loads(ran.out)
    delay = said["latency"]["total_samples"] - said["latency"]["items"]["device"]
    wanted = rt.OnnxProcessor("tilt-gate", gate_db=-20)(files.read(sound)[0], RATE)
    heard, _ = files.read(tmp_path / "heard.wav")
    np.testing.assert_allclose(heard[:, delay : delay + wanted.shape[1]], wanted, atol=2**-22, rtol=0)
    assert said["statistics"]["overruns"] == 0 and said["statistics"]["callbacks"] * 128 >= wanted.shape[1] + delay


def test_text_tells_chain_latency_and_statistics(rtspec):
    ran = rtspec("live", "--virtual", "--seconds", "0.2", "--processor", "onnx:identity")
    assert ran.status == 0
    assert all(
        word in ran.out for word in ("onnx:identity, 48000 Hz", "window", "total", "callback time p50", "underruns")
    )


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--virtual", "--rate", "1"], "sample_rate=1"),
        (["--virtual", "--rate", "1e12"], "sample_rate="),
        (["--virtual", "--rate", "nan"], "sample_rate=nan"),
        (["--virtual", "--block", "0"], "0"),
        (["--virtual", "--block", "-7"], "-7"),
        (["--virtual", "--source", "nonsense.wav"], "nonsense.wav"),
        (["--output", "nonsense"], "output device"),
        (["--input", "nonsense", "--rate", "48000"], "input device"),
        (["--virtual", "--loop"], "--loop does nothing without --source; add --source"),
        (["--virtual", "--loop", "--source", "levels:day.csv"], "--loop does nothing for levels"),
        (["--virtual", "--untimed"], "--untimed does nothing without --midi or --map"),
        (["--virtual", "--osc-host", "0.0.0.0"], "--osc-host does nothing without --osc"),
        (["--virtual", "--overwrite"], "--overwrite does nothing without --record"),
        (["--virtual", "--output", "USB"], "--output does nothing with --virtual"),
        (["--virtual", "--output-channels", "3"], "--output-channels does nothing with --virtual"),
        (["--virtual", "--no-reopen"], "--no-reopen does nothing with --virtual"),
        (["--virtual", "--pad", "flute,brass"], "--pad needs what moves it; add --midi, --osc or --panel"),
        (["--input", "mic", "--source", "a.wav"], "--input is not heard beside --source"),
        (["--input-channels", "2", "--source", "a.wav"], "--input-channels is not heard beside --source"),
    ],
)
def test_what_is_wrong_gives_one_line(rtspec, words, match):
    assert match in rtspec("live", "--seconds", "0.1", *words).failed_in_one_line()


def test_a_sensor_that_nothing_listens_to_is_told(rtspec, tmp_path):
    files.write(tmp_path / "room.wav", np.zeros((1, 4800), np.float32), 48000)
    words = ["--virtual", "--seconds", "0.2", "--source", tmp_path / "room.wav", "--sensor", tmp_path / "room.wav"]
    ran = rtspec("live", *words, "--processor", "onnx:identity")
    assert ran.status == 0 and "the sensor is not heard: nothing in this chain listens" in ran.out + ran.err


def test_a_recording_that_no_crash_would_leave_readable_is_refused(rtspec, tmp_path):
    words = ["--virtual", "--seconds", "1", "--record", tmp_path / "a.flac"]
    assert "a recording's name must end in .wav" in rtspec("live", *words).failed_in_one_line()


def test_the_demo_plays_draws_and_writes_what_it_promises(rtspec, tmp_path):
    ran = rtspec("demo", "--virtual", "--seconds", "2", "--out", tmp_path / "out", "--json")
    assert ran.status == 0 and ran.err == ""
    said = json.loads(ran.out)
    audio, rate = files.read(said["wav"])
    assert audio.shape == (2, 2 * rate) and rate == demo.SAMPLE_RATE
    level = np.sqrt(np.mean(audio.reshape(2, 4, -1) ** 2, axis=(0, 2)))
    assert level.min() > 0.001 and np.abs(audio).max() < 1
    assert said["latency"]["total_samples"] == sum(said["latency"]["items"].values()) > 0
    picture = np.asarray(Image.open(said["png"]).convert("L"), np.float32)
    assert min(picture.shape) > 400 and picture.std() > 10


def test_the_demo_is_what_render_gives(rtspec, tmp_path):
    assert rtspec("demo", "--virtual", "--seconds", "1", "--out", tmp_path).status == 0
    sound = demo.demo_sound(1.0)
    board = rt.Pedalboard([rt.SpectralInversion(), rt.OnnxProcessor("tilt-gate")])
    np.testing.assert_allclose(
        files.read(tmp_path / "demo.wav")[0], board(sound, demo.SAMPLE_RATE), atol=2**-22, rtol=0
    )


@pytest.mark.parametrize("seconds", ["0", "15", "nan"])
def test_a_demo_too_short_or_long_gives_one_line(rtspec, seconds):
    assert "must be 1 to 14" in rtspec("demo", "--seconds", seconds).failed_in_one_line()


def test_a_demo_that_cannot_write_gives_one_line(rtspec, tmp_path):
    (tmp_path / "file").write_text("in the way")
    said = rtspec("demo", "--virtual", "--seconds", "1", "--out", tmp_path / "file").failed_in_one_line()
    assert "cannot make the folder" in said


def test_a_sensors_port_is_told_and_that_only_this_machine_reaches_it(rtspec):
    ran = rtspec("live", "--virtual", "--seconds", "0.3", "--processor", "inversion", "--source", "levels:udp:0")
    assert ran.status == 0
    assert re.search(r"levels on 127\.0\.0\.1:\d+ \(this machine only\)", ran.err)
