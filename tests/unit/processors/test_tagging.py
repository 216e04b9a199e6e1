"""Tags: the same for any pieces, and a decided scene that does not flicker."""

import json

import numpy as np
import pytest

from rtspec.audio.files import write
from rtspec.errors import DeviceError, InvalidValue
from rtspec.processors.equalizer.tagging import Decision, Tagger, labels_of, tag

LABELS = ["transport", "water-wind", "people", "nature", "quiet"]


def test_pieces_give_the_same_tags_as_the_whole():
    sound = (0.05 * np.random.default_rng(0).standard_normal(40000)).astype(np.float32)
    whole, tagger, pieces = tag(sound), Tagger(), []
    for start in range(0, len(sound), 777):
        pieces += tagger.process(sound[start : start + 777])
    assert [name for name, _ in whole] == [name for name, _ in pieces]
    for (_, a), (_, b) in zip(whole, pieces, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert all(abs(p.sum() - 1) < 1e-4 for _, p in whole)


def test_a_faint_room_is_quiet():
    sound = (10 ** (-70 / 20) * np.random.default_rng(0).standard_normal(96000)).astype(np.float32)
    assert tag(sound)[-1][0] == "quiet"


def test_a_scene_is_decided_after_its_hold_and_a_moment_of_another_changes_nothing():
    decision, sure, other = Decision(hold_s=1.0), np.array([0.9, 0.1]), np.array([0.1, 0.9])
    first = [decision.note(sure) for _ in range(60)]
    assert first[0] == -1
    assert first[-1] == 0
    assert [decision.note(other) for _ in range(20)] == [0] * 20
    assert [decision.note(sure) for _ in range(5)] == [0] * 5
    assert [decision.note(other) for _ in range(60)][-1] == 1
    assert [decision.note(np.array([0.5, 0.5])) for _ in range(200)][-1] == -1


def test_models_that_are_no_tagger_are_refused():
    assert labels_of("scene-live") == LABELS
    with pytest.raises(InvalidValue, match='"tilt-gate" is no tagger'):
        Tagger("tilt-gate")
    with pytest.raises(InvalidValue, match="hears whole clips alone"):
        Tagger("scene-paper")


def test_nan_does_not_stay():
    sound = (0.05 * np.random.default_rng(0).standard_normal(32000)).astype(np.float32)
    sound[5000:5010] = np.nan
    assert np.isfinite(tag(sound)[-1][1]).all()


def test_the_command_tags_files(tmp_path, capsys):
    from rtspec.cli import main

    path = tmp_path / "noise.wav"
    write(path, (0.05 * np.random.default_rng(0).standard_normal((1, 96000))).astype(np.float32), 48000)
    assert main(["tag", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["files"][0]
    assert list(found["probabilities"]) == LABELS
    assert found["parts"][0]["from_s"] == 0
    assert main(["tag"]) == 1


def test_the_command_says_what_live_says_where_there_is_no_input(monkeypatch, capsys):
    from rtspec.audio import devices
    from rtspec.cli import main

    monkeypatch.setattr(devices, "list_devices", list)
    monkeypatch.setattr(devices, "can_look_again", lambda: False)
    with pytest.raises(DeviceError) as said:
        devices.find_device(None, "input")
    assert main(["tag", "--live"]) == 1
    assert capsys.readouterr().err == f"rtspec: {said.value}\n"
