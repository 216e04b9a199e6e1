"""The equalizer as a compiled stage: bells in a row, sample by sample, without latency.

Every :data:`TICK` samples from the start, or more where the ramps are slow, the commands go on to their targets,
and a round of the design says which gains of the bells reach them; between two ticks the gains go there on a grid of
:data:`GRID` samples, and between two points of the grid each coefficient goes straight. All that counts from the start,
whatever the blocks are.

References
----------
A. Simper: "Solving the continuous SVF equations using trapezoidal integration", Cytomic 2013: bell, and the recursion.
"""

from typing import Any

import numpy as np
from numba import njit

from ...buffers.atomics import load_double
from ...buffers.memory import aligned, aligned_copy
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import float_rows
from ...chain.program import STRIDE
from ...control.parameters import ParameterTable
from ...control.smoothing import POLES, approach, coefficient, rest
from .design import qualities, refit, warped

GRID, TICK, RAMP_MS = 16, 32, 50.0
"""Ramps four times as long as this need a fourth of the ticks, each of which is a round of the design."""
START_ROUNDS, DONE_DB = 10, 1e-3
"""Rounds of the design before the first sample; a design that moves no gain by more is done."""

A1, A2, A3, M1 = range(4)

EQUALIZER = Record(
    "Equalizer",
    counts="channels n tick at=0 started=0 moving=0",
    constants="targets:i8[n] qualities:f8[n] warps:f8[n]",
    arrays=(
        f"poles:f8[n,{POLES}] wanted:f8[n] gains:f8[n] from_db:f8[n] to_db:f8[n]"
        " now:f8[n,4] next:f8[n,4] ic1:f8[channels,n] ic2:f8[channels,n] matrix:f8[:,n]"
        f" work:f8[{GRID}] slopes:f8[n,4]"
    ),
    reals="coefficient",
)


@njit(cache=True)
def set_bell(place, gain_db, quality, warp):
    """Coefficients of one bell: a1, a2, a3 and the share of the band-pass in the output."""
    a = 10.0 ** (gain_db / 40.0)
    k = 1.0 / (quality * a)
    place[A1] = 1.0 / (1.0 + warp * (warp + k))
    place[A2] = warp * place[A1]
    place[A3] = warp * place[A2]
    place[M1] = k * (a * a - 1.0)


@njit(cache=True)
def _follow(s):
    """The commands one tick on, and the gains that reach them; whether any bell has to move."""
    rounds, moved = 1 if s.started else START_ROUNDS, 0.0
    for i in range(s.n):
        target = load_double(s.targets[i])
        if not s.started:
            rest(s.poles[i], target)
        s.wanted[i] = approach(s.poles[i], target, s.coefficient)
    for _ in range(rounds):
        moved = refit(s.wanted, s.gains, s.qualities, s.warps, s.matrix)
    return moved


@njit(cache=True)
def _is_at_rest(s):
    """Whether no command is on its way."""
    for i in range(s.n):  # noqa: SIM110 (compiled code has no generators)
        if s.wanted[i] != load_double(s.targets[i]):
            return False
    return True


@njit(cache=True)
def _tick(s):
    """Every `tick` samples: where the bells go until the next one."""
    for i in range(s.n):
        s.from_db[i] = s.to_db[i]
    if not s.started or s.moving or not _is_at_rest(s):
        moved = _follow(s)
        s.moving = moved > DONE_DB or not _is_at_rest(s)
    for i in range(s.n):
        if not s.started or abs(s.gains[i] - s.to_db[i]) > 0.0:
            s.to_db[i] = s.gains[i]
        if not s.started:
            s.from_db[i] = s.to_db[i]
            set_bell(s.next[i], s.to_db[i], s.qualities[i], s.warps[i])
    s.started = 1


@njit(cache=True)
def _grid(s):
    """Every GRID samples: the coefficients at its end, and how they get there."""
    share = (s.at % s.tick + GRID) / s.tick
    for i in range(s.n):
        for k in range(4):
            s.now[i, k] = s.next[i, k]
        if s.from_db[i] != s.to_db[i]:
            gain = s.to_db[i] if share == 1.0 else s.from_db[i] + share * (s.to_db[i] - s.from_db[i])
            set_bell(s.next[i], gain, s.qualities[i], s.warps[i])
        for k in range(4):
            s.slopes[i, k] = (s.next[i, k] - s.now[i, k]) / GRID


