"""Keys, pedals and wheels: MIDI messages become voices that start, change and end.

A message acts on its sample, half a hop later: for so long a new note waits for the network, and a voice that it takes
over fades out. All kernels work on one record of :data:`VOICE` a voice and one of
:data:`~rtspec.processors.timbre.channels.HAND` a channel.
"""

import numpy as np
from numba import njit

from ...buffers.record import Record
from .channels import (
    N_CHANNELS,
    SOFT,
    enter_data,
    is_silent,
    master_of,
    pedal_is_down,
    reaches,
    rest,
    select_parameter,
    settle_level,
    step_data,
)

MAX_VOICES = 16

VOICE = Record(
    "Voice",
    counts="busy held sustained kept wait off_wait hush stage channel serial a b fresh program next_program course",
    reals="key velocity pressure age level fade phase frequency next_frequency pitch"
    " gain next_gain next_key next_velocity own release",
)
"""busy: sounds; held, sustained, kept: by key, by pedal, by the sostenuto pedal; wait, off_wait: samples until it
starts, until it is let go; hush: fades at once; stage: of the envelope; a, b, fresh: its sheets; program: whose timbre,
-1: the instrument's; course, own: the program whose course it began with, and how far it keeps that; release: how much
longer than usual its own takes; key, velocity: of the sounding note; next_…: of the note that waits, and what the
hop in progress goes to; pitch: where a glide is, in keys."""

ATTACK, DECAY, RELEASE = 0, 1, 2
_NOTE_OFF, _NOTE_ON, _POLY, _CONTROL, _PROGRAM, _CHANNEL_PRESSURE, _BEND = 0x80, 0x90, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0
_WHEEL, _BREATH, _GLIDE_TIME, _DATA, _VOLUME, _EXPRESSION, _DATA_FINE = 1, 2, 5, 6, 7, 11, 38
_SUSTAIN, _GLIDE_ON, _SOSTENUTO, _SOFT, _RELEASE_TIME, _ATTACK_TIME, _SLIDE, _DECAY_TIME = (
    64,
    65,
    66,
    67,
    72,
    73,
    74,
    75,
)
_UP, _DOWN, _PARAMETERS, _NO_SOUND, _RESET, _NO_NOTES = 96, 97, (98, 101), 120, 121, 123

READS = frozenset(
    [
        *(_WHEEL, _BREATH, _GLIDE_TIME, _DATA, _VOLUME, _EXPRESSION, _DATA_FINE, _UP, _DOWN),
        *(_SUSTAIN, _GLIDE_ON, _SOSTENUTO, _SOFT, _RELEASE_TIME, _ATTACK_TIME, _SLIDE, _DECAY_TIME),
        *(*range(98, 102), *range(_NO_SOUND, 128)),
    ]
)
"""Controllers that the keyboard reads."""

SHORTEST_S = 0.01
"""How long a note sounds at least before it is let go, as in fluidsynth."""

_SAME, _FREE, _RELEASED, _BY_PEDAL = 4e9, 3e9, 2e9, 1e9
_OLDEST, _SILENCE_DB = 1e6, 120.0
"""A voice's worth to its listener: a note's age counts as a decibel."""


def voices() -> np.ndarray:
    """Voices at rest, each with three sheets of its own. A record array of dtype VOICE, shape (MAX_VOICES,)."""
    made = np.zeros(MAX_VOICES, VOICE.dtype)
    made["b"], made["fresh"], made["program"], made["next_program"], made["release"] = 1, 2, -1, -1, 1.0
    return made


# Which voice ----------------------------------------------------------------------------------------------------------


@njit
def _is_quiet(voice):
    return voice.busy == 0 and voice.wait == 0


@njit
def _worthless(voice, serial):
    """How little a voice would be missed: decibels below full scale, and one for each note that came after it."""
    loud = voice.level * voice.fade * voice.next_gain if voice.wait == 0 else 1.0
    return min(_SILENCE_DB, -20.0 * np.log10(max(loud, 1e-6))) + min(_OLDEST, float(serial - voice.serial))


@njit
def _rank(voice, channel, key, serial):
    """How gladly a voice is given to a new note: the same key again, silent ones, released ones, those that a pedal
    holds, held ones; among these the oldest and quietest."""
    if not _is_quiet(voice) and voice.channel == channel and voice.next_key == key:
        return _SAME
    if _is_quiet(voice):
        return _FREE + min(_OLDEST, float(serial - voice.serial))
    if voice.held == 1:
        return _worthless(voice, serial)
    return (_BY_PEDAL if voice.sustained + voice.kept > 0 else _RELEASED) + _worthless(voice, serial)


@njit
def _chosen(all_voices, n_voices, channel, key, serial):
    best, best_rank = 0, -1.0
    for i in range(n_voices):
        rank = _rank(all_voices[i], channel, key, serial)
        if rank > best_rank:
            best, best_rank = i, rank
    return best


