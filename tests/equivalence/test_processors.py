"""Where what processors rebuild lies in time; what all of them must hold is in test_contract."""

import numpy as np
import pytest

import rtspec

RATE = 44100


def test_wet_sound_comes_out_after_the_declared_latency():
    processor = rtspec.OnnxProcessor("identity")
    click = np.zeros(8000, np.float32)
    click[1234] = 1.0
    out = processor.prepare(RATE, 1).run(click[np.newaxis])[0]
    assert np.argmax(np.abs(out)) == 1234 + processor.latency_samples
    assert abs(out[1234 + processor.latency_samples] - 1.0) < 1e-5


@pytest.mark.parametrize("phase", ["live", "fast", "best", "spsi", "rtpghi", "gsrtisi-la"])
def test_sound_rebuilt_from_magnitudes_lies_where_the_input_lay(phase):
    processor = rtspec.SpectralInversion(bands="mel", n_bands=128, phase=phase)
    burst = np.zeros(20000, np.float32)
    burst[8000:8400] = np.random.default_rng(2).standard_normal(400)
    energy = processor(burst, RATE) ** 2
    centre = np.sum(np.arange(len(energy)) * energy) / np.sum(energy)
    assert abs(centre - 8200) < 128  # half a hop
