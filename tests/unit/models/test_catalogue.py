"""Shipped models are found by name, are small, and give their golden output."""

import numpy as np
import pytest

from rtspec.errors import ModelError
from rtspec.models import FrameModel, catalogue, inspect, load, models

SHIPPED = ("identity", "tilt-gate")
LARGEST_BYTES = 200 * 1024


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_is_small_and_comes_with_its_card(name):
    path = models()[name]
    assert path.stat().st_size < LARGEST_BYTES
    assert (path.parent / "golden.npz").stat().st_size < LARGEST_BYTES
    card = (path.parent / "card.md").read_text()
    assert load(name).manifest.licence in card
    assert str(inspect(name)).splitlines()[1] in card


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_gives_its_golden_output(name):
    # 1e-6 of the peak: other processors round transcendental functions otherwise.
    golden = np.load(models()[name].parent / "golden.npz")
    model = FrameModel(name)
    made = np.concatenate([model.process(golden["input"]), model.flush()], axis=2)
    np.testing.assert_allclose(made, golden["output"], rtol=0, atol=1e-6 * np.abs(golden["output"]).max())


def test_models_are_listed_by_name_in_order():
    assert set(SHIPPED) <= set(models())
    assert list(models()) == sorted(models())


def test_a_file_goes_before_a_shipped_model_of_the_same_name(tmp_path, monkeypatch):
    (tmp_path / "identity").write_bytes(b"mine")
    monkeypatch.chdir(tmp_path)
    assert catalogue.find("identity").read_bytes() == b"mine"


def test_a_wheels_models_are_found_inside_the_package(tmp_path, monkeypatch):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / catalogue.FILE).write_bytes(b"")
    monkeypatch.setattr(catalogue, "FOLDERS", (tmp_path, tmp_path / "missing"))
    assert models() == {"inner": tmp_path / "inner" / catalogue.FILE}


def test_a_model_that_is_not_there_lists_those_that_are():
    with pytest.raises(ModelError, match=r'no model "idenity"; give a file, or one of: .*identity, .*tilt-gate'):
        load("idenity")


def frames_of_noise(n_frames: int = 200) -> np.ndarray:
    return np.abs(np.random.default_rng(1).standard_normal((1, 65, n_frames))).astype(np.float32) + 0.1


def test_the_gate_does_not_depend_on_how_loud_the_sound_is():
    frames = frames_of_noise()
    loud, soft = FrameModel("tilt-gate").process(frames), FrameModel("tilt-gate").process(frames * np.float32(2**-12))
    np.testing.assert_allclose(soft, loud, rtol=1e-4)


def test_the_gate_closes_what_lies_far_below_the_recent_peak_and_leaves_the_rest():
    frames = frames_of_noise()
    frames[:, 40:] *= 1e-4
    model = FrameModel("tilt-gate")
    model.set(gate_db=-40, softness_db=6)
    gain = model.process(frames)[..., 100:]
    assert gain[:, 40:].max() < 1e-3
    assert gain[:, :40].min() > 0.8


def test_silence_gives_gains_that_are_finite():
    assert np.isfinite(FrameModel("tilt-gate").process(np.zeros((1, 9, 50), np.float32))).all()


def test_the_tilt_is_what_it_says_in_decibels_an_octave():
    model = FrameModel("tilt-gate")
    model.set(gate_db=-120, tilt_db_per_octave=-6)
    gain = model.process(frames_of_noise())[0, :, -1]
    assert 20 * np.log10(gain[32] / gain[16]) == pytest.approx(-6, abs=1e-3)
    assert gain[4] == pytest.approx(1, abs=1e-4)
