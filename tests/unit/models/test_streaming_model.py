"""What `make_streaming` gives: a plain model with a manifest that holds, and less look-ahead where it is asked for."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from rtspec.errors import InvalidValue
from rtspec.models.streaming import make_streaming
from rtspec.models.streaming.clock import Clock
from rtspec.models.streaming.load import inputs_of
from rtspec.models.streaming.make import TRIAL_FRAMES
from rtspec.models.streaming.run import StreamingRun, difference, random_clip, run_offline, run_streaming


def convolutions(*kernels: int, stride: int = 1, bias: bool = True) -> ModelProto:
    """Centred 1-D convolutions over [1, 3, frames] with ReLU between; the first may stride."""
    generator = np.random.default_rng(0)
    nodes, weights, name = [], [], "x"
    for i, k in enumerate(kernels):
        weights.append(numpy_helper.from_array(generator.standard_normal((3, 3, k)).astype(np.float32), f"w{i}"))
        weights.append(numpy_helper.from_array(generator.standard_normal(3).astype(np.float32), f"b{i}"))
        strides = [stride if i == 0 else 1]
        inputs = [name, f"w{i}", *([f"b{i}"] if bias else [])]
        nodes.append(
            helper.make_node("Conv", inputs, [f"c{i}"], f"conv{i}", pads=[k // 2, (k - 1) // 2], strides=strides)
        )
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"], f"relu{i}"))
        name = f"r{i}"
    nodes.append(helper.make_node("Identity", [name], ["y"], "last"))
    frames_in = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "frames"])
    frames_out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, "frames_out"])
    graph = helper.make_graph(nodes, "graph", [frames_in], [frames_out], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def manifest_of(model: ModelProto) -> dict:
    return json.loads(model.metadata_props[0].value)


def clip_of(model: ModelProto, n_frames: int) -> dict[str, np.ndarray]:
    return random_clip(model, inputs_of(model, None, None), n_frames, np.random.default_rng(0))


def test_the_manifest_tells_a_runtime_all_it_needs():
    streaming = make_streaming(convolutions(5, 7))
    manifest = manifest_of(streaming)
    assert manifest["version"] == 1
    assert manifest["time_axes"] == {"x": 2, "y": 2}
    assert (manifest["delay_frames"], manifest["flush_frames"], manifest["period"]) == (5, 5, 1)
    assert manifest["rate"] == {"in": 1, "out": 1}
    assert manifest["valid_input"] == "valid"
    assert manifest["inexact"] is None
    assert {state["dtype"] for state in manifest["states"]} == {"float32"}
    names = [value.name for value in streaming.graph.input]
    assert names == ["x", "valid", *(state["input"] for state in manifest["states"])]
    assert [value.name for value in streaming.graph.output] == ["y", *(s["output"] for s in manifest["states"])]


def test_the_argument_is_left_as_it_was():
    model = convolutions(5)
    before = model.SerializeToString()
    make_streaming(model)
    assert model.SerializeToString() == before


def test_other_metadata_is_kept():
    model = convolutions(5)
    helper.set_model_props(model, {"author": "someone"})
    kept = {entry.key: entry.value for entry in make_streaming(model).metadata_props}
    assert kept["author"] == "someone"
    assert set(kept) == {"author", "rtspec_stream"}


def test_a_strided_model_states_its_rate_and_period():
    model = convolutions(4, 3, stride=2)
    manifest = manifest_of(make_streaming(model))
    assert manifest["rate"] == {"in": 2, "out": 1}
    assert manifest["period"] == 2
    assert manifest["outputs"]["y"]["length"] == {"up": 1, "down": 2, "phase": 1, "extra": 0}


def test_a_clip_that_is_no_whole_number_of_periods_ends_as_it_does_offline():
    model = convolutions(4, 3, stride=2)
    clip = clip_of(model, 31)
    wanted, given = run_offline(model, clip)["y"], run_streaming(make_streaming(model), clip, 4)["y"]
    assert given.shape == wanted.shape
    assert difference(wanted, given)[0] <= 1e-5


def test_reset_gives_the_same_bits_again():
    model = convolutions(5, 7)
    run, clip = StreamingRun(make_streaming(model)), clip_of(model, 40)
    assert np.array_equal(run.clip(clip, 3)["y"], run.clip(clip, 3)["y"])


def test_the_file_runs_in_plain_onnxruntime_with_nothing_of_ours(tmp_path):
    """A process that cannot import rtspec streams the file by its manifest alone."""
    model = convolutions(5, 7)
    clip = clip_of(model, 20)["x"]
    onnx.save(make_streaming(model), tmp_path / "streaming.onnx")
    np.savez(tmp_path / "clip.npz", x=clip, y=run_offline(model, {"x": clip})["y"])
    done = subprocess.run(
        [sys.executable, "-I", "-c", PLAIN, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) <= 1e-5


PLAIN = """
import json, sys, numpy, onnxruntime
assert not any(name.startswith("rtspec") for name in sys.modules)
session = onnxruntime.InferenceSession(sys.argv[1] + "/streaming.onnx", providers=["CPUExecutionProvider"])
manifest = json.loads(session.get_modelmeta().custom_metadata_map["rtspec_stream"])
data = numpy.load(sys.argv[1] + "/clip.npz")
frames = numpy.pad(data["x"], [(0, 0), (0, 0), (0, manifest["flush_frames"])])
states = {s["input"]: numpy.full(s["shape"], s["initial"], s["dtype"]) for s in manifest["states"]}
made = []
for t in range(frames.shape[2]):
    valid = numpy.float32([t < data["x"].shape[2]])
    y, *news = session.run(None, {"x": frames[:, :, t : t + 1], "valid": valid, **states})
    states = dict(zip(states, news))
    made.append(y)
