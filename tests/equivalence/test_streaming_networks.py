"""The networks that matter stream to their offline result: every frame, first and last too, for any size of call."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")
import networks  # noqa: E402
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static  # noqa: E402

from rtspec.models.streaming import make_streaming  # noqa: E402
from rtspec.models.streaming.load import inputs_of  # noqa: E402
from rtspec.models.streaming.run import StreamingRun, difference, random_clip, run_offline  # noqa: E402

TOLERANCE = 1e-5
GOLDEN = Path(__file__).parents[1] / "golden"
CALLS = [1, 3, 64]


class Case(NamedTuple):
    """A network, the shape of an example input and its time axis."""

    make: Callable[[], Any]
    shape: tuple[int, ...]
    time: int
    delay: int  # frames of the output to drop


CASES = {
    "third-octave 9x9 with residual": Case(networks.ThirdOctave, (1, 1, 64, 40), 2, 20),
    "third-octave with time last": Case(networks.ThirdOctave, (1, 1, 40, 64), 3, 20),
    "separable blocks N=1": Case(networks.SeparableBlocks, (1, 26, 64), 2, 4),
    "separable blocks N=5": Case(lambda: networks.SeparableBlocks(5), (1, 26, 64), 2, 20),
    "log-mel autoencoder, frequency strides": Case(networks.LogMelAutoencoder, (1, 1, 32, 64), 3, 6),
    "log-mel autoencoder, time strides": Case(lambda: networks.LogMelAutoencoder(2), (1, 1, 32, 64), 3, 15),
    "bins as channels, k=11": Case(networks.RandomTexture, (1, 65, 64), 2, 5),
    "scene network up to its pooling": Case(networks.SceneFeatures, (1, 1, 40, 64), 3, 1),
    "dilated TCN, causal": Case(networks.DilatedTcn, (1, 20, 64), 2, 0),
    "dilated TCN, centred": Case(lambda: networks.DilatedTcn(causal=False), (1, 20, 64), 2, 15),
    "U-Net with frequency strides and skips": Case(networks.FrequencyUNet, (1, 1, 32, 64), 3, 6),
    "conv-GRU": Case(networks.ConvRecurrent, (1, 1, 64, 16), 2, 2),
    "conv-LSTM": Case(lambda: networks.ConvRecurrent(cell="LSTM"), (1, 1, 64, 16), 2, 2),
    "ConvNeXt backbone": Case(networks.ConvNeXtBackbone, (1, 12, 64), 2, 12),
}
# The newer exporter writes the example's number of frames into recurrent networks: they are tested below.
NEWER = [name for name in CASES if "conv-" not in name]


@cache
def offline(name: str, dynamo: bool) -> onnx.ModelProto:
    case = CASES[name]
    torch.manual_seed(0)
    return networks.export(case.make(), torch.randn(case.shape), case.time, dynamo=dynamo)


def assert_equal_in_all_calls(model: onnx.ModelProto, axes: dict[str, int], delay: int | None = None) -> StreamingRun:
    """Two clips in a row, each from reset, in calls of 1, 3 and 64 frames."""
    streaming = make_streaming(model, axes)
    onnx.checker.check_model(streaming, full_check=True)
    run = StreamingRun(streaming)
    if delay is not None:
        assert run.manifest["delay_frames"] == delay
    inputs = inputs_of(model, axes, None)
    for frames_per_call in CALLS:
        for seed, n_frames in enumerate((64, 40)):
            clip = random_clip(model, inputs, n_frames, np.random.default_rng(seed))
            wanted, given = run_offline(model, clip), run.clip(clip, frames_per_call)
            for name, value in wanted.items():
                assert given[name].shape == value.shape
                assert difference(value, given[name])[0] <= TOLERANCE
    return run


@pytest.mark.parametrize("name", CASES)
def test_every_frame_of_a_network_equals_its_offline_result(name: str):
    assert_equal_in_all_calls(offline(name, False), {"x": CASES[name].time}, CASES[name].delay)


@pytest.mark.parametrize("name", NEWER)
def test_the_newer_exporter_makes_networks_that_stream_too(name: str):
    assert_equal_in_all_calls(offline(name, True), {"x": CASES[name].time}, CASES[name].delay)


def test_an_export_with_a_number_of_frames_inside_streams_once_told_the_number():
    model = networks.export(networks.ConvRecurrent(), torch.randn(1, 1, 16, 16), 2, dynamo=True)
    symbol = model.graph.input[0].type.tensor_type.shape.dim[2].dim_param
    streaming = StreamingRun(make_streaming(model, {"x": 2}, sizes={symbol: 16}))
    clip = {"x": np.random.default_rng(0).standard_normal((1, 1, 16, 16)).astype(np.float32)}
    assert difference(run_offline(model, clip)["y"], streaming.clip(clip, 3)["y"])[0] <= TOLERANCE


class Noise(CalibrationDataReader):
    """Four random clips for calibration."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        generator = np.random.default_rng(0)
        self._clips = iter([{"x": generator.standard_normal(shape).astype(np.float32)} for _ in range(4)])

    def get_next(self) -> dict[str, np.ndarray] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return next(self._clips, None)


@pytest.mark.parametrize("integer", [QuantType.QUInt8, QuantType.QInt8], ids=["uint8", "int8"])
@pytest.mark.parametrize(
    "name",
    [
        "third-octave 9x9 with residual",
        "dilated TCN, causal",
        "scene network up to its pooling",
        "U-Net with frequency strides and skips",
        "ConvNeXt backbone",
    ],
)
def test_a_quantised_network_streams_to_the_very_integers(name: str, integer: QuantType, tmp_path: Path):
    onnx.save(offline(name, False), tmp_path / "float.onnx")
    quantize_static(
        tmp_path / "float.onnx",
        tmp_path / "quantised.onnx",
        Noise(CASES[name].shape),
        quant_format=QuantFormat.QDQ,
        activation_type=integer,
        weight_type=QuantType.QInt8,
    )
    assert_equal_in_all_calls(onnx.load(tmp_path / "quantised.onnx"), {"x": CASES[name].time})


def test_a_network_exported_from_jax_streams():
    assert_equal_in_all_calls(onnx.load(GOLDEN / "streaming_jax.onnx"), {"in_0": 1}, delay=6)


def test_a_causal_network_needs_no_validity():
    manifest = StreamingRun(make_streaming(offline("dilated TCN, causal", False))).manifest
    assert manifest["valid_input"] is None
    assert manifest["delay_frames"] == manifest["flush_frames"] == 0


def test_the_paper_sized_third_octave_network_streams_and_grows_by_less_than_two_percent():
    torch.manual_seed(0)
    model = networks.export(networks.ThirdOctave(64), torch.randn(1, 1, 24, 513), 2)
    assert make_streaming(model).ByteSize() <= 1.02 * model.ByteSize()
    run = StreamingRun(make_streaming(model))
    clip = {"x": np.random.default_rng(0).standard_normal((1, 1, 24, 513)).astype(np.float32)}
    assert difference(run_offline(model, clip)["y"], run.clip(clip, 8)["y"])[0] <= TOLERANCE


def test_the_states_may_be_kept_by_the_host():
    model = offline("third-octave 9x9 with residual", False)
    run = StreamingRun(make_streaming(model, states="append"))
    assert all(entry["append_axis"] == 2 for entry in run.manifest["states"] if len(entry["shape"]) == 4)
    clip = random_clip(model, inputs_of(model, None, None), 50, np.random.default_rng(0))
    assert difference(run_offline(model, clip)["y"], run.clip(clip, [1, 7])["y"])[0] <= TOLERANCE
