"""Windows are periodic and match scipy's; duals give perfect reconstruction or say why they cannot."""

import numpy as np
import pytest
from scipy.signal import get_window

from rtspec.errors import InvalidValue
from rtspec.frames.windows import GAMMA, HALF_SAMPLE, WINDOWS, closest_gamma, dual, overlap_sum, window


@pytest.mark.parametrize("length", [2, 15, 16, 1023, 2048])
@pytest.mark.parametrize("name", ["hann", "hamming", "blackman"])
def test_cosine_windows_are_those_of_scipy(name, length):
    np.testing.assert_allclose(window(name, length), get_window(name, length), atol=1e-12)


@pytest.mark.parametrize("length", [15, 512])
def test_sqrt_hann_squared_is_hann(length):
    np.testing.assert_allclose(window("sqrt-hann", length) ** 2, get_window("hann", length), atol=1e-12)


@pytest.mark.parametrize("name", sorted(set(WINDOWS) - set(HALF_SAMPLE)))
def test_windows_are_periodic_and_peak_at_one_in_the_middle(name):
    values = window(name, 64)
    np.testing.assert_allclose(values[1:], values[1:][::-1], atol=1e-12)
    assert values.argmax() == 32 and values[32] == pytest.approx(1)
    assert values.min() > -1e-12


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("name", HALF_SAMPLE)
def test_half_sample_windows_are_symmetric_anyway(name, symmetric):
    values = window(name, 64, symmetric)
    np.testing.assert_allclose(values, values[::-1], atol=1e-12)
    np.testing.assert_array_equal(values, window(name, 64))
    assert values[31] == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman"])
def test_symmetric_windows_are_those_of_scipy(name):
    np.testing.assert_allclose(window(name, 65, True), get_window(name, 65, fftbins=False), atol=1e-12)


def test_a_window_of_values_is_taken_as_it_is():
    values = np.random.default_rng(0).random(16)
    np.testing.assert_array_equal(window(tuple(values), 16), values)
    for wrong in (values[:3], np.zeros(16), np.full(16, np.nan)):
        with pytest.raises(InvalidValue, match=r"needs 16 finite ones, not all 0"):
            window(tuple(wrong), 16)


@pytest.mark.parametrize("name", sorted(set(GAMMA) - {"rectangular"}))
def test_the_closest_gaussian_is_the_published_one(name):
    assert closest_gamma(window(name, 2048)) == pytest.approx(GAMMA[name], rel=0.04)


def test_the_gauss_falls_to_a_hundredth_at_its_edge():
    assert window("gauss", 100)[0] == pytest.approx(0.01)
    n = np.arange(100) - 50
    np.testing.assert_allclose(window("gauss", 100), np.exp(-np.pi * n**2 / (GAMMA["gauss"] * 100**2)), rtol=1e-6)


def test_every_window_has_a_gamma():
    assert set(GAMMA) == set(WINDOWS)


@pytest.mark.parametrize("hop", [1, 3, 4, 5, 12])
def test_overlap_sum_is_the_sum_of_all_shifts(hop):
    product = np.random.default_rng(0).random(12)
    shifts = [n * hop for n in range(-12, 13)]
    expected = [sum(float(product[i - s]) for s in shifts if 0 <= i - s < 12) for i in range(12)]
    np.testing.assert_allclose(overlap_sum(product, hop), expected, rtol=1e-12)


@pytest.mark.parametrize("hop", [16, 21, 32])
@pytest.mark.parametrize("shape", WINDOWS)
@pytest.mark.parametrize("name", WINDOWS)
def test_the_dual_makes_shifted_products_add_up_to_one(name, shape, hop):
    analysis = window(name, 64)
    synthesis = dual(analysis, window(shape, 64), hop)
    np.testing.assert_allclose(overlap_sum(analysis * synthesis, hop), 1, rtol=1e-10)


def test_an_unknown_window_lists_the_candidates():
    with pytest.raises(InvalidValue, match=r"window='kaiser' is not known; choose one of hann, sqrt-hann, .*gauss"):
        window("kaiser", 64)


def test_a_hop_that_leaves_gaps_is_refused_with_one_that_does_not():
    with pytest.raises(InvalidValue, match="hop=64 leaves gaps between windows of 64 samples; try hop=16"):
        dual(window("hann", 64), window("hann", 64), 64)
    dual(window("hann", 64), window("hann", 64), 16)