@njit
def _sounds(s, all_voices, channel):
    found = False
    for i in range(MAX_VOICES):
        found = found or (not _is_quiet(all_voices[i]) and reaches(s, channel, all_voices[i].channel))
    return found


# Keys -----------------------------------------------------------------------------------------------------------------


@njit
def lead(s):
    """Samples from a message to what it does: half a hop, at whose ends the network is asked."""
    return s.hop // 2


@njit
def _note_on(s, all_voices, all_hands, n_voices, channel, key, velocity):
    s.serial += 1
    if not _sounds(s, all_voices, channel):
        settle_level(s, all_hands, channel)
    voice = all_voices[_chosen(all_voices, n_voices, channel, key, s.serial)]
    again = voice.channel == channel and voice.next_key == key  # sostenuto holds the string, not the stroke
    kept = voice.kept if again else 0
    master = master_of(s, channel)
    soft = all_hands[channel].soft == 1 or (master >= 0 and all_hands[master].soft == 1)
    voice.next_key, voice.next_velocity, voice.channel = key, velocity * SOFT if soft else velocity, channel
    voice.next_program, voice.pressure = all_hands[channel].program, 0.0
    voice.serial, voice.held, voice.sustained, voice.kept, voice.hush = s.serial, 1, 0, kept, 0
    voice.wait, voice.off_wait = lead(s), 0


@njit
def _let_go(s, voice):
    """Not before it has sounded :data:`SHORTEST_S`: notes that files give no length are heard."""
    voice.held = voice.sustained = voice.kept = 0
    sounded = lead(s) - voice.wait if voice.wait > 0 else lead(s) + int(voice.age)
    voice.off_wait = lead(s) + max(0, int(SHORTEST_S * s.sample_rate) - sounded)


@njit
def _lift_key(s, all_hands, voice):
    """A key rises: its voice goes on if a pedal holds it."""
    voice.held, voice.pressure = 0, 0.0
    voice.sustained = 1 if pedal_is_down(s, all_hands, voice.channel) else 0
    if voice.sustained + voice.kept == 0:
        _let_go(s, voice)


@njit
def _note_off(s, all_voices, all_hands, channel, key):
    for i in range(MAX_VOICES):
        voice = all_voices[i]
        if voice.held == 1 and voice.channel == channel and voice.next_key == key:
            _lift_key(s, all_hands, voice)


# Pedals ---------------------------------------------------------------------------------------------------------------


@njit
def _press_pedal(s, all_voices, channel):
    """What the sostenuto pedal alone holds, the sustain pedal holds too from now on."""
    for i in range(MAX_VOICES):
        voice = all_voices[i]
        if voice.kept == 1 and voice.held == 0 and reaches(s, channel, voice.channel):
            voice.sustained = 1


@njit
def _lift_pedal(s, all_voices, all_hands, channel):
    for i in range(MAX_VOICES):
        voice = all_voices[i]
        if voice.sustained == 1 and not pedal_is_down(s, all_hands, voice.channel):
            voice.sustained = 0
            if voice.kept == 0:
                _let_go(s, voice)


@njit
def _press_sostenuto(s, all_voices, channel):
    for i in range(MAX_VOICES):
        if all_voices[i].held == 1 and reaches(s, channel, all_voices[i].channel):
            all_voices[i].kept = 1


@njit
def _lift_sostenuto(s, all_voices, channel):
    for i in range(MAX_VOICES):
        voice = all_voices[i]
        if voice.kept == 1 and reaches(s, channel, voice.channel):
            voice.kept = 0
            if voice.held + voice.sustained == 0:
                _let_go(s, voice)


@njit
def _pedal(s, all_voices, all_hands, channel, number, down):
    hand = all_hands[channel]
    if number == _SUSTAIN:
        hand.sustain = down
        if down == 1:
            _press_pedal(s, all_voices, channel)
        else:
            _lift_pedal(s, all_voices, all_hands, channel)
    elif number == _SOSTENUTO and hand.sostenuto != down:
        hand.sostenuto = down
        if down == 1:
            _press_sostenuto(s, all_voices, channel)
        else:
            _lift_sostenuto(s, all_voices, channel)
    elif number == _SOFT:
        hand.soft = down


# Ends -----------------------------------------------------------------------------------------------------------------


@njit
def _hush(voice):
    """Fade within milliseconds; a note that waits never starts."""
    voice.held = voice.sustained = voice.kept = voice.wait = voice.off_wait = 0
    voice.hush = 1


@njit
def _silence(s, all_voices, channel):
    for i in range(MAX_VOICES):
        if reaches(s, channel, all_voices[i].channel):
            _hush(all_voices[i])


@njit
def silence_all(all_voices):
    """Hush every voice."""
    for i in range(MAX_VOICES):
        _hush(all_voices[i])


