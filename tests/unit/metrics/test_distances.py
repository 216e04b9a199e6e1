"""Metrics against cases whose value a formula gives."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from rtspec.errors import InvalidValue
from rtspec.metrics import distances as metrics

RATE = 44100


def noise(seed=0, seconds=1.0):
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE)).astype(np.float32)


@pytest.mark.parametrize("gain", [0.5, 0.9, 1.1])
def test_snr_of_a_scaled_sound_is_that_of_its_scale(gain):
    assert metrics.snr_db(noise(), gain * noise()) == pytest.approx(-20 * np.log10(abs(1 - gain)), abs=1e-4)


def test_snr_of_an_equal_sound_is_infinite_and_of_silence_minus_infinity():
    assert metrics.snr_db(noise(), noise()) == np.inf
    assert metrics.snr_db(np.zeros(100), np.ones(100)) == -np.inf


@pytest.mark.parametrize("gain", [0.1, 2.0])
def test_log_spectral_distance_of_a_scaled_sound_is_twice_the_logarithm_to_ten_of_its_scale(gain):
    distance = metrics.log_spectral_distance(noise(), gain * noise())
    assert distance == pytest.approx(2 * abs(np.log10(gain)), abs=1e-3)


def test_log_spectral_distance_to_silence_counts_from_the_floor():
    power = 1e-4
    impulse = np.zeros(2048)
    impulse[1024] = np.sqrt(power)  # the window is 1 there, so each bin has this power
    assert metrics.log_spectral_distance(impulse, np.zeros(2048)) == pytest.approx(4.0, abs=1e-6)
    assert metrics.log_spectral_distance(impulse, np.zeros(2048), floor=1e-12) == pytest.approx(8.0, abs=1e-6)


def test_log_spectral_distance_of_a_band_sees_only_that_band():
    t = np.arange(RATE) / RATE
    tone = 0.1 * np.sin(2 * np.pi * 3000 * t)
    low = metrics.log_spectral_distance(noise() + tone, noise(), (0.0, 0.1))
    assert low < 0.01 < metrics.log_spectral_distance(noise() + tone, noise(), (0.12, 0.15))


def test_log_spectral_distance_of_independent_noise_is_that_of_two_exponential_powers():
    expected = np.sqrt(2) * np.pi / np.sqrt(6) / np.log(10)  # standard deviation of log10 of two exponentials' ratio
    assert metrics.log_spectral_distance(noise(0, 4), noise(1, 4)) == pytest.approx(expected, rel=0.02)


def test_envelope_correlation_follows_the_level_and_not_the_samples():
    beat = 1 + 0.9 * np.sin(2 * np.pi * 3 * np.arange(RATE) / RATE)
    assert metrics.envelope_correlation(noise(0) * beat, noise(1) * beat, 0.5) > 0.9
    assert abs(metrics.envelope_correlation(noise(0) * beat, noise(1), 0.5)) < 0.4
    assert metrics.envelope_correlation(noise(0) * beat, np.zeros(RATE), 0.5) == 0


def test_sounds_of_different_lengths_are_refused():
    with pytest.raises(InvalidValue, match="align and cut"):
        metrics.snr_db(np.zeros(5), np.zeros(6))
    with pytest.raises(InvalidValue, match="too few"):
        metrics.log_spectral_distance(np.zeros(5), np.zeros(5))
    with pytest.raises(InvalidValue, match="holds no bin"):
        metrics.log_spectral_distance(noise(), noise(), (0.5, 0.5))


@pytest.mark.parametrize("name", ["pesq", "stoi", "visqol"])
def test_measures_of_perception_prefer_the_original(name):
    pytest.importorskip({"pesq": "pesq", "stoi": "pystoi", "visqol": "visqol"}[name])
    t = np.arange(3 * RATE) / RATE
    sound = (np.sin(2 * np.pi * 3 * t) > 0) * np.sin(2 * np.pi * 440 * t * (1 + 0.1 * np.sin(2 * np.pi * t)))
    sound = (0.3 * sound).astype(np.float32)
    measure = getattr(metrics, name)
    assert measure(sound, sound, RATE) > measure(sound, sound + noise(3, 3), RATE)


def test_pesq_of_silence_is_the_least_there_is():
    pytest.importorskip("pesq")
    assert metrics.pesq(noise(), 0 * noise(), RATE) == -0.5


def test_frechet_distance_is_that_of_the_matrices():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((40, 6)), 2 * rng.standard_normal((30, 6)) @ rng.standard_normal((6, 6)) + 1
    ca, cb = np.cov(a.T), np.cov(b.T)
    root = np.real(sqrtm(ca @ cb))
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(ca + cb - 2 * root)
    assert metrics.frechet_distance(a, b) == pytest.approx(expected)
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert metrics.frechet_distance(a, a + 2) == pytest.approx(6 * 4)
    with pytest.raises(InvalidValue, match="1 vectors have no spread"):
        metrics.frechet_distance(a, b[:1])
