"""A FrameModel takes any number of frames a call, and all that it returns is the offline result."""

import json

import numpy as np
import pytest
from small_models import SUM_STATE, doubling, graph, halving, packaged, summing, tensor, with_metadata

from rtspec.errors import InvalidValue, ModelError
from rtspec.models.frame_model import FrameModel
from rtspec.models.manifest import STREAM_KEY
from rtspec.models.packages import package
from rtspec.models.streaming import make_streaming
from rtspec.models.streaming.run import run_offline

CALLS = (1, 2, 3, 7, 64)
TENSOR = {
    "input": {"name": "x", "representation": "tensor"},
    "output": {"name": "y", "representation": "tensor"},
}


def network(n_layers: int = 2, extra: int = 0, stride: int = 1):
    """Convolutions of 5 frames with bias and ReLU: centred, or with frames more at the end; the first may stride."""
    rng = np.random.default_rng(3)
    nodes, weights, name = [], [], "x"
    for k in range(n_layers):
        weights += [(f"w{k}", rng.standard_normal((3, 3, 5)).astype(np.float32) / 4), (f"b{k}", np.ones(3, np.float32))]
        last = "y" if k == n_layers - 1 else f"a{k}"
        attributes = {"pads": [2, 2 + extra], "strides": [stride if k == 0 else 1]}
        nodes += [("Conv", [name, f"w{k}", f"b{k}"], [f"c{k}"], attributes), ("Relu", [f"c{k}"], [last], {})]
        name = last
    return graph(nodes, [tensor("x", [1, 3, "frames"])], [tensor("y", [1, 3, "out"])], weights)


