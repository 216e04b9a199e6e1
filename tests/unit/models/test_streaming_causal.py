"""Causal stays causal: padding in front passes whatever lies before the layer that it was made for."""

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto
from small_graphs import graph_of, node, noise

from rtspec.models.streaming import make_streaming
from rtspec.models.streaming.load import inputs_of
from rtspec.models.streaming.look_ahead import look_ahead
from rtspec.models.streaming.run import StreamingRun, difference, random_clip, run_offline

TOLERANCE = 1e-5
N_FRAMES = 47


def model_of(nodes: list[NodeProto], **weights: Any) -> ModelProto:
    given = {"front": np.array([0, 0, 2, 0, 0, 0]), "k": noise(4, 4, 3), "b": noise(4), **weights}
    return graph_of(nodes, [1, 4, "T"], [1, "c", "U"], **given)


def assert_delay(model: ModelProto, delay: int) -> None:
    """Equal in calls of 1, 3 and 64 frames, as late as the network looks ahead."""
    run = StreamingRun(make_streaming(model, {"x": 2}))
    clip = random_clip(model, inputs_of(model, {"x": 2}, None), N_FRAMES, np.random.default_rng(1))
    wanted = run_offline(model, clip)["y"]
    for frames in (1, 3, 64):
        given = run.clip(clip, frames)["y"]
        assert given.shape == wanted.shape
        assert difference(wanted, given)[0] <= TOLERANCE
    assert run.manifest["delay_frames"] == look_ahead(run, clip) == delay


