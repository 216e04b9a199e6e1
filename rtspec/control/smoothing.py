"""Parameters on their way from target to sound: ramps of several poles, per frame or per sample, along each parameter's
own curve.

One pole leaves a kink where a ramp begins, which is heard as a zip when a knob moves in steps. Four in a row have none:
a level that jumps end to end at any rate stays 60 dB clean from 200 Hz beside the tone on, within 30 ms.
"""

from math import exp

import numpy as np
from numba import njit

from ..buffers.atomics import load_double
from ..buffers.memory import aligned
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import floats
from .curves import logarithm_offset
from .parameters import ParameterSpec, ParameterTable

POLES = 4
"""One-pole ramps in a row."""

SETTLED = 7.7537
"""Time constants in which that many poles go 95 % of the way: 1 - exp(-x)(1 + x + x²/2 + x³/6) = 0.95."""

SNAP = 1e-5
"""A ramp that has come this close to its target, relative to the larger of 1 and the target, is there: a knob at
rest gives its exact value."""


@njit(inline="always")
def rest(poles, value):
    """Let a ramp lie at `value`."""
    for k in range(POLES):
        poles[k] = value


@njit
def lies_at(poles, value):
    """Whether a ramp rests there: no step towards it would move it."""
    moves = False
    for k in range(POLES):
        moves |= poles[k] != value
    return not moves


@njit(inline="always")
def approach(poles, target, coefficient):
    """One step of a ramp to `target`; `poles`, float64 of shape (POLES,), is where it is. Returns the last of them."""
    slack, distance, aim = SNAP * max(1.0, abs(target)), 0.0, target
    for k in range(POLES):
        poles[k] += coefficient * (aim - poles[k])
        aim = poles[k]
        distance = max(distance, abs(target - aim))
    if distance <= slack:
        rest(poles, target)
    return poles[POLES - 1]


def coefficient(time_ms: float, rate_hz: float) -> float:
    """The share of the distance that each pole goes in one step at `rate_hz`, for 95 % of the way in `time_ms`."""
    return 1.0 - exp(-1000.0 * SETTLED / (time_ms * rate_hz))


RAMPS = Record(
    "Ramps",
    counts="n started=0",
    constants="targets:i8[max(1,n)] places:i8[max(1,n)] coefficients:f8[max(1,n)] offsets:f8[max(1,n)]",
    arrays=f"poles:f8[max(1,n),{POLES}]",
)


@step
def follow(state, x, n, y):
    """Move every parameter one frame on and put it, as float32, where its reader wants it. Starts at the targets."""
    s = RAMPS(state)
    targets, places, offsets, coefficients = s.targets, s.places, s.offsets, s.coefficients
    for i in range(s.n):
        poles = s.poles[i]
        target = load_double(targets[i])
        logarithmic = np.isfinite(offsets[i])
        aim = np.log(target + offsets[i]) if logarithmic else target
        if not s.started:
            rest(poles, aim)
        value = approach(poles, aim, coefficients[i])
        if value == aim:
            value = target
        elif logarithmic:
            value = np.exp(value) - offsets[i]
        floats(places[i], 1)[0] = value
    s.started = 1
    return n


def ramp_stage(table: ParameterTable, places: dict[str, int], frame_rate_hz: float) -> Stage:
    """Smoothed parameters as a stage that runs once a frame.

    Parameters
    ----------
    table : ParameterTable
    places : dict of str to int
        Parameter name to the address of the float32 that it moves.
    frame_rate_hz : float
    """
    specs = [table[name].spec for name in places]
    return Stage(
        follow,
        RAMPS,
        keep=(table,),
        n=len(places),
        targets=_constant([table.target_address(name) for name in places], np.int64),
        places=_constant(list(places.values()), np.int64),
        coefficients=_constant([coefficient(spec.smoothing_ms, frame_rate_hz) for spec in specs], np.float64),
        offsets=_constant([_offset(spec) for spec in specs], np.float64),
        poles=aligned((max(1, len(places)), POLES), np.float64),
    )


def _offset(spec: ParameterSpec) -> float:
    """What is added to a value before its logarithm is ramped; infinite where the value itself is."""
    offset = logarithm_offset(spec.curve, spec.minimum, spec.maximum)
    return float("inf") if offset is None else offset


def _constant(values: list, dtype) -> np.ndarray:
    out = aligned(max(1, len(values)), dtype)
    out[: len(values)] = values
    out.flags.writeable = False
    return out
