"""The scene equalizer's listening stage: hears the room and what the chain plays, and moves targets of the equalizer.

Once a hop it takes the levels of third-octave bands of both; the room's, where a canceller listens too, without the
music (:mod:`.canceller`). The room's floor (:mod:`.floor`), beside the music's levels without what the equalizer adds,
gives the curve that is wanted (:mod:`.loudness`); the curve goes there slowly, and never lifts the music as a whole by
more than is allowed. It reaches the equalizer's stage, which makes its own gains of it, at the
next cell of the chain (:mod:`rtspec.chain.cells`). A sensor that cannot be true leads to a flat curve.
"""

import numpy as np
from numba import njit

from ...buffers.atomics import load_double
from ...buffers.clock import now_ns
from ...buffers.memory import doubles
from ...buffers.record import Record
from ...buffers.step import step
from ...buffers.views import float_rows, place_of
from ...chain.program import STRIDE
from ...frames.analysis import window_newest
from ...frames.fft import execute
from .canceller import BLOCKS, CANCELLED, ERROR
from .floor import FLOOR, forget, note
from .loudness import STEPS, audible_gains

FINE, DEAD, NOT_FINITE, CLIPPED = range(4)
"""What is wrong with the sensor."""

CONTROLS = ("max_boost_db", "max_cut_db", "max_rise_db", "reaction_s", "release_s", "confidence", "freeze", "amount")
BOOST, CUT, RISE, REACTION, RELEASE, CONFIDENCE, FREEZE, AMOUNT = range(len(CONTROLS))

DEAD_POWER = 1e-13
CLIPPED_AT, CLIPPED_SHARE = 0.999, 0.01
DEAD_S, CLIPPED_S, CLEAR_S, FLATTEN_S = 0.25, 0.45, 1.0, 0.25
"""A fault lasts so long before it counts (a door that slams may clip; NaN counts at once), has to be over for so long;
and so long the curve takes back to flat."""

DOUBTFUL_DB = 3.0
"""Music left over room from which the canceller's levels are not believed."""

HOLD_S, FORGET_S = 2.0, 4.0
"""For so long another scene has to be sure before it is told; after so long without a sure one it is unknown."""

LONG_S, SHORT_S, LOOSEN_S, SHOWN_S = 3.0, 0.4, 2.0, 0.5
"""Over which the music's levels are taken, for the curve and for the limit of its rise; how slowly that loosens; how
slowly the noise's reading follows."""

PACE = 5.0
"""Time constants in the reaction and release times: 99 % of the way."""

N_STATUS, FAULT, SHARE, LABEL, AT_HOP, ONSETS, LOWERED, HEARD = 10, 0, 1, 2, 3, 4, 8, 9
NOISE, CURVE, MUSIC = range(3)

LISTENING = Record(
    "Listening",
    FLOOR,
    counts="channels hop n_fft n_bins hears_room by_noise n_labels n_log log_every n_cancelled first_cancelled fault=0"
    " bad_hops=0 good_hops=0 into=0 hops=0 clipped=0 not_finite=0 candidate=0 sure_hops=0",
    addresses="fft fft_plan probabilities? cancelled? canceller?",
    constants="controls:i8[8] window:f4[n_fft] weights:f4[n_bands,n_bins] ends:i8[n_bands,2]"
    " curves:f8[max(1,n_labels),n_bands] loudness:f8[n_bands] ear:f8[3,n_bands]",
    arrays="new_room:f4[hop] new_music:f4[hop] room:f4[n_fft] music:f4[n_fft] power:f8[n_bands] played:f8[n_bands]"
    " long:f8[n_bands] short:f8[n_bands] rule:f8[n_bands] wanted:f8[n_bands] curve:f8[n_bands] automatic:f8[n_bands]"
    f" music_db:f8[n_bands] noise_db:f8[n_bands] limits:f8[3] work:f8[4,n_bands] steps:f8[2,{STEPS}]"
    f" errors:f8[n_bands,{STEPS}]"
    f" readings:f8[3,n_bands] status:f8[{N_STATUS}]",
    transformed="windowed:f4[n_fft] spectrum:c8[n_bins]",
    shared="log:f4[max(1,n_log),n_bands] timespec:i8[2]",
    reals="hop_s scale full_scale_db share=1",
)


