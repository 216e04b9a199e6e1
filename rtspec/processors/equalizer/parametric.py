"""Parametric bands as a compiled stage: shelves, bells and cuts in a row, each with its frequency, gain and width.

Every :data:`TICK` samples from the start the parameters go on to their targets; between two ticks each coefficient goes
straight. All that counts from the start, whatever the blocks are. No latency.

References
----------
A. Simper: "Solving the continuous SVF equations using trapezoidal integration", Cytomic 2013: the filters and their
mixes of input, band-pass and low-pass.
"""

from collections.abc import Sequence
from math import pi, tan
from typing import Any

import numpy as np
from numba import njit

from ...buffers.atomics import load_double
from ...buffers.memory import aligned, aligned_copy
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import float_rows
from ...chain.program import STRIDE
from ...control.parameters import ParameterSpec, ParameterTable
from ...control.smoothing import POLES, approach, coefficient, rest
from ...errors import InvalidValue

SHAPES = ("low-cut", "low-shelf", "bell", "high-shelf", "high-cut")
LOW_CUT, LOW_SHELF, BELL, HIGH_SHELF, HIGH_CUT = range(len(SHAPES))
DEFAULT = ("low-shelf", "bell", "bell", "bell", "bell", "high-shelf")
MOST_BANDS = 16

LOWEST_HZ, HIGHEST_HZ = 20.0, 20000.0
LARGEST_DB, NARROWEST, WIDEST, BUTTERWORTH = 24.0, 18.0, 0.1, 0.5**0.5
SMOOTHING_MS = 50.0
TICK = 16
NYQUIST_SHARE = 0.49
"""Of the sample rate: no band lies above."""

HZ, DB, Q = range(3)
A1, A2, A3, M0, M1, M2 = range(6)

PARAMETRIC = Record(
    "Parametric",
    counts="channels n at=0 started=0",
    constants="targets:i8[n,3] shapes:i8[n]",
    arrays=(
        f"poles:f8[n,3,{POLES}] now:f8[n,6] next:f8[n,6] slopes:f8[n,6] ic1:f8[channels,n] ic2:f8[channels,n]"
        f" work:f8[{TICK}]"
    ),
    reals="coefficient sample_rate",
)


@njit(cache=True)
def set_band(place, shape, hz, gain_db, q, sample_rate):
    """Coefficients of one band: a1, a2, a3 and the shares of input, band-pass and low-pass in what comes out."""
    a = 10.0 ** (gain_db / 40.0)
    g, k = tan(pi * min(hz, NYQUIST_SHARE * sample_rate) / sample_rate), 1.0 / q
    m0, m1, m2 = 1.0, 0.0, 0.0
    if shape == LOW_CUT:
        m1, m2 = -k, -1.0
    elif shape == LOW_SHELF:
        g /= np.sqrt(a)
        m1, m2 = k * (a - 1.0), a * a - 1.0
    elif shape == BELL:
        k /= a
        m1 = k * (a * a - 1.0)
    elif shape == HIGH_SHELF:
        g *= np.sqrt(a)
        m0, m1, m2 = a * a, k * (1.0 - a) * a, 1.0 - a * a
    else:
        m0, m2 = 0.0, 1.0
    place[A1] = 1.0 / (1.0 + g * (g + k))
    place[A2] = g * place[A1]
    place[A3] = g * place[A2]
    place[M0], place[M1], place[M2] = m0, m1, m2


@njit(cache=True)
def _tick(s):
    """Every TICK samples: where the coefficients are now, and how they go to the next ones."""
    for i in range(s.n):
        s.now[i, :] = s.next[i]
        moving = not s.started
        for k in range(3):
            target = load_double(s.targets[i, k])
            aim = target if k == DB else np.log(target)
            if not s.started:
                rest(s.poles[i, k], aim)
            if s.poles[i, k, POLES - 1] != aim:
                moving = True
                approach(s.poles[i, k], aim, s.coefficient)
        if moving:
            hz, q = np.exp(s.poles[i, HZ, POLES - 1]), np.exp(s.poles[i, Q, POLES - 1])
            set_band(s.next[i], s.shapes[i], hz, s.poles[i, DB, POLES - 1], q, s.sample_rate)
        if not s.started:
            s.now[i, :] = s.next[i]
        for k in range(6):
            s.slopes[i, k] = (s.next[i, k] - s.now[i, k]) / TICK
    s.started = 1


