"""The voices as magnitudes, for those who want their phases from :mod:`rtspec.phase` and not from oscillators."""

import numpy as np
from numba import njit

from ...buffers.memory import aligned
from ...buffers.step import ROW, Stage, table
from ...frames.plan import FramePlan
from ...frames.synthesis import synthesis_stage
from ..phases import PhaseChoice
from .levels import N_BANDS, N_PARTIALS, band_edges_hz, level_scales

FRAME_FIELDS = {
    "counts": "n_frame_rows=0 frame_bins=0",
    "constants": f"frame_rows:i8[n_frame_rows,{ROW}]? frame_shares:f8[frame_bins,{N_BANDS}]?",
    "arrays": "frame_power:f8[frame_bins]? magnitude:f4[frame_bins]? hop_out:f4?",
    "reals": "frame_tone=0 bins_per_hz=0",
}
_LOBE = 2.0
"""Half the width of a Hann window's main lobe in bins."""


def frame_plan(sample_rate: float, hop: int) -> FramePlan:
    """Frames of sixteen hops: 21 ms at 48 kHz."""
    return FramePlan(round(sample_rate), 16 * hop, hop)


def frame_fields(choice: PhaseChoice | None, sample_rate: float, hop: int) -> tuple[dict, list[Stage], tuple]:
    """What a stage's record needs to sound by frames, the stages inside, and what must be kept; nothing where `choice`
    is None."""
    if choice is None:
        return {}, [], ()
    plan = frame_plan(sample_rate, hop)
    scales = level_scales(plan)
    magnitude, hop_out = aligned(plan.n_bins), aligned(hop)
    rebuilt, unused = aligned(plan.n_bins, np.complex64), aligned(plan.n_bins, np.complex64)
    stages = [choice.stage(plan, unused), synthesis_stage(plan)]
    rows = [stages[0].row(magnitude, rebuilt), stages[1].row(rebuilt, hop_out)]
    inner = table(rows)
    inner.flags.writeable = False
    fields = {
        "frame_rows": inner,
        "n_frame_rows": len(rows),
        "frame_bins": plan.n_bins,
        "frame_power": aligned(plan.n_bins, np.float64),
        "frame_shares": _shares(plan, scales.noise),
        "magnitude": magnitude,
        "hop_out": hop_out,
        "frame_tone": 1.0 / scales.tone,
        "bins_per_hz": plan.n_fft / plan.sample_rate,
    }
    return fields, stages, (tuple(rows), rebuilt, unused)


def _shares(plan: FramePlan, noise_scale: float) -> np.ndarray:
    """|X|² of each bin for power 1 of each band, float64 of shape (n_bins, N_BANDS)."""
    edges, middle, step = band_edges_hz(), plan.frequencies_hz[:, None], plan.sample_rate / plan.n_fft
    covered = np.minimum(middle + step / 2, edges[1:]) - np.maximum(middle - step / 2, edges[:-1])
    out = aligned((plan.n_bins, N_BANDS), np.float64)
    out[...] = np.maximum(0.0, covered) / np.diff(edges) / noise_scale
    out.flags.writeable = False
    return out


@njit
def forget_frame(s):
    """The frame to come holds nothing but the noise of all voices."""
    power, shares, bands = s.frame_power, s.frame_shares, s.noise_powers
    for i in range(s.frame_bins):
        power[i] = 0.0
        for b in range(N_BANDS):
            power[i] += shares[i, b] * bands[b]


@njit
def _lobe(x):
    """Transform of a Hann window, 1 at its middle, `x` in bins."""
    if abs(x) < 1e-6:
        return 1.0
    if abs(abs(x) - 1.0) < 1e-6:
        return 0.5
    return np.sin(np.pi * x) / (np.pi * x * (1.0 - x * x))


@njit
def add_partials(s, amplitudes, frequency_hz, gain):
    """A voice's partials (N_PARTIALS float32 or more), each as the window's main lobe."""
    power = s.frame_power
    for k in range(1, N_PARTIALS + 1):
        centre = k * frequency_hz * s.bins_per_hz
        if centre + _LOBE >= s.frame_bins - 1:
            return
        partial = 0.5 * (gain * amplitudes[k - 1]) ** 2 * s.frame_tone
        for i in range(int(np.ceil(centre - _LOBE)), int(np.floor(centre + _LOBE)) + 1):
            power[abs(i)] += partial * _lobe(i - centre) ** 2


@njit
def finish_frame(s):
    """Powers to magnitudes."""
    power, magnitude = s.frame_power, s.magnitude
    for i in range(s.frame_bins):
        magnitude[i] = np.sqrt(power[i])
