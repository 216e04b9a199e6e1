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
