"""Bands back to magnitudes: against NumPy's pseudo-inverse and SciPy's NNLS, at any scale, for any input."""

import numpy as np
import pytest
from scipy.optimize import lsq_linear, nnls

from rtspec.errors import InvalidValue
from rtspec.frames import FramePlan
from rtspec.frames.bands import BAND_NAMES, band_filters
from rtspec.processors.inversion.band_inversion import METHODS, inversion_stage, invert

PLAN = FramePlan(16000, 1024, 512)
N_FRAMES = 8
EXACT = 1e-3  # of ‖powers‖: where the best residual is nothing, ours may be this
FILTERS = {
    **{name: band_filters(name, PLAN, 40 if name.startswith("mel") else None) for name in BAND_NAMES},
    "mel-narrow": band_filters("mel", FramePlan(16000, 512, 128), 128),  # more bands than low bins can tell apart
    "third-octave-44k1": band_filters("third-octave", FramePlan(44100, 2048, 512)),
}


@pytest.fixture(params=FILTERS)
def filters(request):
    return FILTERS[request.param]


def _powers(filters, kind):
    rng, n_bins = np.random.default_rng(5), filters.plan.n_bins
    noise = abs(rng.standard_normal((n_bins, N_FRAMES)))
    return {
        "noise": lambda: filters.apply(noise),
        "tilted": lambda: filters.apply(noise / np.arange(1, n_bins + 1)[:, None]),
        "partials": lambda: filters.apply((rng.random((n_bins, N_FRAMES)) < 0.01) + 1e-4),
        "arbitrary": lambda: rng.random((filters.n_bands, N_FRAMES)).astype(np.float32),
        "wild": lambda: np.exp(4 * rng.standard_normal((filters.n_bands, N_FRAMES))).astype(np.float32),
        "one-band": lambda: np.eye(filters.n_bands, dtype=np.float32)[:, :: max(1, filters.n_bands // N_FRAMES)],
    }[kind]()


def _run(stage, frames, n_bins, cuts=()):
    parts = []
    for part in np.split(frames, cuts):
        y = np.full((len(part), n_bins), np.nan, np.float32)
        assert stage.run(np.ascontiguousarray(part), len(part), y) == len(part)
        parts.append(y)
    return np.concatenate(parts)


def _residuals(filters, magnitude, powers):
    return np.linalg.norm(filters.weights.astype(np.float64) @ magnitude.astype(np.float64) ** 2 - powers, axis=0)


def test_pinv_is_the_root_of_the_clipped_pseudo_inverse(filters):
    powers, weights = _powers(filters, "arbitrary"), filters.weights.astype(np.float64)
    inverse = np.linalg.pinv(weights, rcond=max(weights.shape) * np.finfo(np.float32).eps)
    expected = np.maximum(0, inverse @ powers)
    np.testing.assert_allclose(invert(filters, powers) ** 2, expected, atol=1e-5 * expected.max())


def _least(weights, powers):
    """Of what scipy finds in two ways: on some processors `nnls` gives a worse answer than it says."""
    found = (nnls(weights, powers)[0], lsq_linear(weights, powers, (0, np.inf), method="bvls", tol=1e-14).x)
    return min(np.linalg.norm(weights @ np.maximum(0, x) - powers) for x in found)


@pytest.mark.parametrize("kind", ["noise", "tilted", "partials", "arbitrary", "wild", "one-band"])
def test_the_residual_of_nnls_is_within_a_percent_of_the_least(filters, kind):
    powers = _powers(filters, kind).astype(np.float64)
    least = np.array([_least(filters.weights.astype(np.float64), p) for p in powers.T])
    ours = _residuals(filters, invert(filters, powers, "nnls"), powers)
    assert (ours <= np.maximum(1.01 * least, EXACT * np.linalg.norm(powers, axis=0))).all()


@pytest.mark.parametrize("kind", ["tilted", "arbitrary", "wild"])
def test_nnls_never_fits_worse_than_pinv(filters, kind):
    powers = _powers(filters, kind).astype(np.float64)
    pinv, ours = (_residuals(filters, invert(filters, powers, method), powers) for method in ("pinv", "nnls"))
    assert (ours <= pinv + 1e-5 * np.linalg.norm(powers, axis=0)).all()


def test_nnls_stays_at_the_pseudo_inverse_where_that_needs_no_clipping():
    filters = FILTERS["third-octave-paper"]
    powers = filters.apply(np.ones((513, 1)))
    np.testing.assert_allclose(invert(filters, powers, "nnls"), invert(filters, powers), atol=1e-5)


def test_few_iterations_are_worse_than_many():
    filters = FILTERS["mel"]
    powers = _powers(filters, "partials").astype(np.float64)
    few, many = (_residuals(filters, invert(filters, powers, "nnls", n), powers).max() for n in (1, 150))
    assert many < 0.1 * few


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("gain", [2.0**-80, 2.0**-20, 2.0**60])
def test_the_result_scales_with_the_input(filters, method, gain):
    powers = _powers(filters, "arbitrary")
    np.testing.assert_array_equal(
        invert(filters, powers * np.float32(gain), method), invert(filters, powers, method) * np.float32(gain**0.5)
    )


@pytest.mark.parametrize("method", METHODS)
def test_silence_stays_silent_between_loud_frames(filters, method):
    powers = _powers(filters, "arbitrary")
    powers[:, 3] = 0
    magnitude = invert(filters, powers, method)
    assert not magnitude[:, 3].any()
    assert magnitude[:, [2, 4]].any(axis=0).all()


@pytest.mark.parametrize("method", METHODS)
def test_bins_of_no_band_stay_silent(filters, method):
    magnitude = invert(filters, _powers(filters, "wild"), method)
    assert not magnitude[~filters.weights.any(axis=0)].any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [np.nan, -1.0, -np.inf])
def test_what_is_no_power_counts_as_nothing(filters, method, bad):
    powers = _powers(filters, "arbitrary")
    powers[2] = 0
    expected = invert(filters, powers, method)
    powers[2] = bad
    np.testing.assert_array_equal(invert(filters, powers, method), expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [np.inf, 3.4e38, 1e-45])
def test_extreme_powers_give_finite_magnitudes(filters, method, value):
    magnitude = invert(filters, np.full(filters.n_bands, value, np.float32), method)
    assert np.isfinite(magnitude).all() and magnitude.any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("cuts", [(1,), (2, 5), tuple(range(1, N_FRAMES))])
def test_any_number_of_frames_a_call_gives_the_same(filters, method, cuts):
    powers, n_bins = np.ascontiguousarray(_powers(filters, "wild").T), filters.plan.n_bins
    whole = _run(inversion_stage(filters, method), powers, n_bins)
    np.testing.assert_array_equal(_run(inversion_stage(filters, method), powers, n_bins, cuts), whole)
    np.testing.assert_array_equal(invert(filters, powers.T, method).T, whole)


@pytest.mark.parametrize("method", METHODS)
def test_reset_equals_fresh_to_the_bit(filters, method):
    powers, n_bins = np.ascontiguousarray(_powers(filters, "partials").T), filters.plan.n_bins
    stage = inversion_stage(filters, method)
    fresh, first = stage.record.tobytes(), _run(stage, powers, n_bins)
    stage.reset()
    assert stage.record.tobytes() == fresh
    np.testing.assert_array_equal(_run(stage, powers, n_bins), first)


def test_one_frame_is_inverted_as_in_a_spectrogram():
    powers = _powers(FILTERS["mel"], "arbitrary")
    np.testing.assert_array_equal(invert(FILTERS["mel"], powers[:, 1]), invert(FILTERS["mel"], powers)[:, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: inversion_stage(f, "lasso"), "method='lasso' is not known; choose one of pinv, nnls"),
        (
            lambda f: inversion_stage(f, "nnls", 0),
            "iterations=0 must be a whole number of at least 1; the default is 150",
        ),
        (
            lambda f: inversion_stage(f, "nnls", 1.5),  # type: ignore[arg-type]
            "iterations=1.5 must be a whole number of at least 1; the default is 150",
        ),
        (
            lambda f: invert(f, np.zeros((41, 2))),
            "powers of shape (41, 2) and dtype float64 must be real, (40,) or (40, n_frames) for these filters",
        ),
        (
            lambda f: invert(f, np.zeros(40, np.complex64)),
            "powers of shape (40,) and dtype complex64 must be real, (40,) or (40, n_frames) for these filters",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_value_rule_and_remedy(call, message):
    with pytest.raises(InvalidValue) as caught:
        call(FILTERS["mel"])
    assert str(caught.value).startswith(message)
