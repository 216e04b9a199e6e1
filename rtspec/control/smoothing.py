"""Parameters on their way from target to sound: one-pole ramps, per frame or per sample."""

from math import exp

import numpy as np
from numba import carray, njit

from ..buffers.atomics import load_double
from ..buffers.memory import address, aligned, doubles, floats, pointer
from ..buffers.step import Stage, step
from .parameters import ParameterTable

SNAP = 1e-5
"""A ramp that has come this close to its target, relative to the larger of 1 and the target, is there: so a still knob costs nothing and
gives the exact value."""


@njit(inline="always")
def approach(value, target, coefficient):
    """One step of a one-pole ramp from `value` to `target`."""
    distance = target - value
    if abs(distance) <= SNAP * max(1.0, abs(target)):
        return target
    return value + coefficient * distance


def coefficient(time_ms: float, rate_hz: float) -> float:
    """The share of the distance that a one-pole ramp with time constant `time_ms` goes in one step at `rate_hz`."""
    return 1.0 - exp(-1000.0 / (time_ms * rate_hz))


RAMPS = np.dtype([(name, "i8") for name in ("n", "targets", "values", "coefficients", "started")])


@step
def follow(state, x, n, y):
    """Move every parameter one frame on; `y` gets them as float32. Starts at the targets."""
    s = carray(pointer(state), 1, RAMPS)[0]
    values, coefficients, out = doubles(s.values, s.n), doubles(s.coefficients, s.n), floats(y, s.n)
    for i in range(s.n):
        target = load_double(s.targets + 8 * i)
        values[i] = approach(values[i], target, coefficients[i]) if s.started else target
        out[i] = values[i]
    s.started = 1
    return n


def ramp_stage(table: ParameterTable, names: list[str], frame_rate_hz: float) -> Stage:
    """Smoothed values of consecutive parameters of a table as a stage: (ignored) → (n_parameters,) float32, once a frame."""
    coefficients = aligned(max(1, len(names)), np.float64)
    coefficients[: len(names)] = [coefficient(table[name].spec.smoothing_ms, frame_rate_hz) for name in names]
    coefficients.flags.writeable = False
    targets = table.target_address(names[0]) if names else address(table.targets)
    values = aligned(max(1, len(names)), np.float64)
    return Stage(
        follow, RAMPS, keep=(table,), n=len(names), targets=targets, values=values, coefficients=coefficients, started=0
    )
