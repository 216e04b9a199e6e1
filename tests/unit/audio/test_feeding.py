"""A file as a live source: the same samples as from memory, a few seconds of it at a time, and every gap told."""

import subprocess
import sys

import numpy as np
import pytest

import rtspec
from rtspec.audio import feeding, files
from rtspec.audio.feeding import Feeder, FileSource, open_source
from rtspec.errors import InvalidValue

RATE = 48000


@pytest.fixture
def path(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, RATE // 2)).astype(np.float32)
    files.write(tmp_path / "a.wav", noise, RATE, bit_depth=32)
    return tmp_path / "a.wav"


def played(source, seconds=None, rate=RATE, loop=False):
    options = {"sample_rate": rate, "buffer_size": 128, "source": rtspec.Loop(source) if loop else source}
    with rtspec.AudioStream(
        plugins=[], devices=rtspec.Devices(virtual=True), measuring=rtspec.Measuring(tape_seconds=2.0), **options
    ) as stream:
        stream.wait(timeout=seconds or 30)
        statistics, (heard, _) = stream.statistics, stream.recorded
    return heard, statistics


@pytest.mark.parametrize("rate", [48000, 44100])
def test_a_file_is_heard_as_the_array_would_be(path, rate):
    wanted = files.read(path, rate)[0]
    heard, statistics = played(str(path), rate=rate)
    assert statistics.unread_frames == 0 and heard.shape[1] >= wanted.shape[1]
    np.testing.assert_array_equal(heard[:, : wanted.shape[1]], wanted)
    assert not heard[:, wanted.shape[1] :].any()


def test_a_file_begins_again_without_a_gap(path):
    whole = files.read(path)[0]
    heard, statistics = played(path, seconds=1.5, loop=True)
    n = heard.shape[1]
    assert statistics.unread_frames == 0 and n > 1.2 * whole.shape[1]
    np.testing.assert_array_equal(heard, np.tile(whole, (1, 5))[:, :n])


def test_a_feeder_goes_on_from_any_place(path):
    whole, source = files.read(path)[0], open_source(path, RATE)
    feeder = Feeder(source, loop=False, report=print)
    for place in (0, 12345, whole.shape[1] - 3):
        feeder.go_to(place)
        np.testing.assert_array_equal(feeder.ring.read(1000).T, whole[:, place : place + 1000])
    feeder.close()


def test_a_late_disk_is_counted_and_nothing_of_the_file_is_lost(path, monkeypatch):
    monkeypatch.setattr(feeding, "AHEAD_S", 0.2)
    monkeypatch.setattr(feeding, "_TURN_S", 0.9)  # the thread looks too seldom for a ring of .34 s
    whole = files.read(path)[0]
    heard, statistics = played(path, seconds=5)
    assert statistics.unread_frames > 0
    late = statistics.unread_frames
    sounding = np.flatnonzero(heard.any(axis=0))
    assert len(sounding) >= whole.shape[1] - 2 and sounding[-1] - whole.shape[1] + 1 <= late
    np.testing.assert_array_equal(heard[:, heard.any(axis=0)], whole[:, whole.any(axis=0)])


def test_channels_that_are_not_the_files_are_refused(path):
    with pytest.raises(InvalidValue, match="has 2 channels, not 1"):
        rtspec.AudioStream(plugins=[], source=path, devices=rtspec.Devices(channels=1, virtual=True))


def test_a_damaged_end_is_said_and_the_stream_ends(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, RATE)).astype(np.float32)
    files.write(tmp_path / "a.flac", noise, RATE)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[len(data) // 2] ^= 0x10
    (tmp_path / "a.flac").write_bytes(data)
    said: list[str] = []
    options = {
        "sample_rate": RATE,
        "source": tmp_path / "a.flac",
        "devices": rtspec.Devices(virtual=True),
        "report": said.append,
    }
    with rtspec.AudioStream(plugins=[], **options) as stream:
        assert stream.wait(timeout=10)
    assert any("a.flac is damaged" in line and "silent from there on" in line for line in said)


def test_a_long_file_takes_little_memory(tmp_path):
    """Ten minutes of stereo are 230 MB of samples."""
    with files.Writer(tmp_path / "long.wav", RATE, 2, bit_depth=16) as writer:
        for _ in range(600):
            writer.write(np.zeros((2, RATE), np.float32))
    script = (
        "import resource, rtspec; before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"source, virtual = {str(tmp_path / 'long.wav')!r}, rtspec.Devices(virtual=True)\n"
        "with rtspec.AudioStream(None, None, [], 44100, source=source, devices=virtual) as stream: stream.wait(1)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert int(ran.stdout.split()[-1]) < 120 * 1024, ran.stdout


def test_a_source_keeps_its_channels_at_another_rate(path):
    source = open_source(path, 44100)
    assert source == FileSource(path, 44100, 2, 22050) and source.at_rate(48000).n_frames == RATE // 2