@njit
def _level_db(power):
    return 10.0 * np.log10(max(power, 1e-30))


@njit
def _pace(hop_s, time_s):
    """The share of the way in one hop, for a time constant."""
    return 1.0 - np.exp(-hop_s / max(time_s, 1e-3))


@njit
def _band_powers(s, new, history, out):
    """Mean squares of one hop more, in bands."""
    window_newest(history, s.n_fft, s.hop, new, s.window, s.windowed)
    execute(s.fft, s.fft_plan, s.windowed, s.spectrum)
    for b in range(s.n_bands):
        total = 0.0
        for k in range(s.ends[b, 0], s.ends[b, 1]):
            value = s.spectrum[k]
            total += s.weights[b, k] * (value.real * value.real + value.imag * value.imag)
        out[b] = total * s.scale


@njit
def _take_in(s, room, played, first, n):
    """Put `n` samples of both into the hop; what is not finite is counted and silent."""
    for i in range(n):
        value = room[first + i]
        if not np.isfinite(value):
            s.not_finite += 1
            value = np.float32(0.0)
        elif abs(value) >= CLIPPED_AT:
            s.clipped += 1
        total = np.float32(0.0)
        for c in range(s.channels):
            total += played[c, first + i]
        total /= np.float32(s.channels)
        s.new_music[s.into + i] = total if np.isfinite(total) else np.float32(0.0)
        s.new_room[s.into + i] = value if s.hears_room else s.new_music[s.into + i]
    s.into += n


@njit
def _suspect(s):
    """What is wrong with the last hop of the sensor."""
    if s.not_finite > 0:
        return NOT_FINITE
    if s.clipped > CLIPPED_SHARE * s.hop:
        return CLIPPED
    energy = 0.0
    for i in range(s.hop):
        energy += s.new_room[i] * s.new_room[i]
    return DEAD if energy <= DEAD_POWER * s.hop else FINE


@njit
def _watch(s):
    """Keep the fault up to date; whether the last hop can be heard."""
    found = _suspect(s) if s.hears_room else FINE
    s.not_finite, s.clipped = 0, 0
    if found == FINE:
        s.status[HEARD] = 1.0
        s.bad_hops = 0
        s.good_hops += 1
        if s.fault != FINE and s.good_hops * s.hop_s >= CLEAR_S:
            s.fault = FINE
    else:
        s.good_hops = 0
        s.bad_hops += 1
        if found == NOT_FINITE or s.bad_hops * s.hop_s >= (CLIPPED_S if found == CLIPPED else DEAD_S):
            if s.fault == FINE:
                forget(s)
            if s.fault != found:
                s.status[ONSETS + found] += 1
            s.fault = found
    s.status[FAULT] = s.fault
    return found == FINE


@njit
def _note_music(s):
    """The music's levels without what the curve adds."""
    _band_powers(s, s.new_music, s.music, s.played)
    total, long, short = 0.0, _pace(s.hop_s, LONG_S / PACE), _pace(s.hop_s, SHORT_S / 2)
    for b in range(s.n_bands):
        s.played[b] *= 10.0 ** (-0.1 * load_double(s.controls[AMOUNT]) * s.automatic[b])
        total += s.played[b]
        s.short[b] += short * (s.played[b] - s.short[b])
    if total > 1e-9:  # pauses of the music change nothing
        for b in range(s.n_bands):
            s.long[b] += long * (s.played[b] - s.long[b])
    for b in range(s.n_bands):
        s.readings[MUSIC, b] = s.full_scale_db + _level_db(s.long[b])


