"""Sound files: what is written is read, whole or in chunks; what is wrong is said in one line; nothing half is left."""

import os
import resource
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pedalboard.io import AudioFile

from rtspec.audio import files
from rtspec.errors import AudioFileError

RATE = 48000
LOSSLESS, LOSSY = (".wav", ".flac"), (".ogg", ".mp3")


@pytest.fixture
def sound() -> np.ndarray:
    t = np.arange(RATE) / RATE
    noise = np.random.default_rng(1).standard_normal((2, RATE))
    return (0.3 * np.sin(2 * np.pi * 440 * t) + 0.01 * noise).astype(np.float32)


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text and len(text) < 300
    return text


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_files_give_back_what_was_written_to_24_bits(tmp_path, sound, suffix):
    files.write(tmp_path / f"a{suffix}", sound, RATE)
    read, rate = files.read(tmp_path / f"a{suffix}")
    assert rate == RATE and read.dtype == np.float32
    np.testing.assert_allclose(read, sound, atol=2**-22, rtol=0)


def test_32_bit_wav_is_exact_and_does_not_clip(tmp_path, sound):
    files.write(tmp_path / "a.wav", 4 * sound, RATE, bit_depth=32)
    np.testing.assert_array_equal(files.read(tmp_path / "a.wav")[0], 4 * sound)


