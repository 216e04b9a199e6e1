"""A plan checks itself, says what is wrong and how to mend it, and its arithmetic is that of the frames."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from rtspec.errors import InvalidValue
from rtspec.frames import FramePlan, stft
from rtspec.frames.windows import GAMMA


def test_the_defaults_are_those_of_the_contract():
    plan = FramePlan()
    assert (plan.sample_rate, plan.n_fft, plan.hop, plan.window) == (44100, 2048, 512, "hann")
    assert (plan.length, plan.n_bins, plan.latency_samples) == (2048, 1025, 2048)


def test_a_plan_is_immutable_and_equal_to_its_like():
    plan = FramePlan(16000, 1024, 256)
    with pytest.raises(FrozenInstanceError):
        plan.hop = 128  # type: ignore[misc]
    assert plan == FramePlan(16000, 1024, 256) and hash(plan) == hash(FramePlan(16000, 1024, 256))
    assert plan != FramePlan(16000, 1024, 128)


def test_whole_floats_and_numpy_integers_are_taken_as_integers():
    plan = FramePlan(sample_rate=48000.0, n_fft=np.int64(512), hop=np.int32(128))  # type: ignore[arg-type]
    assert [type(v) for v in (plan.sample_rate, plan.n_fft, plan.hop)] == [int] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hop": 300, "n_fft": 1024}, "hop=300 must divide n_fft=1024; try 256, or pass uneven=True"),
        ({"hop": 0}, "hop=0 must be 1 to 2048; try 1"),
        ({"hop": 4096}, "hop=4096 must be 1 to 2048; try 2048"),
        ({"hop": 512, "window_length": 256}, "hop=512 must be 1 to 256; try 256"),
        ({"hop": 2.5}, "hop=2.5 must be a whole number"),
        ({"hop": float("nan")}, "hop=nan must be a whole number"),
        ({"hop": float("inf")}, "hop=inf must be a whole number"),
        ({"hop": "512"}, "hop='512' must be a whole number"),
        ({"hop": True}, "hop=True must be a whole number"),
        ({"n_fft": 1023, "hop": 341}, "n_fft=1023 must be even; try 1024"),
        ({"n_fft": 8, "hop": 2}, "n_fft=8 must be 16 to 65536; try 16"),
        ({"n_fft": 131072}, "n_fft=131072 must be 16 to 65536; try 65536"),
        ({"sample_rate": 999}, "sample_rate=999 must be 1000 to 768000; try 1000"),
        ({"sample_rate": -44100}, "sample_rate=-44100 must be 1000 to 768000; try 1000"),
        ({"sample_rate": 10**7}, "sample_rate=10000000 must be 1000 to 768000; try 768000"),
        ({"window_length": 4096}, "window_length=4096 must be 2 to 2048; try 2048"),
        ({"window_length": 1}, "window_length=1 must be 2 to 2048; try 2"),
        ({"window": "boxcar"}, "window='boxcar' is not known; choose one of hann, "),
        ({"synthesis_window": "boxcar"}, "window='boxcar' is not known; choose one of hann, "),
        ({"hop": 2048}, "hop=2048 leaves gaps between windows of 2048 samples; try hop=512"),
    ],
)
def test_what_is_wrong_is_refused_with_value_rule_and_remedy(arguments, message):
    with pytest.raises(InvalidValue) as caught:
        FramePlan(**arguments)
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, ValueError)


def test_an_uneven_hop_is_allowed_where_asked_for():
    assert FramePlan(22050, 1024, 248, window_length=1023, uneven=True).latency_samples == 1023


@pytest.mark.parametrize("length", [512, 300])
def test_windows_are_read_only_and_as_long_as_the_plan_says(length):
    plan = FramePlan(16000, 512, 128, window="hamming", window_length=length, synthesis_window="hann")
    for values in (plan.analysis, plan.synthesis):
        assert values.shape == (length,) and values.dtype == np.float32 and not values.flags.writeable


def test_gamma_grows_with_the_square_of_the_window():
    assert FramePlan(window_length=1024).gamma == pytest.approx(GAMMA["hann"] * 1024**2)


def test_bins_reach_from_zero_to_nyquist():
    plan = FramePlan(16000, 1024, 256)
    assert plan.frequencies_hz[[0, -1]].tolist() == [0, 8000] and len(plan.frequencies_hz) == plan.n_bins
    assert plan.frame_rate_hz == 62.5


@pytest.mark.parametrize("length", [64, 50])
@pytest.mark.parametrize("n_samples", [0, 1, 15, 16, 17, 63, 64, 65, 1000])
def test_n_frames_counts_exactly_the_frames_that_touch_a_sample(n_samples, length):
    plan = FramePlan(8000, 64, 16, window="hamming", window_length=length)  # no zero at its edge
    padded = np.concatenate([np.ones(n_samples), np.zeros(10 * 64)])
    frames = stft(padded, plan)
    touched = np.flatnonzero(abs(frames).sum(axis=0))
    assert plan.n_frames(n_samples) == (touched[-1] + 1 if n_samples else 0)
