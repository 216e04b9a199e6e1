"""The last stage of every processor: dry sound, delayed to match, mixed in; level; a guard against non-finite
samples."""

import numpy as np
from numba import njit

from ..buffers.atomics import load_double
from ..buffers.memory import aligned
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import float_rows
from ..control.parameters import ParameterSpec, ParameterTable
from ..control.smoothing import POLES, approach, coefficient, lies_at, rest
from .program import MAX_BLOCK, STRIDE

MIX_PARAMETERS = [
    ParameterSpec(
        "mix", "", 0.0, 1.0, 1.0, description="share of the processed sound; the rest is the input, delayed to match"
    ),
    ParameterSpec("output_db", "dB", -60.0, 24.0, 0.0, description="level of the output", role="channel.volume"),
    ParameterSpec("bypass", "", 0.0, 1.0, 0.0, curve="switch", description="1: the input alone, delayed to match"),
]

MIXER = Record(
    "Mixer",
    counts="channels lag at=0 started=0 concealed=0",
    addresses="mix_target level_target bypass_target",
    arrays=f"line:f4[channels,max(1,lag)] mix:f8[{POLES}] gain:f8[{POLES}] mixes:f8[{MAX_BLOCK}] gains:f8[{MAX_BLOCK}]",
    shared=f"dry:f4[channels,{STRIDE}]",
    reals="coefficient",
)


@njit
def _ramp(poles, target, coefficient, curve, n, started):
    """A parameter's way through a block: `n` float64 of `curve`."""
    if not started:
        rest(poles, target)
    if lies_at(poles, target):  # nearly always: 48 clock cycles a sample less
        for i in range(n):
            curve[i] = target
        return
    for i in range(n):
        curve[i] = approach(poles, target, coefficient)


@njit
def _mix_channel(dry, wet, line, at, lag, out, n, mixes, gains):
    """One channel of a block; returns where the delay line is and how many samples were not finite."""
    concealed = 0
    for i in range(n):
        sample = dry[i]
        if lag > 0:
            sample, line[at] = line[at], sample
            at = at + 1 if at + 1 < lag else 0
        processed = wet[i]
        if not np.isfinite(processed):
            processed = np.float32(0.0)
            concealed += 1
        mix, gain = mixes[i], gains[i]
        out[i] = gain * (mix * processed + (1.0 - mix) * sample) if mix < 1.0 else gain * processed
    return at, concealed


@step
def mix_and_level(state, x, n, y):
    """`n` processed samples at `x`, the dry ones at the state's `dry` → `n` mixed samples (planar float32)."""
    s = MIXER(state)
    active = 1.0 - load_double(s.bypass_target)
    gain = 1.0 + active * (10.0 ** (load_double(s.level_target) / 20.0) - 1.0)
    _ramp(s.mix, active * load_double(s.mix_target), s.coefficient, s.mixes, n, s.started)
    _ramp(s.gain, gain, s.coefficient, s.gains, n, s.started)
    wet, out, at, s.started = float_rows(x, s.channels, STRIDE), float_rows(y, s.channels, STRIDE), s.at, 1
    for c in range(s.channels):
        at, concealed = _mix_channel(s.dry[c], wet[c], s.line[c], s.at, s.lag, out[c], n, s.mixes, s.gains)
        s.concealed += concealed
    s.at = at
    return n


def mix_stage(table: ParameterTable, dry: np.ndarray, delay: int, sample_rate: float) -> Stage:
    """Mix and level as a stage: the dry audio at `dry`, float32 (channels, STRIDE), is delayed by `delay` samples
    to meet the wet."""
    channels = len(dry)
    return Stage(
        mix_and_level,
        MIXER,
        keep=(table,),
        channels=channels,
        lag=delay,
        line=aligned((channels, max(1, delay))),
        dry=dry,
        mix_target=table.target_address("mix"),
        level_target=table.target_address("output_db"),
        bypass_target=table.target_address("bypass"),
        mix=aligned(POLES, np.float64),
        gain=aligned(POLES, np.float64),
        mixes=aligned(MAX_BLOCK, np.float64),
        gains=aligned(MAX_BLOCK, np.float64),
        coefficient=coefficient(MIX_PARAMETERS[0].smoothing_ms, sample_rate),
    )
