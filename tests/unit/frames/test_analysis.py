"""Streaming analysis, magnitudes and overlap-add: block sizes, reset, declared delay."""

import numpy as np
import pytest

from rtspec.frames import FramePlan, stft
from rtspec.frames.analysis import analysis_stage, magnitude_stage
from rtspec.frames.synthesis import synthesis_stage

PLANS = {
    "plain": FramePlan(16000, 64, 16),
    "short-window": FramePlan(16000, 64, 16, window="hamming", window_length=40),
    "uneven": FramePlan(16000, 64, 25, window_length=63, uneven=True),
}
N_FRAMES = 12


@pytest.fixture(params=PLANS)
def plan(request):
    return PLANS[request.param]


def _hops(plan):
    return np.random.default_rng(0).standard_normal((N_FRAMES, plan.hop)).astype(np.float32)


def _run(stage, x, shape, dtype, cuts=()):
    """The stage's output with the calls cut at these frames."""
    parts = []
    for part in np.split(x, cuts):
        y = np.empty((len(part), *shape), dtype)
        assert stage.run(np.ascontiguousarray(part), len(part), y) == len(part)
        parts.append(y)
    return np.concatenate(parts)


def _analyse(plan, stage, x, cuts=()):
    return _run(stage, x, (plan.n_bins,), np.complex64, cuts)


@pytest.mark.parametrize("cuts", [(), (1,), (3, 4, 9), tuple(range(1, N_FRAMES))])
def test_any_number_of_hops_a_call_gives_the_frames_of_stft(plan, cuts):
    x = _hops(plan)
    frames = _analyse(plan, analysis_stage(plan), x, cuts)
    np.testing.assert_array_equal(frames.T, stft(x.ravel(), plan)[:, :N_FRAMES])


@pytest.mark.parametrize("cuts", [(1,), (3, 4, 9), tuple(range(1, N_FRAMES))])
def test_any_number_of_frames_a_call_gives_the_same_sound(plan, cuts):
    frames = _analyse(plan, analysis_stage(plan), _hops(plan))
    whole, parts = (_run(synthesis_stage(plan), frames, (plan.hop,), np.float32, c) for c in ((), cuts))
    np.testing.assert_array_equal(parts, whole)


def test_reset_equals_fresh_to_the_bit(plan):
    x, analysis, synthesis = _hops(plan), analysis_stage(plan), synthesis_stage(plan)
    outputs = []
    for _ in range(2):
        frames = _analyse(plan, analysis, x)
        outputs.append((frames.tobytes(), _run(synthesis, frames, (plan.hop,), np.float32).tobytes()))
        analysis.reset()
        synthesis.reset()
    assert outputs[0] == outputs[1]


def test_stages_of_one_plan_share_no_state(plan):
    x, a, b = _hops(plan), analysis_stage(plan), analysis_stage(plan)
    _analyse(plan, a, 5 * x)
    np.testing.assert_array_equal(_analyse(plan, b, x), _analyse(plan, analysis_stage(plan), x))


def test_analysis_and_overlap_add_fed_hop_by_hop_lag_by_the_window_less_a_hop(plan):
    x = _hops(plan)
    frames = _analyse(plan, analysis_stage(plan), x)
    y = _run(synthesis_stage(plan), frames, (plan.hop,), np.float32).ravel()
    delay = plan.latency_samples - plan.hop
    np.testing.assert_allclose(y[delay:], x.ravel()[: len(y) - delay], atol=2e-6)
    assert abs(y[:delay]).max(initial=0) < 2e-6


def test_overlap_add_leaves_its_input_alone(plan):
    frames = _analyse(plan, analysis_stage(plan), _hops(plan))
    before = frames.copy()
    _run(synthesis_stage(plan), frames, (plan.hop,), np.float32)
    np.testing.assert_array_equal(frames, before)


def test_magnitudes_are_absolute_values(plan):
    frames = _analyse(plan, analysis_stage(plan), _hops(plan))
    frames[0] = 0
    magnitudes = _run(magnitude_stage(plan), frames, (plan.n_bins,), np.float32)
    np.testing.assert_allclose(magnitudes, abs(frames), rtol=1e-6)
