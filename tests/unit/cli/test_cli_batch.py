"""Many files: the batch survives its worst file, writes over nothing, counts what is lost, and can be gone on with."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from rtspec.audio import files
from rtspec.cache import COMPILING
from rtspec.models.catalogue import find

RATE = 16000
CHAIN = ("--processor", "onnx:identity")
COMMAND = [sys.executable, "-m", "rtspec.cli", "render"]
TIMEOUT_S = 100


def folder(path: Path, sound: Path, *names: str) -> Path:
    """A folder of copies of a sound."""
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(sound.read_bytes())
    return path


def flac_of_block_size_0(path: Path) -> None:
    info = bytes(4) + bytes(6) + ((44100 << 44) | (15 << 36) | 1000).to_bytes(8, "big") + bytes(16)
    path.write_bytes(b"fLaC" + b"\x80\0\0\x22" + info + bytes(50))


def test_a_batch_survives_whatever_lies_in_its_folder(sound, tmp_path):
    place = folder(tmp_path / "in", sound, "a.wav", "z.wav")
    flac_of_block_size_0(place / "block.flac")
    (place / "loop.wav").symlink_to("loop.wav")
    os.mkfifo(place / "pipe.wav")
    (place / "folder.wav").mkdir()
    (place / "latin-\udce9.wav").write_bytes(b"no sound")
    words = [*COMMAND, place, tmp_path / "out", *CHAIN, "--json"]
    ran = subprocess.run(words, capture_output=True, timeout=TIMEOUT_S)
    report = json.loads(ran.stdout)
    assert ran.returncode == 1 and report["error"]["status"] == 1 and b"latin-\xe9.wav" in ran.stderr
    assert [Path(done["output"]).name for done in report["done"]] == ["a.wav", "z.wav"]
    failed = {Path(each["file"]).name: each["error"] for each in report["failed"]}
    assert set(failed) == {"block.flac", "loop.wav", "pipe.wav", "folder.wav", "latin-\udce9.wav"}
    assert all(name.replace("\udce9", "") in error.replace("\udce9", "") for name, error in failed.items())
    assert "links" in failed["loop.wav"] and "pipe" in failed["pipe.wav"] and "directory" in failed["folder.wav"]
    assert sorted(os.listdir(tmp_path / "out")) == ["a.wav", "z.wav"]


def test_names_that_are_no_utf8_are_names_like_others(sound, tmp_path):
    """In every format, alone and in a folder, with tags, pictures and JSON; what fails is told with its name."""
    place, audio = tmp_path / "in-\udce9", files.read(sound)[0]
    place.mkdir()
    for suffix in files.FORMATS:
        files.write(place / f"\udcff$_{suffix[1:]}{suffix}", audio, RATE)
    subprocess.run(["ffmpeg", "-v", "error", "-i", sound, place / "\udcff$_m4a.m4a"], check=True)
    (place / "\udcfe.mp4").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    words = [*COMMAND, place, tmp_path / "out-\udce9", *CHAIN, "--picture", "--json"]
    ran = subprocess.run(words, capture_output=True, timeout=TIMEOUT_S)
    report = json.loads(ran.stdout)
    names = {f"\udcff$_{each}" for each in ("wav.wav", "flac.flac", "ogg.ogg", "mp3.mp3", "m4a.wav")}
    assert {Path(done["output"]).name for done in report["done"]} == names, ran.stderr
    assert set(os.listdir(tmp_path / "out-\udce9")) == names | {str(Path(name).with_suffix(".png")) for name in names}
    assert ran.returncode == 1 and b"in-\xe9/\xfe.mp4: ffmpeg says: it: " in ran.stderr
    words = [*COMMAND, place / "\udcff$_m4a.m4a", tmp_path / "\udcf1.wav", *CHAIN]
    ran = subprocess.run(words, capture_output=True, timeout=TIMEOUT_S)
    assert ran.returncode == 0 and b"\xff$_m4a.m4a" in ran.stdout and b"\xf1.wav: 0.5" in ran.stdout
    np.testing.assert_allclose(files.read(tmp_path / "\udcf1.wav")[0][:, : audio.shape[1]], audio, atol=0.05)


def test_a_process_that_a_file_kills_costs_that_file_alone(sound, tmp_path):
    from rtspec.batch.plan import Job
    from rtspec.batch.recipe import Recipe
    from rtspec.batch.runner import Runner

    place = folder(tmp_path / "in", sound, "a.wav", "b.wav", "c.wav")
    jobs = [Job(place / name, tmp_path / "out" / name) for name in ("a.wav", "b.wav", "c.wav")]
    ended = {}
    with Runner(Recipe(chain=[("onnx:identity", {})]).as_dict(), 1) as runner:
        for kind, i, what in runner.events(jobs):
            if kind == "begun" and i == 1:
                os.kill(runner._workers[0]._process.pid, signal.SIGSEGV)
            if kind in ("record", "error"):
                ended[i] = kind, what
    assert [ended[i][0] for i in range(3)] == ["record", "error", "record"]
    assert "b.wav: the process that rendered it was ended by SIGSEGV" in ended[1][1]


def test_processes_end_without_a_word(sound, tmp_path, capfd):
    from rtspec.batch.plan import Job
    from rtspec.batch.recipe import Recipe
    from rtspec.batch.runner import Runner

    for _ in range(4):
        with Runner(Recipe(chain=[("onnx:identity", {})]).as_dict(), 2) as runner:
            kinds = [kind for kind, *_ in runner.events([Job(sound, tmp_path / "out.wav")])]
        assert kinds[-1] == "record"
    assert [line for line in capfd.readouterr().err.splitlines() if COMPILING not in line] == []


def test_several_jobs_give_equal_files_to_the_bit(rtspec, sound, tmp_path):
    place = folder(tmp_path / "in", sound, *(f"{n}.wav" for n in range(5)))
    for jobs in ("1", "3"):
        assert rtspec("render", place, tmp_path / jobs, "--jobs", jobs).status == 0
    assert rtspec("render", place / "0.wav", tmp_path / "alone.wav").status == 0
    made = {path.read_bytes() for path in [*(tmp_path / "1").iterdir(), *(tmp_path / "3").iterdir()]}
    assert made == {(tmp_path / "alone.wav").read_bytes()}


def test_files_folders_and_patterns_go_to_one_folder_and_none_over_another(rtspec, sound, tmp_path):
    folder(tmp_path, sound, "x/a.wav", "y/a.wav", "y/b.wav", "z/deep/c.wav")
    ran = rtspec("render", tmp_path / "x/a.wav", f"{tmp_path}/y/*.wav", tmp_path / "z", tmp_path / "out", *CHAIN)
    assert ran.status == 1 and "over the rendering of" in ran.err and "1 of 4 files failed" in ran.err
    made = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.wav")}
    assert made == {"a.wav", "b.wav", "deep/c.wav"}
    assert "no file is called" in rtspec("render", f"{tmp_path}/w/*.wav", tmp_path / "out").failed_in_one_line()


def test_files_that_would_get_one_name_are_told_apart_or_refused_by_name(rtspec, sound, tmp_path):
    place = folder(tmp_path / "in", sound, "a.m4a", "a.wav", "b.flac", "b.wav")
    files.write(place / "b.flac", files.read(sound)[0], RATE)
    ran = rtspec("render", place, tmp_path / "out", *CHAIN, "--picture", "--json")
    (failed,) = json.loads(ran.out)["failed"]
    assert ran.status == 1 and failed["file"] == str(place / "a.wav")
    assert f"a.wav would be written over the rendering of {place}/a.m4a: {tmp_path}/out/a.wav" in failed["error"]
    made = {"a.wav", "a.png", "b.flac", "b.flac.png", "b.wav", "b.wav.png"}
    assert set(os.listdir(tmp_path / "out")) == made
    ran = rtspec("render", place / "b.flac", place / "b.wav", tmp_path / "mp3", *CHAIN, "--format", "mp3")
    assert ran.status == 1 and "b.wav would be written over the rendering of" in ran.err
    assert os.listdir(tmp_path / "mp3") == ["b.mp3"]


@pytest.mark.parametrize("out", ["in/out", "link/out"])
def test_an_out_inside_in_is_never_rendered_again(rtspec, sound, tmp_path, monkeypatch, out):
    folder(tmp_path / "in", sound, "a.wav")
    (tmp_path / "link").symlink_to("in")
    monkeypatch.chdir(tmp_path)
    for source in (tmp_path / "in", "in", "link"):
        assert rtspec("render", source, out, *CHAIN).status == 0
    (tmp_path / "in/leads.wav").symlink_to("out/a.wav")
    ran = rtspec("render", "in", tmp_path / out, *CHAIN)
    assert "leads.wav (leads into OUT)" in ran.err
    assert {str(p.relative_to(tmp_path)) for p in (tmp_path / "in/out").rglob("*")} == {"in/out/a.wav"}


def test_skipped_files_are_named_in_one_line(rtspec, sound, tmp_path):
    place = folder(tmp_path / "in", sound, "a.wav", ".hidden.wav", "b.amr", "song.mid", "words.txt")
    ran = rtspec("render", place, tmp_path / "out", *CHAIN)
    (line,) = ran.err.splitlines()
    assert ran.status == 0 and line.startswith("rtspec: 3 files skipped: ")
    assert all(each in line for each in (".hidden.wav (hidden)", "b.amr (.amr)", "song.mid (.mid)"))


def test_what_is_done_and_newer_than_its_source_is_left_out(rtspec, sound, tmp_path):
    place = folder(tmp_path / "in", sound, "a.wav", "b.wav", "c.wav")
    assert rtspec("render", place / "a.wav", place / "b.wav", tmp_path / "out", *CHAIN).status == 0
    os.utime(place / "b.wav", (2e9, 2e9))
    ran = rtspec("render", place, tmp_path / "out", *CHAIN, "--resume", "--json")
    report = json.loads(ran.out)
    assert [Path(path).name for path in report["resumed"]] == ["a.wav"]
    assert [Path(done["input"]).name for done in report["done"]] == ["b.wav", "c.wav"]


def failing_model(path: Path, body: list) -> Path:
    """The shipped identity with other nodes between its input and its output."""
    model = onnx.load(find("identity"))
    names = {"in": model.graph.input[0].name, "out": model.graph.output[0].name}
    model.graph.ClearField("node")
    for node in body:
        renamed = [[names.get(name, name) for name in side] for side in (node.input, node.output)]
        node.input[:], node.output[:] = renamed
        model.graph.node.append(node)
    onnx.save(model, path)
    return path


def test_a_model_that_gives_nan_is_told_and_is_a_failure(rtspec, sound, tmp_path):
    model = failing_model(
        tmp_path / "nan.onnx",
        [helper.make_node("Sub", ["in", "in"], ["zero"]), helper.make_node("Div", ["zero", "zero"], ["out"])],
    )
    ran = rtspec("render", sound, tmp_path / "out.wav", "--processor", f"onnx:{model}", "--json")
    report = json.loads(ran.out)
    assert ran.status == 1 and not report["done"][0]["as_asked"]
    assert report["done"][0]["bad_frames"] == report["done"][0]["model_runs"] > 10
    assert re.search(r"(\d+) of \1 frames of a model were NaN or infinite", ran.err)
    assert "silent channels, although their input is not, in sound.wav" in ran.err
    assert report["done"][0]["unheard_channels"] == [1, 2]


def test_clipped_samples_are_counted_unless_the_file_can_hold_them(rtspec, sound, tmp_path):
    loud = ("--set", "output_db=20", "--json")
    ran = rtspec("render", sound, tmp_path / "out.wav", *CHAIN, *loud)
    (done,) = json.loads(ran.out)["done"]
    heard = files.read(tmp_path / "out.wav")[0]
    assert ran.status == 0 and done["clipped_samples"] == int((np.abs(heard) > 1 - 2**-20).sum()) > 1000
    assert f"{done['clipped_samples']} samples clipped, in sound.wav" in ran.err
    ran = rtspec("render", sound, tmp_path / "out.wav", *CHAIN, *loud, "--bit-depth", "32f")
    assert json.loads(ran.out)["done"][0]["clipped_samples"] == 0 and ran.err == ""
    assert np.abs(files.read(tmp_path / "out.wav")[0]).max() > 3


def test_a_picture_never_replaces_one_that_rtspec_did_not_make(rtspec, sound, tmp_path):
    (tmp_path / "out.png").write_bytes(b"a photograph")
    for _ in range(2):
        ran = rtspec("render", sound, tmp_path / "out.wav", *CHAIN, "--picture")
        assert ran.status == 0 and "out.png was not made by rtspec and is kept: the picture is out-2.png" in ran.err
    assert (tmp_path / "out.png").read_bytes() == b"a photograph"
    assert {path.name for path in tmp_path.glob("*.png")} == {"out.png", "out-2.png"}


def test_what_is_made_of_a_private_file_is_private_and_read_only_targets_are_refused(rtspec, sound, tmp_path):
    os.chmod(sound, 0o600)
    assert rtspec("render", sound, tmp_path / "out.wav", *CHAIN).status == 0
    assert (tmp_path / "out.wav").stat().st_mode & 0o777 == 0o600
    os.chmod(tmp_path / "out.wav", 0o444)
    assert "read-only" in rtspec("render", sound, tmp_path / "out.wav", *CHAIN).failed_in_one_line()


def test_sound_goes_through_pipes(sound, tmp_path):
    files.write(tmp_path / "in.wav", files.read(sound)[0], RATE)
    done = subprocess.run(
        [*COMMAND, "-", "-", *CHAIN, "--json"], input=sound.read_bytes(), capture_output=True, timeout=TIMEOUT_S
    )
    assert done.returncode == 0 and done.stdout[:4] == b"RIFF"
    (tmp_path / "piped.wav").write_bytes(done.stdout)
    np.testing.assert_allclose(files.read(tmp_path / "piped.wav")[0], files.read(sound)[0], atol=1e-5)
    told = [line for line in done.stderr.decode().splitlines() if COMPILING not in line]
    assert json.loads(told[0])["done"][0]["output"] == "-"


@pytest.mark.parametrize(
    "words", [["render", "no.wav", "o.wav"], ["inspect", "nothing"], ["render"], ["live", "--block", "x"]]
)
def test_a_failure_is_an_object_too(rtspec, capsys, words):
    try:
        status, out = rtspec(*words, "--json")[:2]
    except SystemExit as end:
        status, out = end.code, capsys.readouterr().out
    error = json.loads(out)["error"]
    assert status == error["status"] != 0 and error["kind"] and error["message"]


def endless_model(path: Path) -> Path:
    """A model that never returns once its input is not silence."""
    value, no_shape = helper.make_tensor_value_info, []
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["c2"]), helper.make_node("Identity", ["v"], ["v2"])],
        "body",
        [value("i", TensorProto.INT64, no_shape), value("c", TensorProto.BOOL, no_shape), value("v", 1, no_shape)],
        [value("c2", TensorProto.BOOL, no_shape), value("v2", 1, no_shape)],
    )
    nodes = [
        helper.make_node("ReduceSum", ["in"], ["s"], keepdims=0),
        helper.make_node("Cast", ["s"], ["go"], to=TensorProto.BOOL),
        helper.make_node("Loop", ["", "go", "s"], ["r"], body=body),
        helper.make_node("Add", ["in", "r"], ["out"]),
    ]
    return failing_model(path, nodes)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("many", [False, True], ids=["one file", "a folder"])
def test_a_model_that_never_returns_ends_by_signal(sound, tmp_path, number, many):
    model = endless_model(tmp_path / "endless.onnx")
    source = folder(tmp_path / "in", sound, "a.wav", "b.wav") if many else sound
    words = [*COMMAND, source, tmp_path / ("out" if many else "out.wav"), "--processor", f"onnx:{model}", "--json"]
    heeded = partial(signal.signal, number, signal.SIG_DFL)  # what started the tests may ignore it, as nohup does
    pipe = subprocess.PIPE
    child = subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, preexec_fn=heeded)
    end = time.monotonic() + 60
    while not list(tmp_path.rglob(".*.part")):
        assert child.poll() is None and time.monotonic() < end, child.communicate()
        time.sleep(0.05)
    time.sleep(0.3)
    child.send_signal(number)
    out, _ = child.communicate(timeout=30)
    assert child.returncode == 128 + number and json.loads(out)["error"]["kind"] == "Interrupted"
    assert not list(tmp_path.rglob(".*.part"))
    assert not many or len(json.loads(out)["left"]) == 2


LIGHT = """
import sys
import rtspec.batch.runner, rtspec.cli.render
HEAVY = {"numpy", "numba", "rich", "mido"}
rtspec.batch.runner.Worker = lambda *_, **__: sys.exit(", ".join(HEAVY & sys.modules.keys()) or 0)
rtspec.cli.main(sys.argv[1:])
"""


def test_workers_start_before_anything_heavy_is_loaded(sound, tmp_path):
    """Their start-up is what a batch of short files waits for."""
    place = folder(tmp_path / "in", sound, "a.wav")
    words = [sys.executable, "-c", LIGHT, "render", place, tmp_path / "out", "--jobs", "2"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert ran.returncode == 0 and ran.stderr == "", ran


def test_shares_of_a_folder_are_disjoint_and_together_all_of_it(rtspec, sound, tmp_path):
    names = [f"{name}.wav" for name in "abcdefg"]
    folder(tmp_path / "in", sound, *names)
    (tmp_path / "in" / "bad.wav").write_bytes(b"no sound")
    (tmp_path / "in" / "notes.dsf").write_bytes(b"skipped")
    done, failed, skipped = [], [], []
    for k in (1, 2, 3):
        ran = rtspec("render", tmp_path / "in", tmp_path / "out", *CHAIN, "--shard", f"{k}/3", "--json")
        report = json.loads(ran.out)
        done += [Path(each["output"]).name for each in report["done"]]
        failed += [Path(each["file"]).name for each in report.get("failed", [])]
        skipped += report.get("skipped", [])
        assert ran.status == (1 if report.get("failed") else 0)
    assert sorted(done) == names and failed == ["bad.wav"] and len(skipped) == 1
    again = rtspec("render", tmp_path / "in", tmp_path / "out", *CHAIN, "--shard", "2/3", "--resume", "--json")
    assert again.status in (0, 1) and not json.loads(again.out)["done"], "the same share, and all of it is done"


def test_a_share_with_nothing_in_it_is_no_failure(rtspec, sound, tmp_path):
    place = folder(tmp_path / "in", sound, "a.wav")
    ran = rtspec("render", place, tmp_path / "out", *CHAIN, "--shard", "2/2", "--json")
    assert ran.status == 0 and json.loads(ran.out)["done"] == [] and not list(tmp_path.glob("out/*.wav"))


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "a/b", "1/0"])
def test_what_is_no_share_is_refused(rtspec, sound, tmp_path, capsys, text):
    with pytest.raises(SystemExit) as ended:
        rtspec("render", sound, tmp_path / "out.wav", *CHAIN, "--shard", text)
    assert ended.value.code == 2 and "write K/N" in capsys.readouterr().err
