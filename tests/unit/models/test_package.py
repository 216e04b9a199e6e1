"""A package is written whole or not at all, reads back as it was, and says in one line what is wrong with it."""

import json

import onnx
import pytest
from small_models import LEAST, doubling, graph, packaged, tensor, with_metadata

from rtspec.errors import InvalidValue, ModelError
from rtspec.models import packages
from rtspec.models.manifest import METADATA_KEY, STREAM_KEY, parse
from rtspec.models.packages import load, package
from rtspec.models.report import inspect
from rtspec.models.streaming import make_streaming


def smoothing() -> onnx.ModelProto:
    """Mean of three frames, centred: make_streaming gives it a state and a delay of 1."""
    node = ("AveragePool", ["x"], ["y"], {"kernel_shape": [3], "pads": [1, 1], "count_include_pad": 1})
    return graph([node], [tensor("x", [1, 4, "frames"])], [tensor("y", [1, 4, "frames"])])


def test_a_package_reads_back_as_it_was_written(tmp_path):
    model = packaged(tmp_path, doubling(), n_fft=1024, hop=256, licence="CC0-1.0")
    assert model.manifest == parse({**LEAST, "n_fft": 1024, "hop": 256, "licence": "CC0-1.0"})
    assert model.path == tmp_path / "model.onnx"
    onnx.checker.check_model(onnx.load(model.path or ""))


def test_packaging_leaves_the_model_given_alone(tmp_path):
    model = doubling()
    before = model.SerializeToString()
    packaged(tmp_path, model)
    assert model.SerializeToString() == before


def test_a_package_packaged_again_keeps_the_fields_not_given(tmp_path):
    first = packaged(tmp_path, doubling(), licence="CC0-1.0", task="double")
    again = load(package(first.path or "", tmp_path / "again.onnx", task="twice"))
    assert (again.manifest.task, again.manifest.licence) == ("twice", "CC0-1.0")


def test_what_make_streaming_found_goes_into_the_manifest(tmp_path):
    model = packaged(
        tmp_path,
        make_streaming(smoothing(), {"x": 2}),
        input={"name": "x", "representation": "tensor"},
        output={"name": "y", "representation": "tensor"},
    )
    m = model.manifest
    assert (m.delay_frames, m.look_ahead_frames, m.tail_frames) == (1, 1, 1)
    assert [s.input for s in m.states] == ["state_in.0"]


@pytest.mark.parametrize("asked", [None, 48000])
def test_the_plan_fills_in_what_the_manifest_leaves_open(tmp_path, asked):
    plan = packaged(tmp_path, doubling()).plan(asked)
    assert (plan.sample_rate, plan.n_fft, plan.hop, plan.window) == (asked or 44100, 2048, 512, "hann")


def test_the_plan_is_the_models_own_where_it_has_one(tmp_path):
    fields = {"sample_rate": 22050, "n_fft": 1024, "hop": 248, "window": "hamming", "window_length": 1022}
    plan = packaged(tmp_path, doubling(), **fields).plan(48000)
    assert {name: getattr(plan, name) for name in fields} == fields
    assert plan.uneven


def test_a_failed_write_keeps_what_was_there_and_leaves_nothing_behind(tmp_path, monkeypatch):
    path = package(doubling(), tmp_path / "model.onnx", **LEAST)
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rtspec.storage.os.fsync", full)
    with pytest.raises(ModelError, match=r"model.onnx\" cannot be written \(No space left on device\); what was there"):
        package(doubling(), path, **LEAST, task="other")
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere/model.onnx\" cannot be written \(No such file or directory\)"):
        package(doubling(), tmp_path / "nowhere" / "model.onnx", **LEAST)


def test_a_wrong_manifest_writes_no_file(tmp_path):
    with pytest.raises(ModelError, match="sample_rate=7 must be 1000 to 768000"):
        package(doubling(), tmp_path / "model.onnx", **LEAST, sample_rate=7)
    assert not list(tmp_path.iterdir())


