"""Files at URLs: the same samples as here, put once and whole, and nothing is fetched or put for what is done."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest
from buckets import ENVIRONMENT, Buckets
from fsspec.implementations.local import LocalFileSystem

from rtspec.batch import remote
from rtspec.batch.remote import Remote, place, put
from rtspec.errors import RtspecError

CHAIN = ("--processor", "onnx:identity")


@pytest.fixture(scope="module")
def server():
    with Buckets().serving() as buckets:
        yield buckets


@pytest.fixture
def bucket(server, monkeypatch, tmp_path, sound):
    """The server with three sounds at s3://takes/in and one that is none, and the same here."""
    (tmp_path / "staged").mkdir()
    own = {"AWS_ENDPOINT_URL": server.url, "RTSPEC_CACHE": tmp_path / "cache", "TMPDIR": tmp_path / "staged"}
    for name, value in {**ENVIRONMENT, **own}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(remote, "STORE", remote.Store())
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    store = fsspec.filesystem("s3")
    if store.exists("takes"):
        store.rm("takes", recursive=True)
    store.mkdir("takes")
    for name in ("a.wav", "deep/b.wav", "c.wav"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(sound, tmp_path / "in" / name)
        store.put_file(str(sound), f"takes/in/{name}")
    store.pipe_file("takes/in/notes.dsf", b"skipped")
    server.requests.clear()
    server.store = store
    return server


def test_a_folder_there_is_rendered_to_the_same_bytes_and_a_second_run_moves_nothing(rtspec, bucket, tmp_path):
    assert rtspec("render", tmp_path / "in", tmp_path / "out", *CHAIN).status == 0
    command = ("render", "s3://takes/in", "s3://takes/out", *CHAIN, "--resume", "--json")
    ran = rtspec(*command)
    assert ran.status == 0 and [each["reason"] for each in json.loads(ran.out)["skipped"]] == [".dsf"], ran.err
    names = ["a.wav", "c.wav", "deep/b.wav"]
    assert [each["output"] for each in json.loads(ran.out)["done"]] == [f"s3://takes/out/{name}" for name in names]
    for name in names:
        assert bucket.store.cat_file(f"takes/out/{name}") == (tmp_path / "out" / name).read_bytes()
    bucket.requests.clear()
    again = json.loads(rtspec(*command).out)
    assert len(again["resumed"]) == 3 and again["unnoted"] == 0 and not again["done"]
    shutil.rmtree(tmp_path / "cache")  # another machine knows it too
    assert len(json.loads(rtspec(*command).out)["resumed"]) == 3
    assert bucket.sound_traffic("GET", "PUT", "POST") == []
    bucket.store.put_file(str(tmp_path / "sound.wav"), "takes/out/c.wav")  # not what was made
    assert [Path(each["input"]).name for each in json.loads(rtspec(*command).out)["done"]] == ["c.wav"]
    assert list((tmp_path / "staged").iterdir()) == []


def test_one_file_goes_there_and_comes_back_with_its_picture(rtspec, bucket, tmp_path):
    ran = rtspec("render", tmp_path / "sound.wav", "s3://takes/one.wav", *CHAIN, "--picture", "--json")
    (done,) = json.loads(ran.out)["done"]
    assert ran.status == 0 and (done["output"], done["picture"]) == ("s3://takes/one.wav", "s3://takes/one.png")
    assert bucket.store.cat_file("takes/one.png").startswith(b"\x89PNG")
    assert rtspec("render", "s3://takes/one.wav", tmp_path / "back.wav", *CHAIN).status == 0
    assert (tmp_path / "back.wav").stat().st_size == bucket.store.info("takes/one.wav")["size"]
    bucket.store.pipe_file("takes/two.png", b"a photograph")
    ran = rtspec("render", tmp_path / "sound.wav", "s3://takes/two.wav", *CHAIN, "--picture", "--json")
    assert json.loads(ran.out)["done"][0]["picture"] == "s3://takes/two-2.png"
    assert bucket.store.cat_file("takes/two.png") == b"a photograph" and bucket.store.exists("takes/two-2.png")


def test_a_list_names_files_here_and_there_and_what_they_become(rtspec, bucket, tmp_path):
    lines = ["# takes", "in/a.wav\tfirst/one.flac", "", "s3://takes/in/c.wav", "s3://takes/in/none.wav"]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    ran = rtspec("render", f"@{tmp_path / 'list.txt'}", "s3://takes/listed", *CHAIN, "--json")
    report = json.loads(ran.out)
    assert ran.status == 1 and [each["file"] for each in report["failed"]] == ["s3://takes/in/none.wav"]
    assert sorted(bucket.store.find("takes/listed")) == ["takes/listed/c.wav", "takes/listed/first/one.flac"]
    (tmp_path / "list.txt").write_text("in/a.wav\t../out.wav")
    ran = rtspec("render", f"@{tmp_path / 'list.txt'}", tmp_path / "x", *CHAIN)
    assert "line 1: ../out.wav leads out of OUT" in ran.failed_in_one_line()


def test_the_same_command_goes_on_where_everything_was_killed(bucket, tmp_path):
    for k in range(30):
        bucket.store.put_file(str(tmp_path / "sound.wav"), f"takes/in/n{k:02d}.wav")
    words = [sys.executable, "-m", "rtspec.cli", "render", "s3://takes/in", "s3://takes/out", *CHAIN, "--json"]
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 100
    while not (ledgers := list(tmp_path.rglob("*.jsonl"))) or ledgers[0].read_bytes().count(b'"target"') < 3:
        assert child.poll() is None and time.monotonic() < end
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    noted = {json.loads(row)["target"] for row in ledgers[0].read_text().splitlines() if '"target"' in row[:-1]}
    sizes = {info["size"] for info in bucket.store.find("takes/out", detail=True).values()}
    assert len(sizes) == 1  # nothing half
    bucket.requests.clear()
    again = subprocess.run(words, capture_output=True, text=True, timeout=100)
    report = json.loads(again.stdout)
    assert again.returncode == 0 and len(report["done"]) + len(report["resumed"]) == 33
    assert {str(Remote(path).relative_to("s3://takes/out")) for path in report["resumed"]} == noted
    assert len(bucket.sound_traffic("PUT")) == len(report["done"])  # each once


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("s3://takes/none.wav", "nothing is at s3://takes/none.wav; check the name"),
        ("s3://nowhere/a.wav", "nothing is at s3://nowhere/a.wav"),
        ("gopherx://a/b.wav", "no library knows gopherx://; write s3://, gs:// or a path"),
        ("dropbox://a/b.wav", "needs a library for dropbox://; pip install 'rtspec[cloud]' brings it"),
    ],
)
def test_what_fails_there_is_told_in_one_line(rtspec, bucket, tmp_path, source, told):
    assert told in rtspec("render", source, tmp_path / "out.wav", *CHAIN).failed_in_one_line()
    assert not (tmp_path / "out.wav").exists()


