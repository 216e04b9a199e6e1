"""All partials of a note at once: Σ a_k e^{iφ_k} z^k at z = e^{2πi·phase}, by Horner's rule, many samples side by side.

That is exact at any pitch, where a table would have to be transformed anew each hop and read between its samples; and a
sample's arithmetic is the same wherever in a block it lies, since blocks of :data:`SPAN` are made whole.
"""

import numpy as np
from numba import njit

from ...buffers.arithmetic import kernel
from ...buffers.memory import aligned, aligned_copy
from ...phase.arithmetic import ZERO, cosine_sine, f32
from .levels import N_PARTIALS

SPAN = 32
"""Samples at a time, at most."""

SHEET = 2 * N_PARTIALS + 1
"""float32 of what a note consists of at one moment: real parts, imaginary parts, and how many of them are not 0."""

OSCILLATOR_FIELDS = {
    "constants": f"phases:c8[{N_PARTIALS}]",
    "arrays": f"turns:f4[{SPAN}] shares:f4[{SPAN}] gains:f4[{SPAN}] waves:f4[4,{SPAN}]",
}
"""Of each sample: its phase in turns, how much of the second sheet there is, and its gain."""

_TOP = 0.45
"""Share of the sample rate from which on partials are left out."""


def oscillator_fields() -> dict[str, np.ndarray]:
    """What a stage's record needs to sound partials. Arrays by field name: `phases` complex64 of shape (N_PARTIALS,),
    the others float32 of shape (SPAN,), `waves` (4, SPAN)."""
    single = {name: aligned(SPAN) for name in ("turns", "shares", "gains")}
    return {"phases": partial_phases(), "waves": aligned((4, SPAN)), **single}


def partial_phases() -> np.ndarray:
    """A phase for each partial, the same for all notes, complex64 of shape (N_PARTIALS,): without it a note would be a
    train of pulses."""
    turns = np.random.default_rng(7).uniform(0.0, 1.0, N_PARTIALS + 1)[1:]
    phases = aligned_copy(np.exp(2j * np.pi * turns).astype(np.complex64))
    phases.flags.writeable = False
    return phases


@njit
def fill_sheet(s, amplitudes, frequency_hz, sheet):
    """Write these partials (N_PARTIALS float32 or more) into a sheet."""
    phases, n = s.phases, 0
    for k in range(N_PARTIALS):
        amplitude = amplitudes[k] if (k + 1) * frequency_hz < _TOP * s.sample_rate else f32(0.0)
        sheet[k], sheet[N_PARTIALS + k] = amplitude * phases[k].real, amplitude * phases[k].imag
        n = k + 1 if amplitude != f32(0.0) else n
    sheet[2 * N_PARTIALS] = n


@njit
def meet_half_way(first, second):
    """Bring the second sheet half the way back to the first: what is told for two hops goes evenly through both."""
    for k in range(2 * N_PARTIALS):
        second[k] = f32(0.5) * (first[k] + second[k])
    second[2 * N_PARTIALS] = max(first[2 * N_PARTIALS], second[2 * N_PARTIALS])


@njit(inline="always")
def place_sample(s, j, phase, share, gain):
    """Say of sample `j` where in its period it lies (0 to 1), how much of the second sheet it has, and its gain."""
    s.turns[j], s.shares[j], s.gains[j] = f32(phase), f32(share), f32(gain)


@kernel
def _polynomial(first, second, turns, shares, gains, waves):
    """Samples to the third of `waves`. The inner loop is no function of its own: a call takes as long as it does."""
    x, y, real, imaginary = waves[0], waves[1], waves[2], waves[3]
    for j in range(SPAN):
        x[j], y[j] = cosine_sine(turns[j])
        real[j] = imaginary[j] = ZERO
    for k in range(int(max(first[2 * N_PARTIALS], second[2 * N_PARTIALS])) - 1, -1, -1):
        a, b = first[k], first[N_PARTIALS + k]
        to_a, to_b = second[k] - a, second[N_PARTIALS + k] - b
        for j in range(SPAN):
            turned = real[j] * x[j] - imaginary[j] * y[j]
            imaginary[j] = real[j] * y[j] + imaginary[j] * x[j] + (b + shares[j] * to_b)
            real[j] = turned + (a + shares[j] * to_a)
    for j in range(SPAN):
        real[j] = gains[j] * (real[j] * x[j] - imaginary[j] * y[j])


@njit
def add_samples(s, first, second, out):
    """Add the samples that were placed, SPAN at most, to `out`: two sheets mixed by their shares."""
    _polynomial(first, second, s.turns, s.shares, s.gains, s.waves)
    sound = s.waves[2]
    for j in range(len(out)):
        out[j] += sound[j]
