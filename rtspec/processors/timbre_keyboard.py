"""Keys, pedals and wheels: MIDI messages become voices that start, change and end.

A message acts on its sample, half a hop later: for so long a new note waits for the network, and a voice that it takes
over fades out. All kernels work on one record of :data:`VOICE` a voice and one of :data:`HAND` a channel.
"""

import numpy as np
from numba import njit

MAX_VOICES = 16
N_CHANNELS = 16

_WHOLE = ("busy", "held", "sustained", "wait", "off_wait", "hush", "stage", "channel", "serial", "a", "b", "fresh")
_REAL = ("key", "velocity", "pressure", "age", "level", "fade", "phase", "frequency", "next_frequency", "pitch")
_GAINS = ("gain", "next_gain", "next_key", "next_velocity")
VOICE = np.dtype([*((n, "i8") for n in _WHOLE), *((n, "f8") for n in (*_REAL, *_GAINS))])
"""busy: sounds; held, sustained: by key, by pedal; wait, off_wait: samples until it starts, until it is let go; hush:
fades at once; stage: of the envelope; a, b, fresh: its tables; key, velocity: of the sounding note; next_…: of the note
that waits, and what the hop in progress goes to; pitch: where a glide is, in keys."""

HAND = np.dtype(
    [("sustain", "i8"), ("rpn", "i8")] + [(n, "f8") for n in ("bend", "range", "pressure", "slide", "wheel")]
)
"""Of a MIDI channel: pedal, wheels and pressure; `range` of the bend in semitones."""

ATTACK, DECAY, RELEASE = 0, 1, 2
NOT_RPN = 127 << 7 | 127
_BEND_RANGE = 0
_NOTE_OFF, _NOTE_ON, _POLY, _CONTROL, _CHANNEL_PRESSURE, _BEND = 0x80, 0x90, 0xA0, 0xB0, 0xD0, 0xE0
_WHEEL, _DATA, _SUSTAIN, _SLIDE, _RPN_LOW, _RPN_HIGH, _NO_SOUND, _RESET = 1, 6, 64, 74, 100, 101, 120, 121


def hands() -> np.ndarray:
    """Sixteen channels at rest."""
    made = np.zeros(N_CHANNELS, HAND)
    made["range"], made["rpn"] = -1.0, NOT_RPN
    return made


def voices() -> np.ndarray:
    """Voices at rest, each with three tables of its own."""
    made = np.zeros(MAX_VOICES, VOICE)
    made["b"], made["fresh"] = 1, 2
    return made


@njit
def _is_quiet(voice):
    return voice.busy == 0 and voice.wait == 0


@njit
def _rank(voice, channel, key, serial):
    """How gladly a voice is given to a new note: the same key again, silent ones, released ones, the oldest."""
    age = float(serial - voice.serial)
    if not _is_quiet(voice) and voice.channel == channel and voice.next_key == key:
        return 4e18
    if _is_quiet(voice):
        return 3e18 + age
    if voice.held == 0 and voice.sustained == 0:
        return 1e18 + age
    return age


@njit
def _chosen(all_voices, n_voices, channel, key, serial):
    best, best_rank = 0, -1.0
    for i in range(n_voices):
        rank = _rank(all_voices[i], channel, key, serial)
        if rank > best_rank:
            best, best_rank = i, rank
    return best


@njit
def lead(s):
    """Samples from a message to what it does: half a hop, at whose ends the network is asked."""
    return s.hop // 2


@njit
def _note_on(s, all_voices, n_voices, channel, key, velocity):
    s.serial += 1
    voice = all_voices[_chosen(all_voices, n_voices, channel, key, s.serial)]
    voice.next_key, voice.next_velocity, voice.channel = key, velocity, channel
    voice.serial, voice.held, voice.sustained, voice.hush = s.serial, 1, 0, 0
    voice.wait, voice.off_wait = lead(s), 0


@njit
def _let_go(s, voice):
    voice.held = voice.sustained = 0
    voice.off_wait = lead(s)


@njit
def _pedal(s, all_hands, channel):
    return all_hands[channel].sustain == 1 or (s.mpe == 1 and all_hands[0].sustain == 1)


