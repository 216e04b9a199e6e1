"""Whatever the plan: frames give the sound back, are linear, and scale exactly."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rtspec.errors import InvalidValue
from rtspec.frames import FramePlan, istft, stft
from rtspec.frames.analysis import analysis_stage
from rtspec.frames.bands import BAND_NAMES, band_filters
from rtspec.frames.synthesis import synthesis_stage
from rtspec.frames.windows import WINDOWS
from rtspec.processors.inversion.band_inversion import METHODS, invert

ROUNDING = 1e-6  # float32 transforms of a few hundred points, relative to the peak
NAMES = st.sampled_from(sorted(WINDOWS))


@st.composite
def plans(draw) -> FramePlan:
    """Any plan without gaps: windows of every shape, shorter than the transform, hops that divide nothing."""
    n_fft = 2 * draw(st.integers(8, 128))
    length = draw(st.integers(8, n_fft))
    hop = draw(st.integers(1, max(1, length // 2)))
    try:
        return FramePlan(
            draw(st.sampled_from([8000, 44100, 96000])),
            n_fft,
            hop,
            window=draw(NAMES),
            window_length=length,
            synthesis_window=draw(st.one_of(st.none(), NAMES)),
            uneven=True,
        )
    except InvalidValue:
        assume(False)
        raise


@st.composite
def signals(draw) -> np.ndarray:
    """White noise, 1 to 1500 samples."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.standard_normal(draw(st.integers(1, 1500))).astype(np.float32)


def _headroom(plan: FramePlan) -> float:
    """By how much the synthesis window amplifies rounding, and how many frames overlap."""
    return float(abs(plan.synthesis).max()) * plan.length / plan.hop


@given(plans(), signals())
@settings(deadline=None)
def test_frames_give_the_sound_back(plan, x):
    back = istft(stft(x, plan), plan, length=len(x))
    np.testing.assert_allclose(back, x, atol=4 * ROUNDING * _headroom(plan) * abs(x).max())


@given(plans(), signals(), st.integers(0, 2**32))
@settings(deadline=None)
def test_streaming_in_random_blocks_gives_the_same_frames_and_sound(plan, x, seed):
    n_frames = len(x) // plan.hop
    x, rng = x[: n_frames * plan.hop].reshape(n_frames, plan.hop), np.random.default_rng(seed)
    analysis, synthesis, frames, sound, t = analysis_stage(plan), synthesis_stage(plan), [], [], 0
    while t < n_frames:
        n = int(rng.integers(1, 6))
        hops = np.ascontiguousarray(x[t : t + n])
        frames.append(np.empty((len(hops), plan.n_bins), np.complex64))
        sound.append(np.empty(hops.shape, np.float32))
        analysis.run(hops, len(hops), frames[-1])
        synthesis.run(frames[-1], len(hops), sound[-1])
        t += n
    whole = stft(x.ravel(), plan)[:, :n_frames]
    delay = plan.latency_samples - plan.hop
    found = np.concatenate([np.empty((0, plan.n_bins)), *frames])
    np.testing.assert_array_equal(found.T, whole)
    heard = np.concatenate([np.empty(0), *(part.ravel() for part in sound)])
    kept = max(0, len(heard) - delay)
    np.testing.assert_array_equal(heard[delay:], istft(whole, plan, length=kept))


@given(plans(), signals(), st.integers(0, 2**32), st.floats(-4, 4, width=32))
@settings(deadline=None)
def test_analysis_is_linear(plan, x, seed, factor):
    y = np.random.default_rng(seed).standard_normal(len(x)).astype(np.float32)
    parts = stft(x, plan) + np.float32(factor) * stft(y, plan)
    scale = np.sqrt(plan.length) * (abs(x).max() + 4 * abs(y).max())
    np.testing.assert_allclose(stft(x + np.float32(factor) * y, plan), parts, atol=10 * ROUNDING * scale)


@given(plans(), signals(), st.integers(-40, 40))
@settings(deadline=None)
def test_a_power_of_two_of_gain_passes_through_to_the_bit(plan, x, exponent):
    gain = np.float32(2.0**exponent)
    frames = stft(x, plan)
    np.testing.assert_array_equal(stft(gain * x, plan), gain * frames)
    np.testing.assert_array_equal(istft(gain * frames, plan, len(x)), gain * istft(frames, plan, len(x)))


@given(plans(), st.integers(1, 500))
@settings(deadline=None)
def test_silence_stays_silent(plan, n_samples):
    frames = stft(np.zeros(n_samples), plan)
    assert not frames.any() and not istft(frames, plan, n_samples).any()


@given(plans(), st.sampled_from(BAND_NAMES), st.sampled_from(METHODS), st.integers(0, 2**32))
@settings(deadline=None)
def test_band_levels_of_any_plan_come_back_as_magnitudes_of_the_same_levels(plan, name, method, seed):
    filters = band_filters(name, plan, 20 if name.startswith("mel") else None)
    magnitude = abs(np.random.default_rng(seed).standard_normal((plan.n_bins, 4)))
    powers = filters.apply(magnitude)
    rebuilt = invert(filters, powers, method)
    assert np.isfinite(rebuilt).all() and (rebuilt >= 0).all()
    tolerance = 1e-3 if method == "nnls" else 0.5  # a magnitude with these bands exists; clipping may miss it
    assert (np.linalg.norm(filters.apply(rebuilt) - powers, axis=0) <= tolerance * np.linalg.norm(powers, axis=0)).all()
