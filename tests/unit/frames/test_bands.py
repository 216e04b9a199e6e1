"""Filterbanks against IEC 61260, librosa and a naive sum; the compiled stage against the matrix."""

import librosa
import numpy as np
import pytest

from rtspec.errors import InvalidValue
from rtspec.frames import FramePlan
from rtspec.frames.bands import (
    BAND_NAMES,
    FAINT,
    band_filters,
    bands_stage,
    linear_scale,
    log_scale,
    mel_bands,
    third_octave_bands,
)

PAPER_PLAN = FramePlan(16000, 1024, 512)
PLANS = [PAPER_PLAN, FramePlan(44100, 2048, 512), FramePlan(48000, 512, 128), FramePlan(8000, 64, 16)]
NOMINAL_HZ = [20, 25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000]


@pytest.fixture(params=BAND_NAMES)
def filters(request):
    return band_filters(request.param, PAPER_PLAN)


def _magnitude(n_frames=6, plan=PAPER_PLAN):
    return abs(np.random.default_rng(0).standard_normal((plan.n_bins, n_frames))).astype(np.float32)


def _run(stage, frames, n_bands, cuts=()):
    parts = []
    for part in np.split(frames, cuts):
        y = np.full((len(part), n_bands), np.nan, np.float32)
        assert stage.run(np.ascontiguousarray(part), len(part), y) == len(part)
        parts.append(y)
    return np.concatenate(parts)


def test_iec_centres_are_within_one_percent_of_their_nominal_names():
    filters = third_octave_bands(FramePlan(44100, 65536, 16384))
    np.testing.assert_allclose(filters.centres_hz[: len(NOMINAL_HZ)], NOMINAL_HZ, rtol=0.01)
    np.testing.assert_allclose(filters.centres_hz[1:] / filters.centres_hz[:-1], 10**0.1)


def test_paper_centres_are_thirds_of_octaves_about_1_khz():
    thirds = 3 * np.log2(third_octave_bands(PAPER_PLAN, "paper").centres_hz / 1000)
    np.testing.assert_allclose(thirds, thirds.round(), atol=1e-9)
    assert 0 in thirds.round()


def test_iec_weights_are_the_share_of_a_bin_between_the_edges():
    filters = third_octave_bands(PAPER_PLAN)
    spacing, fine = 16000 / 1024, 2000
    for weights, centre in zip(filters.weights, filters.centres_hz, strict=True):
        low, high = centre * 10**-0.05, centre * 10**0.05
        for k in (*np.flatnonzero(weights)[[0, -1]], 300):
            places = (k + (np.arange(fine) + 0.5) / fine - 0.5) * spacing
            places = places[(places >= 0) & (places <= 8000)]
            assert weights[k] == pytest.approx(np.mean((places > low) & (places < high)), abs=2 / fine)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("layout", ["iec", "paper"])
def test_third_octave_bands_partition_the_power(layout, plan):
    filters = third_octave_bands(plan, layout)
    total = filters.weights.sum(axis=0)
    highest = filters.centres_hz[-1] if layout == "paper" else plan.sample_rate / 2
    inside = (plan.frequencies_hz > 23 + plan.sample_rate / plan.n_fft) & (plan.frequencies_hz <= highest)
    assert inside.sum() > 0.8 * plan.n_bins - 3
    assert filters.weights.min() >= 0 and total.max() < 1 + 1e-6
    np.testing.assert_allclose(total[inside], 1, atol=1e-6 if layout == "iec" else FAINT)


def test_at_the_papers_plan_there_are_the_papers_24_bands_of_full_rank():
    filters = third_octave_bands(PAPER_PLAN, "paper")
    assert filters.weights.shape == (24, 513)
    assert np.linalg.matrix_rank(filters.weights) == 24