@njit(cache=True)
def _sound(s, c, x, out, first, n):
    """`n` samples of channel `c` from `first`, which all lie between two ticks."""
    work, into = s.work, s.at % TICK
    for t in range(n):
        work[t] = x[first + t]
    for i in range(s.n):
        z1, z2, now, slope = s.ic1[c, i], s.ic2[c, i], s.now[i], s.slopes[i]
        for t in range(n):
            k = into + t + 1
            v0 = work[t]
            v3 = v0 - z2
            a1, a2, a3 = now[A1] + k * slope[A1], now[A2] + k * slope[A2], now[A3] + k * slope[A3]
            v1 = a1 * z1 + a2 * v3
            v2 = z2 + a2 * z1 + a3 * v3
            z1, z2 = 2.0 * v1 - z1, 2.0 * v2 - z2
            m0, m1, m2 = now[M0] + k * slope[M0], now[M1] + k * slope[M1], now[M2] + k * slope[M2]
            work[t] = m0 * v0 + m1 * v1 + m2 * v2
        s.ic1[c, i], s.ic2[c, i] = z1, z2
    for t in range(n):
        out[first + t] = work[t]


@step
def filter_bands(state, x, n, y):
    """`n` planar float32 samples of each channel → as many, filtered; with all gains at 0 and no cut the same to the
    bit."""
    s = PARAMETRIC(state)
    came, go, done = float_rows(x, s.channels, STRIDE), float_rows(y, s.channels, STRIDE), 0
    while done < n:
        if s.at % TICK == 0:
            _tick(s)
        piece = min(n - done, TICK - s.at % TICK)
        for c in range(s.channels):
            _sound(s, c, came[c], go[c], done, piece)
        s.at += piece
        done += piece
    return n


def check_shapes(shapes: str | Sequence[str]) -> tuple[str, ...]:
    """Shapes of bands, as a list or as words between commas."""
    found = tuple(shapes.split(",") if isinstance(shapes, str) else shapes)
    unknown = [shape for shape in found if shape not in SHAPES]
    if unknown or not 1 <= len(found) <= MOST_BANDS:
        raise InvalidValue(f"shapes={shapes!r} must be 1 to {MOST_BANDS} of {', '.join(SHAPES)}; say bell,high-shelf")
    return found


def band_specs(shapes: tuple[str, ...]) -> list[ParameterSpec]:
    """Frequency, gain (but for cuts) and quality of each band as parameters: ``band_1_hz``, ``band_1_db``,
    ``band_1_q``; by default they lie evenly over the octaves, flat, as Butterworth filters."""
    specs, octaves = [], np.log2(HIGHEST_HZ / LOWEST_HZ)
    for i, shape in enumerate(shapes, 1):
        name, centre = f"band_{i}", round(LOWEST_HZ * 2.0 ** (octaves * i / (len(shapes) + 1)))
        if shape in ("low-cut", "high-cut"):
            centre = LOWEST_HZ if shape == "low-cut" else HIGHEST_HZ
        specs.append(_spec(f"{name}_hz", "Hz", LOWEST_HZ, HIGHEST_HZ, float(centre), f"of the {shape}", "log"))
        if shape not in ("low-cut", "high-cut"):
            specs.append(_spec(f"{name}_db", "dB", -LARGEST_DB, LARGEST_DB, 0.0, f"of the {shape}", "linear"))
        specs.append(_spec(f"{name}_q", "", WIDEST, NARROWEST, BUTTERWORTH, "higher is narrower", "log"))
    return specs


def _spec(name: str, unit: str, low: float, high: float, default: float, text: str, curve: str) -> ParameterSpec:
    return ParameterSpec(name, unit, low, high, default, SMOOTHING_MS, text, curve)


def parametric_stage(table: ParameterTable, shapes: tuple[str, ...], sample_rate: float, channels: int) -> Stage:
    """Bands in a row as an audio stage that follows :func:`band_specs`' parameters; no delay."""
    n, still = len(shapes), aligned(1, np.float64)
    targets = aligned((n, 3), np.int64)
    for i in range(n):
        for k, end in enumerate(("hz", "db", "q")):
            name = f"band_{i + 1}_{end}"
            targets[i, k] = table.target_address(name) if name in table else still.ctypes.data
    sizes = {"poles": (n, 3, POLES), "now": (n, 6), "next": (n, 6), "slopes": (n, 6), "work": (TICK,)}
    sizes |= dict.fromkeys(("ic1", "ic2"), (channels, n))
    state: dict[str, Any] = {name: aligned(size, np.float64) for name, size in sizes.items()}
    return Stage(
        filter_bands,
        PARAMETRIC,
        keep=(table, still),
        channels=channels,
        n=n,
        targets=aligned_copy(targets),
        shapes=aligned_copy(np.array([SHAPES.index(shape) for shape in shapes])),
        coefficient=coefficient(SMOOTHING_MS, sample_rate / TICK),
        sample_rate=float(sample_rate),
        **state,
    )
