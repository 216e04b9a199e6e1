"""Anybody's sound file: what is read is what is there, whatever the header says; else one line says why not."""

import importlib.util
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rtspec.audio import files
from rtspec.audio.decoding import flac_frames, flac_mending
from rtspec.audio.decoding.flac import _metadata as metadata
from rtspec.audio.decoding.views import Bytes, Span, View
from rtspec.audio.riff_chunks import is_sound_alone
from rtspec.audio.tags import read_tags
from rtspec.errors import AudioFileError

RATE = 44100
ROOT = Path(__file__).parents[3]


def loaded_bench():
    spec = importlib.util.spec_from_file_location("odd_files", ROOT / "bench/odd_files.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


odd = loaded_bench()


@pytest.fixture(scope="module")
def tools():
    missing = [program for program in odd.PROGRAMS if shutil.which(program) is None]
    assert not missing, f"{missing} must be installed; tests/run.sh does it"


@pytest.fixture
def sound() -> np.ndarray:
    return np.random.default_rng(5).uniform(-0.5, 0.5, (2, RATE)).astype(np.float32)


def length(path) -> int:
    return files.read(path)[0].shape[1]


def said(path, **options) -> list[str]:
    with files.Reader(path, **options) as reader:
        for _ in reader.chunks():
            pass
        return reader.notes


@pytest.mark.timeout(240)
def test_lengths_are_ffmpegs_within_a_frame_or_the_refusal_has_a_reason(tmp_path, tools):
    rows = odd.table(tmp_path)
    assert len(rows) >= 80
    wrong = [row for row in rows if row["verdict"] == "WRONG"]
    assert not wrong
    read = [row for row in rows if row["rtspec"] is not None]
    assert len(read) >= 60
    assert all(row["says"] and "\n" not in row["says"] for row in rows if row["rtspec"] is None)
    cut = [row for row in rows if row["file"].startswith("cut-off.") and row["file"] != "cut-off.wav"]
    assert all("truncated" in row["says"] and row["salvaged"] for row in cut) and len(cut) == 2


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFDB])
def test_a_wav_that_was_piped_is_as_long_as_it_sounds(tmp_path, sound, size):
    files.write(tmp_path / "a.wav", sound, RATE)
    whole = files.read(tmp_path / "a.wav")[0]
    (tmp_path / "p.wav").write_bytes(odd.with_size((tmp_path / "a.wav").read_bytes(), size))
    np.testing.assert_array_equal(files.read(tmp_path / "p.wav")[0], whole)
    (line,) = said(tmp_path / "p.wav")
    assert "its header" in line


def test_an_empty_wav_with_chunks_behind_is_empty(tmp_path):
    data = odd.wav(b"") + b"LIST" + struct.pack("<I", 4) + b"INFO"
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(AudioFileError, match="length is zero"):
        files.read(tmp_path / "a.wav")


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_salvage_reads_what_is_there_of_a_truncated_file(tmp_path, sound, suffix):
    long = np.tile(sound, (1, 4))
    files.write(tmp_path / f"a{suffix}", long, RATE)
    whole = files.read(tmp_path / f"a{suffix}")[0]
    data = (tmp_path / f"a{suffix}").read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(AudioFileError, match=r"truncated: .*--salvage"):
        files.read(cut)
    with files.Reader(cut, salvage=True) as reader:
        got = np.concatenate(list(reader.chunks()), axis=1)
        assert got.shape[1] == reader.n_samples and "salvaged" in reader.notes[-1]
    assert 0.65 < got.shape[1] / whole.shape[1] < 0.77
    ends = {".ogg": 8192, ".mp3": 2304}.get(suffix, 0)  # where the next block, now missing, is mixed in
    there = got.shape[1] - ends
    np.testing.assert_allclose(got[:, :there], whole[:, :there], atol=2e-3 if suffix == ".mp3" else 1e-6)