def clip(n_frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((1, 3, n_frames)).astype(np.float32)


def played(model: FrameModel, frames: np.ndarray, size: int) -> np.ndarray:
    parts = [model.process(frames[..., start : start + size]) for start in range(0, frames.shape[2], size)]
    return np.concatenate([*parts, model.flush()], axis=2)


@pytest.mark.parametrize("size", CALLS)
@pytest.mark.parametrize("form", ["bare", "package"])
def test_a_streaming_model_gives_the_offline_result_clip_after_clip(tmp_path, form, size):
    offline = network()
    streaming = make_streaming(offline, {"x": 2})
    model = FrameModel(streaming if form == "bare" else package(streaming, tmp_path / "m.onnx", name="test", **TENSOR))
    assert model.delay_frames == 4
    for n_frames in (50, 33, 3):
        frames = clip(n_frames, seed=n_frames)
        wanted = run_offline(offline, {"x": frames})["y"]
        np.testing.assert_allclose(played(model, frames, size), wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("size", CALLS)
@pytest.mark.parametrize("extra", [-2, 3])
def test_outputs_longer_or_shorter_than_the_input_are_right_too(size, extra):
    offline = network(1, extra)
    frames = clip(40)
    wanted = run_offline(offline, {"x": frames})["y"]
    made = played(FrameModel(make_streaming(offline, {"x": 2})), frames, size)
    assert made.shape == wanted.shape
    np.testing.assert_allclose(made, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("size", CALLS)
def test_fewer_frames_out_than_in_are_right_too(size):
    offline = network(2, stride=2)
    frames = clip(40)
    wanted = run_offline(offline, {"x": frames})["y"]
    made = played(FrameModel(make_streaming(offline, {"x": 2})), frames, size)
    np.testing.assert_allclose(made, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("size", CALLS)
def test_states_that_append_give_the_same(size):
    offline = network()
    frames = clip(40)
    wanted = run_offline(offline, {"x": frames})["y"]
    made = played(FrameModel(make_streaming(offline, {"x": 2}, states="append")), frames, size)
    np.testing.assert_allclose(made, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("size", CALLS)
def test_a_model_of_one_frame_a_call_takes_any_number(tmp_path, size):
    path = packaged(tmp_path, summing(), n_fft=16, states=[SUM_STATE]).path
    frames = np.abs(np.random.default_rng(0).standard_normal((1, 9, 20))).astype(np.float32)
    np.testing.assert_allclose(played(FrameModel(path or ""), frames, size), 3 + frames.cumsum(2), rtol=1e-6)


@pytest.mark.parametrize("size", CALLS)
def test_a_period_of_two_takes_an_odd_number_of_frames(tmp_path, size):
    path = packaged(tmp_path, halving(), period=2, **TENSOR).path
    frames = clip(21)
    made = played(FrameModel(path or ""), frames, size)
    padded = np.pad(frames, [(0, 0), (0, 0), (0, 1)])
    np.testing.assert_allclose(made, padded.reshape(1, 3, 11, 2).mean(3).repeat(2, 2)[..., :21], rtol=1e-5, atol=1e-6)


def test_reset_starts_again_to_the_bit():
    model = FrameModel(make_streaming(network(), {"x": 2}))
    frames = clip(20)
    first = model.process(frames)
    model.reset()
    assert np.array_equal(model.process(frames), first)


def test_calls_without_frames_give_frames_of_the_right_shape():
    model = FrameModel(make_streaming(network(), {"x": 2}))
    assert model.process(clip(0)).shape == (1, 3, 0)
    assert model.flush().shape == (1, 3, 0)
    assert FrameModel("identity").process(np.zeros((1, 7, 0))).shape == (1, 7, 0)


def test_several_outputs_come_by_their_names():
    model = graph(
        [("Relu", ["x"], ["y"], {}), ("Neg", ["x"], ["z"], {})],
        [tensor("x", [1, 3, "frames"])],
        [tensor("y", [1, 3, "frames"]), tensor("z", [1, 3, "frames"])],
    )
    frames = clip(5)
    made = FrameModel(make_streaming(model, {"x": 2})).process({"x": frames})
    assert np.array_equal(made["y"], np.maximum(frames, 0))
    assert np.array_equal(made["z"], -frames)


def test_inputs_without_time_are_kept_once_given():
    model = graph(
        [("Mul", ["x", "gain"], ["y"], {})],
        [tensor("x", [1, 3, "frames"]), tensor("gain", [1])],
        [tensor("y", [1, 3, "frames"])],
    )
    stream = FrameModel(make_streaming(model, {"x": 2}))
    with pytest.raises(InvalidValue, match='input "gain" is missing; give frames as a mapping with x, gain'):
        stream.process(clip(2))
    assert np.array_equal(stream.process({"x": clip(2), "gain": np.full(1, 2.0)}), 2 * clip(2))
    assert np.array_equal(stream.process({"x": clip(3)}), 2 * clip(3))


def test_frames_that_do_not_fit_are_refused_with_the_shape_wanted():
    model = FrameModel(make_streaming(network(), {"x": 2}))
    with pytest.raises(InvalidValue, match=r'frames of shape \(1, 4, 5\) do not fit "x" of \[1, 3, \'frames\'\]'):
        model.process(np.zeros((1, 4, 5)))
    with pytest.raises(InvalidValue, match=r"frames of shape \(3, 5\) do not fit"):
        model.process(np.zeros((3, 5)))
    with pytest.raises(InvalidValue, match='"q" is no input of model; it has: x'):
        model.process({"q": clip(2)})
    shipped = FrameModel("identity")
    shipped.process(np.zeros((1, 7, 2)))
    with pytest.raises(InvalidValue, match=r"frames of shape \(1, 8, 2\) do not fit"):
        shipped.process(np.zeros((1, 8, 2)))


def test_parameters_are_set_by_name_within_their_range():
    model = FrameModel("tilt-gate")
    with pytest.raises(InvalidValue, match='"pitch" is no parameter of tilt-gate; it has: tilt_db_per_octave'):
        model.set(pitch=3)
    with pytest.raises(InvalidValue, match="gate_db=3 must be a number from -120 to 0 dB; try -60"):
        model.set(gate_db=3)


def test_a_file_that_says_nothing_of_frames_is_refused():
    with pytest.raises(
        ModelError, match=r'"model" says nothing of its frames; make it streaming with .*make_streaming'
    ):
        FrameModel(doubling())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"time_axes": {"x": 5, "y": 2}}, "time_axes.x=5 must be 0 to 2"),
        ({"time_axes": {}}, "names no input with frames"),
        ({"outputs": {"y": {"axis": 2, "delay_frames": -1, "length": {}}}}, "outputs.y.delay_frames=-1 must be 0 to"),
        ({"period": 0}, "period=0 must be 1 to 4096"),
        ({"delay_frames": "many"}, 'delay_frames="many" must be a whole number'),
    ],
)
def test_hostile_metadata_of_a_stream_is_refused(change, text):
    model = make_streaming(network(), {"x": 2})
    stream = json.loads(next(entry.value for entry in model.metadata_props if entry.key == STREAM_KEY))
    with pytest.raises(ModelError, match=text):
        FrameModel(with_metadata(model, json.dumps({**stream, **change}), STREAM_KEY))
