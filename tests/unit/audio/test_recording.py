"""Recordings: valid at any moment, whole to the sample, and no trouble for what plays."""

import json
import os
import resource
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from pedalboard.io import AudioFile

import rtspec
from rtspec.audio import files
from rtspec.audio.recording import GrowingWav, TakeWriter, wav_header
from rtspec.errors import AudioFileError, RtspecError

RATE = 48000


def noise(frames, channels=2):
    return np.random.default_rng(0).uniform(-1, 1, (frames, channels)).astype(np.float32)


def test_a_growing_file_is_valid_and_whole_after_every_write(tmp_path):
    sound, at = noise(3000), 0
    file = GrowingWav(tmp_path / "a.wav", RATE, 2)
    for n in (1, 700, 64, 2235):
        file.write(sound[at : at + n])
        at += n
        heard, rate = files.read(tmp_path / "a.wav")
        np.testing.assert_array_equal(heard, sound[:at].T)
        assert rate == RATE
    file.close()


def test_a_file_that_outgrows_riff_becomes_an_rf64_that_is_read(tmp_path):
    sound = noise(5000)
    file = GrowingWav(tmp_path / "a.wav", RATE, 2, riff_most=20_000)
    file.write(sound[:1000])
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RIFF"
    file.write(sound[1000:])
    file.close()
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RF64"
    np.testing.assert_array_equal(files.read(tmp_path / "a.wav")[0], sound.T)
    with AudioFile(str(tmp_path / "a.wav")) as found:
        np.testing.assert_array_equal(found.read(found.frames), sound.T)


def test_sizes_beyond_4_gib_are_told_in_64_bits():
    header = wav_header(RATE, 2, 1 << 30)
    assert header[:4] == b"RF64" and header[12:16] == b"ds64"
    riff, data, frames = struct.unpack("<QQQ", header[20:44])
    assert (riff, data, frames) == ((1 << 33) + 84, 1 << 33, 1 << 30)
    assert len(header) == len(wav_header(RATE, 2, 0)) == 92


