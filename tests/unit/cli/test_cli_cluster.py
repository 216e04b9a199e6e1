"""A batch on a cluster: the files of one process, whatever is killed; what cannot be rendered is named."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster

from rtspec import __version__
from rtspec.audio.files import write
from rtspec.batch import cluster as cluster_module
from rtspec.batch.cluster import render_there
from rtspec.batch.recipe import Recipe
from rtspec.batch.runner import Worker

CHAIN = ("--processor", "onnx:identity")


@pytest.fixture(scope="module")
def cluster():
    """Two workers of one thread, each with the nanny that starts it anew."""
    quiet = {"dashboard_address": None, "silence_logs": "CRITICAL"}
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **quiet) as made:
        yield made


@pytest.fixture
def place(sound, tmp_path) -> Path:
    """A folder of sounds."""
    (tmp_path / "in").mkdir()
    for k in range(24):
        shutil.copy(sound, tmp_path / "in" / f"{k:02d}.wav")
    return tmp_path / "in"


def worker_pids(cluster) -> list[int]:
    return [nanny.process.pid for nanny in cluster.workers.values() if nanny.process and nanny.process.pid]


def killed_when(out: Path, n: int, kill) -> threading.Thread:
    """A thread that calls `kill` once there are n files."""

    def watch() -> None:
        end = time.monotonic() + 90
        while len(list(out.glob("*.wav"))) < n and time.monotonic() < end:
            time.sleep(0.01)
        kill()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_a_killed_worker_costs_nothing_and_a_poisoned_file_is_named(rtspec, place, cluster, tmp_path):
    assert rtspec("render", place / "00.wav", tmp_path / "alone.wav", *CHAIN).status == 0
    (place / "10.wav").write_bytes(b"no sound")
    out = tmp_path / "out"
    killer = killed_when(out, 5, lambda: os.kill(worker_pids(cluster)[0], signal.SIGKILL))
    ran = rtspec("render", place, out, *CHAIN, "--cluster", cluster.scheduler_address, "--json")
    killer.join()
    report = json.loads(ran.out)
    assert ran.status == 1 and [Path(each["file"]).name for each in report["failed"]] == ["10.wav"], ran.err
    assert len(report["done"]) == 23 and len({each["output"] for each in report["done"]}) == 23
    assert {path.read_bytes() for path in out.glob("*.wav")} == {(tmp_path / "alone.wav").read_bytes()}
    assert sorted(os.listdir(out)) == [f"{k:02d}.wav" for k in range(24) if k != 10]


def test_where_the_driver_was_killed_the_same_command_goes_on(place, cluster, tmp_path):
    out = tmp_path / "out"
    words = [sys.executable, "-m", "rtspec.cli", "render", place, out, *CHAIN, "--json"]
    words += ["--cluster", cluster.scheduler_address]
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    killed_when(out, 4, child.kill).join()
    child.wait()
    (ledger,) = out.rglob("*.jsonl")
    rows = [json.loads(row) for row in ledger.read_bytes().splitlines() if row.endswith(b"}")]
    noted = {row["target"] for row in rows if "target" in row}
    kept = {name: (out / name).stat().st_mtime_ns for name in noted}
    again = subprocess.run(words, capture_output=True, text=True, timeout=100)
    report = json.loads(again.stdout)
    assert again.returncode == 0 and len(report["done"]) + len(report["resumed"]) == 24, again
    assert {Path(path).name for path in report["resumed"]} == noted
    assert {name: (out / name).stat().st_mtime_ns for name in noted} == kept
    assert sorted(os.listdir(out)) == sorted(os.listdir(place))


def test_a_file_that_ends_its_process_is_named_after_its_retries(place, tmp_path, monkeypatch):
    killed, render = [], Worker.render

    def end_and_render(self, names, advance):
        killed.append(self._process.pid)
        self._get_ready()
        os.kill(self._process.pid, signal.SIGSEGV)
        return render(self, names, advance)

    monkeypatch.setattr(Worker, "render", end_and_render)
    order = json.dumps(Recipe(chain=[("onnx:identity", {})]).as_dict()), __version__, os.getcwd(), ""
    names = {"source": str(place / "00.wav"), "target": str(tmp_path / "out.wav")}
    answer = render_there(order, names, 2)
    assert "00.wav: the process that rendered it was ended by SIGSEGV; nothing is written" in answer["error"]
    assert len(set(killed)) == 2 and not (tmp_path / "out.wav").exists()


def test_inversion_is_measured_by_a_cluster_as_by_one_process(rtspec, cluster, tmp_path):
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    for k in range(3):
        noise = np.random.default_rng(k).standard_normal((1, 16000)).astype(np.float32)
        write(scenes / f"{k}.wav", 0.1 * noise, 16000)
    command = ("evaluate", "inversion", "--audio", scenes, "--networks", "--quick", "--json")
    shared = (*command, "--cluster", cluster.scheduler_address)
    assert "--cluster needs --out" in rtspec(*shared).failed_in_one_line()
    alone, together = rtspec(*command), rtspec(*shared, "--out", tmp_path / "out")
    assert alone.status == together.status == 0, together.err
    assert json.loads(alone.out) == json.loads(together.out)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "rows").glob("*.json")}
    (scenes / "1.wav").write_bytes(b"no sound")
    poisoned = rtspec(*shared, "--out", tmp_path / "out")
    assert poisoned.status == 1 and "1 of 3 could not be measured" in poisoned.err and "1.wav" in poisoned.err
    assert len(kept) == 3 and sum(path.stat().st_mtime_ns == at for path, at in kept.items()) == 3, "measured again"


def test_what_is_no_cluster_is_told_in_one_line(rtspec, place, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_module, "CONNECT_S", 0.5)
    command = ("render", place, tmp_path / "out", *CHAIN, "--cluster")
    assert "no cluster answers at tcp://127.0.0.1:9" in rtspec(*command, "tcp://127.0.0.1:9").failed_in_one_line()
    assert "write tcp://HOST:PORT" in rtspec(*command, "localhost").failed_in_one_line()
    both = rtspec(*command, "tcp://127.0.0.1:9", "--jobs", "2").failed_in_one_line()
    assert "--jobs 2 is of this machine" in both
    alone = rtspec("render", place / "00.wav", tmp_path / "a.wav", "--cluster", "tcp://127.0.0.1:9")
    assert "--cluster does nothing for one sound" in alone.failed_in_one_line()