@njit
def _note_off(s, all_voices, all_hands, channel, key):
    for i in range(MAX_VOICES):
        voice = all_voices[i]
        if voice.held == 1 and voice.channel == channel and voice.next_key == key:
            if _pedal(s, all_hands, channel):
                voice.held, voice.sustained = 0, 1
            else:
                _let_go(s, voice)


@njit
def _reaches(s, channel, voice):
    """Whether a channel's message is for a voice: MPE's master channel speaks for all."""
    return voice.channel == channel or (s.mpe == 1 and channel == 0)


@njit
def _lift_pedal(s, all_voices, channel):
    for i in range(MAX_VOICES):
        if all_voices[i].sustained == 1 and _reaches(s, channel, all_voices[i]):
            _let_go(s, all_voices[i])


@njit
def _hush(voice):
    """Fade within milliseconds; a note that waits never starts."""
    voice.held = voice.sustained = voice.wait = voice.off_wait = 0
    voice.hush = 1


@njit
def _silence(s, all_voices, channel):
    for i in range(MAX_VOICES):
        if _reaches(s, channel, all_voices[i]):
            _hush(all_voices[i])


@njit
def silence_all(all_voices):
    """Hush every voice."""
    for i in range(MAX_VOICES):
        _hush(all_voices[i])


@njit
def _rest(s, all_voices, hand, channel):
    """Controllers at rest (MIDI's message 121)."""
    hand.bend = hand.pressure = hand.slide = hand.wheel = 0.0
    hand.sustain, hand.rpn = 0, NOT_RPN
    _lift_pedal(s, all_voices, channel)


@njit
def _control(s, all_voices, all_hands, channel, number, data, value):
    hand = all_hands[channel]
    if number == _WHEEL:
        hand.wheel = value
    elif number == _SLIDE:
        hand.slide = 2.0 * value - 1.0
    elif number == _SUSTAIN:
        hand.sustain = 1 if data >= 64 else 0
        if data < 64:
            _lift_pedal(s, all_voices, channel)
    elif number == _RPN_HIGH:
        hand.rpn = (data << 7) | (hand.rpn & 127)
    elif number == _RPN_LOW:
        hand.rpn = (hand.rpn & (127 << 7)) | data
    elif number == _DATA and hand.rpn == _BEND_RANGE:
        hand.range = min(data, 96)
    elif number == _RESET:
        _rest(s, all_voices, hand, channel)
    elif number == _NO_SOUND or number > _RESET + 1:
        _silence(s, all_voices, channel)


@njit
def _press(all_voices, channel, key, value):
    for i in range(MAX_VOICES):
        if all_voices[i].channel == channel and all_voices[i].next_key == key:
            all_voices[i].pressure = value


@njit
def act(s, all_voices, all_hands, n_voices, status, data1, data2, value):
    """Let one channel message act.

    Parameters
    ----------
    s : record
        With fields hop, serial and mpe.
    all_voices, all_hands : ndarray of VOICE and of HAND
    n_voices : int
        Voices that may be given to notes.
    status, data1, data2, value
        The message as :mod:`rtspec.buffers.inbox` gives it.
    """
    kind, channel = status & 0xF0, status & 0x0F
    if kind == _NOTE_ON and data2 > 0:
        _note_on(s, all_voices, n_voices, channel, data1, value)
    elif kind in (_NOTE_ON, _NOTE_OFF):
        _note_off(s, all_voices, all_hands, channel, data1)
    elif kind == _POLY:
        _press(all_voices, channel, data1, value)
    elif kind == _CONTROL:
        _control(s, all_voices, all_hands, channel, data1, data2, value)
    elif kind == _CHANNEL_PRESSURE:
        all_hands[channel].pressure = value
    elif kind == _BEND:
        all_hands[channel].bend = value


@njit
def bend_keys(s, all_hands, channel, own_range, mpe_range):
    """Semitones by which a channel's wheel, and in MPE the master's too, bends its notes."""
    hand, master = all_hands[channel], all_hands[0]
    if s.mpe == 0 or channel == 0:
        return hand.bend * (own_range if hand.range < 0.0 else hand.range)
    wide = mpe_range if hand.range < 0.0 else hand.range
    return hand.bend * wide + master.bend * (own_range if master.range < 0.0 else master.range)