def flipped(data: bytearray, frames: list[int]) -> None:
    data[(frames[len(frames) // 2] + frames[len(frames) // 2 + 1]) // 2] ^= 0x10


def header_gone(data: bytearray, frames: list[int]) -> None:
    data[frames[5] + 3] ^= 0xFF


def zeros(data: bytearray, frames: list[int]) -> None:
    data[frames[3] + 100 : frames[6] + 100] = bytes(frames[6] - frames[3])
    data[frames[20] + 50] ^= 1


def cut_out(data: bytearray, frames: list[int]) -> None:
    del data[frames[7] + 1000 : frames[30] + 10]


def first_and_last(data: bytearray, frames: list[int]) -> None:
    data[frames[0] + 40 : frames[0] + 60] = b"\xff\xf8" * 10
    data[frames[-2] + 40] ^= 1


@pytest.mark.parametrize(
    ("damage", "lost", "places"),
    [(flipped, 1, 1), (header_gone, 1, 1), (zeros, 5, 2), (cut_out, 24, 1), (first_and_last, 2, 2)],
)
def test_damage_in_the_middle_is_told_and_the_rest_is_salvaged(tmp_path, sound, damage, lost, places):
    path = tmp_path / "a.flac"
    files.write(path, np.tile(sound, (1, 4)), RATE)
    whole, data = files.read(path)[0], bytearray(path.read_bytes())
    with path.open("rb") as file:
        info, at = metadata(file, 0, len(data))
        frames = list(flac_mending._whole_frames(file, info, at, len(data)))
    assert [frame.first for frame in frames] == list(range(0, whole.shape[1], info.largest))
    damage(data, [frame.start for frame in frames])
    path.write_bytes(data)
    with pytest.raises(AudioFileError, match=r"damaged: it cannot be decoded beyond \d\.\d\d s.*--salvage"):
        files.read(path)
    with files.Reader(path, salvage=True) as reader:
        got = np.concatenate(list(reader.chunks()), axis=1)
        kept = (whole.shape[1] - lost * info.largest) / RATE
        said = f"salvaged {kept:.2f} of 4.00 s: {places} damaged place{'s are' if places > 1 else ' is'} silent"
        assert reader.notes == [said]
        reader.seek(whole.shape[1] - 5000)
        np.testing.assert_array_equal(next(reader.chunks(5000)), got[:, -5000:])
    silent = ~got.any(axis=0)
    assert got.shape == whole.shape and silent.sum() == lost * info.largest
    np.testing.assert_array_equal(got[:, ~silent], whole[:, ~silent])


@pytest.mark.parametrize("value", [0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 1 << 20, (1 << 36) - 1])
def test_a_flac_frames_number_comes_back_from_its_code(value):
    code = flac_frames.number_code(value)
    assert flac_frames._read_number(code + b"\0") == (value, len(code))


def test_a_flac_that_claims_hours_between_its_frames_is_not_believed(tmp_path, sound):
    path = tmp_path / "a.flac"
    files.write(path, sound, RATE)
    data = path.read_bytes()
    with path.open("rb") as file:
        info, at = metadata(file, 0, len(data))
        stop = [*flac_mending._whole_frames(file, info, at, len(data))][-1].stop
    far = flac_mending._silent_frame(info, 100 * 3600 * RATE, info.smallest, varies=False)
    path.write_bytes(data[:stop] + far)
    with files.Reader(path, salvage=True) as reader:
        assert RATE <= reader.n_samples < 1.2 * RATE and " of 36000" in reader.notes[-1]


def test_damaged_mp3_frames_are_counted_and_nothing_goes_to_standard_error(tmp_path, sound, capfd):
    path = tmp_path / "a.mp3"
    files.write(path, sound, RATE)
    data = bytearray(path.read_bytes())
    headers = [i for i in range(len(data) - 1000) if data[i : i + 2] == b"\xff\xfb"]
    for i in headers[10:20]:
        data[i + 4 : i + 40] = b"\x55" * 36
    path.write_bytes(data)
    lines = said(path)
    assert capfd.readouterr().err == ""
    assert any(line.startswith("damaged: its decoder complained") for line in lines)


def test_joined_mp3s_are_read_whole(tmp_path, sound):
    files.write(tmp_path / "a.mp3", sound, RATE)
    data = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "b.mp3").write_bytes(data * 3)
    assert 0 <= length(tmp_path / "b.mp3") - 3 * RATE < 3 * 2304
    assert "3 MP3 files joined" in said(tmp_path / "b.mp3")[0]


@pytest.mark.parametrize("how", [("-V", "2", "-t"), ("-b", "128", "-t"), ("-V", "2"), ("-b", "64", "-m", "m")])
def test_an_mp3_whose_bit_rate_changes_is_read_to_its_end(tmp_path, tools, how):
    loud = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 5 * RATE)).astype(np.float32)
    files.write(tmp_path / "a.wav", np.concatenate([loud, 0 * loud], axis=1), RATE)
    subprocess.run(["lame", "--quiet", *how, tmp_path / "a.wav", tmp_path / "a.mp3"], check=True)
    got = files.read(tmp_path / "a.mp3")[0]
    assert 0 <= got.shape[1] - 10 * RATE < 2304
    level = np.sqrt(np.mean(got[0, RATE : 4 * RATE] ** 2)), np.sqrt(np.mean(got[0, 6 * RATE : 9 * RATE] ** 2))
    assert level[0] > 0.1 and level[1] < 1e-4


