"""The compiled kernels of SPSI and RTISI-LA give what plain NumPy in float64 gives."""

import itertools

import numpy as np
import pytest

from rtspec.frames import FramePlan, stft
from rtspec.phase import reconstruct
from rtspec.phase.gradients import BEND, REACH, TOLERANCE
from rtspec.phase.rtisi import NOISE, estimating, weights

PLAN = FramePlan(sample_rate=16000, n_fft=128, hop=32)
T = np.arange(900)
X = np.sin(0.21 * T + 1e-4 * T**2) + 0.4 * np.sin(1.1 * T) + 0.1 * np.random.default_rng(2).standard_normal(900)
S = abs(stft(X, PLAN)).astype(float)


def spread_in_numpy(S, t):
    """Steps from bin to bin, radians: the causal gradient in time, kept near the window's middle."""
    first, last, newest = np.pad(S, ((0, 0), (2, 0)))[:, t : t + 3].T  # silence before the start
    floor = max(last.max(), newest.max()) * TOLERANCE
    first, last, newest = np.log(np.maximum([first, last, newest], floor))
    limit = BEND * PLAN.hop / PLAN.length
    slope = 2 * (newest - last) + np.clip(newest - 2 * last + first, -limit, limit)
    spread = -PLAN.gamma / (2 * PLAN.hop * PLAN.n_fft) * slope
    spread = np.clip(spread, -2 * np.pi * REACH[0], 2 * np.pi * REACH[0])
    return (spread[1:] + spread[:-1]) / 2


def spsi_in_numpy(S, refined):
    """SPSI by its definition: peaks, log parabolas, regions between valleys; phases at the window's middle, radians."""
    phase, out = np.zeros(len(S)), np.zeros(S.shape, complex)
    for t, frame in enumerate(S.T):
        peaks = [m for m in range(1, len(S) - 1) if frame[m - 1] <= frame[m] > frame[m + 1]]
        edges = [0] + [a + int(np.argmin(frame[a : b + 1])) + 1 for a, b in itertools.pairwise(peaks)]
        steps = spread_in_numpy(S, t) if refined else np.zeros(len(S) - 1)
        for peak, start, stop in zip(peaks, edges, [*edges[1:], len(S)], strict=True):
            left, top, right = np.log2(frame[peak - 1 : peak + 2])
            bend = left - 2 * top + right
            turn = 2 * np.pi * PLAN.hop / PLAN.n_fft * (peak + 0.5 * (left - right) / bend)
            along = np.cumsum(np.r_[0, steps[start : stop - 1]])
            phase[start:stop] = phase[peak] + turn + along - along[peak - start]
        out[:, t] = frame * np.exp(1j * (phase - np.pi * np.arange(len(S))))
    return out


@pytest.mark.parametrize("refined", [False, True])
def test_spsi_equals_its_definition_away_from_the_edges_of_the_spectrum(refined):
    steady = np.abs(stft(np.sin(0.6 * T) + 0.5 * np.sin(1.7 * T), PLAN))[:, 4:20] + 1e-3
    steady *= np.random.default_rng(0).uniform(0.999, 1.001, steady.shape)
    found = reconstruct(steady, PLAN, method="spsi", refined=refined)
    expected = spsi_in_numpy(steady.astype(np.float32).astype(float), refined)
    near = slice(8, 40)  # both partials; the very first and last bins may be peaks without two neighbours
    assert np.linalg.norm((found - expected)[near]) < 1e-3 * np.linalg.norm(steady)


def rtisi_in_numpy(S, look_ahead, iterations, momentum):
    """RTISI-LA by the text of rtspec.phase.rtisi: a signal, a list of frames, newest first."""
    L, hop, n_frames = PLAN.length, PLAN.hop, S.shape[1] + look_ahead
    S = np.pad(S, ((0, 0), (0, look_ahead)))
    noise = NOISE * (hop / L) ** 2
    signal, share = np.zeros(L + n_frames * hop), np.zeros((n_frames, L))
    spectra, last = np.zeros((n_frames, len(S)), complex), np.zeros((n_frames, len(S)), complex)
    centre = np.exp(-1j * np.pi * np.arange(len(S)))
    for newest in range(n_frames):
        for i in range(iterations):
            for t in range(newest, max(-1, newest - look_ahead - 1), -1):
                fresh = i == 0 and t == newest
                window = estimating(PLAN, weights(PLAN, newest - t, own=not fresh), noise)
                new = np.fft.rfft(signal[t * hop :][:L] * window)
                turned = new + (0 if fresh else momentum) * (new - last[t]) + 1e-7 * S[:, t] * centre
                last[t] = new
                spectra[t] = S[:, t] * turned / np.maximum(abs(turned), 1e-30)
                made = np.fft.irfft(spectra[t]) * PLAN.synthesis
                signal[t * hop :][:L] += made - share[t]
                share[t] = made
    return spectra[: n_frames - look_ahead].T


@pytest.mark.parametrize(("look_ahead", "momentum"), [(0, 0.0), (1, 0.0), (3, 0.5)])
def test_the_first_frames_of_rtisi_equal_plain_numpy(look_ahead, momentum):
    options = {"look_ahead": look_ahead, "iterations": 2, "momentum": momentum}
    found = reconstruct(S, PLAN, method="rtisi-la", **options)[:, :5]
    expected = rtisi_in_numpy(S, **options)[:, :5]
    assert np.linalg.norm(found - expected) < 5e-3 * np.linalg.norm(expected)
