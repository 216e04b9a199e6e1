"""A form that was proved is kept for the next start; what is damaged or of something else is made anew."""

import numpy as np
import pytest
from small_models import graph, packaged, tensor

from rtspec.models.one_call import kept
from rtspec.models.one_call.form import CallForm
from rtspec.models.one_call.kept import form_key, keep_form, kept_form
from rtspec.models.packages import load
from rtspec.models.session import model_stage

FORM = CallForm(b"played", frozenset({"valid"}), {"x": 0}, None, "a reason")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RTSPEC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "forms"


def test_what_was_kept_comes_back(folder):
    key = form_key(b"file", ["sizes"])
    assert kept_form(key, b"file") is None
    keep_form(key, FORM)
    assert kept_form(key, b"file") == FORM
    assert form_key(b"other", ["sizes"]) != key != form_key(b"file", ["others"])


def test_the_files_own_graph_is_not_kept_twice(folder):
    keep_form("own", CallForm(b"file", why_as_it_is="it is large", why_alone="so"))
    assert kept_form("own", b"file") == CallForm(b"file", why_as_it_is="it is large", why_alone="so")
    assert (folder / "own").stat().st_size < 300


@pytest.mark.parametrize("content", [b"", b"{}", b"[]\n", b"{\n", b'{"digest": "00"}\nplayed', None])
def test_what_is_damaged_counts_as_none(folder, content):
    keep_form("key", FORM)
    whole = (folder / "key").read_bytes()
    (folder / "key").write_bytes(whole[:-1] if content is None else content)
    assert kept_form("key", b"file") is None


def test_a_full_cache_lets_the_oldest_go(folder, monkeypatch):
    monkeypatch.setattr(kept, "MOST", 3)
    for i in range(5):
        keep_form(str(i), FORM)
    assert len(list(folder.iterdir())) == 3
    assert kept_form("4", b"file") == FORM


def test_without_a_folder_forms_are_made_at_each_start(monkeypatch):
    monkeypatch.setattr(kept, "data_folder", lambda name: None)
    keep_form("key", FORM)
    assert kept_form("key", b"file") is None


def test_a_kept_form_plays_the_same_bits(folder, tmp_path):
    weights = [("w", np.random.default_rng(0).standard_normal((257, 257, 1)).astype(np.float32) / 257)]
    shape = [1, 257, "frames"]
    model = graph([("Conv", ["x", "w"], ["y"], {})], [tensor("x", shape)], [tensor("y", shape)], weights)
    path = packaged(tmp_path, model, n_fft=512).path or ""
    x, made = np.random.default_rng(1).random((4, 257), np.float32), []
    for _ in range(2):
        stage, y = model_stage(load(path)), np.zeros_like(x)
        stage.run(x, len(x), y)
        made.append((y, stage.form.content))
        del stage
    assert len(list(folder.iterdir())) == 1
    assert np.array_equal(made[0][0], made[1][0])
    assert made[0][1] == made[1][1] != load(path).proto_bytes
