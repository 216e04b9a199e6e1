"""``models``, ``inspect``, ``validate``, ``stream-model``, ``benchmark model`` and ``doctor``."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rtspec.models import models


@pytest.fixture
def offline(tmp_path):
    """A convolution over time: three taps, one of them from the future."""
    weights = numpy_helper.from_array(np.array([[[0.5, 1.0, -0.25]]], np.float32), "w")
    shape = [1, 1, "time"]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1])],
        "smooth",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [weights],
    )
    path = tmp_path / "offline.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_models_lists_what_ships(rtspec):
    said = rtspec("models").out
    assert "tilt-gate" in said and "--set gate_db -120 to 0 dB" in said
    assert set(json.loads(rtspec("models", "--json").out)["models"]) == set(models())


def test_inspect_prints_the_card(rtspec):
    assert "GPL-3.0-or-later" in rtspec("inspect", "tilt-gate").out
    assert json.loads(rtspec("inspect", "tilt-gate", "--json").out)["name"] == "tilt-gate"


def test_a_model_is_made_streaming_and_found_equal(rtspec, offline, tmp_path):
    made = tmp_path / "streaming.onnx"
    ran = rtspec("stream-model", offline, made, "--time-axis", "x=2", "--json")
    assert ran.status == 0 and json.loads(ran.out)["delay_frames"] == 1
    checked = rtspec("validate", made, "--against", offline, "--json")
    assert checked.status == 0 and json.loads(checked.out)["ok"]


def test_validate_fails_where_the_models_differ(rtspec, offline, tmp_path):
    made = tmp_path / "streaming.onnx"
    assert rtspec("stream-model", offline, made).status == 0
    other = onnx.load(offline)
    other.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones((1, 1, 3), np.float32), "w"))
    onnx.save(other, offline)
    ran = rtspec("validate", made, "--against", offline)
    assert ran.status == 1 and "FAIL" in ran.out and "Traceback" not in ran.err


@pytest.mark.alone  # it asks for frames in time, which another test beside it delays
def test_shipped_models_are_valid(rtspec):
    for name in models():
        ran = rtspec("validate", name)
        assert ran.status == 0, ran.out


def truncated(path, tmp_path):
    content = models()["tilt-gate"].read_bytes()
    path.write_bytes(content[: len(content) // 2])


def without_manifest(path, tmp_path):
    model = onnx.load(models()["tilt-gate"])
    del model.metadata_props[:]
    onnx.save(model, path)


def wrong_field(path, tmp_path):
    model = onnx.load(models()["tilt-gate"])
    for entry in model.metadata_props:
        if entry.key == "rtspec":
            entry.value = json.dumps({**json.loads(entry.value), "hop": -5})
    onnx.save(model, path)


BAD_MODELS = {
    "damaged": truncated,
    "no rtspec manifest": without_manifest,
    "hop": wrong_field,
    "there is no model": lambda path, tmp_path: None,
    "is a folder": lambda path, tmp_path: path.mkdir(),
}


@pytest.mark.parametrize("reason", BAD_MODELS)
def test_a_bad_model_gives_one_line_in_every_command(rtspec, tmp_path, sound, reason):
    path = tmp_path / "bad.onnx"
    BAD_MODELS[reason](path, tmp_path)
    for words in (
        ["inspect", path],
        ["live", "--virtual", "--seconds", "0.1", "--processor", f"onnx:{path}"],
        ["render", sound, tmp_path / "out.wav", "--processor", f"onnx:{path}"],
    ):
        said = rtspec(*words).failed_in_one_line()
        assert reason in said and "bad.onnx" in said


def test_a_model_that_cannot_be_streamed_is_refused_by_name(rtspec, offline, tmp_path):
    model = onnx.load(offline)
    model.graph.node[0].output[0] = "h"
    model.graph.node.append(helper.make_node("Softmax", ["h"], ["y"], name="attention", axis=2))
    onnx.save(model, offline)
    assert "attention" in rtspec("stream-model", offline, tmp_path / "out.onnx").failed_in_one_line()
    assert not (tmp_path / "out.onnx").exists()


def test_benchmark_model_measures_and_compares(rtspec):
    ran = rtspec("benchmark", "model", "tilt-gate", "--json")
    (row,) = json.loads(ran.out)["rows"]
    assert ran.status == 0 and row["largest_difference"] < 1e-5
    assert 0 < row["compiled_p50_us"] <= row["compiled_p99_us"]


def test_doctor_says_which_paths_are_in_use_and_never_fails(rtspec):
    ran = rtspec("doctor", "--json")
    said = json.loads(ran.out)
    assert ran.status == 0 and ran.err == ""
    assert "C API" in said["findings"]["models"]["value"] or said["findings"]["models"]["advice"]
    assert {"transforms", "audio", "MIDI", "scheduling", "locked memory"} <= set(said["findings"])
    assert said["versions"]["numba"][0].isdigit()


def test_doctor_survives_a_probe_that_fails(rtspec, monkeypatch):
    from rtspec.cli import doctor

    monkeypatch.setitem(doctor.PROBES, "audio", lambda: 1 / 0)
    ran = rtspec("doctor")
    assert ran.status == 0 and "ZeroDivisionError" in ran.out


def test_devices_lists_or_says_there_are_none(rtspec):
    ran = rtspec("devices", "--json")
    assert ran.status == 0 and isinstance(json.loads(ran.out)["devices"], list)
