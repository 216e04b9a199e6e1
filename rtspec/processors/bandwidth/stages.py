"""Compiled stages of bandwidth extension: what the network sees of a frame, and what its answer does to the sound.

The stages give a *difference* spectrum. It is resynthesised alone and added to the input, delayed; where there is
nothing to do it is zero, and the output is the input to the bit.
"""

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from scipy.fft import irfft, rfft

from ...buffers.memory import aligned
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import complex_rows, complexes, copy, float_rows, floats, part
from ...frames.plan import FramePlan

N_BINS = 513
"""Bins of the plan that the live network works with, at any sample rate."""
LOW = 256
"""Bins that the network sees and mends one by one; those above come in groups."""
GROUP = 4
UNITS = LOW + (N_BINS - 1 - LOW) // GROUP
TONAL = 64
"""Bins whose phase advance the network sees, and which it mends from neighbouring frames too."""
TAPS = 3
"""Neighbouring frames: the next, the one before, and the one before that."""
EDGE_CODES = 16
CONTROLS = 4
"""What follows a frame's features: edge (bins, 0: none), level, gate, coded (0 or 1)."""
N_FEATURES = UNITS + 2 * TONAL + EDGE_CODES + 1


class Answer(NamedTuple):
    """Where the parts of the network's answer begin."""

    gain: int = 0
    imaginary: int = LOW
    taps: int = LOW + TONAL
    fill: int = LOW + TONAL + 2 * TAPS * TONAL
    length: int = LOW + TONAL + 2 * TAPS * TONAL + UNITS


ANSWER = Answer()

FADE_DB_PER_S = 3.0
"""How fast the held peaks of bins and of the level fall."""
_FLOOR = np.float32(1e-10)
_BAND = 8
_N_BANDS = (N_BINS - 1) // _BAND
_CLIFF = 10.0**2.5
"""Power by which all that lies a quarter of an octave above the edge must be weaker than what lies at it."""
_EMPTY = 10.0**-7.2
"""Power of a bin half an octave above the edge, at most, relative to the loudest frame's."""
_HOLLOW = 1e-9
"""The same where a coder or a resampler made it so: not even a room's noise is left, and one look is enough."""
_SIGNIFICANT = 1e-10
"""Power of a bin at the edge, at least, relative to the loudest frame's."""
_LOWEST_HZ, _HIGHEST_HZ = 2000.0, 16300.0
_SURE_S, _FADE_IN_S, _FADE_OUT_S = 0.25, 0.01, 0.05
_EDGE_SLACK = 2
_HOLE = np.float32(10.0**-3.5)
"""Power of a bin, relative to its neighbourhood's mean, below which a coder has emptied it."""
_HOLE_REACH, _HOLE_START, _HOLE_END = 8, 24, 6
"""Bins of the neighbourhood on each side; where the search begins; how far below the edge it ends."""
_AUDIBLE = 1e-9
"""Neighbourhoods weaker than this, relative to the loudest frame's power, are not counted."""
CODED, NOT_CODED = 0.044, 0.034
"""Share of holes at which sound counts as coded, and at which no longer: 95 % of 32 kbit/s MP3 has more than .044 after
3 s, 95 % of music that was only low-passed less than .031."""
_HOLES_S, _SETTLED_S = 6.0, 0.5
_SMALLEST_FILL, _LARGEST_FILL = -12.0, 3.0

WATCH = Record(
    "Watch",
    counts="edge=0 fixed_edge lowest highest found=0 sure turn=0 overlap coded=0 frames=0 settled",
    arrays=f"power:f4[{N_BINS}] earlier:f4[overlap,{N_BINS}] peaks:f4[{N_BINS}] bands:f4[{_N_BANDS}]"
    f" loudest_above:f4[{_N_BANDS}] before:c8[{TONAL}]",
    reals="level=0 fade gate=0 fade_in fade_out holes=0 counted=0 slowest",
)


@njit
def _take_powers(spectrum, power):
    """Power of each bin; returns their sum."""
    total = 0.0
    for k in range(N_BINS):
        power[k] = spectrum[k].real ** 2 + spectrum[k].imag ** 2
        total += power[k]
    return total