def test_mp3_generations_neither_drift_nor_grow(tmp_path):
    click = np.zeros((1, 48000), np.float32)
    click[0, 24000] = 0.9
    for generation in range(4):
        files.write(tmp_path / f"{generation}.mp3", click, 48000)
        click = files.read(tmp_path / f"{generation}.mp3")[0]
        assert click.shape[1] == 48000 and int(np.abs(click[0]).argmax()) == 24000


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_an_id3_tag_before_a_file_is_stepped_over(tmp_path, sound, suffix):
    files.write(tmp_path / f"a{suffix}", sound, RATE)
    whole = files.read(tmp_path / f"a{suffix}")[0]
    (tmp_path / f"t{suffix}").write_bytes(odd.id3(3000) + (tmp_path / f"a{suffix}").read_bytes())
    np.testing.assert_array_equal(files.read(tmp_path / f"t{suffix}")[0], whole)


WRONG_HEADERS = {
    "bits": odd.wav(odd.PCM, 7, 1, 2, 16),
    "align": odd.wav(odd.PCM, 7, 1, 0, 8),
    "ima": odd.wav(odd.PCM, 17, 1, 0, 4),
    "ms": odd.wav(odd.PCM, 2, 2, 14, 4),
    "gsm": odd.wav(odd.PCM, 49, 2, 65, 0),
    "channels": odd.wav(bytes(8706 * 2), 1, 4353, 8706, 16),
    "none": odd.wav(odd.PCM, 1, 0, 2, 16),
    "float": odd.wav(odd.PCM, 3, 1, 2, 16),
    "bits 0": odd.wav(odd.PCM, 1, 1, 2, 0),
    "codec": odd.wav(odd.PCM, 0x161, 2, 4, 16),
}


@pytest.mark.parametrize("name", WRONG_HEADERS)
def test_a_wav_header_that_does_not_agree_with_itself_is_refused(tmp_path, name):
    (tmp_path / "a.wav").write_bytes(WRONG_HEADERS[name])
    with pytest.raises(AudioFileError, match=r"its header says|its samples are|coefficients") as error:
        files.read(tmp_path / "a.wav")
    assert "\n" not in str(error.value)


def test_a_float64_wav_behind_an_odd_chunk_without_padding_is_read(tmp_path):
    values = np.linspace(-1, 1, 1000)
    odd_chunk = b"LIST" + struct.pack("<I", 5) + b"INFOx"
    (tmp_path / "a.wav").write_bytes(odd.wav(values.astype("<f8").tobytes(), 3, 1, 8, 64, odd_chunk))
    np.testing.assert_array_equal(files.read(tmp_path / "a.wav")[0][0], values.astype(np.float32))


def test_a_flac_with_blocks_of_size_0_is_refused(tmp_path):
    info = struct.pack(">HH", 0, 0) + bytes(6) + ((44100 << 44) | (15 << 36) | 1000).to_bytes(8, "big") + bytes(16)
    (tmp_path / "b.flac").write_bytes(b"fLaC\x80\0\0\x22" + info + bytes(50))
    with pytest.raises(AudioFileError, match="blocks of 0 to 0 samples"):
        files.read(tmp_path / "b.flac")