def test_paper_edges_are_steeper_than_a_plain_sine_and_cross_at_half_the_power():
    plan = FramePlan(16000, 65536, 16384)
    filters = third_octave_bands(plan, "paper", low_hz=500)
    band = int(np.argmin(abs(filters.centres_hz - 1000)))
    edge, centre_below = 1000 / 2 ** (1 / 6), 1000 / 2 ** (1 / 3)
    rise = (plan.frequencies_hz - centre_below) / (2 * (edge - centre_below))
    x = np.clip(rise, 0, 1)
    for _ in range(4):
        x = (1 - np.cos(np.pi * x)) / 2
    below = plan.frequencies_hz < 1000
    np.testing.assert_allclose(filters.weights[band][below], x[below], atol=1e-6)
    assert np.interp(edge, plan.frequencies_hz, filters.weights[band]) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("norm", ["slaney", None])
@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize(("plan", "n_bands"), [(PAPER_PLAN, 40), (PLANS[1], 128), (PLANS[2], 80)])
@pytest.mark.filterwarnings("ignore:Empty filters detected")
def test_mel_bands_are_those_of_librosa(plan, n_bands, scale, norm):
    for low, high in ((0, None), (50, 3500)):
        filters = mel_bands(plan, n_bands, scale, low, high, norm)
        expected = librosa.filters.mel(
            sr=plan.sample_rate,
            n_fft=plan.n_fft,
            n_mels=n_bands,
            htk=scale == "htk",
            norm=norm,
            fmin=low,
            fmax=high,
        )
        centres = librosa.mel_frequencies(n_bands + 2, fmin=low, fmax=high or plan.sample_rate / 2, htk=scale == "htk")
        there = expected.any(axis=1)
        np.testing.assert_allclose(filters.weights, expected[there], atol=1e-6 * expected.max())
        np.testing.assert_allclose(filters.centres_hz, centres[1:-1][there])


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", BAND_NAMES)
def test_bands_are_contiguous_rising_and_never_empty(name, plan):
    filters = band_filters(name, plan)
    assert filters.n_bands == len(filters.centres_hz) > 0 and (np.diff(filters.centres_hz) > 0).all()
    for weights, (start, stop) in zip(filters.weights, filters.ranges, strict=True):
        assert stop > start and not weights[:start].any() and not weights[stop:].any()
        assert (weights[start:stop] > 0).all()


def test_bands_without_a_bin_are_dropped_and_the_centres_tell_which():
    coarse, fine = third_octave_bands(PAPER_PLAN, "paper"), third_octave_bands(FramePlan(16000, 65536, 512), "paper")
    missing = sorted(set(fine.centres_hz.round(2)) - set(coarse.centres_hz.round(2)))
    assert missing == [19.69, 24.8, 39.37]


def test_filters_cannot_be_changed(filters):
    for array in (filters.weights, filters.centres_hz, filters.ranges):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_apply_is_the_weighted_sum_of_power(filters):
    magnitude = _magnitude()
    expected = filters.weights.astype(np.float64) @ magnitude.astype(np.float64) ** 2
    powers = filters.apply(magnitude)
    assert powers.dtype == np.float32
    np.testing.assert_allclose(powers, expected, rtol=1e-5)
    np.testing.assert_allclose(filters.apply(magnitude[:, 2]), expected[:, 2], rtol=1e-5)


@pytest.mark.parametrize("cuts", [(), (1,), (2, 5), (1, 2, 3, 4, 5)])
def test_the_stage_is_apply_for_any_number_of_frames_a_call(filters, cuts):
    frames = np.ascontiguousarray(_magnitude().T)
    powers = _run(bands_stage(filters), frames, filters.n_bands, cuts)
    np.testing.assert_allclose(powers, filters.apply(frames.T).T, rtol=1e-5)
    np.testing.assert_array_equal(powers, _run(bands_stage(filters), frames, filters.n_bands))


def test_band_power_scales_with_the_square_of_the_magnitude(filters):
    frames = np.ascontiguousarray(_magnitude().T)
    loud, soft = (_run(bands_stage(filters), np.float32(g) * frames, filters.n_bands) for g in (2**20, 2**-20))
    np.testing.assert_array_equal(loud, soft * np.float32(2**80))


