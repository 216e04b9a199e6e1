"""A model's stage: frames through Run, states that go on, failures counted, reset to the bit, both ways to call Run."""

import subprocess
import sys

import numpy as np
import pytest
from small_models import COUNT_STATE, SUM_STATE, doubling, failing, graph, halving, packaged, summing, tensor

from rtspec.errors import InvalidValue, ModelError
from rtspec.models import ort_api
from rtspec.models.catalogue import find
from rtspec.models.packages import load
from rtspec.models.session import model_stage

PATHS = ("c-api", "binding")
TENSOR = {
    "input": {"name": "x", "representation": "tensor"},
    "output": {"name": "y", "representation": "tensor"},
}


def played(stage, frames: np.ndarray, n_out: int | None = None) -> np.ndarray:
    """Frames (n, values) through a stage in one call."""
    x = np.ascontiguousarray(frames, np.float32)
    y = np.full((len(x), n_out or x.shape[1]), np.nan, np.float32)
    assert stage.run(x, len(x), y) == len(x)
    return y


def noise(n_frames: int, n_bins: int) -> np.ndarray:
    return np.abs(np.random.default_rng(n_frames).standard_normal((n_frames, n_bins))).astype(np.float32)


@pytest.mark.parametrize("path", PATHS)
def test_each_frame_goes_through_the_model(tmp_path, path):
    stage = model_stage(packaged(tmp_path, doubling()), 5, session_path=path)
    x = noise(7, 5)
    assert np.array_equal(played(stage, x), 2 * x)
    assert stage.counters == {"runs": 7, "failures": 0, "not_finite": 0}
    assert (stage.delay, stage.input_shape, stage.output_shape, stage.session_path) == (0, (5,), (5,), path)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_states_go_from_frame_to_frame_and_reset_to_their_initial_values(tmp_path, path, n_frames):
    stage = model_stage(packaged(tmp_path, summing(), n_fft=16, states=[SUM_STATE]), session_path=path)
    fresh = [each.copy() for each in stage._owned]
    x = noise(n_frames, 9)
    first = played(stage, x)
    np.testing.assert_allclose(first, 3 + np.cumsum(x, 0), rtol=1e-6)
    stage.reset()
    assert all(np.array_equal(a.view(np.uint8), b.view(np.uint8)) for a, b in zip(stage._owned, fresh, strict=True))
    assert np.array_equal(played(stage, x), first)


@pytest.mark.parametrize("path", PATHS)
def test_a_failing_run_gives_zeros_keeps_the_states_and_is_counted(tmp_path, path):
    stage = model_stage(packaged(tmp_path, failing(), n_fft=16, states=[COUNT_STATE]), session_path=path)
    x = np.zeros((5, 9), np.float32)
    x[1:3, 0] = 7
    made = played(stage, x)
    assert np.array_equal(made, np.outer([0, 0, 0, 1, 2], np.ones(9)))
    assert stage.counters == {"runs": 5, "failures": 2, "not_finite": 0}
    assert "Gather" in stage.last_error
    stage.reset()
    assert (stage.counters["failures"], stage.last_error) == (0, "")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_frame_that_is_not_finite_gives_zeros_and_starts_the_states_afresh(tmp_path, path, bad):
    stage = model_stage(packaged(tmp_path, summing(), n_fft=16, states=[SUM_STATE]), session_path=path)
    x = np.ones((4, 9), np.float32)
    x[1, 2] = bad
    assert np.array_equal(played(stage, x)[:, 0], [4, 0, 4, 5])
    assert stage.counters == {"runs": 4, "failures": 0, "not_finite": 1}


@pytest.mark.parametrize("path", PATHS)
def test_a_model_of_period_two_gets_pairs_of_frames_and_one_frame_more_of_delay(tmp_path, path):
    model = packaged(tmp_path, halving(), period=2, **TENSOR)
    stage = model_stage(model, session_path=path)
    x = noise(9, 3)
    made = np.concatenate([played(stage, part) for part in np.split(x, [1, 4, 5])])
    wanted = x[:8].reshape(4, 2, 3).mean(1).repeat(2, 0)
    assert stage.delay == 1
    assert stage.counters["runs"] == 4
    np.testing.assert_allclose(made, np.concatenate([np.zeros((1, 3)), wanted]), rtol=1e-6)


