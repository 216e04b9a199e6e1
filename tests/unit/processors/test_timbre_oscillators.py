"""All partials of a note by one polynomial: what a sum of cosines gives, and each sample by itself."""

import numpy as np
import pytest
from numba import njit

from rtspec.buffers.memory import aligned
from rtspec.buffers.record import Record
from rtspec.processors.timbre.levels import N_PARTIALS
from rtspec.processors.timbre.oscillators import (
    OSCILLATOR_FIELDS,
    SHEET,
    SPAN,
    add_samples,
    fill_sheet,
    oscillator_fields,
    partial_phases,
    place_sample,
)

RATE = 48000
NOTE = Record("Note", OSCILLATOR_FIELDS, arrays=f"sheets:f4[2,{SHEET}]", reals="sample_rate")


@njit
def _sound(place, amplitudes, hz, samples, out):
    s = NOTE(place)
    for i in range(2):
        fill_sheet(s, amplitudes[i], hz, s.sheets[i])
    for j in range(len(out)):
        place_sample(s, j, samples[j, 0], samples[j, 1], samples[j, 2])
    add_samples(s, s.sheets[0], s.sheets[1], out)


def sounded(amplitudes, hz, samples):
    note = NOTE.make(sheets=aligned((2, SHEET)), sample_rate=RATE, **oscillator_fields())
    out = aligned(len(samples))
    _sound(note.address, amplitudes, hz, samples, out)
    return out


def summed(amplitudes, hz, samples):
    """The same as a sum of cosines, float64."""
    k = np.arange(1, N_PARTIALS + 1)
    phases, share = np.angle(partial_phases()), samples[:, 1:2]
    mixed = (amplitudes[0] + share * (amplitudes[1] - amplitudes[0])) * (k * hz < 0.45 * RATE)
    return samples[:, 2] * (mixed * np.cos(2 * np.pi * k * samples[:, :1] + phases)).sum(1)


def drawn(seed, n=SPAN):
    rng = np.random.default_rng(seed)
    amplitudes = rng.random((2, N_PARTIALS), np.float32) / np.arange(1, N_PARTIALS + 1, dtype=np.float32)
    return amplitudes, rng.random((n, 3)).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("hz", [40.0, 220.0, 261.6, 3000.0, 30000.0])
def test_samples_are_the_sum_of_the_partials_below_the_top(hz):
    amplitudes, samples = drawn(int(hz))
    wanted = summed(amplitudes, hz, samples)
    np.testing.assert_allclose(sounded(amplitudes, hz, samples), wanted, rtol=0, atol=1e-5)
    assert (np.abs(wanted).max() > 0.01) == (hz < 0.45 * RATE)


def test_a_sample_is_the_same_wherever_it_lies():
    amplitudes, samples = drawn(1)
    whole = sounded(amplitudes, 220.0, samples)
    for first in (1, 7, 8, 31):
        assert np.array_equal(sounded(amplitudes, 220.0, samples[first:]), whole[first:])