@njit
def _apply_noise_rule(s):
    """The gains that give the music in this noise the loudness that it has in quiet."""
    loudest = 0.0
    for b in range(s.n_bands):
        loudest = max(loudest, s.long[b])
        s.music_db[b] = s.full_scale_db + _level_db(s.long[b])
        s.noise_db[b] = s.full_scale_db + s.floor_db[b]
    if loudest > 1e-9:
        for i in range(3):
            s.limits[i] = load_double(s.controls[BOOST + i])
        audible_gains(s.music_db, s.noise_db, s.ear, s.limits, s.work, s.steps, s.errors, s.rule)


@njit
def _decide(s, found):
    """The scene that is told, from the one that is sure (0: none) in this hop: what comes and goes does not count."""
    if found == s.status[LABEL] or found != s.candidate:
        s.candidate, s.sure_hops = found, 0
    s.sure_hops += 1
    if s.sure_hops * s.hop_s >= (HOLD_S if found > 0 else FORGET_S):
        s.status[LABEL] = found


@njit
def _add_scene(s):
    """Curves by probability; none where the tagger is not sure enough."""
    shares, best = doubles(s.probabilities, s.n_labels), 0
    for k in range(s.n_labels):
        best = k if shares[k] > shares[best] else best
    sure = shares[best] >= load_double(s.controls[CONFIDENCE])
    _decide(s, best + 1 if sure else 0)
    for k in range(s.n_labels if sure else 0):
        for b in range(s.n_bands):
            s.wanted[b] += shares[k] * s.curves[k, b]


@njit
def _want(s):
    """The curve to go to."""
    boost, cut = load_double(s.controls[BOOST]), load_double(s.controls[CUT])
    if s.by_noise and s.fill == 0:  # the floor is a new one
        _apply_noise_rule(s)
    for b in range(s.n_bands):
        s.wanted[b] = s.rule[b]
    if s.n_labels > 0:
        _add_scene(s)
    for b in range(s.n_bands):
        s.wanted[b] = min(boost, max(-cut, s.wanted[b]))


@njit
def _go_on(s):
    """The curve one hop nearer to what is wanted."""
    up = _pace(s.hop_s, load_double(s.controls[REACTION]) / PACE)
    down = _pace(s.hop_s, load_double(s.controls[RELEASE]) / PACE)
    for b in range(s.n_bands):
        away = s.wanted[b] - s.curve[b]
        s.curve[b] += (up if away > 0.0 else down) * away


@njit
def _flatten(s):
    """The curve one hop nearer to flat, where it arrives in time."""
    most = 24.0 * s.hop_s / FLATTEN_S
    for b in range(s.n_bands):
        value = s.curve[b]
        s.curve[b] = max(0.0, value - most) if value > 0.0 else min(0.0, value + most)


@njit
def _rise_db(s, power, weighted, share):
    """By how much the curve lifts a sound of these band powers."""
    before, after = 1e-20, 1e-20
    for b in range(s.n_bands):
        value = power[b] * s.loudness[b] if weighted else power[b]
        before += value
        after += value * 10.0 ** (0.1 * share * s.curve[b])
    return _level_db(after / before)


@njit
def _largest_rise(s, share):
    rise = max(_rise_db(s, s.long, False, share), _rise_db(s, s.long, True, share))
    return max(rise, max(_rise_db(s, s.short, False, share), _rise_db(s, s.short, True, share)))


@njit
def _limit(s):
    """The share of the curve that lifts the music by no more than is allowed: at once less, slowly more."""
    most, low, high = load_double(s.controls[RISE]), 0.0, 1.0
    if _largest_rise(s, 1.0) > most:
        for _ in range(10):
            middle = 0.5 * (low + high)
            if _largest_rise(s, middle) > most:
                high = middle
            else:
                low = middle
    else:
        low = 1.0
    s.share = low if low < s.share else s.share + _pace(s.hop_s, LOOSEN_S) * (low - s.share)


