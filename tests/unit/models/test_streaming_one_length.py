"""Files whose graph takes clips of one length: what they hold for each frame is read as what the author computed."""

import numpy as np
import pytest
from onnx import ModelProto, helper
from small_graphs import graph_of

from rtspec.models.streaming import NotStreamable, make_streaming
from rtspec.models.streaming.run import StreamingRun, run_offline

FRAMES = 24


def model_of(nodes: list, output: list, *, length: int | str = FRAMES, **weights) -> ModelProto:
    return graph_of(nodes, [1, 4, length], output, **weights)


def noise(frames: int) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(1).standard_normal((1, 4, frames)).astype(np.float32)}


def mean_so_far(first: float = 1, **options) -> ModelProto:
    nodes = [helper.make_node("CumSum", ["x", "axis"], ["sum"]), helper.make_node("Div", ["sum", "count"], ["y"])]
    count = np.arange(FRAMES, dtype=np.float32) + np.float32(first)
    return model_of(nodes, [1, 4, FRAMES], axis=np.int64(2), count=count, **options)


def test_a_constant_that_counts_the_frames_counts_on():
    run = StreamingRun(make_streaming(mean_so_far(), {"x": 2}))
    clip = noise(3 * FRAMES)
    wanted = np.cumsum(clip["x"], 2) / np.arange(1, 3 * FRAMES + 1)
    for frames in (1, 5):
        assert np.abs(run.clip(clip, frames)["y"] - wanted).max() < 1e-5
    assert run.manifest["clip_frames"] == FRAMES


def test_a_table_of_equal_rows_that_counts_by_any_whole_step_counts_on():
    nodes = [helper.make_node("CumSum", ["x", "axis"], ["sum"]), helper.make_node("Div", ["sum", "count"], ["y"])]
    count = np.tile(33 * np.arange(1, FRAMES + 1, dtype=np.float32), (4, 1))  # FullSubNet's entry count
    run = StreamingRun(make_streaming(model_of(nodes, [1, 4, FRAMES], axis=np.int64(2), count=count), {"x": 2}))
    clip = noise(3 * FRAMES)
    wanted = np.cumsum(clip["x"], 2) / (33 * np.arange(1, 3 * FRAMES + 1))
    for frames in (1, 5):
        assert np.abs(run.clip(clip, frames)["y"] - wanted).max() < 1e-6


def test_a_table_of_equal_rows_alone_keeps_its_rows():
    """Where it meets one row, there are as many rows behind it as it has."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["one"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["one", "count"], ["y"]),
    ]
    count = np.tile(np.arange(FRAMES, dtype=np.float32), (4, 1))
    model = model_of(nodes, [1, 4, FRAMES], count=count)
    run, clip = StreamingRun(make_streaming(model, {"x": 2})), noise(FRAMES)
    assert np.abs(run.clip(clip, 3)["y"] - run_offline(model, clip)["y"]).max() < 1e-5


def test_a_constant_that_counts_in_other_steps_stays_refused():
    with pytest.raises(NotStreamable, match='per-frame parameters: "count"'):
        make_streaming(mean_so_far(first=0.5), {"x": 2})


def test_constant_places_of_a_window_over_frames_are_that_window():
    places = np.arange(FRAMES)[None] + np.arange(3)[:, None]
    nodes = [
        helper.make_node("Pad", ["x", "front"], ["early"]),
        helper.make_node("Gather", ["early", "places"], ["taps"], axis=2),
        helper.make_node("ReduceSum", ["taps", "axis"], ["y"], keepdims=0),
    ]
    front = np.array([0, 0, 2, 0, 0, 0])
    model = model_of(nodes, [1, 4, FRAMES], front=front, places=places, axis=np.array([2]))
    run = StreamingRun(make_streaming(model, {"x": 2}))
    clip = noise(FRAMES)
    assert np.abs(run.clip(clip, 1)["y"] - run_offline(model, clip)["y"]).max() < 1e-6
    assert run.manifest["delay_frames"] == 0


def test_constant_places_that_are_single_frames_stay_refused():
    nodes = [helper.make_node("Gather", ["x", "places"], ["y"], axis=2)]
    with pytest.raises(NotStreamable, match="picks single frames"):
        make_streaming(model_of(nodes, [1, 4, 3], places=np.array([0, 5, 10])), {"x": 2})


def test_a_length_that_only_the_graph_fixes_is_found():
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["flat"]), helper.make_node("Relu", ["flat"], ["y"])]
    model = model_of(nodes, [4, FRAMES], length="T", shape=np.array([4, FRAMES]))
    run = StreamingRun(make_streaming(model, {"x": 2}))
    assert run.manifest["clip_frames"] == FRAMES
    clip = noise(50)
    assert np.array_equal(run.clip(clip, 3)["y"], np.maximum(clip["x"][0], 0))
