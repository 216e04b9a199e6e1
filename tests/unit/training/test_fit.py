"""Training: losses fall, killed runs resume to the bit, and what is wrong gives one line."""

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from rtspec.errors import InvalidValue
from rtspec.training.checkpoints import TrainingError
from rtspec.training.fit import fit
from rtspec.training.recipe import Recipe

RECIPE = Recipe(steps=60, batch=8, learning_rate=0.01, validate_every=20, average=0.9)


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))


def draw(rng, n):
    x = rng.standard_normal((n, 4)).astype(np.float32)
    return x, x.sum(axis=1, keepdims=True)


def loss(net, batch):
    return (net(batch[0]) - batch[1]).square().mean()


def validate(net):
    return loss(net, tuple(map(torch.as_tensor, draw(np.random.default_rng(99), 64)))).item()


def train(folder, recipe=RECIPE, **options):
    return fit(network(), draw, loss, recipe, folder, validate=validate, device="cpu", progress=False, **options)


def weights(fitted):
    return torch.cat([p.detach().flatten() for p in fitted.network.parameters()])


def test_the_loss_falls_and_the_curve_is_kept(tmp_path):
    fitted = train(tmp_path)
    assert fitted.step == 60 and fitted.best < 0.5 * validate(network())
    assert (tmp_path / "curve.csv").read_text().splitlines()[0] == "step,loss,validation,seconds,waited,judged"
    assert [row["step"] for row in fitted.curve] == [20, 40, 60]


def test_the_same_recipe_gives_the_same_weights_to_the_bit(tmp_path):
    assert torch.equal(weights(train(tmp_path / "a")), weights(train(tmp_path / "b")))


_CHILD = """
import sys, time
sys.path.insert(0, {here!r})
import test_fit
def slow(net, batch):
    time.sleep(0.01)
    return test_fit.loss(net, batch)
test_fit.fit(test_fit.network(), test_fit.draw, slow, test_fit.RECIPE, {folder!r}, validate=test_fit.validate,
             device="cpu", progress=False)
"""


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path):
    code = _CHILD.format(here=os.path.dirname(__file__), folder=str(tmp_path / "killed"))
    child = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while not (tmp_path / "killed" / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert torch.equal(weights(train(tmp_path / "killed")), weights(train(tmp_path / "whole")))


def test_training_ends_early_when_nothing_gets_better(tmp_path):
    recipe = replace(RECIPE, steps=1000, patience=2, average=None)
    fitted = fit(network(), draw, loss, recipe, tmp_path, validate=lambda _: 1.0, device="cpu", progress=False)
    assert fitted.step == 60


def test_the_mean_of_the_weights_is_what_is_kept(tmp_path):
    raw = train(tmp_path / "raw", replace(RECIPE, average=None))
    assert not torch.equal(weights(raw), weights(train(tmp_path / "mean")))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file", b"text"])
def test_a_damaged_checkpoint_gives_one_line(tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(TrainingError, match=r"checkpoint.pt is damaged .* delete it to start anew"):
        train(tmp_path)


def test_a_truncated_checkpoint_gives_one_line(tmp_path):
    train(tmp_path)
    whole = (tmp_path / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainingError, match="damaged"):
        train(tmp_path)


def test_a_checkpoint_of_another_recipe_is_refused_with_the_setting_named(tmp_path):
    train(tmp_path)
    with pytest.raises(TrainingError, match=r"another recipe \(learning_rate=0.01, here 0.02\)"):
        train(tmp_path, replace(RECIPE, learning_rate=0.02))


def test_a_full_disk_gives_one_line_and_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    train(tmp_path, replace(RECIPE, steps=60))
    before = (tmp_path / "checkpoint.pt").read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "checkpoint.pt").write_bytes(before)
    bundle = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    bundle["progress"][0] = 40
    torch.save(bundle, tmp_path / "again" / "checkpoint.pt")
    kept = (tmp_path / "again" / "checkpoint.pt").read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingError, match="No space left on device; what was kept before is whole"):
        train(tmp_path / "again")
    assert (tmp_path / "again" / "checkpoint.pt").read_bytes() == kept
    assert len(list((tmp_path / "again").iterdir())) == 1


def test_a_loss_that_is_no_number_stops_with_the_step_and_a_remedy(tmp_path):
    with pytest.raises(TrainingError, match=r"step 0: the loss is nan.*learning rate below"):
        fit(network(), draw, lambda net, b: loss(net, b) * torch.nan, RECIPE, tmp_path, device="cpu", progress=False)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [({"steps": 0}, "steps=0"), ({"schedule": "none"}, "schedule='none'"), ({"learning_rate": 0}, "learning_rate=0")],
)
def test_wrong_recipes_are_refused(wrong, text):
    with pytest.raises(InvalidValue, match=text):
        replace(RECIPE, **wrong)


def test_schedules_stay_within_the_learning_rate():
    for schedule in ("constant", "cosine", "cyclical"):
        rates = [replace(RECIPE, schedule=schedule, steps=900).rate(step) for step in range(900)]
        assert min(rates) > 0 and max(rates) <= RECIPE.learning_rate
    cyclical = [replace(RECIPE, schedule="cyclical").rate(step) for step in (0, 200, 400, 600)]
    assert cyclical[0] < cyclical[1] > cyclical[2] < cyclical[3] < cyclical[1]


def test_a_device_that_is_not_there_gives_one_line(tmp_path):
    with pytest.raises(InvalidValue, match='device="cuda:77" cannot be used'):
        fit(network(), draw, loss, RECIPE, tmp_path, device="cuda:77", progress=False)
