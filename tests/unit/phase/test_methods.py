import numpy as np
import pytest

from rtspec.errors import InvalidValue
from rtspec.frames import FramePlan, stft
from rtspec.phase import create, phase_stage, reconstruct

PLAN = FramePlan(sample_rate=16000, n_fft=256, hop=64)
RNG = np.random.default_rng(3)
X = stft(RNG.standard_normal(4000), PLAN)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: create("spsy", PLAN), r"method='spsy' is not known; choose one of .*rtpghi"),
        (
            lambda: create("rtpghi", PLAN, iterations=3),
            r"iterations=3 is not an option of 'rtpghi', which takes look_ahead, seed, refined",
        ),
        (lambda: create("rtpghi", PLAN, look_ahead=2), r"look_ahead=2 must be 0 or 1.*try 1"),
        (lambda: create("zero", PLAN, channels=0), r"channels=0 must be at least 1; try 1"),
        (lambda: phase_stage("input", PLAN), r"'input' needs the input's phase; pass input_spectrum"),
        (lambda: phase_stage("zero", PLAN, blend=0.5), r"blend=0.5 needs the input's phase"),
        (lambda: phase_stage("zero", PLAN, blend=1.5, input_spectrum=X), r"blend=1.5 must be 0 to 1.*try 1"),
        (lambda: create("rtisi-la", PLAN, look_ahead=-1), r"look_ahead=-1 must be 0 to 64; try 3"),
        (lambda: create("rtisi-la", PLAN, iterations=0), r"iterations=0 must be at least 1; try 8"),
        (lambda: create("gsrtisi-la", PLAN, momentum=1), r"momentum=1 must be 0 to less than 1; try 0.75"),
        (lambda: create("rtisi-la", PLAN, start="pghi"), r"start='pghi' is not .*choose one of rtpghi, spsi, input"),
        (lambda: phase_stage("rtisi-la", PLAN, start="input"), r"start='input' is not .*pass input_spectrum"),
        (lambda: create("zero", PLAN).process(np.ones(5)), r"shape \(5,\) must be \(1, 129\) or \(129,\)"),
        (lambda: create("zero", PLAN, channels=2).process(np.ones(129)), r"must be \(2, 129\) for"),
        (lambda: create("zero", PLAN).process(X[:, 0]), r"complex64 must be real; pass abs"),
        (lambda: reconstruct(np.ones((5, 9)), PLAN), r"shape \(5, 9\) must be \(..., 129, n_frames\)"),
        (lambda: reconstruct(X, PLAN), r"must be real; pass abs\(spectrum\)"),
        (lambda: reconstruct(abs(X), PLAN, method="input", input_spectrum=X[:, 1:]), r"must be \(129, 66\), like"),
    ],
)
def test_what_is_refused_says_value_rule_and_remedy(call, message):
    with pytest.raises(InvalidValue, match=message):
        call()


def test_input_phase_gives_the_input_back():
    assert np.allclose(reconstruct(abs(X), PLAN, method="input", input_spectrum=X), X, atol=1e-5)


def test_a_full_blend_is_the_inputs_phase_delayed_to_match_the_method():
    Y = reconstruct(abs(X), PLAN, method="rtpghi", look_ahead=1, input_spectrum=X, blend=1.0)
    assert np.allclose(Y, X, atol=1e-4)


def test_no_blend_is_the_methods_own_phase():
    own = reconstruct(abs(X), PLAN, method="rtpghi", look_ahead=1)
    Y = reconstruct(abs(X), PLAN, method="rtpghi", look_ahead=1, input_spectrum=X, blend=0.0)
    assert np.allclose(Y, own, atol=1e-4)


def test_blend_follows_the_parameter_at_its_address_while_running():
    share = np.zeros(1)
    given = np.ascontiguousarray(X.T)
    stage = phase_stage("zero", PLAN, input_spectrum=given, blend=share.ctypes.data)
    own, turned, frames = np.empty_like(given), np.empty_like(given), np.ascontiguousarray(abs(X).T)
    stage.run(frames, len(frames), own)
    share[0] = 1
    stage.run(frames, len(frames), turned)
    assert np.allclose(turned, given, atol=1e-4)
    assert not np.allclose(own, given, atol=1e-1)


def test_random_phases_are_evenly_spread_and_change_with_seed_and_frame():
    ones = np.ones((PLAN.n_bins, 200), np.float32)
    Y = reconstruct(ones, PLAN, method="random", seed=1)[1:-1]
    assert abs(Y.mean()) < 0.02 and abs((Y**2).mean()) < 0.02
    assert abs((Y[:, 1:] * Y[:, :-1].conj()).mean()) < 0.02
    assert not np.allclose(Y, reconstruct(ones, PLAN, method="random", seed=2)[1:-1])


def test_zero_phase_is_a_pulse_in_the_middle_of_the_window():
    Y = reconstruct(np.ones((PLAN.n_bins, 1)), PLAN, method="zero")
    assert np.argmax(abs(np.fft.irfft(Y[:, 0]))) == PLAN.length // 2