BETWEEN = {
    "nothing": [node("Identity", "p", "q")],
    "an activation": [node("Sigmoid", "p", "q")],
    "an offset": [node("Add", "p offset", "q")],
    "a split": [node("Split", "p", "r s", axis=1), node("Concat", "s r", "q", axis=1)],
    "a slice of channels": [
        node("Slice", "p zero two one", "r"),
        node("Slice", "p two four one", "s"),
        node("Concat", "s r", "q", axis=1),
    ],
    "a constant joined": [node("Slice", "p zero two one", "r"), node("Concat", "r still", "q", axis=1)],
    "a normalisation": [node("Softmax", "p", "q", axis=1)],
    "a layer norm": [
        node("Transpose", "p", "r", perm=[0, 2, 1]),
        node("LayerNormalization", "r gain", "s"),
        node("Transpose", "s", "q", perm=[0, 2, 1]),
    ],
    "a product": [node("MatMul", "mix p", "q")],
    "a batch norm": [node("BatchNormalization", "p gain b b gain", "q")],
    "two dimensions": [node("Unsqueeze", "p one", "r"), node("Tanh", "r", "s"), node("Squeeze", "s one", "q")],
    "a reshape": [node("Reshape", "p square", "r"), node("Exp", "r", "s"), node("Reshape", "s flat", "q")],
    "another convolution": [node("Conv", "p pointwise b", "q")],
}
CONSTANTS: dict[str, Any] = {
    "offset": noise(4, 1), "zero": np.array([0]), "one": np.array([1]), "two": np.array([2]), "four": np.array([4]),
    "still": noise(1, 2, 1), "gain": np.abs(noise(4)) + 1, "mix": noise(4, 4), "square": np.array([1, 2, 2, -1]),
    "flat": np.array([1, 4, -1]), "pointwise": noise(4, 4, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", BETWEEN)
def test_padding_in_front_passes(name: str):
    nodes = [node("Pad", "x front", "p"), *BETWEEN[name], node("Conv", "q k b", "y")]
    if name == "a constant joined":
        still = node("Expand", "still wide", "stills")
        count = [
            node("Shape", "p", "shape"),
            node("Gather", "shape two", "T"),
            node("Concat", "head T", "wide", axis=0),
        ]
        nodes = [nodes[0], *count, still, nodes[1], node("Concat", "r stills", "q", axis=1), nodes[-1]]
    assert_delay(model_of(nodes, **CONSTANTS, head=np.array([1, 2])), 0)


@pytest.mark.parametrize("opset", [11, 13])
def test_padding_in_front_passes_a_batch_norm_of_older_files(opset: int):
    """onnx's own reference takes such a node for one in training."""
    nodes = [node("Pad", "x front", "p"), *BETWEEN["a batch norm"], node("Conv", "q k b", "y")]
    model = model_of(nodes, **CONSTANTS)
    model.opset_import[0].version = opset
    assert_delay(model, 0)


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_the_value_of_padding_passes_too(value: float):
    nodes = [node("Pad", "x front value", "p"), node("Exp", "p", "q"), node("Conv", "q k b", "y")]
    assert_delay(model_of(nodes, value=np.float32(value)), 0)


@pytest.mark.parametrize(("taps", "dilation"), [(2, 1), (3, 1), (3, 2), (3, 5)])
def test_a_transposed_convolution_behind_padding_is_causal(taps: int, dilation: int):
    """As GTCRN, UL-UNAS and DPCRN write their decoders."""
    before = (taps - 1) * dilation
    deconvolution = node("ConvTranspose", "p w b", "y", dilations=[dilation], pads=[before, before])
    pads = np.array([0, 0, before, 0, 0, 0])
    assert_delay(model_of([node("Pad", "x front", "p"), deconvolution], front=pads, w=noise(4, 4, taps)), 0)


def test_zeros_joined_in_front_are_padding():
    nodes = [node("Concat", "zeros x", "p", axis=2), node("Relu", "p", "q"), node("Conv", "q k b", "y")]
    assert_delay(model_of(nodes, zeros=np.zeros((1, 4, 2), np.float32)), 0)


def test_learnt_frames_joined_in_front_are_where_the_stream_starts():
    nodes = [node("Concat", "learnt x", "p", axis=2), node("Tanh", "p", "q"), node("Conv", "q k b", "y")]
    assert_delay(model_of(nodes, learnt=noise(1, 4, 2)), 0)


def test_padding_for_two_layers_passes_the_first():
    nodes = [
        node("Pad", "x front", "p"),
        node("Conv", "p k b", "c"),
        node("Relu", "c", "r"),
        node("Conv", "r k b", "y"),
    ]
    assert_delay(model_of(nodes, front=np.array([0, 0, 4, 0, 0, 0])), 0)


def test_a_skip_beside_padded_layers_stays_in_step():
    nodes = [node("Pad", "x front", "p"), node("Relu", "p", "q"), node("Conv", "q k b", "c"), node("Add", "c x", "y")]
    assert_delay(model_of(nodes), 0)


def test_look_ahead_of_one_frame_is_one_frame():
    nodes = [node("Pad", "x both", "p"), node("Relu", "p", "q"), node("Conv", "q k b", "y")]
    assert_delay(model_of(nodes, both=np.array([0, 0, 1, 0, 0, 1])), 1)


@pytest.mark.parametrize(("op", "gates"), [("GRU", 3), ("LSTM", 4)])
def test_a_recurrent_layer_behind_padding_has_seen_the_padding(op: str, gates: int):
    turned = [node("Transpose", "p", "t", perm=[2, 0, 1]), node(op, "t w r", "g", hidden_size=4)]
    back = [node("Squeeze", "g one", "s"), node("Transpose", "s", "q", perm=[1, 2, 0]), node("Conv", "q k b", "y")]
    nodes = [node("Pad", "x front", "p"), *turned, *back]
    assert_delay(model_of(nodes, w=noise(1, 4 * gates, 4), r=noise(1, 4 * gates, 4), one=np.array([1])), 0)


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("front", [0, 2])
def test_a_running_sum_behind_padding_has_summed_the_padding(front: int, exclusive: int):
    pads = np.array([0, 0, front, 0, 0, 0])
    summed = [node("Exp", "p", "e"), node("CumSum", "e time", "s", exclusive=exclusive), node("Sqrt", "s", "q")]
    model = model_of([node("Pad", "x front", "p"), *summed, node("Conv", "q k b", "y")], front=pads, time=np.array(2))
    assert_delay(model, max(2 - front - exclusive, 0))
