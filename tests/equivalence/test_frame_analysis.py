"""The compiled frame stages compute what a few lines of NumPy do, on both transform libraries."""

import numpy as np
import pytest

from rtspec.frames import FramePlan, analysis, synthesis
from rtspec.frames.analysis import analysis_stage
from rtspec.frames.fft import fftw_library
from rtspec.frames.synthesis import synthesis_stage
from rtspec.frames.transforms import real_fft

TOLERANCE = 1e-6  # of the largest value: float32 against float64
N_FRAMES = 20
PLANS = [
    FramePlan(44100, 2048, 512),
    FramePlan(16000, 1024, 512, synthesis_window="hamming"),
    FramePlan(22050, 1024, 248, window_length=1023, uneven=True),
    FramePlan(8000, 64, 16, window="gauss", window_length=40),
]


@pytest.fixture(params=["fftw", "rocket-fft"])
def path(request, monkeypatch):
    """Stages made in this test use this library; says so where it is not there."""
    if request.param == "fftw" and fftw_library() is None:
        pytest.skip("this machine has no FFTW from pyFFTW's wheel; rocket-fft serves, and is tested")
    choice = "rocket-fft" if request.param == "rocket-fft" else "auto"
    for module in (analysis, synthesis):
        monkeypatch.setattr(module, "real_fft", lambda n: real_fft(n, choice))
    assert analysis.real_fft(64).path == request.param
    return request.param


@pytest.fixture(params=PLANS, ids=lambda plan: f"{plan.n_fft}-{plan.hop}-{plan.length}")
def plan(request):
    return request.param


def _hops(plan):
    return np.random.default_rng(1).standard_normal((N_FRAMES, plan.hop)).astype(np.float32)


def _naive_analysis(x, plan):
    """Each frame: the window over the newest samples, at the front of n_fft zeros, transformed."""
    padded = np.concatenate([np.zeros(plan.length - plan.hop), x.astype(np.float64)])
    cuts = [padded[t * plan.hop : t * plan.hop + plan.length] for t in range(len(x) // plan.hop)]
    return np.array([np.fft.rfft(plan.analysis * cut, plan.n_fft) for cut in cuts])


def _naive_synthesis(frames, plan):
    """Overlap-add of the windowed inverse transforms."""
    out = np.zeros(len(frames) * plan.hop + plan.length)
    for t, frame in enumerate(frames):
        out[t * plan.hop : t * plan.hop + plan.length] += (
            np.fft.irfft(frame, plan.n_fft)[: plan.length] * plan.synthesis
        )
    return out[: len(frames) * plan.hop]


def _analyse(plan, x):
    frames = np.empty((N_FRAMES, plan.n_bins), np.complex64)
    analysis_stage(plan).run(x, N_FRAMES, frames)
    return frames


def _synthesise(plan, frames):
    sound = np.empty((N_FRAMES, plan.hop), np.float32)
    synthesis_stage(plan).run(frames, N_FRAMES, sound)
    return sound.ravel()


def test_streaming_analysis_is_the_naive_one(path, plan):
    x = _hops(plan)
    expected = _naive_analysis(x.ravel(), plan)
    np.testing.assert_allclose(_analyse(plan, x), expected, atol=TOLERANCE * abs(expected).max())


def test_streaming_overlap_add_is_the_naive_one(path, plan):
    rng = np.random.default_rng(2)
    frames = rng.standard_normal((N_FRAMES, plan.n_bins)) + 1j * rng.standard_normal((N_FRAMES, plan.n_bins))
    frames = frames.astype(np.complex64)
    frames.imag[:, [0, -1]] = 0
    expected = _naive_synthesis(frames.astype(np.complex128), plan)
    np.testing.assert_allclose(_synthesise(plan, frames), expected, atol=2 * TOLERANCE * abs(expected).max())


@pytest.mark.skipif(fftw_library() is None, reason="one transform library only: nothing to compare")
def test_both_libraries_give_the_same_frames_and_sound(plan, monkeypatch):
    x, results = _hops(plan), []
    for choice in ("auto", "rocket-fft"):
        for module in (analysis, synthesis):
            monkeypatch.setattr(module, "real_fft", lambda n, choice=choice: real_fft(n, choice))
        frames = _analyse(plan, x)
        results.append((frames, _synthesise(plan, frames)))
    for fftw, rocket in zip(*results, strict=True):
        np.testing.assert_allclose(rocket, fftw, atol=TOLERANCE * abs(fftw).max())
