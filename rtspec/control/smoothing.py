"""Parameters on their way from target to sound: one-pole ramps, per frame or per sample."""

from math import exp

import numpy as np
from numba import carray, njit

from ..buffers.atomics import load_double
from ..buffers.memory import aligned, doubles, floats, integers, pointer
from ..buffers.step import Stage, step
from .parameters import ParameterTable

SNAP = 1e-5
"""A ramp that has come this close to its target, relative to the larger of 1 and the target, is there: a knob at
rest gives its exact value."""


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


RAMPS = np.dtype([(name, "i8") for name in ("n", "targets", "places", "values", "coefficients", "started")])


@step
def follow(state, x, n, y):
    """Move every parameter one frame on and put it, as float32, where its reader wants it. Starts at the targets."""
    s = carray(pointer(state), 1, RAMPS)[0]
    targets, places = integers(s.targets, s.n), integers(s.places, s.n)
    values, coefficients = doubles(s.values, s.n), doubles(s.coefficients, s.n)
    for i in range(s.n):
        target = load_double(targets[i])
        values[i] = approach(values[i], target, coefficients[i]) if s.started else target
        floats(places[i], 1)[0] = values[i]
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
    return Stage(
        follow,
        RAMPS,
        keep=(table,),
        n=len(places),
        targets=_constant([table.target_address(name) for name in places], np.int64),
        places=_constant(list(places.values()), np.int64),
        coefficients=_constant([coefficient(table[n].spec.smoothing_ms, frame_rate_hz) for n in places], np.float64),
        values=aligned(max(1, len(places)), np.float64),
        started=0,
    )


def _constant(values: list, dtype) -> np.ndarray:
    out = aligned(max(1, len(values)), dtype)
    out[: len(values)] = values
    out.flags.writeable = False
    return out
