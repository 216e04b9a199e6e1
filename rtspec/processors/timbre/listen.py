"""What TimbreMorph hears: pitch and levels of each frame, and the way back from levels to sound."""

import numpy as np
from numba import njit

from ...buffers.memory import aligned
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import complex_rows, copy, float_rows, part
from ...frames.fft import execute
from ...frames.plan import FramePlan
from ...frames.transforms import real_fft
from .levels import HIGHEST_KEY, LOWEST_KEY, N_BANDS, N_LEVELS, N_PARTIALS, level_scales, measure_levels
from .noise import NOISE_FIELDS, add_noise, forget_noise, next_noise, noise_fields
from .oscillators import (
    OSCILLATOR_FIELDS,
    SHEET,
    SPAN,
    add_samples,
    fill_sheet,
    oscillator_fields,
    place_sample,
)
from .pitch import HIGHEST_HZ, LOWEST_HZ, find_period, normalise

HEARD = ("hz", "whole", "voiced")
"""What goes from the ear past the network to the voice, float64: pitch, effective value of the frame, and whether it
has a pitch (0 or 1)."""

FEATURES = N_LEVELS + 2
"""Values of a frame that the network takes: levels in dB, key, velocity."""

SILENCE = 1e-10
"""Power below which nothing is heard."""

FULL_DB, DYNAMIC_DB = -18.0, 36.0
"""Level that counts as velocity 1, and how far below it velocity 0 lies."""

LISTEN = Record(
    "Listen",
    counts="n_fft n_bins first_lag last_lag",
    addresses="inverse inverse_plan",
    constants=f"window_correlation:f4[n_fft] edges:f8[{N_BANDS + 1}]",
    arrays=f"power:f4[n_bins] levels:f4[{N_LEVELS}] heard:f8[{len(HEARD)}]",
    transformed="squared:c8[n_bins] correlation:f4[n_fft]",
    reals="tone noise sample_rate key",
)


@njit
def _take_power(s, spectrum):
    """|X|² for the levels, and once more as a spectrum for the autocorrelation."""
    power, squared = s.power, s.squared
    for i in range(s.n_bins):
        power[i] = spectrum[i].real ** 2 + spectrum[i].imag ** 2
        squared[i] = power[i]


@njit
def _hear_pitch(s):
    """Frequency of the frame, 0 where none is clear."""
    execute(s.inverse, s.inverse_plan, s.squared, s.correlation)
    correlation = s.correlation
    normalise(correlation, s.window_correlation, s.last_lag + 2)
    period = find_period(correlation, s.first_lag, s.last_lag)
    return s.sample_rate / period if period > 0.0 else 0.0


@step
def listen(state, x, n, y):
    """`n` complex64 frames → `n` frames of FEATURES float32; pitch, level and voicing go to the state's `heard`."""
    s = LISTEN(state)
    heard, edges, power, levels = s.heard, s.edges, s.power, s.levels
    spectra, frames = complex_rows(x, n, s.n_bins), float_rows(y, n, FEATURES)
    for t in range(n):
        _take_power(s, spectra[t])
        hz = _hear_pitch(s)
        heard[2] = 1.0 if hz > 0.0 else 0.0
        if hz > 0.0:
            heard[0] = hz
            s.key = min(float(HIGHEST_KEY), max(float(LOWEST_KEY), 69.0 + 12.0 * np.log2(hz / 440.0)))
        whole = measure_levels(power, heard[0] * s.n_fft / s.sample_rate, s.tone, s.noise, edges, levels)
        heard[1] = np.sqrt(whole) if whole > SILENCE else 0.0
        features = frames[t]
        copy(part(features, 0, N_LEVELS), levels)
        features[N_LEVELS] = s.key
        loud = 10.0 * np.log10(whole + 1e-12) - FULL_DB
        features[N_LEVELS + 1] = min(1.0, max(0.0, 1.0 + loud / DYNAMIC_DB))
    return n