@njit
def _window(s):
    """How many means the floor looks back: three quarters of the reaction time."""
    return round(0.75 * load_double(s.controls[REACTION]) / (s.frames * s.hop_s))


@njit
def _hear_without_music(s):
    """Put the canceller's levels in place of the sensor's; whether there are any yet.

    Outside its bands the music's share is taken to be that of its outermost band. Levels that may not be believed are
    no higher than the floor so far: as loud as what the sensor hears the room is at most, so that it can only fall.
    """
    canceller = doubles(s.canceller, 6)
    s.status[LOWERED] = canceller[CANCELLED]
    if canceller[BLOCKS] == 0 or canceller[ERROR] >= DOUBTFUL_DB:
        return _bound_by_floor(s)
    room = doubles(s.cancelled, s.n_cancelled)
    first, last = s.first_cancelled, s.first_cancelled + s.n_cancelled - 1
    below = min(1.0, room[0] / max(s.power[first], 1e-30))
    above = min(1.0, room[last - first] / max(s.power[last], 1e-30))
    for b in range(s.n_bands):
        if first <= b <= last:
            s.power[b] = room[b - first]
        else:
            s.power[b] *= below if b < first else above
    return True


@njit
def _bound_by_floor(s):
    """Powers no higher than the floor; whether there is one."""
    for b in range(s.n_bands):
        s.power[b] = min(s.power[b], 10.0 ** (0.1 * (s.floor_db[b] - s.lifts_db[b])))
    return s.known >= s.fewest


@njit
def _hop(s):
    """A hop is complete: levels, and the curve that follows from them."""
    usable = _watch(s)
    _note_music(s)
    _band_powers(s, s.new_room, s.room, s.power)
    if s.n_cancelled > 0 and not _hear_without_music(s):
        usable = False
    if s.fault != FINE:
        _flatten(s)
    elif usable and note(s, s.power, _window(s)) and load_double(s.controls[FREEZE]) < 0.5:
        _want(s)
        _go_on(s)
    _limit(s)
    amount, shown = load_double(s.controls[AMOUNT]), _pace(s.hop_s, SHOWN_S)
    for b in range(s.n_bands):
        s.automatic[b] = s.share * s.curve[b]
        s.readings[CURVE, b] = amount * s.automatic[b]
        level = s.full_scale_db + s.floor_db[b]
        s.readings[NOISE, b] += (level - s.readings[NOISE, b]) * (1.0 if s.known < 2 * s.fewest else shown)
    s.status[SHARE], s.status[AT_HOP] = s.share, s.hops
    if s.n_log > 0 and s.hops % s.log_every == 0:
        place = s.log[(s.hops // s.log_every) % s.n_log]
        for b in range(s.n_bands):
            place[b] = s.readings[CURVE, b]
    s.hops += 1
    now_ns(place_of(s.timespec))  # who reads several listeners asks which of them plays


@step
def listen(state, x, n, y):
    """`n` samples that the room gives at `x`, mono, and that the chain gives at `y`, both float32; changes neither."""
    s = LISTENING(state)
    room, played, done = float_rows(x, 1, STRIDE)[0], float_rows(y, s.channels, STRIDE), np.int64(0)
    while done < n:
        m = min(n - done, s.hop - s.into)
        _take_in(s, room, played, done, m)
        done += m
        if s.into == s.hop:
            _hop(s)
            s.into = 0
    return n


BLEND = Record(
    "Blend",
    counts="n n_bands",
    addresses="amount",
    constants="manual:i8[n] spread:f8[n,n_bands]",
    shared="automatic:f8[n_bands] targets:f8[n]",
)


@step
def blend(state, x, n, y):
    """What the equalizer is to reach: the user's gains, and the automatic curve's share of each of its bands."""
    s = BLEND(state)
    amount = load_double(s.amount)
    for i in range(s.n):
        value = 0.0
        for b in range(s.n_bands):
            value += s.spread[i, b] * s.automatic[b]
        s.targets[i] = load_double(s.manual[i]) + amount * value
    return n
