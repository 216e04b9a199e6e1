"""A batch that was killed goes on by the same command: nothing twice, nothing half, never by another chain."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rtspec.batch.ledger import FOLDER, Ledger, fingerprint
from rtspec.batch.plan import Job
from rtspec.batch.recipe import Recipe
from rtspec.models.catalogue import find

CHAIN = ("--processor", "onnx:identity")


@pytest.fixture
def place(sound, tmp_path) -> Path:
    """A folder of three sounds."""
    (tmp_path / "in").mkdir()
    for name in "abc":
        shutil.copy(sound, tmp_path / "in" / f"{name}.wav")
    return tmp_path / "in"


def done(ran) -> list[str]:
    return [Path(each["input"]).name for each in json.loads(ran.out)["done"]]


def test_the_same_command_goes_on_where_everything_was_killed(place, tmp_path):
    for k in range(40):
        shutil.copy(place / "a.wav", place / f"n{k:02d}.wav")
    out = tmp_path / "out"
    words = [sys.executable, "-m", "rtspec.cli", "render", place, out, *CHAIN, "--json"]
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ledger, end = out / FOLDER / "1-of-1.jsonl", time.monotonic() + 60
    while not (ledger.exists() and ledger.read_bytes().count(b'"target"') >= 3):
        assert child.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    noted = [json.loads(line) for line in ledger.read_text().splitlines() if '"target"' in line]
    first = {row["target"]: (out / row["target"]).stat().st_mtime_ns for row in noted}
    again = subprocess.run(words, capture_output=True, text=True, timeout=100)
    report = json.loads(again.stdout)
    assert again.returncode == 0 and len(report["done"]) + len(report["resumed"]) == 43
    assert {name: (out / name).stat().st_mtime_ns for name in first} == first
    assert {Path(path).name for path in report["resumed"]} == set(first)
    assert sorted(os.listdir(out)) == sorted(os.listdir(place))  # nothing half, and no ledger of what is whole


def test_a_run_that_ended_is_done_again_unless_it_is_to_be_resumed(rtspec, place, tmp_path):
    command = ("render", place, tmp_path / "out", *CHAIN, "--json")
    assert done(rtspec(*command)) == done(rtspec(*command)) == ["a.wav", "b.wav", "c.wav"]
    assert json.loads(rtspec(*command, "--resume").out)["unnoted"] == 3
    (tmp_path / "out" / "b.wav").unlink()
    assert done(rtspec(*command, "--resume")) == ["b.wav"]
    ran = rtspec(*command, "--resume")
    assert done(ran) == [] and json.loads(ran.out)["unnoted"] == 2


def test_what_another_chain_made_is_not_done(rtspec, place, tmp_path):
    first = ("render", place, tmp_path / "out", *CHAIN, "--json", "--resume")
    assert len(done(rtspec(*first))) == 3 and done(rtspec(*first)) == []
    assert len(done(rtspec(*first, "--set", "output_db=-6"))) == 3
    os.utime(place / "b.wav", (1e9, 1e9))  # older than its rendering, and another file all the same
    assert done(rtspec(*first, "--set", "output_db=-6")) == ["b.wav"]


def test_a_poisoned_file_is_named_again_and_the_others_are_not_done_twice(rtspec, place, tmp_path):
    (place / "b.wav").write_bytes(b"RIFF no sound")
    command = ("render", place, tmp_path / "out", *CHAIN, "--json", "--resume")
    for expected in (["a.wav", "c.wav"], []):
        ran = rtspec(*command)
        assert ran.status == 1 and done(ran) == expected
        assert [Path(each["file"]).name for each in json.loads(ran.out)["failed"]] == ["b.wav"]


def test_a_line_that_was_cut_counts_for_nothing(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"a")
    job = Job(tmp_path / "a.wav", tmp_path / "out" / "a.wav")
    job.target.parent.mkdir()
    job.target.write_bytes(b"made")
    with Ledger(job.target.parent, "key") as ledger:
        ledger.begin()
        ledger.note(job, "no")
        with ledger.path.open("ab") as file:
            file.write(b'{"target":"a.wav","time":')
    with Ledger(job.target.parent, "key") as ledger:
        assert ledger.interrupted and ledger.verdict(job, everything=True) is False
        ledger.begin()
        ledger.end(keep=True)
    ends = [json.loads(line).get("run") for line in ledger.path.read_text().splitlines() if line.endswith("}")]
    assert ends == ["begun", None, "ended"]
    assert not Ledger(job.target.parent, "key").interrupted


def test_the_fingerprint_is_of_content(tmp_path):
    model = tmp_path / "model.onnx"
    shutil.copy(find("identity"), model)
    recipe = Recipe(chain=[(f"onnx:{model}", {})])
    before = fingerprint(recipe)
    assert fingerprint(Recipe(chain=[(f"onnx:{model}", {})])) == before
    model.write_bytes(model.read_bytes() + b"\0")
    assert fingerprint(recipe) != before