joined = numpy.concatenate(made, 2)[:, :, manifest["delay_frames"] :]
print(abs(joined - data["y"]).max() / abs(data["y"]).max())
"""


@pytest.mark.parametrize("limit", [0, 1, 3, 6])
@pytest.mark.parametrize("cut", ["truncate", "shift"])
def test_look_ahead_is_cut_to_the_limit_and_its_error_reported(limit: int, cut):
    model = convolutions(5, 5, 5, 3)
    manifest = manifest_of(streaming := make_streaming(model, max_delay_frames=limit, cut=cut))
    assert manifest["delay_frames"] <= limit
    assert manifest["inexact"]["method"] == cut
    assert manifest["inexact"]["exact_delay_frames"] == 7
    clip = clip_of(model, TRIAL_FRAMES)
    wanted, given = run_offline(model, clip)["y"], run_streaming(streaming, clip, 9)["y"]
    assert given.shape == wanted.shape
    peak, rms = difference(wanted, given)
    assert peak > 1e-3
    assert manifest["inexact"]["error_rms"] == pytest.approx(rms, rel=1e-3)


def test_the_better_cut_is_kept():
    model = convolutions(5, 5, 5, 3)
    errors = {
        cut: manifest_of(make_streaming(model, max_delay_frames=2, cut=cut))["inexact"]["error_rms"]
        for cut in ("truncate", "shift", "best")
    }
    assert errors["best"] == min(errors["truncate"], errors["shift"])


def test_a_limit_that_is_kept_anyway_leaves_the_model_exact():
    assert manifest_of(make_streaming(convolutions(5, 7), max_delay_frames=5))["inexact"] is None


def test_a_limit_below_zero_is_named():
    with pytest.raises(InvalidValue, match="max_delay_frames=-1 must be at least 0; try 0, which waits for nothing"):
        make_streaming(convolutions(5), max_delay_frames=-1)


@pytest.mark.parametrize("step", [1, 2, 3, 5])
@pytest.mark.parametrize("more", [-7, -1, 0, 4])
def test_a_clock_counts_as_nested_divisions_do(step: int, more: int):
    clock = Clock().strided(2, 1).strided(step, more).longer(2).repeated(3)
    for n_frames in range(40, 80):
        assert clock.length(n_frames) == 3 * (((n_frames + 1) // 2 + more) // step + 2)


def test_without_the_validity_the_last_frames_would_be_wrong():
    """The trap: behind its end a stream computes relu(bias) where the offline model pads every layer with zeros."""
    model = convolutions(5, 7)
    run, x = StreamingRun(make_streaming(model)), clip_of(model, 20)["x"]
    flushed = np.pad(x, [(0, 0), (0, 0), (0, 5)])
    naive = run.process({"x": flushed}, np.ones(25))["y"][..., 5:]
    wrong = np.abs(naive - run_offline(model, {"x": x})["y"]).max(axis=(0, 1)) > 1e-3
    assert wrong[-3:].all()
    assert not wrong[:-5].any()
