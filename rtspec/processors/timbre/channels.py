"""MIDI channels: what their controllers say, as the standard has it, and MPE zones, where one speaks for all.

References
----------
MIDI 1.0 Detailed Specification, 4.2.1; General MIDI 2 and RP-015 (controllers at rest), RP-018 (increments); MIDI
Polyphonic Expression 1.0 (MIDI Association, 2018).
"""

import numpy as np
from numba import njit

from ...buffers.record import Record

N_CHANNELS = 16
DRUMS = 9
"""Channel 10, which General MIDI keeps for drums."""

HAND = Record(
    "Hand",
    counts="sustain sostenuto soft glide_on parameter program",
    reals="bend range coarse fine pressure breath slide wheel volume expression"
    " glide attack decay release level level_way last_pitch",
)
"""Of a channel. sustain, sostenuto, soft: pedals; glide_on: portamento; parameter: registered one that data entry sets;
program: -1 until one was chosen; range of the bend in semitones, -1: the parameter's; coarse, fine: tuning in semitones
and of 0 to 16383; volume: 0 to 1, -1 until told; glide: time as a share, -1 until told; attack, decay, release: factors
of the times; level: gain of volume and expression, on its way; last_pitch: where a glide begins, -1: nowhere."""

NO_PARAMETER = 127 << 7 | 127
WIDEST = 96.0
_BEND_RANGE, _FINE_TUNE, _COARSE_TUNE, _ZONE = 0, 1, 2, 6
_MIDDLE = 8192
_LOWER, _UPPER = 0, 15
_MOST_GLIDE_MS, _USUAL_GLIDE_MS = 5000.0, 100.0
SOFT = 0.75
"""Factor of the velocity under the soft pedal."""

USUAL_VOLUME = 100 / 127
"""A channel's volume until it has told its own, as General MIDI has it (Level 1 Developer Guidelines, 1996)."""

LEVEL_S = 0.0021
"""Time constant of each of the two poles by which a channel's level follows: 95 % in 10 ms."""


def hands() -> np.ndarray:
    """Sixteen channels at rest. A record array of dtype HAND, shape (N_CHANNELS,)."""
    made = np.zeros(N_CHANNELS, HAND.dtype)
    made["range"], made["parameter"], made["program"], made["fine"] = -1.0, NO_PARAMETER, -1, _MIDDLE
    made["glide"] = made["last_pitch"] = made["volume"] = -1.0
    made["level"] = made["level_way"] = USUAL_VOLUME**2
    for name in ("expression", "attack", "decay", "release"):
        made[name] = 1.0
    return made


# Zones ----------------------------------------------------------------------------------------------------------------


@njit
def master_of(s, channel):
    """The master channel of an MPE member, -1 where it is none. `s` has mpe, lower and upper (members of the zones)."""
    lower = 15 if s.mpe == 1 and s.lower == 0 and s.upper == 0 else s.lower
    if 1 <= channel <= lower:
        return _LOWER
    return _UPPER if 15 - s.upper <= channel <= 14 else -1


@njit
def reaches(s, channel, other):
    """Whether a channel's message is for another channel too: itself, and the members of a master."""
    return other == channel or master_of(s, other) == channel


@njit
def is_silent(s, channel, drums):
    """Whether notes of a channel are left alone: General MIDI's drums, which are no tones of an instrument."""
    return channel == DRUMS and not drums and master_of(s, channel) < 0


@njit
def _zone_bits(s):
    """Which zone each channel is in: two bits a channel, 1 for the lower one, 2 for the upper one, masters included."""
    bits = 0
    for c in range(N_CHANNELS):
        lower = s.lower > 0 and c <= s.lower
        upper = s.upper > 0 and c >= _UPPER - s.upper
        bits |= (1 if lower else 2 if upper else 0) << (2 * c)
    return bits


@njit
def _set_zone(s, all_hands, master, count):
    """A zone of `count` members, 0 for none; where two overlap, the newer one takes the channels. Bends and their
    ranges are at rest then on all channels of that zone and on all that change zones; the other zone keeps its own."""
    before, mine = _zone_bits(s), 1 if master == _LOWER else 2
    count = min(count, 15)
    left = max(0, 14 - count) if count > 0 else 15  # no zone takes no channels
    if master == _LOWER:
        s.lower, s.upper = count, min(s.upper, left)
    else:
        s.upper, s.lower = count, min(s.lower, left)
    after = _zone_bits(s)
    for c in range(N_CHANNELS):
        was, now = (before >> (2 * c)) & 3, (after >> (2 * c)) & 3
        if was != now or now == mine:
            all_hands[c].range, all_hands[c].bend = -1.0, 0.0


# What channel and master say together ---------------------------------------------------------------------------------


@njit
def bend_keys(s, all_hands, channel, own_range, mpe_range):
    """Semitones by which a channel's wheel and tuning, and its master's, move its notes."""
    hand, master = all_hands[channel], master_of(s, channel)
    tuned = hand.coarse + (hand.fine - _MIDDLE) / _MIDDLE
    if master < 0:
        return tuned + hand.bend * (own_range if hand.range < 0.0 else hand.range)
    lord = all_hands[master]
    wide = mpe_range if hand.range < 0.0 else hand.range
    tuned += lord.coarse + (lord.fine - _MIDDLE) / _MIDDLE
    return tuned + hand.bend * wide + lord.bend * (own_range if lord.range < 0.0 else lord.range)


@njit
def wheel_of(s, all_hands, channel):
    """The modulation wheel, 0 to 1."""
    master = master_of(s, channel)
    own = all_hands[channel].wheel
    return own if master < 0 else max(own, all_hands[master].wheel)


