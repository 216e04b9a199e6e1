"""The compiled stage, by the C API and by the binding, gives what plain onnxruntime gives, to the bit."""

from typing import Literal

import numpy as np
import onnxruntime
import pytest
from small_models import graph, tensor

from rtspec.buffers.step import run_table, table
from rtspec.models.manifest import State
from rtspec.models.packages import PackagedModel, load, package
from rtspec.models.session import model_stage
from rtspec.models.streaming import make_streaming
from rtspec.models.streaming.run import StreamingRun

PATHS = ("c-api", "binding")
N_BINS = 33
PORTS = {
    "input": {"name": "x", "representation": "magnitude"},
    "output": {"name": "y", "representation": "magnitude"},
}


def convolving(states: Literal["replace", "append"]):
    """Two convolutions over time with bins as channels, streaming: states, delay and validity mask."""
    rng = np.random.default_rng(5)
    weights = [(f"w{k}", rng.standard_normal((N_BINS, N_BINS, 5)).astype(np.float32) / 8) for k in range(2)]
    weights += [(f"b{k}", np.full(N_BINS, 0.1, np.float32)) for k in range(2)]
    nodes = [
        ("Conv", ["x", "w0", "b0"], ["c0"], {"pads": [2, 2]}),
        ("Relu", ["c0"], ["r0"], {}),
        ("Conv", ["r0", "w1", "b1"], ["c1"], {"pads": [2, 2]}),
        ("Add", ["c1", "x"], ["y"], {}),
    ]
    shape = [1, N_BINS, "frames"]
    return make_streaming(graph(nodes, [tensor("x", shape)], [tensor("y", shape)], weights), {"x": 2}, states=states)


@pytest.fixture(params=["identity", "tilt-gate", "replace", "append"])
def model(request, tmp_path) -> PackagedModel:
    if request.param in ("identity", "tilt-gate"):
        return load(request.param)
    return load(package(convolving(request.param), tmp_path / "m.onnx", name="test", n_fft=64, **PORTS))


def frames(n: int) -> np.ndarray:
    return np.abs(np.random.default_rng(n).standard_normal((n, N_BINS))).astype(np.float32)


def plain(model: PackagedModel, x: np.ndarray) -> np.ndarray:
    """One frame a call through a session of plain onnxruntime, states fed back by hand."""
    m = model.manifest
    session = onnxruntime.InferenceSession(model.proto_bytes, providers=["CPUExecutionProvider"])
    states = {s.input: s.value() for s in m.states}
    still = {p.tensor: np.full(1, p.default, np.float32) for p in m.controls}
    still |= {m.valid_input: np.ones(1, np.float32)} if m.valid_input else {}
    made = []
    for frame in x:
        names = [m.output.name, *(s.output for s in m.states)]
        out, *new = session.run(names, {m.input.name: frame.reshape(1, N_BINS, 1), **states, **still})
        states = {s.input: following(s, states[s.input], each) for s, each in zip(m.states, new, strict=True)}
        made.append(np.asarray(out).reshape(-1))
    return np.array(made)


def following(state: State, old: np.ndarray, new) -> np.ndarray:
    if state.append_axis is None:
        return new
    joined = np.concatenate([old, new], state.append_axis)
    n_kept, n_all = old.shape[state.append_axis], joined.shape[state.append_axis]
    return np.take(joined, range(n_all - n_kept, n_all), state.append_axis)


@pytest.mark.parametrize("path", PATHS)
def test_a_stage_gives_what_plain_onnxruntime_gives_to_the_bit(model, path):
    x = frames(41)
    stage = model_stage(model, N_BINS, session_path=path)
    y = np.zeros_like(x)
    assert stage.run(x, len(x), y) == len(x)
    assert np.array_equal(y, plain(model, x))
    assert stage.counters == {"runs": 41, "failures": 0, "not_finite": 0}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("blocks", [(1,), (7, 1, 13), (41,)])
def test_frames_a_call_do_not_matter_and_reset_is_fresh_to_the_bit(model, path, blocks):
    x = frames(41)
    stage = model_stage(model, N_BINS, session_path=path)
    wanted = np.zeros_like(x)
    stage.run(x, len(x), wanted)
    stage.reset()
    y, start, turn = np.zeros_like(x), 0, 0
    while start < len(x):
        n = min(blocks[turn % len(blocks)], len(x) - start)
        stage.run(x[start:], n, y[start:])
        start, turn = start + n, turn + 1
    assert np.array_equal(y, wanted)


@pytest.mark.parametrize("path", PATHS)
def test_a_stage_runs_from_a_table_as_alone(model, path):
    x = frames(5)
    alone, y = np.zeros_like(x), np.zeros_like(x)
    model_stage(model, N_BINS, session_path=path).run(x, len(x), alone)
    stage = model_stage(model, N_BINS, session_path=path)
    rows = table([stage.row(x, y)])
    assert run_table(rows.ctypes.data, 1, len(x)) == len(x)
    assert np.array_equal(y, alone)


def test_a_stage_of_a_streaming_model_agrees_with_one_long_call_of_it(tmp_path):
    streaming = convolving("replace")
    x = frames(41)
    wanted = StreamingRun(streaming).process({"x": x.T[None]}, np.ones(len(x)))["y"][0].T
    stage = model_stage(load(package(streaming, tmp_path / "m.onnx", name="test", n_fft=64, **PORTS)))
    y = np.zeros_like(x)
    stage.run(x, len(x), y)
    assert stage.delay == 4
    np.testing.assert_allclose(y, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
