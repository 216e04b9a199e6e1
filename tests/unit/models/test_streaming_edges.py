"""Clips continued by their own frames (replicate and reflect padding in time), and last windows only partly filled."""

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto
from small_graphs import graph_of, node, noise

from rtspec.models.streaming import NotStreamable, make_streaming
from rtspec.models.streaming.load import inputs_of
from rtspec.models.streaming.look_ahead import look_ahead
from rtspec.models.streaming.run import StreamingRun, difference, random_clip, run_offline

LENGTHS = (7, 31, 64)


def model_of(nodes: list[NodeProto], **weights: Any) -> ModelProto:
    given = {"k": noise(4, 4, 3), "b": noise(4), "k5": noise(4, 4, 5), **weights}
    return graph_of(nodes, [1, 4, "T"], [1, "c", "U"], **given)


def pads(before: int, after: int) -> np.ndarray:
    return np.array([0, 0, before, 0, 0, after])


def assert_streams(model: ModelProto, delay: int | None = None) -> None:
    run = StreamingRun(make_streaming(model, {"x": 2}))
    for n_frames in LENGTHS:
        clip = random_clip(model, inputs_of(model, {"x": 2}, None), n_frames, np.random.default_rng(n_frames))
        wanted = run_offline(model, clip)["y"]
        for frames in (1, 3, 64):
            given = run.clip(clip, frames)["y"]
            assert given.shape == wanted.shape
            assert difference(wanted, given)[0] < 1e-5
    if delay is not None:
        assert run.manifest["delay_frames"] == delay == look_ahead(run, clip)


@pytest.mark.parametrize(("before", "after"), [(2, 0), (1, 1), (0, 2)])
def test_replicated_ends_are_as_early_as_zeros(before: int, after: int):
    assert_streams(
        model_of([node("Pad", "x p", "w", mode="edge"), node("Conv", "w k b", "y")], p=pads(before, after)), after
    )


def test_mirrored_ends_of_an_even_kernel_are_as_early_as_zeros():
    assert_streams(model_of([node("Pad", "x p", "w", mode="reflect"), node("Conv", "w k5 b", "y")], p=pads(2, 2)), 2)


def test_a_mirrored_start_of_a_causal_kernel_waits_for_what_it_mirrors():
    model = model_of([node("Pad", "x p", "w", mode="reflect"), node("Conv", "w k b", "y")], p=pads(2, 0))
    assert_streams(model)
    assert StreamingRun(make_streaming(model, {"x": 2})).manifest["delay_frames"] == 2


@pytest.mark.parametrize("mode", ["edge", "reflect"])
@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_ends_of_what_a_layer_made_late(mode: str, ahead: int):
    first = node("Conv", "x k b", "h", pads=[2 - ahead, ahead])
    late = [first, node("Pad", "h p", "w", mode=mode), node("Conv", "w k5 b", "y")]
    for before, after in ((4, 0), (2, 2), (3, 1), (0, 3)):
        assert_streams(model_of(late, p=pads(before, after)))


@pytest.mark.parametrize("mode", ["edge", "reflect"])
def test_ends_that_other_nodes_read(mode: str):
    nodes = [node("Pad", "x p", "w", mode=mode), node("Sigmoid", "w", "s"), node("Mul", "w s", "h")]
    assert_streams(model_of([*nodes, node("Conv", "h k b", "y")], p=pads(2, 1)))
    assert_streams(model_of([node("Pad", "x p", "y", mode=mode)], p=pads(2, 3)))


@pytest.mark.parametrize("mode", ["edge", "reflect"])
def test_ends_under_strides_pools_and_twice(mode: str):
    pad = node("Pad", "x p", "w", mode=mode)
    strided = node("Conv", "w k5 b", "y", strides=[2])
    for before, after in ((3, 0), (2, 2)):
        assert_streams(model_of([pad, node("MaxPool", "w", "y", kernel_shape=[5])], p=pads(before, after)))
        twice = [node("Conv", "w k5 b", "h"), node("Pad", "h p", "v", mode=mode), node("Conv", "v k5 b", "y")]
        assert_streams(model_of([pad, *twice], p=pads(before, after)))
        make_streaming(model_of([pad, strided], p=pads(before, after)), {"x": 2})


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(("size", "step"), [(3, 2), (2, 2), (4, 3), (3, 3)])
@pytest.mark.parametrize("before", [0, 1])
def test_a_last_window_that_is_partly_filled(op: str, size: int, step: int, before: int):
    options = {"kernel_shape": [size], "strides": [step], "ceil_mode": 1, "pads": [before, 0]}
    assert_streams(model_of([node(op, "x", "y", **options)]))
    late = node("Conv", "x k b", "h", pads=[1, 1])
    assert_streams(model_of([late, node(op, "h", "y", **options)]))


