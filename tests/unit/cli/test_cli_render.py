"""``rtspec render``: the same samples as the processor itself gives, and failures that cost no finished file."""

import json
import os
import resource
import signal
import struct

import numpy as np
import pytest
import soundfile
from pedalboard.io import AudioFile
from PIL import Image

import rtspec as rt
from rtspec.audio import files

RATE = 16000  # of the fixture `sound`


def test_a_file_is_rendered_as_the_processor_would(rtspec, sound, tmp_path):
    ran = rtspec(
        "render", sound, tmp_path / "out.wav", "--processor", "onnx:tilt-gate", "--set", "gate_db=-20", "--json"
    )
    assert ran.status == 0 and ran.err == ""
    audio, _ = files.read(sound)
    wanted = rt.OnnxProcessor("tilt-gate", gate_db=-20)(audio, RATE)
    given, rate = files.read(tmp_path / "out.wav")
    assert rate == RATE
    np.testing.assert_allclose(given, wanted, atol=2**-22, rtol=0)
    (done,) = json.loads(ran.out)["done"]
    assert done["seconds"] == 0.5 and done["peak"] == pytest.approx(float(np.abs(wanted).max()), abs=1e-4)


def test_a_long_file_is_rendered_in_chunks_as_in_one(rtspec, tmp_path):
    noise = 0.01 * np.random.default_rng(3).standard_normal((2, 2 * files.CHUNK + 777)).astype(np.float32)
    files.write(tmp_path / "long.wav", noise, RATE)
    assert rtspec("render", tmp_path / "long.wav", tmp_path / "out.wav").status == 0
    wanted = rt.SpectralInversion()(files.read(tmp_path / "long.wav")[0], RATE)
    np.testing.assert_allclose(files.read(tmp_path / "out.wav")[0], wanted, atol=2**-22, rtol=0)


def test_a_file_of_one_sample_is_rendered(rtspec, tmp_path):
    files.write(tmp_path / "tiny.wav", np.full((2, 1), 0.25), RATE)
    assert rtspec("render", tmp_path / "tiny.wav", tmp_path / "out.wav").status == 0
    assert files.read(tmp_path / "out.wav")[0].shape == (2, 1)


def test_settings_belong_to_the_processor_before_them(rtspec, sound, tmp_path):
    chain = [
        "--processor",
        "onnx:identity",
        "--set",
        "mix=0",
        "--processor",
        "onnx:tilt-gate",
        "--set",
        "output_db=-20",
    ]
    assert rtspec("render", sound, tmp_path / "out.wav", *chain).status == 0
    board = rt.Pedalboard([rt.OnnxProcessor("identity", mix=0.0), rt.OnnxProcessor("tilt-gate", output_db=-20)])
    wanted = board(files.read(sound)[0], RATE)
    np.testing.assert_allclose(files.read(tmp_path / "out.wav")[0], wanted, atol=2**-22, rtol=0)


def test_a_folder_becomes_flac_of_the_depth_asked_for(rtspec, sound, tmp_path):
    (tmp_path / "in").mkdir()
    audio = files.read(sound)[0]
    for name, depth in (("a.wav", 32), ("b.flac", 16), ("c.ogg", 24)):
        files.write(tmp_path / "in" / name, audio, RATE, depth)
    errors = {}
    for depth in (16, 24):
        options = ["--processor", "onnx:identity", "--format", "flac", "--bit-depth", str(depth)]
        assert rtspec("render", tmp_path / "in", tmp_path / str(depth), *options).status == 0
        made = sorted((tmp_path / str(depth)).iterdir())
        assert [path.name for path in made] == ["a.flac", "b.flac", "c.flac"]
        infos = [soundfile.info(path) for path in made]
        assert [(info.format, info.subtype) for info in infos] == [("FLAC", f"PCM_{depth}")] * 3
        errors[depth] = np.abs(files.read(made[0])[0] - audio).max()
    assert 2**-18 < errors[16] < 2**-15 and errors[24] < 2**-22
    said = rtspec("render", sound, tmp_path / "o.flac", *options[:2], "--bit-depth", "32f").failed_in_one_line()
    assert "o.flac" in said and not (tmp_path / "o.flac").exists()


