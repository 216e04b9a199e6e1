"""`validate` says yes to a sound model and names what is wrong with another."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from rtspec.models.streaming import make_streaming
from rtspec.models.validation import validate


def offline_model(bias: float = 0.3, last: str = "Relu") -> ModelProto:
    weights = np.random.default_rng(0).standard_normal((9, 9, 5)).astype(np.float32)
    tensors = [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.full(9, bias, np.float32), "b")]
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[2, 2]),
        helper.make_node(last, ["c"], ["y"], "last"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 9, "frames"]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A streaming model and its offline origin."""
    onnx.save(offline_model(), tmp_path / "offline.onnx")
    onnx.save(make_streaming(offline_model()), tmp_path / "streaming.onnx")
    return tmp_path / "streaming.onnx", tmp_path / "offline.onnx"


def failed(report) -> list[str]:
    return [check.name for check in report.checks if not check.ok]


def test_a_sound_model_passes_every_check(files):
    report = validate(*files, hop_ms=1000.0)
    assert report.ok, str(report)
    assert [check.name for check in report.checks] == [
        "file and manifest", "shapes", "streaming equals offline", "look-ahead", "finite numbers", "speed",
    ]  # fmt: skip
    assert report.figures["delay_frames"] == report.figures["look_ahead_frames"] == 2
    assert (report.figures["error"] or 0) <= 1e-5
    assert 0 < (report.figures["real_time_factor"] or 0) < 1
    assert str(report).endswith("\nvalid")


def test_the_report_is_json_too(files):
    found = json.loads(validate(*files).to_json())
    assert found["ok"] is True
    assert found["figures"]["hop_ms"] is None
    assert all(set(check) == {"name", "ok", "detail"} for check in found["checks"])


def test_without_the_offline_model_the_stream_is_compared_with_itself(files):
    report = validate(files[0])
    assert report.ok, str(report)
    assert "itself in one call" in report.checks[2].detail


def test_another_offline_model_is_found_out(files, tmp_path: Path):
    onnx.save(offline_model(bias=0.4), tmp_path / "other.onnx")
    report = validate(files[0], tmp_path / "other.onnx")
    assert failed(report) == ["streaming equals offline"]
    assert "NOT valid" in str(report)


def test_a_model_that_makes_nan_is_found_out(tmp_path: Path):
    onnx.save(make_streaming(offline_model(last="Sqrt")), tmp_path / "roots.onnx")
    assert "finite numbers" in failed(validate(tmp_path / "roots.onnx"))


def test_a_wrong_delay_is_found_out(files, tmp_path: Path):
    model = onnx.load(files[0])
    manifest = json.loads(model.metadata_props[0].value)
    manifest["outputs"]["y"]["delay_frames"] = 1
    model.metadata_props[0].value = json.dumps(manifest)
    onnx.save(model, tmp_path / "wrong.onnx")
    assert failed(validate(tmp_path / "wrong.onnx", files[1])) == ["streaming equals offline"]


def test_a_model_slower_than_its_hop_is_found_out(files):
    assert failed(validate(*files, hop_ms=1e-6)) == ["speed"]


def test_an_offline_model_is_told_apart(files):
    report = validate(files[1])
    assert failed(report) == ["file and manifest"]
    assert "make it streaming first" in report.checks[0].detail


def test_a_missing_file_is_a_failed_check():
    report = validate("nowhere.onnx")
    assert failed(report) == ["file and manifest"]
    assert "no model file" in str(report)


def test_a_cut_model_is_valid_and_its_error_stated(files, tmp_path: Path):
    onnx.save(make_streaming(offline_model(), max_delay_frames=1), tmp_path / "cut.onnx")
    report = validate(tmp_path / "cut.onnx", files[1])
    assert report.ok, str(report)
    assert "cut on purpose" in str(report)