def test_frames_from_the_other_end_are_refused():
    with pytest.raises(NotStreamable, match=r'"w" \(Pad\) pads time by wrap values.*edge values or by reflection'):
        make_streaming(
            model_of([node("Pad", "x p", "w", mode="wrap"), node("Conv", "w k b", "y")], p=pads(2, 0)), {"x": 2}
        )


@pytest.mark.parametrize("pads", [[1, 1], [2, 0]])
def test_a_pool_that_would_miss_a_frame_of_an_odd_clip_is_refused(pads: list[int]):
    # The frame that is missing is seldom the greatest of its window: noise did not show it, its length does.
    nodes = [
        node("ConvTranspose", "x k", "tripled", strides=[3]),
        node("MaxPool", "tripled", "culprit", kernel_shape=[3], strides=[2], pads=pads),
        node("MaxPool", "culprit", "y", kernel_shape=[3], strides=[3], pads=[1, 0], ceil_mode=1),
    ]
    kernel = np.array([[[1.0, 0.4, 0.1]]], np.float32)
    model = graph_of(nodes, [1, 1, "frames"], [1, 1, "out"], k=kernel)
    with pytest.raises(NotStreamable, match=r'"culprit".*no multiple of 2; .*--whole-periods'):
        make_streaming(model)
    run = StreamingRun(make_streaming(model, lengths="periods"))
    for n_frames in range(40, 50, 2):
        clip = random_clip(model, inputs_of(model, None, None), n_frames, np.random.default_rng(2))
        assert difference(run_offline(model, clip)["y"], run.clip(clip, 6)["y"])[0] <= 1e-5


def test_a_piece_of_the_clip_that_is_only_measured_asks_for_no_frame():
    # torch.cat([torch.zeros_like(x[:, :, :1]), x[:, :, :-1]], 2) as torch's older exporter writes it.
    nodes = [
        node("Slice", "x zero one two", "first"),
        node("Slice", "first zero one zero", "again"),
        node("Shape", "again", "size"),
        node("ConstantOfShape", "size", "nothing"),
        node("Slice", "x zero last two", "rest"),
        node("Concat", "nothing rest", "late", axis=2),
        node("Conv", "late k b", "y"),
    ]
    numbers = {name: np.array([value]) for name, value in (("zero", 0), ("one", 1), ("two", 2), ("last", -1))}
    assert_streams(model_of(nodes, **numbers), 1)
    kept = [*nodes[:-2], node("Concat", "first rest", "late", axis=2), nodes[-1]]
    with pytest.raises(NotStreamable, match=r'"first" \(Slice\) keeps 1 of'):
        make_streaming(model_of(kept, **numbers), {"x": 2})


def test_a_length_that_is_right_for_some_remainders_of_a_period_only_is_refused():
    nodes = [
        node("Conv", "x k", "halved", strides=[2], pads=[1, 1]),
        node("ConvTranspose", "halved u", "doubled", strides=[2]),
        node("Conv", "doubled k", "y", strides=[3], pads=[1, 0]),
    ]
    ones = {"k": np.ones((1, 1, 2), np.float32), "u": np.ones((1, 1, 2), np.float32)}
    model = graph_of(nodes, [1, 1, "frames"], [1, 1, "out"], **ones)  # 62 frames gave 21, the network 22
    with pytest.raises(NotStreamable, match=r'"y" \(Conv\).*no multiple of 6; .*--whole-periods'):
        make_streaming(model)
    run = StreamingRun(make_streaming(model, lengths="periods"))
    clip = random_clip(model, inputs_of(model, None, None), 60, np.random.default_rng(2))
    assert difference(run_offline(model, clip)["y"], run.clip(clip, 12)["y"])[0] <= 1e-5
