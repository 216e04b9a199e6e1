"""One period of a note as a table: partials by one inverse transform, read at any pitch by cubic interpolation."""

import numpy as np
from numba import njit

from ...buffers.memory import aligned
from ...frames.fft import execute
from ...frames.transforms import real_fft
from .levels import N_PARTIALS

TABLE = 2048
"""Samples of a period: 21 for the highest partial, so that cubic reading errs below -60 dB there."""

TABLE_FIELDS = {
    "addresses": "fft fft_plan",
    "constants": f"phases:c8[{N_PARTIALS + 1}]",
    "transformed": f"spectrum:c8[{TABLE // 2 + 1}]",
}
_MASK = TABLE - 1
_TOP = 0.45
"""Share of the sample rate from which on partials are left out."""


def partial_phases() -> np.ndarray:
    """A phase for each partial, the same for all notes, complex64 of shape (N_PARTIALS + 1,): without it a note would
    be a train of pulses."""
    turns = np.random.default_rng(7).uniform(0.0, 1.0, N_PARTIALS + 1)
    phases = np.exp(2j * np.pi * turns).astype(np.complex64)
    phases.flags.writeable = False
    return phases


def table_fields() -> dict:
    """What a stage's record needs to make tables."""
    fft, plan = real_fft(TABLE).inverse
    spectrum = aligned(TABLE // 2 + 1, np.complex64)
    return {"spectrum": spectrum, "phases": partial_phases(), "fft": fft, "fft_plan": plan}


@njit
def fill_table(s, amplitudes, frequency_hz, table):
    """Write a period of these partials (N_PARTIALS float32 or more) into a table of TABLE samples."""
    spectrum, phases = s.spectrum, s.phases
    for k in range(TABLE // 2 + 1):
        spectrum[k] = 0.0
    for k in range(1, N_PARTIALS + 1):
        if k * frequency_hz < _TOP * s.sample_rate:
            spectrum[k] = phases[k] * np.float32(0.5) * amplitudes[k - 1]
    execute(s.fft, s.fft_plan, s.spectrum, table)


@njit(inline="always")
def read_tables(first, second, share, phase):
    """The sample at `phase` (0 to 1) of two tables mixed, `share` of the second; cubic Lagrange interpolation."""
    place = phase * TABLE
    i = int(place)
    f = np.float32(place - i)
    a, b, c, d = (i - 1) & _MASK, i & _MASK, (i + 1) & _MASK, (i + 2) & _MASK
    before, after = f + np.float32(1.0), f - np.float32(1.0)
    beyond = f - np.float32(2.0)
    wa = f * after * beyond * np.float32(-1.0 / 6.0)
    wb = before * after * beyond * np.float32(0.5)
    wc = before * f * beyond * np.float32(-0.5)
    wd = before * f * after * np.float32(1.0 / 6.0)
    one = wa * first[a] + wb * first[b] + wc * first[c] + wd * first[d]
    two = wa * second[a] + wb * second[b] + wc * second[c] + wd * second[d]
    return one + share * (two - one)
