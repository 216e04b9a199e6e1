"""Two processes by torch's own launcher: one network, one folder, one line where they end."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
import torch

_CHILD = """
import sys, time
from dataclasses import replace
from pathlib import Path
import torch
sys.path.insert(0, {here!r})
import test_fit
from rtspec.training.fit import fit
from rtspec.training.processes import is_first
import os
rank = os.environ["RANK"]
Path({pids!r} + rank).write_text(str(os.getpid()))
folder = Path({folder!r}) if {shared} else Path({folder!r}) / rank
torch.manual_seed(100 + int(rank))  # unseeded weights: each process has others
network = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
def loss(net, batch):
    time.sleep({pause})
    value = test_fit.loss(net, batch)
    return value * (torch.nan if {nan_rank} == int(rank) else 1)
recipe = replace(test_fit.RECIPE, batch=7, **{changes})
fitted = fit(network, test_fit.draw, loss, recipe, folder, validate=test_fit.validate, device="cpu", progress=False)
torch.save(test_fit.torch.cat([p.detach().flatten() for p in fitted.network.parameters()]), {result!r} + rank)
"""


def launch(tmp_path, name, pause=0.0, shared=True, nan_rank=-1, changes=None, result=""):
    """Two processes that train in the folder `name`."""
    script = tmp_path / f"{name}{result}.py"
    words = {"pause": pause, "shared": shared, "nan_rank": nan_rank, "changes": changes or {}}
    words |= {"folder": str(tmp_path / name), "result": str(tmp_path / f"{name}{result}-weights-")}
    words |= {"here": os.path.dirname(__file__), "pids": str(tmp_path / "pid-")}
    script.write_text(_CHILD.format(**words))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)


def whole(launched):
    """What two processes that end well have said; what they have said otherwise is the failure's text."""
    _, said = launched.communicate()
    assert launched.returncode == 0, said
    return said


def weights(tmp_path, name):
    """Of both processes."""
    return [torch.load(tmp_path / f"{name}-weights-{rank}") for rank in range(2)]


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """The weights of a pair that nobody ended."""
    folder = tmp_path_factory.mktemp("whole")
    whole(launch(folder, "whole"))
    first, second = weights(folder, "whole")
    assert torch.equal(first, second), "both processes end with the same weights"
    return first


@pytest.mark.timeout(300)
@pytest.mark.parametrize("shared", [True, False])
def test_a_killed_pair_goes_on_to_the_same_weights_to_the_bit(tmp_path, shared, wanted):
    killed = launch(tmp_path, "killed", pause=0.02, shared=shared, result="-first")
    kept = tmp_path / "killed" / ("" if shared else "0") / "checkpoint.pt"
    deadline = time.monotonic() + 90
    while not kept.exists() and time.monotonic() < deadline:
        assert killed.poll() is None, whole(killed)
        time.sleep(0.01)
    for pid in (killed.pid, *(int((tmp_path / f"pid-{rank}").read_text()) for rank in range(2))):
        os.kill(pid, signal.SIGKILL)
    killed.wait()
    step = torch.load(kept, weights_only=True)["progress"][0]
    assert 0 < step < 60
    assert not (tmp_path / "killed" / "1").exists(), "the first process alone writes"
    whole(launch(tmp_path, "killed", shared=shared))
    for each in weights(tmp_path, "killed"):
        assert torch.equal(each, wanted)
    if not shared:
        _, said = launch(tmp_path, "killed", shared=shared, changes={"steps": 40}, result="-other").communicate()
        assert said.count("EndedTogether: ") == 1 and "another recipe (steps=60, here 40)" in said


@pytest.mark.timeout(120)
def test_no_number_on_one_rank_ends_both_with_one_line(tmp_path):
    ended = launch(tmp_path, "nan", nan_rank=1)
    _, said = ended.communicate()
    assert ended.returncode != 0
    lines = re.findall(r"^.*EndedTogether: (.*)$", said, re.MULTILINE)
    assert len(lines) == 1 and lines[0].startswith("step 0: the loss is not finite on rank 1 of 2"), said


@pytest.mark.timeout(120)
def test_the_first_decides_to_stop(tmp_path):
    ended = launch(tmp_path, "patience", changes={"patience": 1, "steps": 4000, "learning_rate": 1e-9, "average": None})
    whole(ended)
    assert torch.equal(*weights(tmp_path, "patience"))
    assert torch.load(tmp_path / "patience" / "checkpoint.pt", weights_only=True)["progress"][0] < 4000