def test_decibels_and_powers_are_inverse_above_the_floor():
    powers = 10.0 ** np.linspace(-9, 9, 37)
    levels = log_scale(powers)
    assert levels.dtype == np.float32
    np.testing.assert_allclose(levels, np.linspace(-90, 90, 37), atol=1e-5)
    np.testing.assert_allclose(linear_scale(levels), powers, rtol=1e-5)


def test_nothing_is_below_the_floor_and_silence_comes_back_as_silence():
    levels = log_scale(np.array([0.0, 1e-30, 1e-7, 1.0]), floor_db=-80.0)
    np.testing.assert_allclose(levels, [-80, -80, -70, 0])
    np.testing.assert_allclose(linear_scale(levels, floor_db=-80.0), [0, 0, 1e-7, 1])


@pytest.mark.parametrize("name", BAND_NAMES)
def test_filters_know_their_name_and_plan(name):
    filters = band_filters(name, PAPER_PLAN)
    assert (filters.name, filters.plan) == (name, PAPER_PLAN)
    assert band_filters(name, FramePlan(16000, 1024, 512)) is filters


def test_mel_bands_are_128_unless_asked_otherwise():
    assert band_filters("mel", FramePlan()).n_bands == 128
    assert band_filters("mel-htk", FramePlan(), 40).n_bands == 40


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: band_filters("bark", PAPER_PLAN),
            "bands='bark' is not known; choose one of third-octave, third-octave-paper, mel, mel-htk",
        ),
        (
            lambda: band_filters("third-octave", PAPER_PLAN, 24),
            "n_bands=24 must be left out for bands='third-octave', which the sample rate fixes; try 'mel'",
        ),
        (lambda: third_octave_bands(PAPER_PLAN, "ansi"), "layout='ansi' is not known; choose one of iec, paper"),
        (lambda: mel_bands(PAPER_PLAN, scale="bark"), "scale='bark' is not known; choose one of slaney, htk"),
        (lambda: mel_bands(PAPER_PLAN, norm="l1"), "norm='l1' is not known; choose one of slaney, None"),
        (lambda: mel_bands(PAPER_PLAN, 0), "n_bands=0 must be a whole number of at least 1; try 128"),
        (lambda: mel_bands(PAPER_PLAN, 1.5), "n_bands=1.5 must be a whole number of at least 1; try 128"),  # type: ignore[arg-type]
        (lambda: mel_bands(PAPER_PLAN, high_hz=9000), "high_hz=9000 must be at most sample_rate/2; try 8000"),
        (
            lambda: mel_bands(PAPER_PLAN, low_hz=4000, high_hz=3000),
            "low_hz=4000 must be ≥ 0 and below high_hz=3000; try 7.5",
        ),
        (lambda: mel_bands(PAPER_PLAN, low_hz=-1), "low_hz=-1 must be ≥ 0 and below high_hz=8000; try 20"),
        (lambda: third_octave_bands(PAPER_PLAN, low_hz=0), "low_hz=0 must be > 0 and below high_hz=8000; try 20"),
        (
            lambda: third_octave_bands(PAPER_PLAN, low_hz=float("nan")),
            "low_hz=nan must be > 0 and below high_hz=8000; try 20",
        ),
        (
            lambda: third_octave_bands(PAPER_PLAN, "paper", 20, 25),
            "no bin of n_fft=1024 falls into any third-octave-paper band; try a larger n_fft or a wider range",
        ),
        (
            lambda: band_filters("mel", PAPER_PLAN).apply(np.zeros((512, 3))),
            "magnitude of shape (512, 3) and dtype float64 must be real, (513,) or (513, n_frames) for this plan",
        ),
        (
            lambda: band_filters("mel", PAPER_PLAN).apply(np.zeros(513, np.complex64)),
            "magnitude of shape (513,) and dtype complex64 must be real, (513,) or (513, n_frames) for this plan",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_value_rule_and_remedy(call, message):
    with pytest.raises(InvalidValue) as caught:
        call()
    assert str(caught.value).startswith(message)
