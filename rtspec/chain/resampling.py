"""Play a processor at another sample rate than its own: exact rational resampling around its stages, with a whole
delay.

With inner rate / outer rate = L / M in lowest terms, inner sample j lies at outer time j·M/L. The way in computes
each inner sample as soon as `reach` outer samples beyond that time are there; the way out evaluates the processed
sound at the inner times (k - delay)·L/M + inner_delay for outer samples k. All these times are multiples of 1/L or
1/M, so a table of filter phases is exact and the total delay is a whole number of outer samples.
"""

from fractions import Fraction
from math import ceil, gcd

import numpy as np
from numba import njit

from ..buffers.memory import aligned, aligned_copy
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import copy, float_rows, part
from ..errors import InvalidValue
from .program import STRIDE

ZERO_CROSSINGS = 32
"""Of the windowed sinc on each side, at the lower of the two rates: pass-band to about 92 % of its Nyquist
frequency."""

KAISER_BETA = 10.0
"""Stop-band below -100 dB."""

MAX_PHASES = 2000
MAX_RATIO = 6

CONVERSION = Record(
    "Conversion",
    counts="channels up down reach n_held capacity next is_exit",
    arrays="held:f4[channels,capacity]",
    constants="phases:f4[up,2*reach]",
    shared="count:i8[1]",
)


@njit(fastmath={"reassoc", "contract"})
def _evaluate(a, b, n):
    """The dot product of `n` float32, in sums side by side: always the same ones."""
    total = np.float32(0.0)
    for i in range(n):
        total += a[i] * b[i]
    return total


@njit
def _keep(s, x, n):
    """Append `n` new samples of every channel to the held ones."""
    came = float_rows(x, s.channels, STRIDE)
    for c in range(s.channels):
        copy(part(s.held[c], s.n_held, n), came[c])
    s.n_held += n


@njit
def _drop(s, n):
    """Forget the `n` oldest held samples of every channel."""
    for c in range(s.channels):
        copy(part(s.held[c], 0, s.n_held - n), part(s.held[c], n, s.n_held - n))
    s.n_held -= n


@step
def convert(state, x, n, y):
    """Resample `n` planar samples; gives as many as there are inputs for, or on the way out as many as once came in.

    `next` is the time of the next output in units of 1/up input samples, counted from the first held sample.
    """
    s = CONVERSION(state)
    out, count, taps = float_rows(y, s.channels, STRIDE), s.count, 2 * s.reach
    if not s.is_exit:
        count[0] = n
    _keep(s, x, n)
    done = 0
    while s.next // s.up + taps <= s.n_held and not (s.is_exit and done == count[0]):
        first, phase = s.next // s.up, s.next % s.up
        for c in range(s.channels):
            out[c, done] = _evaluate(part(s.held[c], first, taps), s.phases[phase], taps)
        s.next += s.down
        done += 1
    used = min(s.next // s.up, s.n_held)
    _drop(s, used)
    s.next -= used * s.up
    return done


class Resampling:
    """The way into and out of an inner sample rate.

    Parameters
    ----------
    outer_hz, inner_hz : int
        Rates, Hz; their ratio at most 6 and not too odd.
    inner_delay : int
        Delay of what runs inside, inner samples.

    Attributes
    ----------
    delay : int
        From outer input to outer output, outer samples, all included.
    """

    def __init__(self, outer_hz: int, inner_hz: int, inner_delay: int):
        common = gcd(outer_hz, inner_hz)
        self.up, self.down = inner_hz // common, outer_hz // common
        if max(self.up, self.down) > MAX_PHASES or not 1 / MAX_RATIO <= self.up / self.down <= MAX_RATIO:
            raise InvalidValue(
                f"sample_rate={outer_hz} cannot be resampled to the model's {inner_hz} Hz;"
                f" use {inner_hz} Hz or a common rate"
            )
        self.reach_in = ceil(ZERO_CROSSINGS * max(1.0, self.down / self.up))
        self.reach_out = ceil(ZERO_CROSSINGS * max(1.0, self.up / self.down))
        ratio = Fraction(self.down, self.up)
        self.delay = ceil((inner_delay + self.reach_out + 1) * ratio) + self.reach_in + 1
        # Inner time of outer sample 0 on the way out, in 1/down inner samples: (0 - delay)·L/M + inner_delay.
        self._exit_time = inner_delay * self.down - self.delay * self.up
        self._count = aligned(1, np.int64)

    def entry_stage(self, channels: int) -> Stage:
        """Outer → inner: planar float32, fewer or more samples out than in."""
        return self._stage(channels, self.up, self.down, self.reach_in, 0, is_exit=False)

    def exit_stage(self, channels: int) -> Stage:
        """Inner → outer: planar float32, as many samples out as the entry got in."""
        return self._stage(channels, self.down, self.up, self.reach_out, self._exit_time, is_exit=True)

    def _stage(self, channels: int, up: int, down: int, reach: int, first_time: int, *, is_exit: bool) -> Stage:
        # The filter for time t uses the samples floor(t) - reach + 1 … floor(t) + reach; zeros stand for those
        # before the start.
        ahead = max(0, -(first_time // up)) + reach - 1
        capacity = ahead + STRIDE + 2 * reach
        return Stage(
            convert,
            CONVERSION,
            channels=channels,
            up=up,
            down=down,
            reach=reach,
            phases=_filter_phases(up, down, reach),
            held=aligned((channels, capacity)),
            n_held=ahead,
            capacity=capacity,
            next=first_time + (ahead - reach + 1) * up,
            count=self._count,
            is_exit=is_exit,
        )


def _filter_phases(up: int, down: int, reach: int) -> np.ndarray:
    """Windowed-sinc taps for every fraction p/up, read-only float32 of shape (up, 2·reach), each row with unit sum."""
    cutoff = min(1.0, up / down)
    distance = np.arange(1 - reach, reach + 1)[np.newaxis] - np.arange(up)[:, np.newaxis] / up
    inside = np.clip(1.0 - (distance / reach) ** 2, 0.0, None)
    taps = np.sinc(distance * cutoff) * np.i0(KAISER_BETA * np.sqrt(inside))
    out = aligned_copy(taps / taps.sum(axis=1, keepdims=True), np.float32)
    out.flags.writeable = False
    return out
