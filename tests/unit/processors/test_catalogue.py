"""One row a processor: names, models, help; processors of other packages, rendered and played live by their names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rtspec
from rtspec.audio import files
from rtspec.chain.plugin import Plugin
from rtspec.errors import InvalidValue, ModelError
from rtspec.models import models
from rtspec.processors import catalogue, create
from rtspec.processors.catalogue import CLASSES, OWN, Entry, player_of

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("entry", OWN, ids=lambda entry: entry.name)
def test_every_row_is_a_plugin_by_name_in_python_and_on_the_command_line(entry):
    made = create(f"{entry.name}:tilt-gate" if entry.needs_argument else entry.name)
    assert isinstance(made, Plugin) and type(made) is getattr(rtspec, entry.class_name)
    assert made.is_instrument == entry.is_instrument
    assert made.accepts_midi or not made.is_instrument
    assert entry.class_name in rtspec.__all__ and entry.class_name in dir(rtspec)
    assert {name for name, spec in CLASSES.items() if spec is entry} == {entry.class_name}


def test_every_shipped_model_that_a_processor_plays_is_played_by_what_is_said(tmp_path):
    played = {name: words for name in models() if (words := player_of(name))}
    assert set(played) == set(models()) - {"timbre-encoder", "timbre-paper", "scene-live", "scene-paper"}
    for words in played.values():
        spec, _, setting = words.partition(" --set ")
        assert create(spec, **dict([setting.split("=")] if setting else []))


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("reverb", "unknown processor 'reverb'; choose one of bandwidth, equalizer, inversion, onnx, scene-eq"),
        ("onnx", "needs a model"),
        ("inversion:live", "takes no model; leave out ':live'"),
    ],
)
def test_what_is_not_there_is_refused_in_a_line(spec, text):
    with pytest.raises(InvalidValue, match=text):
        create(spec)


def test_a_row_whose_package_is_broken_is_told():
    with pytest.raises(ModelError, match=r"processor 'gone' cannot be loaded from nowhere:Gone .*reinstall"):
        Entry("gone", "nowhere", "Gone", "").load()


def test_own_names_stand_first_and_cannot_be_taken():
    assert list(catalogue())[: len(OWN)] == [entry.name for entry in OWN]


@pytest.fixture
def installed(tmp_path):
    """The environment of a process in which another package brings a processor, and one that takes a name of ours."""
    info = tmp_path / "site" / "gatepack-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gatepack\nVersion: 1.0\n")
    points = ["gate = own_processor:SpectralGate", "inversion = own_processor:SpectralGate"]
    (info / "entry_points.txt").write_text("\n".join(["[rtspec.processors]", *points]))
    (info.parent / "own_processor.py").write_text((EXAMPLES / "own_processor.py").read_text())
    paths = [info.parent, Path(rtspec.__file__).parents[1]]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}


def _said(environment, *words):
    command = [sys.executable, "-m", "rtspec.cli", *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_somebody_elses_processor_is_listed_renders_and_plays_live(installed, tmp_path):
    rng = np.random.default_rng(1)
    sound = (0.001 * rng.standard_normal((1, 24000)) + np.sin(np.arange(24000) * 0.1)).astype(np.float32) / 2
    files.write(tmp_path / "in.wav", sound, 48000)
    listed = json.loads(_said(installed, "processors", "--json"))["processors"]
    assert [(row["name"], row["text"]) for row in listed][-1] == ("gate", "from gatepack")
    assert sum(row["name"] == "inversion" for row in listed) == 1
    told = json.loads(_said(installed, "processors", "gate", "--json"))
    assert told["parameters"][0]["name"] == "threshold_db" and told["parameters"][0]["default"] == -60
    words = ["--processor", "gate", "--set", "threshold_db=-30"]
    _said(installed, "render", tmp_path / "in.wav", tmp_path / "out.wav", *words)
    rendered, _ = files.read(tmp_path / "out.wav")
    assert 0.9 < np.std(rendered[:, 6000:18000]) / np.std(sound[:, 6000:18000]) < 1.0
    live = ["--virtual", "--source", tmp_path / "in.wav", "--record", tmp_path / "take.wav"]
    _said(installed, "live", *live, *words)
    heard, _ = files.read(tmp_path / "take.wav")
    assert np.std(heard[:, 8000:18000]) > 0.9 * np.std(rendered[:, 6000:18000])
