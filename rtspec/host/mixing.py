"""The last stage of every processor: dry sound, delayed to match, mixed in; level; a guard against non-finite
samples."""

import numpy as np
from numba import carray, njit

from ..buffers.atomics import load_double
from ..buffers.memory import aligned, floats, pointer
from ..buffers.step import Stage, step
from ..control.parameters import ParameterSpec, ParameterTable
from ..control.smoothing import approach, coefficient
from .program import STRIDE

MIX_PARAMETERS = [
    ParameterSpec(
        "mix", "", 0.0, 1.0, 1.0, description="share of the processed sound; the rest is the input, delayed to match"
    ),
    ParameterSpec("output_db", "dB", -60.0, 24.0, 0.0, description="level of the output"),
]

MIXER = np.dtype(
    [(n, "i8") for n in ("channels", "lag", "at", "line", "dry", "mix_target", "level_target", "started", "concealed")]
    + [(n, "f8") for n in ("mix", "gain", "coefficient")]
)


@njit
def _mix_channel(dry, wet, line, at, out, n, s, mix, gain, target_mix, target_gain):
    """One channel of a block; returns where the ramps arrive and how many samples were not finite."""
    concealed = 0
    for i in range(n):
        mix = approach(mix, target_mix, s.coefficient)
        gain = approach(gain, target_gain, s.coefficient)
        sample = dry[i]
        if s.lag > 0:
            sample, line[at] = line[at], sample
            at = at + 1 if at + 1 < s.lag else 0
        processed = wet[i]
        if not np.isfinite(processed):
            processed = np.float32(0.0)
            concealed += 1
        out[i] = gain * (mix * processed + (1.0 - mix) * sample) if mix < 1.0 else gain * processed
    return mix, gain, at, concealed


@step
def mix_and_level(state, x, n, y):
    """`n` processed samples at `x`, the dry ones at the state's `dry` → `n` mixed samples (planar float32)."""
    s = carray(pointer(state), 1, MIXER)[0]
    target_mix, target_gain = load_double(s.mix_target), 10.0 ** (load_double(s.level_target) / 20.0)
    if not s.started:
        s.mix, s.gain, s.started = target_mix, target_gain, 1
    mix, gain, at = s.mix, s.gain, s.at
    for c in range(s.channels):
        offset = 4 * c * STRIDE
        line = floats(s.line + 4 * c * s.lag, max(1, s.lag))
        dry, wet, out = floats(s.dry + offset, n), floats(x + offset, n), floats(y + offset, n)
        mix, gain, at, concealed = _mix_channel(dry, wet, line, s.at, out, n, s, s.mix, s.gain, target_mix, target_gain)
        s.concealed += concealed
    s.mix, s.gain, s.at = mix, gain, at
    return n


def mix_stage(table: ParameterTable, dry: np.ndarray, delay: int, sample_rate: float) -> Stage:
    """Mix and level as a stage: the dry audio at `dry` (channels, STRIDE) is delayed by `delay` samples to meet the
    wet."""
    channels = len(dry)
    return Stage(
        mix_and_level,
        MIXER,
        keep=(table, dry),
        channels=channels,
        lag=delay,
        line=aligned((channels, max(1, delay))),
        dry=dry.ctypes.data,
        mix_target=table.target_address("mix"),
        level_target=table.target_address("output_db"),
        coefficient=coefficient(MIX_PARAMETERS[0].smoothing_ms, sample_rate),
    )
