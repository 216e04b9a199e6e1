"""What the network sees of the input: features of each frame, its edge, and whether a coder made holes."""

import math

import numpy as np
from numba import njit

from ...buffers.memory import aligned
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import complex_rows, float_rows, part
from ...frames.plan import FramePlan
from .sizes import CONTROLS, EDGE_CODES, GROUP, LOW, N_BINS, N_FEATURES, TONAL, UNITS

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
