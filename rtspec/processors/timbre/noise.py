"""The noise of all voices at once: bands of noise, one frame a hop, with phases from a generator that resets too."""

import numpy as np
from numba import njit

from ...buffers.memory import aligned, aligned_copy
from ...buffers.views import clear, copy, part
from ...frames.fft import execute
from ...frames.transforms import real_fft
from .levels import N_BANDS, band_edges_hz

_TURNS = 1024
NOISE_FIELDS = {
    "counts": "noise_bins noise_seed",
    "addresses": "noise_fft noise_plan",
    "constants": f"noise_shares:f8[noise_bins,{N_BANDS}] noise_window:f4[2*noise_bins-2] noise_turns:c8[{_TURNS}]",
    "arrays": f"noise_powers:f8[{N_BANDS}] noise_sum:f4[2*noise_bins-2]",
    "transformed": "noise_spectrum:c8[noise_bins] noise_frame:f4[2*noise_bins-2]",
}
_SEED = 20260 + 1


def noise_fields(hop: int, sample_rate: float) -> dict:
    """What a stage's record needs for noise in hops of `hop` samples: frames of two hops, overlapping by half."""
    fft, plan = real_fft(2 * hop).inverse
    return {
        "noise_bins": hop + 1,
        "noise_shares": _band_shares(hop, sample_rate),
        "noise_powers": aligned(N_BANDS, np.float64),
        "noise_spectrum": aligned(hop + 1, np.complex64),
        "noise_frame": aligned(2 * hop),
        "noise_sum": aligned(2 * hop),
        "noise_window": _constant(np.sin(np.pi * np.arange(2 * hop) / (2 * hop)).astype(np.float32)),
        "noise_fft": fft,
        "noise_plan": plan,
        "noise_turns": _constant(np.exp(2j * np.pi * np.arange(_TURNS) / _TURNS).astype(np.complex64)),
        "noise_seed": _SEED,
    }


def _constant(values: np.ndarray) -> np.ndarray:
    out = aligned_copy(values)
    out.flags.writeable = False
    return out


def _band_shares(hop: int, sample_rate: float) -> np.ndarray:
    """Share of each band's power that each bin's square takes, float64 of shape (hop + 1, N_BANDS)."""
    edges, step = band_edges_hz(), sample_rate / (2 * hop)
    middle = np.arange(hop + 1)[:, None] * step
    low, high = np.maximum(middle - step / 2, edges[:-1]), np.minimum(middle + step / 2, edges[1:])
    return _constant(np.maximum(0.0, high - low) / np.diff(edges) / 2.0)


@njit
def forget_noise(s):
    """No noise in the frame to come."""
    clear(s.noise_powers)


@njit
def add_noise(s, amplitudes, gain):
    """A voice's bands (N_BANDS float32, power a²/2 each) to the frame to come."""
    powers = s.noise_powers
    for b in range(N_BANDS):
        powers[b] += 0.5 * (gain * amplitudes[b]) ** 2


@njit
def _random_spectrum(s):
    spectrum, turns, powers, shares = s.noise_spectrum, s.noise_turns, s.noise_powers, s.noise_shares
    for k in range(s.noise_bins):
        power = 0.0
        for b in range(N_BANDS):
            power += shares[k, b] * powers[b]
        s.noise_seed = (s.noise_seed * 1664525 + 1013904223) & 0xFFFFFFFF
        spectrum[k] = turns[s.noise_seed >> 22] * np.float32(np.sqrt(power))


@njit
def next_noise(s):
    """Overlap-add the frame: the first hop of the sum is finished then."""
    hop = s.noise_bins - 1
    copy(part(s.noise_sum, 0, hop), part(s.noise_sum, hop, hop))
    clear(part(s.noise_sum, hop, hop))
    _random_spectrum(s)
    execute(s.noise_fft, s.noise_plan, s.noise_spectrum, s.noise_frame)
    total, frame, window = s.noise_sum, s.noise_frame, s.noise_window
    for i in range(2 * hop):
        total[i] += frame[i] * window[i]
