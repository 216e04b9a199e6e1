"""The sensor's part of a callback: channels of the same device, a prepared sound, a file, or another device, whose
clock is not this one's.

Another device's frames come by a ring. They are read a little faster or slower than they are counted, so that as many
lie there as at the start: the two clocks may differ by some parts in a thousand. What is read between two frames is
interpolated by a cubic through four.
"""

import numba
import numpy as np
from numba import carray, njit, types

from ..buffers.memory import aligned, floats, integers, memset, pointer
from ..buffers.ring import Ring, readable, take, write

CUBIC = 4
DRIFT, PULL, MEAN = 0.005, 0.1, 0.01
"""The most by which the two clocks may differ; the share of a missing fill that is made good in a second of it; how
fast the fill's mean follows."""

SENSING = np.dtype([(name, "i8") for name in ("ring", "sensors", "lost")])
"""What the other device's callback writes to, and frames that did not fit."""


@njit
def _from_memory(s, n):
    frames = floats(s.staged_sensor, n * s.sensors)
    for i in range(n):
        at = s.source_at + i
        at = at % s.sensor_frames if s.loop else at
        for c in range(s.sensors):
            inside = at < s.sensor_frames
            frames[i * s.sensors + c] = (
                floats(s.sensor_source + 4 * at * s.sensors, s.sensors)[c] if inside else np.float32(0.0)
            )


@njit
def _from_file(s, n):
    """What was read of a file; where the disk is late there is silence, counted as all unread frames are."""
    taken = take(s.sensor_ring, s.staged_sensor, n)
    memset(s.staged_sensor + 4 * taken * s.sensors, 0, 4 * (n - taken) * s.sensors)
    s.unheard_frames += n - taken if s.loop else max(0, min(n, s.sensor_frames - s.source_at) - taken)


@njit
def _between(a, b, c, d, t):
    """The cubic through four values, at `t` from the second to the third (Catmull and Rom)."""
    return b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))


@njit
def _from_device(s, n):
    frames, held = floats(s.staged_sensor, n * s.sensors), floats(s.sensor_held, CUBIC * s.sensors)
    there = readable(s.sensor_ring)
    if s.sensor_flows == 0:
        s.sensor_flows = 1 if there >= s.sensor_fill else 0
        s.sensor_mean = there
    s.sensor_mean += MEAN * (there - s.sensor_mean)
    pull = PULL * (s.sensor_mean - s.sensor_fill) / s.sensor_fill * DRIFT
    step = s.sensor_step * (1.0 + min(DRIFT, max(-DRIFT, pull)))
    for i in range(n):
        s.sensor_at += step if s.sensor_flows else 0.0
        while s.sensor_at >= 1.0 and s.sensor_flows:
            for k in range((CUBIC - 1) * s.sensors):
                held[k] = held[k + s.sensors]
            if take(s.sensor_ring, s.sensor_held + 4 * (CUBIC - 1) * s.sensors, np.int64(1)) == 0:
                s.sensor_flows, s.sensor_at = 0, 0.0
            else:
                s.sensor_at -= 1.0
        if s.sensor_flows == 0:
            s.unheard_frames += 1
        for c in range(s.sensors):
            around = held[c], held[s.sensors + c], held[2 * s.sensors + c], held[3 * s.sensors + c]
            frames[i * s.sensors + c] = (
                np.float32(_between(*around, s.sensor_at)) if s.sensor_flows else np.float32(0.0)
            )


@njit
def gather_sensor(s, device, n):
    """Stage `n` frames of the sensor."""
    if s.sensor_step > 0.0:
        _from_device(s, n)
    elif s.sensor_ring != 0:
        _from_file(s, n)
    elif s.sensor_source != 0:
        _from_memory(s, n)
    elif device == 0 or s.device_inputs == 0:
        memset(s.staged_sensor, 0, 4 * n * s.sensors)
    else:
        frames, samples = floats(s.staged_sensor, n * s.sensors), floats(device, n * s.device_inputs)
        places = integers(s.sensor_map, s.sensors)
        for i in range(n):
            for c in range(s.sensors):
                frames[i * s.sensors + c] = samples[i * s.device_inputs + places[c]]


def _sense(device_in, device_out, n, time_info, flags, state):
    s = carray(pointer(np.int64(state)), 1, SENSING)[0]
    if device_in != 0:
        s.lost += np.int64(n) - write(s.ring, np.int64(device_in), np.int64(n))
    return np.int32(0)


def sensing_callback():
    """The other device's compiled callback, its `userdata` being the address of a record :data:`SENSING`."""
    place = types.intp
    signature = types.int32(place, place, types.uint64, place, types.uint64, place)
    return numba.cfunc(signature, cache=True, error_model="numpy")(_sense)


def sensing_record(ring: Ring) -> np.ndarray:
    """What that callback works on; keep it while it may be called. A record array of dtype SENSING, shape (1,)."""
    record = aligned(1, SENSING)
    record["ring"], record["sensors"] = ring.address, ring.channels
    return record