@njit
def _hold_peaks(power, earlier, peaks, fade):
    """Peaks of what is also in the last frame that shares no sample with this one: a click, or a cut, is not."""
    for k in range(N_BINS):
        peaks[k] = max(min(power[k], earlier[k]), peaks[k] * fade)
        earlier[k] = power[k]


@njit
def _band_levels(peaks, bands, loudest_above):
    """Mean peak of bands of 8 bins; and for each band the loudest from it upwards."""
    loudest = np.float32(0)
    for j in range(_N_BANDS - 1, -1, -1):
        total = np.float32(0)
        for k in range(j * _BAND, (j + 1) * _BAND):
            total += peaks[k]
        bands[j] = total / _BAND
        loudest = max(loudest, bands[j])
        loudest_above[j] = loudest


@njit
def _cliff_band(bands, loudest_above, empty):
    """The band at the top of the highest cliff above which the spectrum is empty; 0 where there is none."""
    for j in range(_N_BANDS - 4, 1, -1):
        beyond = j + max(3, j // 4)
        cliff = beyond < _N_BANDS and bands[j] > _CLIFF * loudest_above[beyond]
        if cliff and loudest_above[min(_N_BANDS - 4, (3 * j) // 2)] < empty:
            while j > 2 and bands[j - 2] > 2.5 * bands[j]:  # down the slope's foot, up to its shoulder
                j -= 1
            return j
    return 0


@njit
def _edge_bin(s, peaks, bands, cliff):
    """The first bin above the band, or 0 if what lies below it is no occupied band, or too weak."""
    plateau = (bands[cliff] + bands[cliff - 1] + bands[cliff - 2]) / 3
    edge = (cliff - 1) * _BAND
    for k in range((cliff - 1) * _BAND, min(N_BINS, (cliff + 3) * _BAND)):
        if peaks[k] > 0.05 * plateau:
            edge = k + 1
    occupied = 0
    start = (edge * 3) // 5
    for k in range(start, edge):
        occupied += peaks[k] > 1e-3 * plateau
    weak = plateau < _SIGNIFICANT * s.level or occupied < 0.6 * (edge - start)
    return 0 if weak or edge < s.lowest or edge > s.highest else edge


@njit
def _follow_edge(s):
    """Look for the band's edge; the gate opens where it has been there for a while and closes when it is gone."""
    peaks, bands, above = s.peaks, s.bands, s.loudest_above
    _band_levels(peaks, bands, above)
    cliff = _cliff_band(bands, above, _EMPTY * s.level)
    edge = _edge_bin(s, peaks, bands, cliff) if cliff > 2 else 0
    hollow = above[min(_N_BANDS - 1, 3 * edge // (2 * _BAND))] < _HOLLOW * s.level
    s.found = s.found + (s.sure if hollow else 1) if edge else 0
    if edge and abs(edge - s.edge) >= _EDGE_SLACK:
        s.edge = edge
    if s.fixed_edge:
        s.edge, s.found = s.fixed_edge, s.sure
    s.gate = min(1.0, s.gate + s.fade_in) if s.found >= s.sure else max(0.0, s.gate - s.fade_out)


@njit
def _count_holes(power, edge, least):
    """Bins below the edge that are empty amid neighbours that are not, and how many were looked at."""
    width = 2 * _HOLE_REACH + 1
    around, holes, counted = 0.0, 0, 0
    for k in range(_HOLE_START - _HOLE_REACH, _HOLE_START + _HOLE_REACH):
        around += power[k]
    for k in range(_HOLE_START, edge - _HOLE_END):
        around += power[k + _HOLE_REACH]
        if around > width * least:
            counted += 1
            holes += power[k] * width < _HOLE * around
        around -= power[k - _HOLE_REACH]
    return holes, counted


@njit
def _follow_coding(s, power):
    """Decide by the share of holes over some seconds whether the sound was coded."""
    holes, counted = _count_holes(power, s.edge, _AUDIBLE * s.level)
    if s.gate > 0 and counted > 0:
        s.frames += 1
        speed = max(1.0 / s.frames, s.slowest)
        s.holes += speed * (holes - s.holes)
        s.counted += speed * (counted - s.counted)
        s.coded = s.frames > s.settled and s.holes > (NOT_CODED if s.coded else CODED) * s.counted


@njit
def _scaled_log(power, level):
    """log10 of the power relative to the level, -10 to 0, as -1.25 to 1.25."""
    if level <= 0:
        return np.float32(-1.25)
    return np.float32(0.25) * np.log10(np.float32(power / level) + _FLOOR) + np.float32(1.25)


@njit
def _write_features(s, spectrum, power, level_below, out):
    for k in range(LOW):
        out[k] = _scaled_log(power[k], s.level)
    for g in range(UNITS - LOW):
        start, total = LOW + g * GROUP, np.float32(0)
        for k in range(start, start + GROUP):
            total += power[k]
        out[LOW + g] = _scaled_log(total / GROUP, s.level)
    _write_phases(spectrum, s.before, part(out, UNITS, 2 * TONAL))
    for i in range(EDGE_CODES):
        distance = s.edge * EDGE_CODES / N_BINS - i
        out[UNITS + 2 * TONAL + i] = np.exp(-distance * distance)
    out[N_FEATURES - 1] = _scaled_log(level_below, s.level)


@njit
def _write_phases(spectrum, before, out):
    """Cosine and sine of each low bin's phase advance beyond that of its centre, which is a quarter turn times k."""
    for k in range(TONAL):
        turned = spectrum[k] * np.conj(before[k])
        re, im = turned.real, turned.imag
        for _ in range(k % 4):
            re, im = im, -re
        size = np.sqrt(re * re + im * im)
        scale = np.float32(1) / size if size > 0 else np.float32(0)
        out[k], out[TONAL + k] = re * scale, im * scale
        before[k] = spectrum[k]


@njit
def _level_below(power, edge):
    """Mean power of the octave below the edge."""
    total = 0.0
    for k in range(edge // 2, edge):
        total += power[k]
    return total / max(1, edge - edge // 2)


@step
def watch(state, x, n, y):
    """`n` frames of N_BINS complex64 → `n` frames of N_FEATURES + CONTROLS float32."""
    s = WATCH(state)
    power, spectra, frames = s.power, complex_rows(x, n, N_BINS), float_rows(y, n, N_FEATURES + CONTROLS)
    for t in range(n):
        spectrum, frame = spectra[t], frames[t]
        s.level = max(_take_powers(spectrum, power), s.level * s.fade)
        _hold_peaks(power, s.earlier[s.turn], s.peaks, np.float32(s.fade))
        s.turn = (s.turn + 1) % s.overlap
        _follow_edge(s)
        _follow_coding(s, power)
        below = _level_below(power, s.edge)
        _write_features(s, spectrum, power, below, frame)
        controls = part(frame, N_FEATURES, CONTROLS)
        controls[0], controls[1], controls[2], controls[3] = s.edge, np.sqrt(below), s.gate, s.coded
    return n


def watch_stage(plan: FramePlan, crossover_hz: float | None = None) -> Stage:
    """Features of a frame as a stage: (N_BINS,) complex64 → (N_FEATURES + CONTROLS,) float32.

    Parameters
    ----------
    plan : FramePlan
        With n_fft 1024 and hop 256.
    crossover_hz : float, optional
        Where the fill begins; by default where the band is found to end.

    Notes
    -----
    Features: the powers of units (low bins, groups of high ones) relative to the loudest frame of late, as logarithm;
    the phase advance of the lowest bins; the edge in bins, coded by bumps; the level of the octave below the edge.
    All are ratios: they scale with nothing. The edge is where held peaks fall off a cliff. A coder at a low rate gives
    itself away by holes: bins that it emptied amid neighbours that it did not.
    """
    bin_hz, rate = plan.sample_rate / plan.n_fft, plan.frame_rate_hz
    overlap = -(-plan.length // plan.hop)
    return Stage(
        watch,
        WATCH,
        overlap=overlap,
        earlier=aligned((overlap, N_BINS)),
        fixed_edge=0 if crossover_hz is None else min(N_BINS - 1, max(1, round(crossover_hz / bin_hz))),
        lowest=math.ceil(_LOWEST_HZ / bin_hz),
        highest=math.floor(_HIGHEST_HZ / bin_hz),
        sure=round(_SURE_S * rate),
        power=aligned(N_BINS),
        peaks=aligned(N_BINS),
        bands=aligned(_N_BANDS),
        loudest_above=aligned(_N_BANDS),
        before=aligned(TONAL, np.complex64),
        settled=round(_SETTLED_S * rate),
        slowest=1 / (_HOLES_S * rate),
        fade=10.0 ** (-FADE_DB_PER_S / 10 / rate),
        fade_in=1 / (_FADE_IN_S * rate),
        fade_out=1 / (_FADE_OUT_S * rate),
    )


# ------------------------------------------------------------------------------------------ hiss

HISS = Record("Hiss", counts="hop length at=0", constants="table:f4[length]")
HISS_SAMPLES = 1 << 18
"""After which the hiss begins again: 6 s at 44.1 kHz, longer than anyone hears to be a repetition."""
_HISS_FRAMES, _HISS_ROUNDS = 2, 12
"""Length of the frames in which the hiss is even, in frames of the plan; and how often it is made so."""


def even_noise(n_fft: int, n_samples: int = HISS_SAMPLES) -> np.ndarray:
    """Noise whose power is nearly the same in all bins of all frames of `n_fft` samples, not in the mean alone.

    Of white noise a bin's power scatters by 5.6 dB (standard deviation), here by 2 dB. What a level asks for is then
    there at once and everywhere, and the same mean level in dB takes 2 dB less energy. To the ear, whose bands are
    wider and quicker, it is noise like any other.

    Returns
    -------
    ndarray, float32, shape (n_samples,)
        Periodic, of variance 1; always the same.

    References
    ----------
    D. Griffin, J. Lim: "Signal estimation from modified short-time Fourier transform", 1984, here for a magnitude that
    is 1 everywhere; J. Pumplin: "Low-noise noise", 1985.
    """
    hop, window = n_fft // 4, np.sin(np.pi * np.arange(n_fft) / n_fft).astype(np.float32) ** 2
    at = (np.arange(0, n_samples, hop)[:, None] + np.arange(n_fft)) % n_samples
    noise = np.random.default_rng(0).standard_normal(n_samples).astype(np.float32)
    for _ in range(_HISS_ROUNDS):
        spectra = np.asarray(rfft(noise[at] * window))
        frames = np.asarray(irfft(spectra / (np.abs(spectra) + 1e-9), n_fft)) * window
        noise = np.bincount(at.ravel(), frames.ravel(), n_samples).astype(np.float32)
    return noise / noise.std()


@step
def make_hiss(state, x, n, y):
    """`n` hops of the table, whatever lies at `x`."""
    s = HISS(state)
    hops = float_rows(y, n, s.hop)
    for i in range(n):
        copy(hops[i], part(s.table, s.at, s.hop))
        s.at = (s.at + s.hop) % s.length
    return n


@cache
def _hiss_table(plan: FramePlan) -> np.ndarray:
    """Read-only, for all lanes of a plan: whole hops of noise whose frames have mean power 1 in every bin."""
    table = aligned(HISS_SAMPLES // plan.hop * plan.hop)
    table[:] = even_noise(_HISS_FRAMES * plan.n_fft, len(table))
    table /= np.sqrt(np.sum(plan.analysis.astype(np.float64) ** 2))
    table.flags.writeable = False
    return table


def hiss_stage(plan: FramePlan) -> Stage:
    """Noise whose spectrum has mean power 1 in every bin, the same after every reset: (hop,) float32."""
    table = _hiss_table(plan)
    return Stage(make_hiss, HISS, hop=plan.hop, table=table, length=len(table))


# ------------------------------------------------------------------------------------------ mending

_HELD: dict[str, Any] = {
    "counts": "n_held at=0 delay_frames repair",
    "arrays": f"history:c8[n_held,{N_BINS}] past:f4[n_held,{CONTROLS}]",
    "constants": f"air_shape:f4[{N_BINS}]",
}
_PLACES = f"spectrum:c8[{N_BINS}] controls:f4[{CONTROLS}] amount:f4[1] air_db:f4[1]"
MEND = Record("Mend", **_HELD, shared=f"{_PLACES} hiss:c8[{N_BINS}]", reals="share=0 ramp")
_REPAIR_FADE_S = 0.1


@njit
def _remember(s):
    """Keep the newest spectrum and controls in the ring."""
    copy(s.history[s.at], s.spectrum)
    copy(s.past[s.at], s.controls)
    newest = s.at
    s.at = (s.at + 1) % s.n_held
    return newest


@njit
def _held(s, newest, age):
    """The spectrum of `age` frames ago."""
    return s.history[(newest - age) % s.n_held]


@njit
def _fade_repair(s, coded):
    """Move the share of repair, 0 to 1, towards where it belongs."""
    aim = 1.0 if coded and s.repair else 0.0
    s.share += min(s.ramp, max(-s.ramp, aim - s.share))
    return s.share


@njit
def _mend_low(answer, now, ahead, before, older, share, edge, y):
    """y += share · (what turns the coded spectrum into the original, as far as the network knows), below the edge."""
    for k in range(min(LOW, edge + 2)):
        part = np.float32(share * min(1.0, max(0.0, (edge - k) / 4.0 + 0.5)))
        change = now[k] * answer[ANSWER.gain + k]
        if k < TONAL:
            at = ANSWER.taps + k
            change += now[k] * np.complex64(complex(0.0, answer[ANSWER.imaginary + k]))
            change += ahead[k] * np.complex64(complex(answer[at], answer[at + TONAL]))
            change += before[k] * np.complex64(complex(answer[at + 2 * TONAL], answer[at + 3 * TONAL]))
            change += older[k] * np.complex64(complex(answer[at + 4 * TONAL], answer[at + 5 * TONAL]))
        y[k] += part * change


@njit
def _fill(s, answer, hiss, level, gate, share, edge, y):
    """y += hiss at the levels that the network asks for: above the edge by the gate, below it by the repair's share."""
    amount, air, shape = s.amount[0], np.log(10.0) / 20 * s.air_db[0], s.air_shape
    for k in range(N_BINS):
        unit = k if k < LOW else min(UNITS - 1, LOW + (k - LOW) // GROUP)
        above = min(1.0, max(0.0, (k - edge) / 4.0 + 0.5))
        part = gate * above * amount * np.exp(air * shape[k]) + share * (1.0 - above)
        if part > 0:
            wanted = min(_LARGEST_FILL, max(_SMALLEST_FILL, answer[ANSWER.fill + unit]))
            y[k] += hiss[k] * np.float32(part * np.exp(wanted) * level)


@step
def mend(state, x, n, y):
    """One answer of the network → one difference spectrum, N_BINS complex64, of the frame it belongs to."""
    s = MEND(state)
    answer, out = floats(x, ANSWER.length), complexes(y, N_BINS)
    newest = _remember(s)
    age = s.delay_frames
    controls = s.past[(newest - age) % s.n_held]
    edge, level, gate = int(controls[0]), controls[1], controls[2]
    share = _fade_repair(s, controls[3] > 0) * gate
    for k in range(N_BINS):
        out[k] = 0
    if gate > 0:
        now, ahead = _held(s, newest, age), _held(s, newest, age - 1)
        _mend_low(answer, now, ahead, _held(s, newest, age + 1), _held(s, newest, age + 2), share, edge, out)
        _fill(s, answer, s.hiss, level, gate, share, edge, out)
    return n


def mend_stage(plan: FramePlan, *, delay: int, repair: bool, hiss: np.ndarray, **places: np.ndarray) -> Stage:
    """The network's answer as a stage: (ANSWER.length,) float32 → (N_BINS,) complex64, what the input lacks.

    Parameters
    ----------
    plan : FramePlan
    delay : int
        Frames by which the answer lags, at least 1: the frame after the answer's own is used too.
    repair : bool
        Mend the band below the edge where the sound was coded.
    hiss : ndarray, complex64, shape (N_BINS,)
        Where the newest frame of the noise lies.
    **places
        `spectrum` (complex64, (N_BINS,)), where the newest frame lies; `controls` (float32, (CONTROLS,)), where
        :func:`watch_stage` wrote its edge, level and gate; `amount` (float32, (1,)), share of the fill; `air_db`
        (float32, (1,)), shelf on the fill.
    """
    return Stage(
        mend,
        MEND,
        repair=repair,
        ramp=1 / (_REPAIR_FADE_S * plan.frame_rate_hz),
        **_held_fields(plan, delay, {**places, "hiss": hiss}),
    )


def _held_fields(plan: FramePlan, delay: int, places: dict[str, np.ndarray]) -> dict:
    """What both kinds of difference need: where the newest frame and the parameters lie, and rings of earlier ones."""
    octaves = np.log2(np.maximum(plan.frequencies_hz, 1.0) / 8000.0) / np.log2(1.5)
    shape = aligned(N_BINS)
    shape[:] = np.clip(octaves, 0, 1)
    shape.flags.writeable = False
    n_held = delay + TAPS
    return {
        "delay_frames": delay,
        "n_held": n_held,
        "history": aligned((n_held, N_BINS), np.complex64),
        "past": aligned((n_held, CONTROLS)),
        "air_shape": shape,
        **places,
    }


REPLACE = Record("Replace", **_HELD, shared=_PLACES)


@step
def replace(state, x, n, y):
    """One spectrum that a network gives for the input's → what the input lacks of it, N_BINS complex64."""
    s = REPLACE(state)
    newest = _remember(s)
    controls = s.past[(newest - s.delay_frames) % s.n_held]
    edge, gate = int(controls[0]), controls[2]
    given, made, out = _held(s, newest, s.delay_frames), complexes(x, N_BINS), complexes(y, N_BINS)
    amount, air, shape = s.amount[0], np.log(10.0) / 20 * s.air_db[0], s.air_shape
    for k in range(N_BINS):
        above = min(1.0, max(0.0, (k - edge) / 4.0 + 0.5))
        part = gate * (above * amount * np.exp(air * shape[k]) + (1.0 - above) * s.repair)
        out[k] = np.complex64(part) * (made[k] - given[k]) if part > 0 else np.complex64(0)
    return n


def replace_stage(plan: FramePlan, *, delay: int, repair: bool, **places: np.ndarray) -> Stage:
    """A network's spectrum as a stage: (N_BINS,) complex64 → (N_BINS,) complex64, what the input lacks.

    Parameters are those of :func:`mend_stage`, but for the hiss.
    """
    return Stage(replace, REPLACE, repair=repair, **_held_fields(plan, delay, places))


# ------------------------------------------------------------------------------------------ the way back to sound

ADD_INPUT = Record("AddInput", counts="hop lag at=0", arrays="line:f4[lag]", shared="inbox:f4[hop]")


@step
def add_input(state, x, n, y):
    """One hop of the difference at `x` plus the input of as long ago → one hop of output."""
    s = ADD_INPUT(state)
    difference, out, line, newest = floats(x, s.hop), floats(y, s.hop), s.line, s.inbox
    at = s.at
    for i in range(s.hop):
        dry = line[at]
        line[at] = newest[i]
        out[i] = dry + difference[i] if difference[i] != 0 else dry
        at = at + 1 if at + 1 < s.lag else 0
    s.at = at
    return n


def add_input_stage(plan: FramePlan, inbox: np.ndarray, delay: int) -> Stage:
    """The input added to the difference, as a stage: (hop,) → (hop,) float32. `delay` in frames is the network's."""
    lag = plan.length - plan.hop + delay * plan.hop
    return Stage(add_input, ADD_INPUT, hop=plan.hop, lag=lag, line=aligned(lag), inbox=inbox)