def test_who_has_no_key_is_told_what_to_set(rtspec, bucket, tmp_path, monkeypatch):
    for name in ENVIRONMENT:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    ran = rtspec("render", tmp_path / "sound.wav", "s3://takes/out.wav", *CHAIN)
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in ran.failed_in_one_line()


class Shelf(LocalFileSystem):
    """A file system where a file is seen while it is written."""

    protocol = "shelf"
    whole = True

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(str(path).removeprefix("shelf:/"))

    def put_file(self, lpath, rpath, **_):
        data = Path(lpath).read_bytes()
        Path(rpath).write_bytes(data if self.whole else data[: len(data) // 2])
        if not self.whole:
            raise OSError("the line broke")


def test_where_a_file_is_seen_while_it_is_written_it_gets_its_name_last(tmp_path):
    fsspec.register_implementation("shelf", Shelf, clobber=True)
    (tmp_path / "made.wav").write_bytes(bytes(1000))
    there = place(f"shelf:/{tmp_path}/deep/a.wav")
    assert isinstance(there, Remote)
    put(tmp_path / "made.wav", there)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.wav"]
    Shelf.whole = False
    with pytest.raises(RtspecError, match="the line broke"):
        put(tmp_path / "made.wav", there)
    assert (tmp_path / "deep" / "a.wav").stat().st_size == 1000