@pytest.mark.parametrize("suffix", files.FORMATS)
def test_what_is_cut_off_is_refused_or_salvaged_as_asked(rtspec, sound, tmp_path, suffix):
    cut, out, chain = tmp_path / f"cut{suffix}", tmp_path / "out.wav", ("--processor", "onnx:identity")
    files.write(tmp_path / f"a{suffix}", np.tile(files.read(sound)[0], (1, 6)), RATE)
    data = (tmp_path / f"a{suffix}").read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    assert "--salvage" in rtspec("render", cut, out, *chain).failed_in_one_line() and not out.exists()
    ran = rtspec("render", cut, out, *chain, "--salvage", "--json")
    (done,) = json.loads(ran.out)["done"]
    assert ran.status == 0 and 1.2 < done["seconds"] < 2.2
    assert any("salvaged" in note for note in done["notes"]) and "cut" in ran.err
    whole = files.read(tmp_path / f"a{suffix}")[0]
    got = files.read(out)[0][:, :RATE]
    np.testing.assert_allclose(got, whole[:, :RATE], atol=2e-3 if suffix == ".mp3" else 1e-4)


def test_a_folder_keeps_its_shape(rtspec, sound, tmp_path):
    (tmp_path / "in/deep/er").mkdir(parents=True)
    (tmp_path / "in/notes.txt").write_text("no sound")
    for name in ("in/a.wav", "in/deep/b.flac", "in/deep/er/c.mp3"):
        files.write(tmp_path / name, files.read(sound)[0], RATE)
    ran = rtspec("render", tmp_path / "in", tmp_path / "in/out", "--processor", "onnx:identity", "--picture")
    made = {str(f.relative_to(tmp_path / "in/out")) for f in (tmp_path / "in/out").rglob("*") if f.is_file()}
    assert ran.status == 0 and len(ran.out.splitlines()) == 3
    wanted = {"a.wav", "a.png", "deep/b.flac", "deep/b.png", "deep/er/c.mp3", "deep/er/c.png"}
    assert made == wanted
    picture = np.asarray(Image.open(tmp_path / "in/out/a.png").convert("L"), np.float32)
    assert min(picture.shape) > 300 and picture.std() > 10


