"""How parameters move: no splatter, no zip, there in time, along their own curve, exact at rest."""

import numpy as np
import pytest
from scipy.signal.windows import blackmanharris

import rtspec
from rtspec.buffers.memory import aligned
from rtspec.control.parameters import ParameterSpec, ParameterTable
from rtspec.control.smoothing import ramp_stage

RATE, TONE_HZ, NEIGHBOURHOOD_HZ, FRAME_RATE_HZ = 48000, 1000.3, 200, 1000.0


def tilted():
    return rtspec.OnnxProcessor("tilt-gate", n_fft=1024, tilt_db_per_octave=6.0)


def splatter_db(processor, name, every):
    """The loudest that a steady tone has outside its neighbourhood while a parameter jumps end to end."""
    parameter, n = processor.parameters[name], 2 * RATE
    tone = (0.25 * np.sin(2 * np.pi * TONE_HZ * np.arange(n) / RATE)).astype(np.float32)[np.newaxis]
    pieces = []
    for i, start in enumerate(range(0, n, every)):
        parameter.raw_value = i % 2
        pieces.append(processor.process(tone[:, start : start + every], RATE, reset=False))
    heard = np.concatenate(pieces, axis=1)[0, -RATE:].astype(np.float64)
    level = 20 * np.log10(np.abs(np.fft.rfft(heard * blackmanharris(RATE))) + 1e-20)
    outside = np.abs(np.arange(len(level)) - TONE_HZ) > NEIGHBOURHOOD_HZ
    return level[outside].max() - level.max()


@pytest.mark.parametrize("every", [64, 113, 256, 960, 4800])
@pytest.mark.parametrize("name", ["mix", "output_db", "bypass", "tilt_db_per_octave", "gate_db", "softness_db"])
def test_a_parameter_that_jumps_end_to_end_leaves_a_steady_tone_60_db_clean(name, every):
    assert splatter_db(tilted(), name, every) < -60


def ramped(spec, values):
    """What a reader sees, one value a frame, at 1000 frames a second."""
    table, place = ParameterTable([spec]), aligned(1)
    stage = ramp_stage(table, {spec.name: place.ctypes.data}, FRAME_RATE_HZ)
    seen = []
    for value in values:
        table[spec.name].value = value
        stage.run(place, 1, place)
        seen.append(float(place[0]))
    return np.array(seen)


@pytest.mark.parametrize("time_ms", [10, 30, 50])
def test_a_ramp_goes_95_percent_of_the_way_in_its_time_and_ends_exactly(time_ms):
    seen = ramped(ParameterSpec("amount", "", 0.0, 1.0, 0.0, smoothing_ms=time_ms), [0.0] + [0.7] * 400)
    assert seen[0] == 0.0 and seen[-1] == np.float32(0.7)
    assert np.all(np.diff(seen) >= 0)
    assert seen[time_ms - 2] < 0.95 * 0.7 < seen[time_ms + 2]


@pytest.mark.parametrize(
    ("curve", "half_way"), [("linear", 5010.0), ("log", np.sqrt(20 * 10000.0)), ("exp", 20 + 9980 / 11)]
)
def test_a_ramp_runs_along_its_parameters_curve(curve, half_way):
    low, high = 20.0, 10000.0
    spec = ParameterSpec("cutoff_hz", "Hz", low, high, low, curve=curve)
    up = ramped(spec, [low] + [high] * 300)
    share = ramped(ParameterSpec("share", "", 0.0, 1.0, 0.0), [0.0] + [1.0] * 300)
    at = np.interp(0.5, share, np.arange(len(share)))
    assert np.interp(at, np.arange(len(up)), np.log(up)) == pytest.approx(np.log(half_way), rel=2e-2)
    assert up[-1] == high