@njit(cache=True)
def _sound(s, c, x, out, first, n):
    """`n` samples of channel `c` from `first`, which all lie in one piece of the grid."""
    work, into = s.work, s.at % GRID
    for t in range(n):
        work[t] = x[first + t]
    for i in range(s.n):
        z1, z2 = s.ic1[c, i], s.ic2[c, i]
        d1, d2, d3, dm = s.slopes[i, A1], s.slopes[i, A2], s.slopes[i, A3], s.slopes[i, M1]
        if d1 == 0.0 and d2 == 0.0 and d3 == 0.0 and dm == 0.0:
            a1, a2, a3, m1 = s.now[i, A1], s.now[i, A2], s.now[i, A3], s.now[i, M1]
            for t in range(n):
                v0 = work[t]
                v3 = v0 - z2
                v1 = a1 * z1 + a2 * v3
                v2 = z2 + a2 * z1 + a3 * v3
                z1, z2 = 2.0 * v1 - z1, 2.0 * v2 - z2
                work[t] = v0 + m1 * v1
        else:
            for t in range(n):
                k = into + t + 1
                a1, a2, a3 = s.now[i, A1] + k * d1, s.now[i, A2] + k * d2, s.now[i, A3] + k * d3
                v0 = work[t]
                v3 = v0 - z2
                v1 = a1 * z1 + a2 * v3
                v2 = z2 + a2 * z1 + a3 * v3
                z1, z2 = 2.0 * v1 - z1, 2.0 * v2 - z2
                work[t] = v0 + (s.now[i, M1] + k * dm) * v1
        s.ic1[c, i], s.ic2[c, i] = z1, z2
    for t in range(n):
        out[first + t] = work[t]


@step
def equalize(state, x, n, y):
    """`n` planar float32 samples of each channel → as many, equalized; where all gains are 0, the same to the bit."""
    s = EQUALIZER(state)
    came, go, done = float_rows(x, s.channels, STRIDE), float_rows(y, s.channels, STRIDE), 0
    while done < n:
        if s.at % s.tick == 0:
            _tick(s)
        if s.at % GRID == 0:
            _grid(s)
        piece = min(n - done, GRID - s.at % GRID)
        for c in range(s.channels):
            _sound(s, c, came[c], go[c], done, piece)
        s.at += piece
        done += piece
    return n


def equalizer_stage(table: ParameterTable, centres_hz: dict[str, float], sample_rate: float, channels: int) -> Stage:
    """Bells in a row as an audio stage, no delay, that follow parameters.

    Parameters
    ----------
    table : ParameterTable
    centres_hz : dict of str to float
        Parameter in dB to its bell's centre, in rising order, all below the Nyquist frequency.
    sample_rate : float
        Hz.
    channels : int
    """
    smoothing_ms = table[next(iter(centres_hz))].spec.smoothing_ms
    targets = [table.target_address(name) for name in centres_hz]
    return bells_stage(targets, list(centres_hz.values()), smoothing_ms, sample_rate, channels, (table,))


def bells_stage(
    targets: list[int], centres_hz: list[float], smoothing_ms: float, sample_rate: float, channels: int, keep: tuple
) -> Stage:
    """Bells in a row as an audio stage, no delay; `targets` are addresses of what each is to reach in dB, float64,
    which `keep` keeps alive."""
    n, warps = len(centres_hz), warped(np.array(centres_hz), sample_rate)
    tick = TICK * max(1, int(smoothing_ms / RAMP_MS))
    shapes = {"poles": (n, POLES), "now": (n, 4), "next": (n, 4), "slopes": (n, 4), "matrix": (n + 1, n)}
    shapes |= dict.fromkeys(("wanted", "gains", "from_db", "to_db"), (n,))
    shapes |= dict.fromkeys(("ic1", "ic2"), (channels, n)) | {"work": (GRID,)}
    state: dict[str, Any] = {name: aligned(shape, np.float64) for name, shape in shapes.items()}
    return Stage(
        equalize,
        EQUALIZER,
        keep=keep,
        channels=channels,
        n=n,
        tick=tick,
        targets=aligned_copy(np.array(targets)),
        qualities=aligned_copy(qualities(warps)),
        warps=aligned_copy(warps),
        coefficient=coefficient(smoothing_ms, sample_rate / tick),
        **state,
    )