def test_a_recording_is_what_was_played_and_heard_sample_for_sample(tmp_path):
    source = 0.3 * noise(RATE // 2).T
    options = {"devices": rtspec.Devices(virtual=True), "measuring": rtspec.Measuring(tape_seconds=2)}
    with rtspec.AudioStream(
        plugins=rtspec.SpectralInversion(), source=source, recording=rtspec.Recording(tmp_path / "take.wav"), **options
    ) as stream:
        assert stream.wait(30)
    assert stream.statistics.unrecorded_frames == 0
    for taped, name in zip(stream.recorded, ("take-input.wav", "take.wav"), strict=True):
        found = files.read(tmp_path / name)[0]
        n = min(taped.shape[1], found.shape[1])
        assert n >= RATE // 2
        np.testing.assert_array_equal(found[:, :n], taped[:, :n])


CHILD = """
import sys, time
import numpy as np
import rtspec
source = np.linspace(-0.5, 0.5, 48000, dtype=np.float32)[np.newaxis]
say = lambda line: print(line, flush=True)
stream = rtspec.AudioStream(
    plugins=[], source=rtspec.Loop(source), devices=rtspec.Devices(virtual=True),
    recording=rtspec.Recording(sys.argv[1]), report=say
)
stream.start()
print("playing", flush=True)
time.sleep(float(sys.argv[2]))
print(stream.active, stream.statistics.callbacks, flush=True)
stream.stop()
"""


def child(path, seconds, **options):
    command = [sys.executable, "-c", CHILD, str(path), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def test_a_killed_process_leaves_what_it_recorded(tmp_path):
    process = child(tmp_path / "take.wav", 60)
    assert process.stdout is not None and process.stdout.readline() == "playing\n"
    time.sleep(1.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for name in ("take.wav", "take-input.wav"):
        heard, rate = files.read(tmp_path / name)
        assert rate == RATE and heard.shape[1] > RATE
    steps = np.diff(files.read(tmp_path / "take-input.wav")[0][0, :47000])
    np.testing.assert_allclose(steps, 1 / 47999, atol=1e-6)


def test_a_full_disk_is_told_in_one_line_and_the_stream_plays_on(tmp_path):
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    process = child(tmp_path / "take.wav", 2, preexec_fn=limited)
    said = process.communicate(timeout=60)[0].splitlines()
    assert said[0] == "playing" and len(said) == 3
    assert "recording ended" in said[1] and "take.wav: File too large" in said[1] and "are kept" in said[1]
    assert said[2].startswith("True") and int(said[2].split()[1]) > 600
    assert 20_000 < files.read(tmp_path / "take.wav")[0].shape[1] < 25_000


@pytest.mark.parametrize("name", ["take.flac", "take", "/no/such/folder/take.wav", "/dev/full/take.wav"])
def test_a_place_that_cannot_be_recorded_to_is_refused_before_anything_plays(tmp_path, name):
    with pytest.raises(AudioFileError, match=r"must end in \.wav|cannot record to"):
        rtspec.AudioStream(
            plugins=[], devices=rtspec.Devices(virtual=True), recording=rtspec.Recording(tmp_path / name)
        ).start()


def test_a_start_that_fails_leaves_an_earlier_recording_of_that_name(tmp_path):
    (tmp_path / "take.wav").write_bytes(b"precious")
    with pytest.raises(RtspecError):
        rtspec.AudioStream(
            plugins=[],
            devices=rtspec.Devices(virtual=True),
            control=rtspec.Control(midi="no such port"),
            recording=rtspec.Recording(tmp_path / "take.wav"),
        ).start()
    assert (tmp_path / "take.wav").read_bytes() == b"precious"


def test_a_disk_that_is_full_from_the_start_is_refused(tmp_path):
    os.symlink("/dev/full", tmp_path / "take.wav")
    with pytest.raises(AudioFileError, match="No space left on device"):
        TakeWriter(tmp_path / "take.wav", RATE, 2, print)


def test_peaks_are_those_since_the_last_look():
    source = np.zeros((1, RATE), np.float32)
    source[0, 100] = -0.75
    with rtspec.AudioStream(plugins=[], source=source, devices=rtspec.Devices(virtual=True)) as stream:
        time.sleep(0.4)
        first, second = stream.levels, stream.levels
    assert first == (0.75, 0.75) and second == (0.0, 0.0)
    assert json.dumps(first)


def test_earlier_takes_are_kept_and_the_next_is_numbered(tmp_path):
    said = []
    (tmp_path / "take-input.wav").write_bytes(b"an unrelated file")
    for _ in range(2):
        TakeWriter(tmp_path / "take.wav", RATE, 1, said.append).close()
    names = {"take-input.wav", *(f"take-{n}{end}.wav" for n in (2, 3) for end in ("", "-input"))}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert (tmp_path / "take-input.wav").read_bytes() == b"an unrelated file"
    assert len(said) == 2 and "recording to take-2.wav (--overwrite" in said[0] and "take-3.wav" in said[1]


def test_overwriting_must_be_asked_for_and_spares_what_is_read_only(tmp_path):
    (tmp_path / "take.wav").write_bytes(b"an earlier take")
    os.chmod(tmp_path / "take.wav", 0o600)
    TakeWriter(tmp_path / "take.wav", RATE, 1, print, overwrite=True).close()
    assert (tmp_path / "take.wav").read_bytes()[:4] == b"RIFF"
    assert (tmp_path / "take.wav").stat().st_mode & 0o777 == 0o600
    os.chmod(tmp_path / "take.wav", 0o444)
    with pytest.raises(AudioFileError, match="read-only"):
        TakeWriter(tmp_path / "take.wav", RATE, 1, print, overwrite=True)
