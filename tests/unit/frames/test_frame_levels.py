"""Levels are those of sound level meters: calibrated, averaged, weighted."""

import numpy as np
import pytest

from rtspec.errors import InvalidValue
from rtspec.frames import FramePlan
from rtspec.frames.bands import band_filters, log_scale
from rtspec.frames.levels import a_weighting_db, band_levels, level_db, log_bands_of_mfcc, mfcc, power_of_level

PLAN = FramePlan(16000, 1024, 512)
FILTERS = band_filters("third-octave", PLAN)


def test_a_sine_has_the_level_of_its_mean_square_in_its_band():
    sine = 0.2 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 16000)
    levels = band_levels(sine, FILTERS, 1.0, full_scale_db=94.0)
    band = int(np.argmin(np.abs(FILTERS.centres_hz - 1000)))
    assert abs(levels[band, 1] - (94 + 10 * np.log10(0.02))) < 0.1
    assert np.argmax(levels[:, 1]) == band


def test_bands_together_have_the_level_of_the_whole():
    noise = 0.1 * np.random.default_rng(0).standard_normal(64000)
    levels = band_levels(noise, FILTERS, 4.0, full_scale_db=0.0)
    assert abs(10 * np.log10(np.sum(10 ** (levels[:, 0] / 10))) + 20) < 0.15


def test_slow_levels_are_the_mean_power_of_fast_ones():
    noise = np.random.default_rng(1).standard_normal(32000) * np.linspace(0, 1, 32000)
    fast, slow = (10 ** (band_levels(noise, FILTERS, s) / 10) for s in (0.125, 1.0))
    assert fast.shape[1] == 8 * 2 + 1
    np.testing.assert_allclose(slow[20, 0], np.mean(fast[20, :8]), rtol=0.1)


def test_levels_and_powers_are_each_others_inverse_and_silence_is_nothing():
    levels = np.array([-30.0, 0.0, 55.5, 120.0])
    np.testing.assert_allclose(level_db(power_of_level(levels, PLAN), PLAN), levels, atol=1e-3)
    assert not power_of_level(np.array([-np.inf, -200.0]), PLAN).any()


def test_a_weighting_has_the_standards_values():
    np.testing.assert_allclose(
        a_weighting_db(10 ** np.array([1.5, 2.0, 3.0, 3.6, 3.9])), [-39.4, -19.1, 0.0, 1.0, -1.1], atol=0.1
    )
    plain, weighted = (band_levels(np.ones(9000), FILTERS, 1.0, weighting=w) for w in (None, "A"))
    np.testing.assert_allclose(
        weighted - plain, a_weighting_db(FILTERS.centres_hz)[:, np.newaxis] + 0 * plain, atol=1e-3
    )


def test_all_cepstral_coefficients_give_the_bands_back_and_few_give_a_smooth_course():
    bands = log_scale(np.random.default_rng(2).random((40, 3)) + 0.01)
    np.testing.assert_allclose(log_bands_of_mfcc(mfcc(bands, 40), 40), bands, atol=1e-4)
    smooth = log_bands_of_mfcc(mfcc(bands, 8), 40)
    assert np.abs(np.diff(smooth, axis=0)).mean() < 0.5 * np.abs(np.diff(bands, axis=0)).mean()
    np.testing.assert_allclose(smooth.mean(axis=0), bands.mean(axis=0), atol=1e-4)


def test_what_cannot_be_is_refused():
    with pytest.raises(InvalidValue, match=r"weighting='C' is not known; choose one of A, None"):
        band_levels(np.zeros(10), FILTERS, weighting="C")
    with pytest.raises(
        InvalidValue,
        match=r"n_coefficients=41 must be a whole number from 1 to 40; keep at most",
    ):
        mfcc(np.zeros(40), 41)
