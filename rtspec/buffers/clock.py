"""Time for compiled code: monotonic nanoseconds, sleep until a moment, and histograms of durations."""

import numpy as np
from numba import njit, types

from .memory import address, aligned, integers

clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.int64))
clock_nanosleep = types.ExternalFunction(
    "clock_nanosleep", types.int32(types.int32, types.int32, types.int64, types.int64)
)
_MONOTONIC, _ABSOLUTE = 1, 1
_SECOND_NS = 1_000_000_000

MARKS, REST_NS = 8, 20_000_000
"""Periods by whose moments the beginning of one is told; those that lie further off than this, and further than a
period, are of before the device's rest."""

BINS = 20000
"""Histogram bins of 1 µs; the last one takes all that is longer."""


@njit(inline="always")
def now_ns(timespec):
    """Monotonic nanoseconds; `timespec` is the address of two int64 to work in."""
    clock_gettime(_MONOTONIC, timespec)
    parts = integers(timespec, 2)
    return parts[0] * _SECOND_NS + parts[1]


@njit
def sleep_until_ns(moment, timespec):
    """Sleep until the monotonic clock shows `moment` nanoseconds."""
    parts = integers(timespec, 2)
    parts[0], parts[1] = moment // _SECOND_NS, moment % _SECOND_NS
    clock_nanosleep(_MONOTONIC, _ABSOLUTE, timespec, 0)


@njit
def period_began(marks, at, frames, now, ns_a_frame, n):
    """When the period of `n` frames that is seen at `now` began, ns: a thread may be late and never early, so the
    earliest of the last :data:`MARKS` tells. (A server's own clock of frames is off by an xrun's length for seconds.)

    `marks` is the address of as many pairs of int64 for this alone, `at` the period's number, `frames` how many came
    in those before it.
    """
    own = integers(marks + 16 * (at % MARKS), 2)
    own[0], own[1] = frames, now
    began, rest = now, max(REST_NS, np.int64(n * ns_a_frame))
    for i in range(min(at + 1, MARKS)):
        other = integers(marks + 16 * i, 2)
        then = other[1] + np.int64((frames - other[0]) * ns_a_frame)
        if then > now - rest:
            began = min(began, then)
    return began


@njit(inline="always")
def note_duration(histogram, duration_ns):
    """Count a duration; `histogram` is the address of BINS + 1 int64, the last of which keeps the maximum in ns."""
    bins = integers(histogram, BINS + 1)
    bins[min(duration_ns // 1000, BINS - 1)] += 1
    bins[BINS] = max(bins[BINS], duration_ns)


class Histogram:
    """Durations that compiled code counts, read by Python at any time."""

    def __init__(self):
        self._bins = aligned(BINS + 1, np.int64)
        self.address = address(self._bins)

    def summary_us(self) -> dict[str, float]:
        """Median, 99th percentile (upper edge of the 1 µs bin) and maximum, µs; zeros where nothing was counted."""
        counts = np.cumsum(self._bins[:BINS])
        if counts[-1] == 0:
            return {"p50": 0.0, "p99": 0.0, "max": 0.0}
        at = [int(np.searchsorted(counts, share * counts[-1])) + 1 for share in (0.5, 0.99)]
        return {"p50": float(at[0]), "p99": float(at[1]), "max": round(float(self._bins[BINS]) / 1000.0, 1)}
