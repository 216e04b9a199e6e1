"""The two sweeps of rtspec.phase.rtpghi find what the published heap finds."""

import heapq

import numpy as np
import pytest

from rtspec.frames import FramePlan
from rtspec.phase import reconstruct

TOLERANCE = 1e-6


def heap_frame(plan, logs, old, phase, slope, look_ahead):
    """One frame by the heap of Průša and Søndergaard (2016), in plain Python and float64; natural logs, radians."""
    n, a, M = plan.n_bins, plan.hop, plan.n_fft
    floor = max(logs[old].max(), logs[old + 1].max()) + np.log(TOLERANCE)
    L = np.maximum(logs, floor)
    new = old + 1
    fresh = np.zeros(n)
    m = np.arange(1, n - 1)
    fresh[m] = a * M / (2 * plan.gamma) * (L[new][m + 1] - L[new][m - 1]) + 2 * np.pi * a * m / M
    climb = (slope + fresh) / 2
    change = L[new + 1] - L[old] if look_ahead else 3 * L[new] - 4 * L[old] + L[old - 1]
    spread = -plan.gamma / (2 * a * M) * change
    heap = [(-logs[old][m], 0, m) for m in range(n) if logs[old][m] > floor]
    heapq.heapify(heap)
    todo = logs[new] > floor
    found = np.full(n, np.nan)
    while heap:
        _, frame, m = heapq.heappop(heap)
        near = [(m, phase[m] + climb[m])] if frame == 0 else []
        if frame == 1:
            near += [(m + 1, found[m] + (spread[m] + spread[m + 1]) / 2)] if m + 1 < n else []
            near += [(m - 1, found[m] - (spread[m] + spread[m - 1]) / 2)] if m else []
        for k, value in near:
            if todo[k]:
                todo[k], found[k] = False, value
                heapq.heappush(heap, (-logs[new][k], 1, k))
    return found, fresh


@pytest.mark.parametrize("look_ahead", [0, 1])
@pytest.mark.parametrize("window", ["hann", "gauss"])
def test_two_sweeps_equal_the_heap_frame_by_frame(look_ahead, window):
    plan = FramePlan(n_fft=128, hop=32, window=window)
    rng = np.random.default_rng(5)
    magnitude = np.exp(rng.normal(0, 2, (plan.n_bins, 12))).astype(np.float32)
    magnitude[[0, -1]] = 0  # these two come out real, so their phase could not be read off
    centre = 2 * np.pi * np.arange(plan.n_bins) * plan.length / (2 * plan.n_fft)
    phase = (
        np.angle(reconstruct(magnitude, plan, method="rtpghi", look_ahead=look_ahead, refined=False)) + centre[:, None]
    )
    logs = np.log(magnitude.T.astype(float) + 1e-300)
    slope = heap_frame(plan, logs, 1, phase[:, 1], np.zeros(plan.n_bins), look_ahead)[1]
    for t in range(3, 10):
        expected, slope = heap_frame(plan, logs, t - 1, phase[:, t - 1], slope, look_ahead)
        apart = np.angle(np.exp(1j * (phase[1:-1, t] - expected[1:-1])))
        assert abs(apart).max() < 2e-3, f"frame {t}"