@pytest.mark.parametrize("path", PATHS)
def test_states_of_which_only_the_newest_frames_come_are_appended(tmp_path, path):
    """y = x of three frames ago: the state [1, 2, 3] holds the last three and the model gives only the newest."""
    nodes = [("Slice", ["s", "zero", "one", "axis"], ["y"], {}), ("Identity", ["x"], ["t"], {})]
    weights = [("zero", np.array([0])), ("one", np.array([1])), ("axis", np.array([2]))]
    shape = [1, 2, 1]
    inputs = [tensor("x", shape), tensor("s", [1, 2, 3])]
    model = graph(nodes, inputs, [tensor("y", shape), tensor("t", shape)], weights)
    state = {"input": "s", "output": "t", "shape": [1, 2, 3], "append_axis": 2, "initial": 9}
    stage = model_stage(packaged(tmp_path, model, states=[state], delay_frames=3, **TENSOR), session_path=path)
    x = noise(8, 2)
    assert np.array_equal(played(stage, x), np.concatenate([np.full((3, 2), 9, np.float32), x[:5]]))
    assert stage.delay == 3


@pytest.mark.parametrize("path", PATHS)
def test_the_valid_input_is_held_at_one(tmp_path, path):
    model = graph([("Add", ["x", "valid"], ["y"], {})], ["x", tensor("valid", ["frames"])], ["y"])
    stage = model_stage(packaged(tmp_path, model, valid_input="valid"), 3, session_path=path)
    assert np.array_equal(played(stage, np.zeros((2, 3))), np.ones((2, 3)))


@pytest.mark.parametrize("path", PATHS)
def test_complex_frames_are_real_parts_then_imaginary_ones(tmp_path, path):
    shape = [1, 2, "bins", "frames"]
    nodes = [("Split", ["x"], ["re", "im"], {"axis": 1}), ("Neg", ["im"], ["minus"], {})]
    nodes += [("Concat", ["re", "minus"], ["y"], {"axis": 1})]
    port = {"representation": "complex", "layout": "batch,channels,bins,time"}
    ports = {"input": {"name": "x", **port}, "output": {"name": "y", **port}}
    stage = model_stage(
        packaged(tmp_path, graph(nodes, [tensor("x", shape)], [tensor("y", shape)]), **ports), 3, session_path=path
    )
    assert stage.input_shape == (2, 3)
    assert np.array_equal(played(stage, np.arange(6.0).reshape(1, 6)), [[0, 1, 2, -3, -4, -5]])


@pytest.mark.parametrize("path", PATHS)
def test_parameters_are_read_at_each_frame_and_outlive_a_reset(path):
    stage = model_stage(load("tilt-gate"), 9, session_path=path)
    x = np.ones((1, 9), np.float32)
    flat = played(stage, x)
    stage.parameter("tilt_db_per_octave")[0] = 6
    tilted = played(stage, x)
    octave_apart = tilted[0, 8] / flat[0, 8] / (tilted[0, 4] / flat[0, 4])
    assert octave_apart == pytest.approx(10 ** (6 / 20), rel=1e-5)
    stage.reset()
    assert np.array_equal(played(stage, x), tilted)
    assert stage.parameter_address("gate_db") % 4 == 0
    assert stage.parameter("gate_db")[0] == -60


def test_parameters_that_are_not_there_are_listed():
    with pytest.raises(
        InvalidValue, match=r'"pitch" is no parameter of tilt-gate; it has: tilt_db_per_octave, gate_db'
    ):
        model_stage(load("tilt-gate"), 9).parameter("pitch")