@njit
def pressure_of(s, all_hands, channel):
    """Pressure or breath, whichever is more, 0 to 1."""
    hand, master = all_hands[channel], master_of(s, channel)
    own = max(hand.pressure, hand.breath)
    return own if master < 0 else max(own, max(all_hands[master].pressure, all_hands[master].breath))


@njit
def slide_of(s, all_hands, channel):
    """Controller 74, -1 to 1."""
    master = master_of(s, channel)
    own = all_hands[channel].slide
    return own if master < 0 else min(1.0, max(-1.0, own + all_hands[master].slide))


@njit
def level_of(s, all_hands, channel):
    """Gain of volume and expression."""
    master = master_of(s, channel)
    own = all_hands[channel].level
    return own if master < 0 else own * all_hands[master].level


@njit
def pedal_is_down(s, all_hands, channel):
    """The sustain pedal."""
    master = master_of(s, channel)
    return all_hands[channel].sustain == 1 or (master >= 0 and all_hands[master].sustain == 1)


@njit
def glide_of(hand, glide_ms):
    """Milliseconds of a glide: the parameter's, or while portamento is on the controller's."""
    if hand.glide_on == 0:
        return glide_ms
    return _MOST_GLIDE_MS * hand.glide**2 if hand.glide >= 0.0 else max(glide_ms, _USUAL_GLIDE_MS)


@njit
def lead_channel(s, channel):
    """The channel that remembers where a glide begins: in MPE the master, since each note has a channel of its own."""
    master = master_of(s, channel)
    return channel if master < 0 else master


# Levels ---------------------------------------------------------------------------------------------------------------


@njit
def _level_goal(s, all_hands, channel):
    """40·log10(v / 127) dB of each; a member's untold volume is its master's, which multiplies it."""
    hand = all_hands[channel]
    untold = USUAL_VOLUME if master_of(s, channel) < 0 else 1.0
    return ((hand.volume if hand.volume >= 0.0 else untold) * hand.expression) ** 2


@njit
def follow_levels(s, all_hands):
    """A hop of all levels' ways to their goals."""
    share = 1.0 - np.exp(-s.hop / (LEVEL_S * s.sample_rate))
    for c in range(N_CHANNELS):
        hand = all_hands[c]
        hand.level_way += share * (_level_goal(s, all_hands, c) - hand.level_way)
        hand.level += share * (hand.level_way - hand.level)


@njit
def settle_level(s, all_hands, channel):
    """At its goal at once: where nothing sounds."""
    hand = all_hands[channel]
    hand.level = hand.level_way = _level_goal(s, all_hands, channel)


# Registered parameters ------------------------------------------------------------------------------------------------


@njit
def select_parameter(hand, number, data):
    """Controllers 98 to 101. A non-registered parameter is none of ours, and data entry then sets nothing."""
    if number == 101:
        hand.parameter = data << 7 | (hand.parameter & 127)
    elif number == 100:
        hand.parameter = (hand.parameter & (127 << 7)) | data
    else:
        hand.parameter = NO_PARAMETER


@njit
def _set_range(s, all_hands, channel, semitones):
    """The range of the bend; a member's is that of all members of its zone."""
    master = master_of(s, channel)
    semitones = min(max(semitones, 0.0), WIDEST)
    for c in range(N_CHANNELS):
        if c == channel or (master >= 0 and master_of(s, c) == master):
            all_hands[c].range = semitones


@njit
def _range_now(s, hand, channel, own_range, mpe_range):
    return hand.range if hand.range >= 0.0 else (own_range if master_of(s, channel) < 0 else mpe_range)


@njit
def enter_data(s, all_hands, channel, data, is_fine, own_range, mpe_range):
    """Controllers 6 and 38: semitones and cents of the bend, tuning, a zone."""
    hand = all_hands[channel]
    if hand.parameter == _BEND_RANGE:
        whole = np.floor(_range_now(s, hand, channel, own_range, mpe_range))
        _set_range(s, all_hands, channel, whole + 0.01 * data if is_fine else float(data))
    elif hand.parameter == _FINE_TUNE:
        now = int(hand.fine)
        hand.fine = float((now & (127 << 7)) | data) if is_fine else float(data << 7)
    elif hand.parameter == _COARSE_TUNE and not is_fine:
        hand.coarse = float(data - 64)
    elif hand.parameter == _ZONE and not is_fine and (channel in (_LOWER, _UPPER)):
        _set_zone(s, all_hands, channel, data)


@njit
def step_data(s, all_hands, channel, step, own_range, mpe_range):
    """Controllers 96 and 97: by RP-018 a cent, a step of fine tuning, a semitone."""
    hand = all_hands[channel]
    if hand.parameter == _BEND_RANGE:
        now = _range_now(s, hand, channel, own_range, mpe_range)
        _set_range(s, all_hands, channel, now + 0.01 * step)
    elif hand.parameter == _FINE_TUNE:
        hand.fine = min(16383.0, max(0.0, hand.fine + step))
    elif hand.parameter == _COARSE_TUNE:
        hand.coarse = min(63.0, max(-64.0, hand.coarse + step))


@njit
def rest(hand):
    """Message 121, as RP-015 has it: volume, program and the sound's controllers stay."""
    hand.bend = hand.pressure = hand.breath = hand.wheel = 0.0
    hand.sustain = hand.sostenuto = hand.soft = hand.glide_on = 0
    hand.expression, hand.parameter = 1.0, NO_PARAMETER