@pytest.mark.parametrize("stated", [0, 1000, 1 << 35])
def test_a_flac_is_as_long_as_its_frames_say(tmp_path, sound, stated):
    files.write(tmp_path / "a.flac", sound, RATE)
    (tmp_path / "b.flac").write_bytes(odd.with_flac_count((tmp_path / "a.flac").read_bytes(), stated))
    np.testing.assert_array_equal(files.read(tmp_path / "b.flac")[0], files.read(tmp_path / "a.flac")[0])


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
@pytest.mark.parametrize("rate", [None, 48000])
def test_seeking_is_to_the_sample(tmp_path, sound, suffix, rate):
    path = tmp_path / f"a{suffix}"
    files.write(path, sound, RATE)
    whole = files.read(path, rate)[0]
    with files.Reader(path, rate) as reader:
        for place in (30000, 777, 0, whole.shape[1] - 5):
            reader.seek(place)
            piece = next(reader.chunks(3000))
            np.testing.assert_allclose(piece, whole[:, place : place + 3000], atol=1e-6)


@pytest.mark.parametrize(("suffix", "depth"), [(".wav", 16), (".flac", 16), (".wav", 24), (".flac", 24)])
def test_whole_numbers_come_back_exactly(tmp_path, suffix, depth):
    top = 1 << depth - 1
    values = np.concatenate([[-top, top - 1], np.random.default_rng(0).integers(-top, top, 100_000)])
    audio = (values / top).astype(np.float32)[None]
    files.write(tmp_path / f"a{suffix}", audio, RATE, depth)
    np.testing.assert_array_equal(files.read(tmp_path / f"a{suffix}")[0], audio)


