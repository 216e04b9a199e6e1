"""Named choices hold what methods hold, whatever the sound and the plan."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtspec.frames import FramePlan, istft, stft
from rtspec.phase import CHOICES, create, reconstruct


@pytest.mark.parametrize("name", CHOICES)
@settings(max_examples=8, deadline=None)
@given(
    n_fft=st.sampled_from([64, 128, 256]),
    overlap=st.sampled_from([2, 4, 8, 16]),
    seed=st.integers(0, 99),
    gain_db=st.floats(-120, 120),
)
def test_stream_equals_whole_and_reset_equals_fresh_at_any_level_and_overlap(name, n_fft, overlap, seed, gain_db):
    plan = FramePlan(16000, n_fft=n_fft, hop=n_fft // overlap)
    x = np.random.default_rng(seed).standard_normal(6 * n_fft) * 10 ** (gain_db / 20)
    S = abs(stft(x, plan))
    rec = create(name, plan)
    whole = reconstruct(S, plan, method=name)
    for _ in range(2):
        frames = [rec.process(m) for m in S.T]
        streamed = [f for f in frames if f is not None] + rec.flush()
        assert np.array_equal(np.stack(streamed, axis=-1), whole)
    assert np.isfinite(whole).all()


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("overlap", [2, 4, 8, 16, 32])
def test_momentum_never_diverges_on_sustained_sound(name, overlap):
    plan = FramePlan(16000, n_fft=256, hop=256 // overlap)
    t = np.arange(16000) / 16000
    x = np.pad(sum(np.sin(2 * np.pi * f * t) for f in (220, 331, 777, 1999)), 256)
    S = abs(stft(x, plan))
    R = abs(stft(istft(reconstruct(S, plan, method=name), plan, length=len(x)), plan))
    wrong = np.linalg.norm(R - S, axis=0)[4:-4]
    assert np.linalg.norm(R - S) < 0.2 * np.linalg.norm(S)
    assert (
        wrong[-len(wrong) // 2 :].mean() < 2 * wrong[: len(wrong) // 2].mean() + 0.02 * np.linalg.norm(S, axis=0).mean()
    )