@pytest.mark.parametrize("suffix", LOSSY)
def test_lossy_files_sound_like_what_was_written(tmp_path, sound, suffix):
    files.write(tmp_path / f"a{suffix}", sound, RATE)
    read, rate = files.read(tmp_path / f"a{suffix}")
    assert rate == RATE and 0 <= read.shape[1] - RATE < 4 * 1152  # MP3 gives whole frames, its delay included
    level, wanted = (float(np.sqrt(np.mean(x[:, RATE // 4 : RATE // 2] ** 2))) for x in (read, sound))
    assert level == pytest.approx(wanted, rel=0.03)


def test_chunks_joined_are_the_whole_file(tmp_path, sound):
    files.write(tmp_path / "a.flac", sound, RATE)
    with files.Reader(tmp_path / "a.flac") as reader:
        chunks = list(reader.chunks(4801))
    assert {c.shape[1] for c in chunks[:-1]} == {4801}
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), files.read(tmp_path / "a.flac")[0])


def test_a_file_written_in_chunks_equals_one_written_whole(tmp_path, sound):
    files.write(tmp_path / "whole.wav", sound, RATE)
    with files.Writer(tmp_path / "chunks.wav", RATE, 2) as writer:
        for start in range(0, RATE, 1000):
            writer.write(sound[:, start : start + 1000])
    assert (tmp_path / "chunks.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()


def test_reading_at_another_rate_resamples(tmp_path, sound):
    files.write(tmp_path / "a.wav", sound, RATE)
    read, rate = files.read(tmp_path / "a.wav", 44100)
    assert rate == 44100 and abs(read.shape[1] - 44100) <= 1
    spectrum = np.abs(np.fft.rfft(read[0]))
    assert abs(int(spectrum.argmax()) * 44100 / read.shape[1] - 440) < 1.5


@pytest.mark.parametrize("suffix", files.FORMATS)
@pytest.mark.parametrize("share", [0.999, 0.5, 0.02])
def test_a_truncated_file_is_refused(tmp_path, sound, suffix, share):
    path = tmp_path / f"a{suffix}"
    files.write(path, sound, RATE)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(AudioFileError, match=r"truncated|no sound in a format") as error:
        files.read(path)
    assert path.name in one_line(error)


def test_shipped_sounds_are_whole():
    folder = Path(__file__).parents[3] / "examples" / "audio"
    for name, seconds in (("music.ogg", 10.0), ("speech.flac", 7.1)):
        audio, rate = files.read(folder / name)
        assert audio.shape[1] == round(seconds * rate)
        assert 0.05 < np.abs(audio).max() < 1 and (folder / name).stat().st_size < 500 * 1024


@pytest.mark.parametrize(
    ("content", "match"),
    [(b"", "empty"), (b"hello, this is no sound " * 500, "no sound in a format"), (None, "No such file")],
)
def test_what_is_no_sound_is_refused(tmp_path, content, match):
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioFileError, match=match) as error:
        files.read(path)
    assert "a.wav" in one_line(error)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(AudioFileError, match="Is a directory"):
        files.read(tmp_path)


def test_a_file_without_samples_is_refused(tmp_path):
    with AudioFile(str(tmp_path / "a.wav"), "w", RATE, 1):
        pass
    with pytest.raises(AudioFileError, match="length is zero"):
        files.read(tmp_path / "a.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_file_with_samples_that_are_no_numbers_is_refused(tmp_path, sound, value):
    sound[1, 777] = value
    with AudioFile(str(tmp_path / "a.wav"), "w", RATE, 2, bit_depth=32) as file:
        file.write(sound)
    with pytest.raises(AudioFileError, match="holds 1 samples that are NaN or infinite"):
        files.read(tmp_path / "a.wav")
    with pytest.raises(AudioFileError, match="would hold 1 samples that are NaN or infinite"):
        files.write(tmp_path / "b.wav", sound, RATE)
    assert os.listdir(tmp_path) == ["a.wav"]


@pytest.mark.parametrize("rate", [1, 999, 768001, 1_000_000_000])
def test_absurd_sample_rates_are_refused_both_ways(tmp_path, rate):
    data = bytes(200)
    header = (
        b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2, 2, 16)
    )
    (tmp_path / "a.wav").write_bytes(header + b"data" + struct.pack("<I", len(data)) + data)
    with pytest.raises(AudioFileError, match=r"sample_rate=.* must be a whole number from 1000 to 768000"):
        files.read(tmp_path / "a.wav")
    with pytest.raises(AudioFileError, match=r"sample_rate=.* must be a whole number from 1000 to 768000"):
        files.write(tmp_path / "b.wav", np.zeros(10), rate)


def test_a_format_says_which_sample_rates_it_takes(tmp_path):
    with pytest.raises(AudioFileError, match="Supported sample rates"):
        files.write(tmp_path / "a.mp3", np.zeros(10), 96000)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "match"), [("a.txt", "must end in one of .wav, .flac"), ("none/a.wav", "No such file"), ("a", "must end")]
)
def test_names_that_cannot_be_written_are_refused(tmp_path, name, match):
    with pytest.raises(AudioFileError, match=match):
        files.write(tmp_path / name, np.zeros(10), RATE)
    assert os.listdir(tmp_path) == []


def test_nothing_to_write_is_refused(tmp_path):
    with pytest.raises(AudioFileError, match="0 samples"):
        files.write(tmp_path / "a.wav", np.zeros((2, 0)), RATE)
    assert os.listdir(tmp_path) == []


def test_an_error_while_writing_leaves_what_was_there(tmp_path, sound):
    path = tmp_path / "a.wav"
    files.write(path, sound, RATE)
    before = path.read_bytes()
    with pytest.raises(KeyError), files.Writer(path, RATE, 2) as writer:
        writer.write(sound)
        raise KeyError
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.wav"]


@pytest.fixture
def full_disk():
    """No file may grow beyond 50 kB."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("suffix", files.FORMATS)
def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path, suffix, full_disk):
    path, noise = tmp_path / f"a{suffix}", np.random.default_rng(0).uniform(-1, 1, (2, 10 * RATE)).astype(np.float32)
    files.write(path, noise[:, :2000], RATE)
    before = path.read_bytes()
    with pytest.raises(AudioFileError, match=r"cannot write .*File too large") as error:
        files.write(path, noise, RATE)
    one_line(error)
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


def test_a_kill_while_writing_leaves_what_was_there(tmp_path, sound):
    path = tmp_path / "a.wav"
    files.write(path, sound, RATE)
    before = path.read_bytes()
    script = (
        "import numpy as np, os, signal; from rtspec.audio.files import Writer\n"
        f"with Writer({str(path)!r}, 48000, 2) as writer:\n"
        "    writer.write(np.zeros((2, 100000), np.float32)); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == -signal.SIGKILL
    assert path.read_bytes() == before