def test_stages_of_one_model_share_its_session_but_not_their_states(tmp_path):
    model = packaged(tmp_path, summing(), n_fft=16, states=[SUM_STATE])
    one, other = model_stage(model), model_stage(model)
    assert one.record["session"][0] == other.record["session"][0]
    x = np.ones((3, 9), np.float32)
    assert played(one, x)[-1, 0] == 6
    assert played(other, x)[0, 0] == 4


def test_bins_must_fit_the_model(tmp_path):
    model = packaged(tmp_path, summing(), n_fft=16, states=[SUM_STATE])
    with pytest.raises(ModelError, match="n_bins=5 does not fit test, which takes 9; use the plan of its manifest"):
        model_stage(model, 5)
    with pytest.raises(ModelError, match="identity takes any number of bins; give n_bins"):
        model_stage(load("identity"))


def test_more_frames_out_than_in_are_refused(tmp_path):
    model = packaged(tmp_path, halving(), rate={"in": 2, "out": 1}, period=2, **TENSOR)
    with pytest.raises(ModelError, match=r"test has a rate of 2:1 frames; a stage needs as many out as in"):
        model_stage(model)


def test_an_output_of_other_size_than_the_input_is_refused(tmp_path):
    model = graph([("Concat", ["x", "x"], ["y"], {"axis": 1})], ["x"], [tensor("y", [1, "more", "frames"])])
    with pytest.raises(ModelError, match=r'output "y" has shape \[1, 6, 1\]; it must hold as many frames and bins'):
        model_stage(packaged(tmp_path, model), 3)


@pytest.mark.parametrize("path", PATHS)
def test_a_graph_that_onnxruntime_refuses_is_told_in_its_words(tmp_path, path):
    model = graph([("MatMul", ["x", "w"], ["y"], {})], ["x"], ["y"], [("w", np.ones((7, 7), np.float32))])
    with pytest.raises(ModelError, match=r"^onnxruntime: .*MatMul") as caught:
        model_stage(packaged(tmp_path, model), 3, session_path=path)
    assert "\n" not in str(caught.value)


def test_an_unknown_session_path_is_refused():
    with pytest.raises(InvalidValue, match="session_path='gpu' is not known; choose one of auto, c-api, binding"):
        model_stage(load("identity"), 3, session_path="gpu")  # type: ignore[arg-type]


@pytest.fixture
def no_library(monkeypatch):
    ort_api.api.cache_clear()
    monkeypatch.setattr(ort_api, "library", lambda: None)
    yield
    ort_api.api.cache_clear()


def test_without_the_shared_library_the_binding_takes_over_and_says_why(no_library):
    stage = model_stage(load("identity"), 3)
    assert stage.session_path == "binding"
    assert stage.why_binding == ort_api.why_unavailable()
    assert "carries no shared library" in (stage.why_binding or "")
    with pytest.raises(ModelError, match=r"carries no shared library here; .* use session_path='auto'"):
        model_stage(load("identity"), 3, session_path="c-api")


def test_a_library_that_is_no_onnxruntime_is_reported(monkeypatch, tmp_path):
    (tmp_path / "libonnxruntime.so.9").write_bytes(b"no library")
    monkeypatch.setattr(ort_api, "library", lambda: tmp_path / "libonnxruntime.so.9")
    ort_api.api.cache_clear()
    try:
        assert "libonnxruntime.so.9 cannot be used" in (ort_api.why_unavailable() or "")
    finally:
        ort_api.api.cache_clear()


def test_the_c_api_is_the_installed_onnxruntimes():
    import onnxruntime

    assert ort_api.api().version == onnxruntime.__version__
    assert find("identity").is_file()


HELD_TO_THE_END = """
import ctypes, sys
import numpy as np
from rtspec.models import ort_api
held = [ort_api.Values([np.zeros(4, np.float32)]), ort_api.RunOptions()]
class Late:
    def __del__(self):
        held.clear()  # after ctypes and ours were taken apart
sys.modules["late"] = Late()
ort_api.ctypes = ort_api.c_void_p = None
"""


def test_nothing_complains_where_a_session_lives_to_the_end_of_the_interpreter():
    words = [sys.executable, "-c", HELD_TO_THE_END]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