@pytest.mark.parametrize("channels", [3, 5, 6, 7, 8])
def test_vorbis_keeps_each_channel_in_its_place(tmp_path, tools, channels):
    t = np.arange(RATE) / RATE
    tones = np.stack([0.3 * np.sin(2 * np.pi * 300 * (c + 1) * t) for c in range(channels)]).astype(np.float32)
    files.write(tmp_path / "a.ogg", tones, RATE)
    by_ffmpeg = odd.run("ffmpeg", "-v", "error", "-i", tmp_path / "a.ogg", "-f", "f32le", "-")
    decoded = np.frombuffer(by_ffmpeg, np.float32).reshape(-1, channels).T
    for heard in (files.read(tmp_path / "a.ogg")[0], decoded):
        tops = [int(np.abs(np.fft.rfft(row[: RATE // 2])).argmax()) * 2 for row in heard]
        assert all(abs(top - 300 * (c + 1)) < 20 for c, top in enumerate(tops)), tops


def tagged_wav(path: Path, sound: np.ndarray) -> dict[bytes, bytes]:
    files.write(path, sound, RATE)
    chunks = {
        b"bext": bytes(338) + struct.pack("<Q", 12345) + bytes(256),
        b"smpl": struct.pack("<9I", 0, 0, 22675, 60, 0, 0, 0, 1, 0) + struct.pack("<6I", 0, 0, 100, 5000, 0, 0),
        b"LIST": b"INFOINAM" + struct.pack("<I", 6) + b"Title\0",
    }
    data = path.read_bytes() + b"".join(k + struct.pack("<I", len(v)) + v for k, v in chunks.items())
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    return chunks


def test_a_wav_keeps_time_loop_points_and_tags(tmp_path, sound):
    chunks = tagged_wav(tmp_path / "a.wav", sound)
    with files.Writer(tmp_path / "b.wav", RATE, 2, like=tmp_path / "a.wav") as writer:
        writer.write(sound)
    kept = read_tags(tmp_path / "b.wav")
    assert dict(kept.chunks) == chunks and kept.comments["title"] == ["Title"] and writer.notes == []
    np.testing.assert_allclose(files.read(tmp_path / "b.wav")[0], sound, atol=2**-22)
    with files.Writer(tmp_path / "b.flac", RATE, 2, like=tmp_path / "a.wav") as writer:
        writer.write(sound)
    assert "BWF time, loop points" in writer.notes[0]


def test_only_a_wav_without_anything_but_its_sound_is_not_asked_for_tags(tmp_path, sound):
    from mutagen.wave import WAVE

    for bits in (8, 16, 24, 32):
        samples = sound[:, : 1001 if bits == 24 else 1000]
        soundfile.write(tmp_path / "a.wav", samples.T, RATE, subtype="PCM_U8" if bits == 8 else f"PCM_{bits}")
        assert is_sound_alone(tmp_path / "a.wav"), bits
    plain = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "b.wav").write_bytes(plain + b"TAG" + bytes(125))
    tagged_wav(tmp_path / "c.wav", sound)
    (tmp_path / "d.wav").write_bytes(plain)
    held = WAVE(tmp_path / "d.wav")
    held.add_tags()
    held.save()
    (tmp_path / "e.wav").write_bytes(plain[:-9])
    (tmp_path / "f.wav").write_bytes(b"ID3")
    assert not any(is_sound_alone(tmp_path / f"{name}.wav") for name in "bcdef")


def test_tags_and_cover_go_from_every_format_to_every_other(tmp_path, sound):
    from mutagen.flac import FLAC, Picture

    files.write(tmp_path / "0.flac", sound, RATE)
    first, cover = FLAC(tmp_path / "0.flac"), Picture()
    cover.data, cover.mime, cover.type = b"\x89PNG\r\n\x1a\n" + bytes(100), "image/png", 3
    wanted = {"title": ["Tïtle"], "artist": ["A", "B"], "tracknumber": ["3/9"], "date": ["2020"], "comment": ["hello"]}
    first.update({**wanted, "replaygain_track_gain": ["-3 dB"]})
    first.add_picture(cover)
    first.save()
    before = tmp_path / "0.flac"
    for i, suffix in enumerate((".mp3", ".ogg", ".wav", ".flac", ".wav", ".mp3")):
        path = tmp_path / f"{i + 1}{suffix}"
        with files.Writer(path, RATE, 2, like=before) as writer:
            writer.write(sound)
        kept = read_tags(path)
        assert kept.comments == wanted and [p.data for p in kept.pictures] == [cover.data], path
        assert 0 <= length(path) - RATE < 2, path
        before = path


def test_tags_that_cannot_be_read_cost_a_line_not_the_sound(tmp_path, sound):
    files.write(tmp_path / "a.flac", sound, RATE)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "b.flac").write_bytes(data[:4] + b"\0" + data[5:42] + b"\x84\0\0\x08" + b"\xff" * 8 + data[42:])
    with files.Writer(tmp_path / "c.flac", RATE, 2, like=tmp_path / "b.flac") as writer:
        writer.write(sound)
    assert "its tags cannot be read" in writer.notes[0] and length(tmp_path / "c.flac") == RATE


def test_a_format_of_ffmpegs_is_refused_in_one_line_without_it(tmp_path, sound, monkeypatch):
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioFileError, match="read through ffmpeg, which is not installed here"):
        files.read(tmp_path / "a.m4a")


def test_a_view_reads_its_pieces_as_one_file(tmp_path):
    (tmp_path / "a").write_bytes(bytes(range(100)))
    with (tmp_path / "a").open("rb") as file:
        view = View([Bytes(b"head"), Span(file, 10, 20), Span(file, 50, 50), Span(file, 90, 200)])
        wanted = b"head" + bytes(range(10, 20)) + bytes(range(90, 100))
        got = bytearray(200)
        assert view.readinto(got) == len(wanted) and got[: len(wanted)] == wanted
        for at in range(len(wanted)):
            view.seek(at)
            assert view.read(3) == wanted[at : at + 3]


@pytest.mark.parametrize("kind", ["aiff", "au", "caf", "w64"])
def test_what_ffmpeg_writes_into_a_pipe_is_read_to_its_end_with_a_line(tools, sound, tmp_path, kind):
    files.write(tmp_path / "in.wav", sound, RATE, bit_depth=16)
    path = tmp_path / f"piped.{kind}"
    path.write_bytes(
        odd.ffmpeg((tmp_path / "in.wav").read_bytes(), kind, "-c:a", "copy" if kind == "w64" else "pcm_s16be")
    )
    np.testing.assert_array_equal(files.read(path)[0], files.read(tmp_path / "in.wav")[0])
    (line,) = said(path)
    assert "does not say where the sound ends" in line or "its header says 0 bytes of sound; all 176400" in line


def test_what_a_decoder_says_names_no_object(tmp_path):
    (tmp_path / "a.caf").write_bytes(b"caff\0\1\0\0" + bytes(200))
    with pytest.raises(AudioFileError, match="its decoder says: it: ") as failed:
        files.read(tmp_path / "a.caf")
    assert "object at" not in str(failed.value)