def test_a_folder_keeps_what_is_done_and_names_what_failed(rtspec, sound, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.wav").write_bytes(sound.read_bytes())
    (tmp_path / "in/b.wav").write_bytes(sound.read_bytes()[:1000])
    (tmp_path / "in/c.wav").write_bytes(b"")
    (tmp_path / "in/d.wav").write_bytes(sound.read_bytes())
    ran = rtspec("render", tmp_path / "in", tmp_path / "out", "--processor", "onnx:identity")
    lines = ran.err.splitlines()
    assert ran.status == 1 and len(lines) == 3 and all(line.startswith("rtspec: ") for line in lines)
    assert "b.wav is truncated" in lines[0] and "c.wav" in lines[1]
    assert lines[2] == "rtspec: 2 of 4 files failed; the others are done"
    assert sorted(os.listdir(tmp_path / "out")) == ["a.wav", "d.wav"]


def test_automation_moves_every_file_from_its_start(rtspec, sound, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.wav", "b.wav"):
        (tmp_path / "in" / name).write_bytes(sound.read_bytes())
    (tmp_path / "moves.csv").write_text("time_s,name,value\n0,output_db,0\n0.25,output_db,-60\n")
    chain = ["--processor", "onnx:identity", "--set", "output_db=-6"]
    ran = rtspec("render", tmp_path / "in", tmp_path / "out", *chain, "--automation", tmp_path / "moves.csv")
    assert ran.status == 0 and ran.err == ""
    first, second = (files.read(tmp_path / "out" / name)[0] for name in ("a.wav", "b.wav"))
    np.testing.assert_array_equal(first, second)
    whole = files.read(sound)[0]
    np.testing.assert_allclose(first[:, : RATE // 4], whole[:, : RATE // 4], atol=1e-3)
    assert np.abs(first[:, RATE // 4 + RATE // 20 :]).max() < 1e-3


def test_a_bad_automation_gives_one_line_and_renders_nothing(rtspec, sound, tmp_path):
    (tmp_path / "moves.csv").write_text("0.25,loudness,3\n")
    ran = rtspec("render", sound, tmp_path / "out.wav", "--automation", tmp_path / "moves.csv")
    assert "moves.csv: line 1: 'loudness' is no parameter" in ran.failed_in_one_line()
    assert not (tmp_path / "out.wav").exists()


def test_clipping_is_said(rtspec, sound, tmp_path):
    ran = rtspec("render", sound, tmp_path / "out.wav", "--processor", "onnx:identity", "--set", "output_db=20")
    assert ran.status == 0 and "clipped at peak 4" in ran.out


def wav_of_rate(rate: int) -> bytes:
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate, 2, 2, 16)
    return b"RIFF" + struct.pack("<I", 236) + b"WAVEfmt " + form + b"data" + struct.pack("<I", 200) + bytes(200)


def nan_file(path) -> None:
    with AudioFile(str(path), "w", RATE, 1, bit_depth=32) as file:
        file.write(np.full(1000, np.nan, np.float32))


def empty_sound(path) -> None:
    with AudioFile(str(path), "w", RATE, 1):
        pass


BAD_FILES = {
    "NaN or infinite": nan_file,
    "length is zero": empty_sound,
    "0 bytes": lambda path: path.write_bytes(b""),
    "no sound in a format": lambda path: path.write_bytes(b"words " * 1000),
    "truncated": lambda path: path.write_bytes(wav_of_rate(RATE)[:100]),
    "from 1000 to 768000": lambda path: path.write_bytes(wav_of_rate(2)),
    "2000000000 Hz; sample rates from 1000 to 768000 Hz are read; mend": lambda path: path.write_bytes(
        wav_of_rate(2_000_000_000)
    ),
    "sample_rate=768001 must be a whole number": lambda path: path.write_bytes(wav_of_rate(768_001)),
    "No such file": lambda path: None,
    "Is a directory": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("reason", BAD_FILES)
def test_a_bad_file_gives_one_line(rtspec, tmp_path, reason):
    BAD_FILES[reason](tmp_path / "bad.wav")
    target = tmp_path / "out.wav"
    if reason == "Is a directory":
        (tmp_path / "bad.wav/inner.wav").mkdir()
    said = rtspec("render", tmp_path / "bad.wav", target, "--processor", "onnx:identity").failed_in_one_line()
    assert reason in said or "holds no sound file" in said
    assert "bad.wav" in said and not target.exists()


@pytest.mark.parametrize(
    ("target", "match"),
    [
        ("out.xyz", "must end in one of"),
        ("sound.wav", "overwritten"),
        ("sound.wav/deep/out.wav", "cannot make the folder"),
    ],
)
def test_a_bad_target_gives_one_line(rtspec, sound, tmp_path, target, match):
    before = sound.read_bytes()
    assert match in rtspec("render", sound, tmp_path / target, "--processor", "onnx:identity").failed_in_one_line()
    assert sound.read_bytes() == before


def test_a_full_disk_gives_one_line_and_keeps_what_was_there(rtspec, sound, tmp_path):
    (tmp_path / "out.wav").write_bytes(b"precious")
    handler, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        ran = rtspec("render", sound, tmp_path / "out.wav", "--processor", "onnx:identity")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert "cannot write" in ran.failed_in_one_line()
    assert (tmp_path / "out.wav").read_bytes() == b"precious" and sorted(os.listdir(tmp_path)) == [
        "out.wav",
        "sound.wav",
    ]


@pytest.mark.parametrize(
    ("chain", "match"),
    [
        (["--processor", "nonsense"], "unknown processor 'nonsense'; choose one of"),
        (["--processor", "onnx:nonsense"], "there is no model"),
        (["--processor", "onnx"], "needs a model"),
        (["--set", "bands=nonsense"], "bands='nonsense'"),
        (["--set", "mix=3"], "mix=3 must be a number from 0 to 1"),
        (["--set", "nonsense=3"], "nonsense"),
        (["--processor", "onnx:tilt-gate", "--set", "gate_db=x"], "gate_db='x'"),
        (["--set", "hop=300"], "hop=300 must divide n_fft=1024"),
    ],
)
def test_a_bad_chain_gives_one_line(rtspec, sound, tmp_path, chain, match):
    assert match in rtspec("render", sound, tmp_path / "out.wav", *chain).failed_in_one_line()
