"""Transforms inside the graph: waveform in, frames inside."""

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from small_graphs import graph_of

from rtspec.models.streaming import NotStreamable, make_streaming
from rtspec.models.streaming.run import StreamingRun, difference, run_offline

N_FFT, HOP = 32, 8


def model_of(nodes: list, shape: list, rank: int, **weights) -> ModelProto:
    return graph_of(nodes, shape, [f"y{i}" for i in range(rank)], **weights)


def spectrum(*before, signal: str = "x", **options) -> ModelProto:
    window = np.hanning(N_FFT).astype(np.float32)
    stft = helper.make_node("STFT", [signal, "hop", "window", "n_fft"], ["y"], name="stft", **options)
    pads = np.array([0, N_FFT // 2, 0, 0, N_FFT // 2, 0])
    return model_of([*before, stft], [1, "T", 1], 4, hop=np.int64(HOP), window=window, n_fft=np.int64(N_FFT), pads=pads)


@pytest.mark.parametrize("onesided", [0, 1])
def test_an_stft_streams_as_a_convolution(onesided: int):
    assert_streams(spectrum(onesided=onesided))


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
def test_a_centred_stft_looks_half_a_window_ahead(mode: str):
    model = spectrum(helper.make_node("Pad", ["x", "pads"], ["p"], mode=mode), signal="p", onesided=1)
    run = assert_streams(model)
    assert run.manifest["delay_frames"] == N_FFT // 2 // HOP - (mode != "reflect")


def assert_streams(model: ModelProto) -> StreamingRun:
    run = StreamingRun(make_streaming(model, {"x": 1}))
    for frames in (20 * HOP, 37 * HOP):
        clip = {"x": np.random.default_rng(frames).standard_normal((1, frames, 1)).astype(np.float32)}
        wanted, given = run_offline(model, clip)["y"], run.clip(clip, [HOP, 5 * HOP])["y"]
        assert wanted.shape == given.shape
        assert difference(wanted, given)[0] < 1e-5
    assert run.manifest["rate"] == {"in": HOP, "out": 1}
    return run


def test_an_stft_whose_hop_is_computed_is_refused():
    measured = [helper.make_node("Shape", ["x"], ["shape"]), helper.make_node("Gather", ["shape", "one"], ["count"])]
    with pytest.raises(NotStreamable, match=r"that is not constant in the file.*registered window"):
        stft = helper.make_node("STFT", ["x", "count", "window"], ["y"], name="stft")
        window = np.ones(N_FFT, np.float32)
        make_streaming(model_of([*measured, stft], [1, "T", 1], 4, one=np.int64(1), window=window), {"x": 1})


def test_an_stft_in_double_precision_is_refused_by_its_own_name():
    model = spectrum(onesided=1)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    window = next(tensor for tensor in model.graph.initializer if tensor.name == "window")
    window.CopyFrom(numpy_helper.from_array(np.hanning(N_FFT), "window"))
    with pytest.raises(NotStreamable, match=r'"stft" \(STFT\) transforms samples in float64.*single precision'):
        make_streaming(model, {"x": 1})


def test_a_transform_of_each_frame_streams():
    model = model_of([helper.make_node("DFT", ["x"], ["y"], axis=2, onesided=1)], [1, "T", 16, 1], 4)
    run = StreamingRun(make_streaming(model, {"x": 1}))
    clip = {"x": np.random.default_rng(0).standard_normal((1, 20, 16, 1)).astype(np.float32)}
    assert difference(run_offline(model, clip)["y"], run.clip(clip, 3)["y"])[0] < 1e-6
