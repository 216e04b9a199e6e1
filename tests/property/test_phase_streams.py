"""What must hold for every streaming phase method, whatever the sound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtspec.frames import FramePlan, stft
from rtspec.phase import METHODS, create, phase_stage, reconstruct

PLAN = FramePlan(sample_rate=16000, n_fft=256, hop=64)
VARIANTS = [
    ("rtpghi", {"look_ahead": 0}),
    ("rtisi-la", {"look_ahead": 0, "momentum": 0.0}),
    ("rtisi-la", {"look_ahead": 0, "start": "rtpghi"}),
    ("rtisi-la", {"look_ahead": 2, "start": "rtpghi"}),
    ("rtisi-la", {"look_ahead": 8, "start": "spsi", "iterations": 2}),
    ("gsrtisi-la", {"look_ahead": 3, "start": "rtpghi", "momentum": 0.75}),
]
ALL = [(name, {}) for name in METHODS if name != "input"] + VARIANTS
every_method = pytest.mark.parametrize(("method", "options"), ALL, ids=[f"{m}{o or ''}" for m, o in ALL])


def sound(n_samples=6000, seed=0):
    """A gliding tone, a click and noise."""
    t = np.arange(n_samples)
    x = np.sin(2 * np.pi * (0.02 + 0.01 * t / n_samples) * t) + 0.1 * np.random.default_rng(seed).standard_normal(
        n_samples
    )
    x[n_samples // 2] += 8
    return x.astype(np.float32)


S = abs(stft(sound(), PLAN))


def streamed(rec, magnitude):
    frames = [rec.process(np.ascontiguousarray(m)) for m in np.moveaxis(magnitude, -1, 0)]
    return np.stack([f for f in frames if f is not None] + rec.flush(), axis=-1)


@every_method
def test_frame_by_frame_equals_the_whole_to_the_bit(method, options):
    rec = create(method, PLAN, **options)
    assert np.array_equal(streamed(rec, S), reconstruct(S, PLAN, method=method, **options))


@every_method
def test_reset_and_flush_leave_a_fresh_object_to_the_bit(method, options):
    rec = create(method, PLAN, **options)
    first = streamed(rec, S)
    again = streamed(rec, S)
    rec.process(S[:, 40])
    rec.reset()
    assert np.array_equal(first, again)
    assert np.array_equal(first, streamed(rec, S))


@every_method
def test_channels_do_not_hear_each_other(method, options):
    two = np.stack([S, abs(stft(sound(seed=1), PLAN))])
    both = streamed(create(method, PLAN, channels=2, **options), two)
    assert np.array_equal(both, reconstruct(two, PLAN, method=method, **options))
    assert np.array_equal(both[0], reconstruct(S, PLAN, method=method, **options))


@every_method
def test_frames_in_are_frames_out_with_the_declared_delay_and_the_given_magnitudes(method, options):
    rec = create(method, PLAN, **options)
    given = [rec.process(m) is not None for m in S.T]
    assert given.index(True) == rec.latency_frames
    assert given.count(True) + len(rec.flush()) == S.shape[1]
    if METHODS[method].keeps_magnitude:
        assert np.allclose(abs(reconstruct(S, PLAN, method=method, **options)), S, rtol=1e-4, atol=1e-5 * S.max())


@every_method
def test_the_first_frames_of_a_stage_are_silence_until_its_delay_is_over(method, options):
    stage = phase_stage(method, PLAN, **options)
    out = np.ones((len(S.T), PLAN.n_bins), np.complex64)
    assert stage.run(np.ascontiguousarray(S.T), len(S.T), out) == len(S.T)
    assert not out[: stage.delay].any() and out[stage.delay :].any(axis=1).all()


@every_method
@settings(max_examples=6, deadline=None)
@given(exponent=st.integers(-20, 20))
def test_a_power_of_two_in_gain_changes_nothing_else(method, options, exponent):
    gain = np.float32(2.0**exponent)
    Y = reconstruct(S, PLAN, method=method, **options)
    Z = reconstruct(S * gain, PLAN, method=method, **options)
    taken = 12 - phase_stage(method, PLAN, **options).delay  # rounding grows with every frame taken in
    early = slice(0, taken) if METHODS[method].chaotic else slice(None)
    assert np.allclose(Z[:, early] / gain, Y[:, early], rtol=1e-3, atol=1e-3 * S.max())


@pytest.mark.parametrize("method", ["rtisi-la", "gsrtisi-la"])
@pytest.mark.parametrize("exponent", [-36, -19, 36])
def test_phases_that_come_from_the_signal_alone_are_the_same_bits_at_every_level(method, exponent):
    gain = np.float32(2.0**exponent)
    assert np.array_equal(reconstruct(S * gain, PLAN, method=method) / gain, reconstruct(S, PLAN, method=method))


@pytest.mark.parametrize("method", ["rtisi-la", "gsrtisi-la"])
def test_the_quietest_beside_the_loudest_and_beside_silence_is_finite(method):
    wide = S / S.max() * np.float32(9e17)
    wide[::3], wide[1::3] = 1e-18, 0
    assert np.isfinite(reconstruct(wide, PLAN, method=method)).all()


@every_method
def test_silence_gives_silence(method, options):
    assert not reconstruct(np.zeros((PLAN.n_bins, 20)), PLAN, method=method, **options).any()


@every_method
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1.0])
def test_what_is_no_magnitude_is_silence_in_its_own_bins_and_frames_only(method, options, bad):
    hurt = S.copy()
    hurt[10:20, 30] = bad
    Y = reconstruct(hurt, PLAN, method=method, **options)
    clean = hurt.copy()
    clean[10:20, 30] = 0
    assert np.isfinite(Y).all()
    assert np.array_equal(Y, reconstruct(clean, PLAN, method=method, **options))


@every_method
def test_denormals_are_silence(method, options):
    assert not reconstruct(np.full((PLAN.n_bins, 9), 1e-40, np.float32), PLAN, method=method, **options).any()
