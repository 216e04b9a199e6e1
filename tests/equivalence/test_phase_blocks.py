"""A stage gives the same frames however many it gets at once, with the input's phase as a start or a blend too."""

import numpy as np
import pytest

from rtspec.frames import FramePlan, stft
from rtspec.phase import phase_stage

PLAN = FramePlan(16000, n_fft=256, hop=64)
X = np.ascontiguousarray(stft(np.random.default_rng(0).standard_normal(3000), PLAN).T)
S = np.ascontiguousarray(abs(X))
CASES = [
    ("spsi", {}),
    ("rtpghi", {"look_ahead": 1}),
    ("best", {}),
    ("input", {}),
    ("rtpghi", {"blend": 0.3}),
    ("rtisi-la", {"look_ahead": 2, "start": "input"}),
    ("gsrtisi-la", {"look_ahead": 2, "start": "input", "blend": 0.5}),
]


def in_blocks(method, options, size):
    """All frames in runs of `size`, the input's spectrum lying where the stage was told."""
    place, out = np.zeros((size, PLAN.n_bins), np.complex64), np.zeros_like(X)
    stage = phase_stage(method, PLAN, input_spectrum=place, **options)
    for start in range(0, len(S), size):
        block = slice(start, min(start + size, len(S)))
        n = block.stop - start
        place[:n] = X[block]
        stage.run(S[block], n, out[block])
    return out


@pytest.mark.parametrize(("method", "options"), CASES)
@pytest.mark.parametrize("size", [7, 64])
def test_any_number_of_frames_a_run_gives_equal_frames(method, options, size):
    assert np.array_equal(in_blocks(method, options, size), in_blocks(method, options, 1))