def broken(tmp_path, content: bytes) -> str:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    return str(path)


def test_files_that_are_no_packages_are_told_apart(tmp_path):
    good = packaged(tmp_path, doubling())
    for content, text in [
        (b"", "holds no graph"),
        (b"RIFF....WAVEfmt this is a sound", "is damaged or is no ONNX file"),
        (good.proto_bytes[: len(good.proto_bytes) // 2], "is damaged or is no ONNX file"),
        (doubling().SerializeToString(), "has no rtspec manifest; make it a package with rtspec.models.package"),
        (with_metadata(doubling(), "{").SerializeToString(), 'broken.onnx": the manifest is no valid JSON'),
        (with_metadata(doubling(), '{"nam": 1}').SerializeToString(), 'broken.onnx": manifest: nam=1 is no field'),
    ]:
        with pytest.raises(ModelError, match=text) as caught:
            load(broken(tmp_path, content))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_truncated_package_never_loads(tmp_path, share):
    content = packaged(tmp_path, doubling(), licence="CC0-1.0").proto_bytes
    with pytest.raises(ModelError, match=r"damaged|no ONNX|not valid ONNX|no rtspec manifest|no valid JSON|must"):
        load(broken(tmp_path, content[: int(share * len(content))]))


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(ModelError, match=r'there is no model "nothing.onnx"; give a file, or one of: .*identity'):
        load("nothing.onnx")
    with pytest.raises(ModelError, match=r"is a folder; give the .onnx file inside"):
        load(tmp_path)


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    path = package(doubling(), tmp_path / "model.onnx", **LEAST)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(packages.Path, "read_bytes", refuse)
    with pytest.raises(ModelError, match=r"model.onnx\" cannot be read \(Permission denied\); check the path"):
        load(path)


def test_weights_in_another_file_are_refused(tmp_path):
    model = with_metadata(doubling(), parse(LEAST).to_json())
    weight = model.graph.initializer.add(name="w", data_type=1, dims=[1])
    weight.data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(ModelError, match='weight "w" lies in another file; a package is one file'):
        load(broken(tmp_path, model.SerializeToString()))


def test_an_invalid_graph_is_refused(tmp_path):
    model = graph([("Add", ["x", "nothing"], ["y"], {})], ["x"], ["y"])
    with pytest.raises(ModelError, match="the model is not valid ONNX"):
        package(model, tmp_path / "model.onnx", **LEAST)


def test_metadata_that_only_looks_like_make_streamings_is_refused(tmp_path):
    for value in ("{", "[]", json.dumps({"outputs": {}})):
        with pytest.raises(ModelError, match='"rtspec_stream" is not what make_streaming writes'):
            package(with_metadata(doubling(), value, STREAM_KEY), tmp_path / "model.onnx", **LEAST)


def test_the_report_is_for_people_and_for_programs(tmp_path):
    model = packaged(tmp_path, doubling(), licence="CC0-1.0", metrics={"SC dB": -20.5})
    report = inspect(model.path or "")
    assert str(report).startswith("test 1\n")
    assert "licence          CC0-1.0" in str(report)
    assert "x: magnitude, float32 [batch=1, bins=bins, time=frames]" in str(report)
    assert "SC dB" in str(report)
    found = json.loads(json.dumps(report.json()))
    assert found["graph_inputs"] == {"x": {"dtype": "float32", "shape": [1, "bins", "frames"]}}
    assert (found["weights"], found["licence"]) == (0, "CC0-1.0")


def test_the_manifest_lies_where_others_look_for_it(tmp_path):
    model = packaged(tmp_path, doubling())
    entries = {entry.key: entry.value for entry in onnx.load(model.path or "").metadata_props}
    assert json.loads(entries[METADATA_KEY])["input"]["name"] == "x"


def test_a_wrong_plan_is_an_error_of_the_plan(tmp_path):
    with pytest.raises(InvalidValue, match="sample_rate=7 must be"):
        packaged(tmp_path, doubling()).plan(7)