@njit
def _lift_all_keys(s, all_voices, all_hands, channel):
    """All notes off: as if every key rose; the pedal still holds."""
    for i in range(MAX_VOICES):
        if all_voices[i].held == 1 and reaches(s, channel, all_voices[i].channel):
            _lift_key(s, all_hands, all_voices[i])


@njit
def _rest(s, all_voices, all_hands, channel):
    """Controllers at rest (MIDI's message 121), those of a master's members too."""
    for c in range(N_CHANNELS):
        if reaches(s, channel, c):
            rest(all_hands[c])
    for i in range(MAX_VOICES):
        if reaches(s, channel, all_voices[i].channel):
            all_voices[i].pressure = 0.0
    _lift_pedal(s, all_voices, all_hands, channel)
    _lift_sostenuto(s, all_voices, channel)


# Controllers ----------------------------------------------------------------------------------------------------------


@njit
def _shape(hand, number, value, data):
    """Controllers that a master's members take over as they are: times, which 64 leaves alone, and portamento."""
    factor = 10.0 ** ((data - 64) / 64.0)
    if number == _RELEASE_TIME:
        hand.release = factor
    elif number == _ATTACK_TIME:
        hand.attack = factor
    elif number == _DECAY_TIME:
        hand.decay = factor
    elif number == _GLIDE_TIME:
        hand.glide = value
    elif number == _GLIDE_ON:
        hand.glide_on = 1 if data >= 64 else 0


@njit
def _wheels(s, all_voices, all_hands, channel, number, value):
    hand = all_hands[channel]
    if number == _WHEEL:
        hand.wheel = value
    elif number == _BREATH:
        hand.breath = value
    elif number == _SLIDE:
        hand.slide = 2.0 * value - 1.0
    elif number == _VOLUME:
        hand.volume = value
    elif number == _EXPRESSION:
        hand.expression = value
    if (number in (_VOLUME, _EXPRESSION)) and not _sounds(s, all_voices, channel):
        settle_level(s, all_hands, channel)


@njit
def _control(s, all_voices, all_hands, channel, number, data, value, own_range, mpe_range):
    if number in (_SUSTAIN, _SOSTENUTO, _SOFT):
        _pedal(s, all_voices, all_hands, channel, number, 1 if data >= 64 else 0)
    elif _PARAMETERS[0] <= number <= _PARAMETERS[1]:
        select_parameter(all_hands[channel], number, data)
    elif number in (_DATA, _DATA_FINE):
        enter_data(s, all_hands, channel, data, number == _DATA_FINE, own_range, mpe_range)
    elif number in (_UP, _DOWN):
        step_data(s, all_hands, channel, 1.0 if number == _UP else -1.0, own_range, mpe_range)
    elif number == _NO_SOUND:
        _silence(s, all_voices, channel)
    elif number == _RESET:
        _rest(s, all_voices, all_hands, channel)
    elif number >= _NO_NOTES:
        _lift_all_keys(s, all_voices, all_hands, channel)
    else:
        _wheels(s, all_voices, all_hands, channel, number, value)
        for c in range(N_CHANNELS):
            if reaches(s, channel, c):
                _shape(all_hands[c], number, value, data)


@njit
def _press(all_voices, channel, key, value):
    for i in range(MAX_VOICES):
        voice = all_voices[i]
        if voice.held + voice.sustained + voice.kept > 0 and voice.channel == channel and voice.next_key == key:
            voice.pressure = value


@njit
def act(s, all_voices, all_hands, n_voices, status, data1, data2, value, drums, own_range, mpe_range):
    """Let one channel message act.

    Parameters
    ----------
    s : record
        With fields hop, serial, mpe, lower and upper.
    all_voices, all_hands : ndarray of VOICE and of HAND
    n_voices : int
        Voices that may be given to notes.
    status, data1, data2, value
        The message as :mod:`rtspec.buffers.inbox` gives it.
    drums : bool
        Whether channel 10 is a channel like any other.
    own_range, mpe_range : float
        Semitones of a full bend where no message said so.
    """
    kind, channel = status & 0xF0, status & 0x0F
    if kind == _NOTE_ON and data2 > 0:
        if not is_silent(s, channel, drums):
            _note_on(s, all_voices, all_hands, n_voices, channel, data1, value)
    elif kind in (_NOTE_ON, _NOTE_OFF):
        _note_off(s, all_voices, all_hands, channel, data1)
    elif kind == _POLY:
        _press(all_voices, channel, data1, value)
    elif kind == _CONTROL:
        _control(s, all_voices, all_hands, channel, data1, data2, value, own_range, mpe_range)
    elif kind == _PROGRAM:
        for c in range(N_CHANNELS):
            if reaches(s, channel, c):
                all_hands[c].program = data1
    elif kind == _CHANNEL_PRESSURE:
        all_hands[channel].pressure = value
    elif kind == _BEND:
        all_hands[channel].bend = value