def listen_stage(plan: FramePlan, heard: np.ndarray) -> Stage:
    """The ear as a stage: (n_bins,) complex64 → (FEATURES,) float32; writes `heard`, float64 of shape (3,)."""
    scales, inverse = level_scales(plan), real_fft(plan.n_fft).inverse
    return Stage(
        listen,
        LISTEN,
        keep=(plan, scales),
        n_fft=plan.n_fft,
        n_bins=plan.n_bins,
        power=aligned(plan.n_bins),
        heard=heard,
        squared=aligned(plan.n_bins, np.complex64),
        correlation=aligned(plan.n_fft),
        window_correlation=_window_correlation(plan),
        levels=aligned(N_LEVELS),
        edges=scales.edges_bins,
        inverse=inverse[0],
        inverse_plan=inverse[1],
        tone=scales.tone,
        noise=scales.noise,
        first_lag=int(plan.sample_rate / HIGHEST_HZ),
        last_lag=int(plan.sample_rate / LOWEST_HZ) + 1,
        sample_rate=plan.sample_rate,
        key=60.0,
    )


def _window_correlation(plan: FramePlan) -> np.ndarray:
    """The window's own circular autocorrelation, 1 at lag 0."""
    found = np.fft.irfft(np.abs(np.fft.rfft(plan.analysis.astype(np.float64), plan.n_fft)) ** 2)
    out = aligned(plan.n_fft)
    out[...] = found / found[0]
    out.flags.writeable = False
    return out


def heard_at_rest() -> np.ndarray:
    """What a fresh ear tells: 220 Hz, silence. Float64 of shape (len(HEARD),)."""
    heard = aligned(len(HEARD), np.float64)
    heard[0] = 220.0
    return heard


# ------------------------------------------------------------------------------------------ levels to sound

SOUND = Record(
    "Sound",
    OSCILLATOR_FIELDS,
    NOISE_FIELDS,
    counts="hop a=0 b=1 quiet=1",
    shared=f"heard:f8[{len(HEARD)}]",
    arrays=f"sheets:f4[2,{SHEET}]",
    reals="sample_rate frequency=0 gain=0 tone=0 phase=0",
)


@njit
def _next_sheet(s, amplitudes, hz):
    s.a, s.b = s.b, s.a
    fill_sheet(s, amplitudes, hz, s.sheets[s.b])


@njit
def _sound_hop(s, heard, amplitudes, out):
    """One hop, from the frame before to this one; without a pitch partials fade and only noise stays."""
    hz = heard[0]
    before = hz if s.quiet else s.frequency
    tone = heard[2]
    s.quiet = 1 if heard[1] * tone + s.gain * s.tone == 0.0 else 0
    _next_sheet(s, amplitudes, max(hz, before))
    forget_noise(s)
    add_noise(s, part(amplitudes, N_PARTIALS, N_BANDS), heard[1] * np.sqrt(2.0))
    next_noise(s)
    copy(out, s.noise_sum)
    start, end = s.gain * s.tone * np.sqrt(2.0), heard[1] * tone * np.sqrt(2.0)
    for done in range(0, s.hop, SPAN):
        n = min(SPAN, s.hop - done)
        for j in range(n):
            share = (done + j) / s.hop
            place_sample(s, j, s.phase, share, start + share * (end - start))
            s.phase += (before + share * (hz - before)) / s.sample_rate
            s.phase -= np.floor(s.phase)
        add_samples(s, s.sheets[s.a], s.sheets[s.b], part(out, done, n))
    s.frequency, s.gain, s.tone = hz, heard[1], tone


@step
def sound_levels(state, x, n, y):
    """`n` frames of N_LEVELS amplitudes → `n` hops of float32 samples, at the pitch and level in `heard`."""
    s = SOUND(state)
    amplitudes, hops = float_rows(x, n, N_LEVELS), float_rows(y, n, s.hop)
    for t in range(n):
        _sound_hop(s, s.heard, amplitudes[t], hops[t])
    return n


def sound_stage(plan: FramePlan, heard: np.ndarray) -> Stage:
    """The voice as a stage: (N_LEVELS,) float32 amplitudes of unit power → (hop,) float32."""
    return Stage(
        sound_levels,
        SOUND,
        hop=plan.hop,
        heard=heard,
        sheets=aligned((2, SHEET)),
        sample_rate=plan.sample_rate,
        **oscillator_fields(),
        **noise_fields(plan.hop, plan.sample_rate),
    )
