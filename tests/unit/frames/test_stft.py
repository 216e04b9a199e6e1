"""Offline transforms: frames where the contract puts them, shapes, reconstruction, errors."""

import numpy as np
import pytest

from rtspec.errors import InvalidValue
from rtspec.frames import FramePlan, istft, stft

PLAN = FramePlan(16000, 64, 16)


def _noise(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("t", [0, 1, 3, 7])
def test_frame_t_covers_the_samples_that_the_contract_names(t):
    covered = slice(max(0, t * 16 - 48), t * 16 + 16)
    x, inside = _noise(200), np.zeros(200, np.float32)
    inside[covered] = x[covered]
    np.testing.assert_allclose(stft(x, PLAN)[:, t], stft(inside, PLAN)[:, t], atol=1e-5)
    assert not stft(x - inside, PLAN)[:, t].any()


def test_phases_count_from_the_first_sample_of_the_window():
    impulse = np.zeros(200)
    impulse[16 * 5 - 48 + 20] = 1  # sample 20 of frame 5
    expected = PLAN.analysis[20] * np.exp(-2j * np.pi * 20 * np.arange(33) / 64)
    np.testing.assert_allclose(stft(impulse, PLAN)[:, 5], expected, atol=1e-6)


def test_a_short_window_is_followed_by_zeros_up_to_n_fft():
    plan = FramePlan(16000, 64, 16, window_length=40)
    x = _noise(100)
    expected = np.fft.rfft(np.concatenate([plan.analysis * x[3 * 16 - 24 : 3 * 16 + 16], np.zeros(24)]))
    np.testing.assert_allclose(stft(x, plan)[:, 3], expected, atol=1e-5)


@pytest.mark.parametrize("n_samples", [0, 1, 16, 1000])
def test_shapes_are_bins_by_frames(n_samples):
    frames = stft(_noise(n_samples), PLAN)
    assert frames.shape == (33, PLAN.n_frames(n_samples)) and frames.dtype == np.complex64
    assert stft(_noise(2, n_samples), PLAN).shape == (2, 33, PLAN.n_frames(n_samples))
    assert istft(frames, PLAN, length=n_samples).shape == (n_samples,)


def test_channels_are_independent():
    x = _noise(2, 300)
    both = stft(x, PLAN)
    back = istft(both, PLAN, length=300)
    for c in range(2):
        np.testing.assert_array_equal(both[c], stft(x[c], PLAN))
        np.testing.assert_array_equal(back[c], istft(both[c], PLAN, length=300))


@pytest.mark.parametrize("n_samples", [1, 15, 100, 1000])
def test_reconstruction_is_perfect_to_the_first_and_last_sample(n_samples):
    x = _noise(n_samples)
    np.testing.assert_allclose(istft(stft(x, PLAN), PLAN, length=n_samples), x, atol=2e-6)


def test_the_default_length_is_what_frames_fully_cover():
    x = _noise(320)
    back = istft(stft(x, PLAN), PLAN)
    assert len(back) == PLAN.n_frames(320) * 16 - 48
    np.testing.assert_allclose(back[:320], x[: len(back)], atol=2e-6)


def test_a_longer_result_is_filled_with_silence():
    back = istft(stft(_noise(100), PLAN), PLAN, length=500)
    assert len(back) == 500 and not back[160:].any()


@pytest.mark.parametrize("dtype", [np.float64, np.int16])
def test_real_input_of_any_type_is_read_as_float32(dtype):
    x = (1000 * _noise(200)).astype(dtype)
    np.testing.assert_array_equal(stft(x, PLAN), stft(x.astype(np.float32), PLAN))


def test_input_is_left_alone():
    x, spectrum = _noise(200), stft(_noise(200), PLAN)
    before = x.copy(), spectrum.copy()
    stft(x, PLAN)
    istft(spectrum, PLAN)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(spectrum, before[1])


@pytest.mark.parametrize("x", [np.zeros((1, 2, 3)), np.zeros(()), np.zeros(4, np.complex64)])
def test_input_that_is_no_signal_is_refused(x):
    with pytest.raises(InvalidValue, match=r"x of shape \(.*\) and dtype .* must be real, \(n_samples,\)"):
        stft(x, PLAN)


@pytest.mark.parametrize("shape", [(32, 5), (5, 33), (33,), (1, 1, 33, 5)])
def test_a_spectrum_of_another_plan_is_refused(shape):
    with pytest.raises(InvalidValue, match=r"spectrum of shape \(.*\) must be \(..., 33, n_frames\) for this plan"):
        istft(np.zeros(shape, np.complex64), PLAN)
