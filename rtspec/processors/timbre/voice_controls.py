"""What parameters and controllers say of a voice now: its pitch, its loudness, how fast its level moves."""

import numpy as np
from numba import njit

from .channels import bend_keys, level_of, pressure_of, wheel_of
from .courses import USUAL_RELEASE_S

CONTROLS = (
    *("attack_ms", "decay_ms", "sustain", "release_ms", "glide_ms", "bend_semitones", "mpe_semitones", "velocity_db"),
    *("pressure_db", "vibrato_cents", "wheel_cents", "lfo_hz", "lfo_depth", "lfo_axis"),
    *("envelope_depth", "envelope_axis", "pressure_depth", "pressure_axis", "slide_depth", "slide_axis"),
    *("onset", "fade"),
)
"""What the stage reads each hop, float32, in this order."""

HEADROOM = 0.125
"""Effective value of the loudest note: eight of them at once just do not clip."""

SOFTEST = 1.0 / 256.0
"""Velocity, 0 to 1, below which nothing is softer."""

LEAST_RELEASE_MS, MOST_RELEASE_MS = 5.0, 10000.0
"""Below the first, a release is the instrument's own; none is longer than the second, whatever controller 72 says."""

USUAL_RELEASE_MS = 1000.0 * USUAL_RELEASE_S

_ATTACK, _DECAY, _SUSTAIN, _RELEASE, GLIDE, BEND, MPE_BEND, _VELOCITY = range(8)
_PRESSURE, _VIBRATO, _WHEEL, LFO_HZ, LFO_DEPTH, LFO_AXIS = range(8, 14)
ENV_DEPTH, ENV_AXIS, PRESS_DEPTH, PRESS_AXIS, SLIDE_DEPTH, SLIDE_AXIS = range(14, 20)
ONSET, FADE = range(20, 22)


@njit
def bent_pitch(s, control, all_hands, voice, pitch):
    """A pitch with all that bends it now, in keys."""
    wobble = control[_VIBRATO] + control[_WHEEL] * wheel_of(s, all_hands, voice.channel)
    bend = bend_keys(s, all_hands, voice.channel, control[BEND], control[MPE_BEND])
    return pitch + bend + 0.01 * wobble * np.sin(2.0 * np.pi * s.lfo)


@njit
def bent_hz(s, control, all_hands, voice, pitch):
    """The same as a frequency."""
    return 440.0 * 2.0 ** ((bent_pitch(s, control, all_hands, voice, pitch) - 69.0) / 12.0)


@njit
def pressed(s, all_hands, voice):
    """Pressure of a voice, 0 to 1: its own key's or its channel's, whichever is more."""
    return max(voice.pressure, pressure_of(s, all_hands, voice.channel))


@njit
def loudness_of(s, control, all_hands, voice, velocity):
    """Gain of a note: by its stroke, a quarter of which is `velocity_db` softer; by pressure; and by its channel."""
    db = control[_VELOCITY] * np.log(max(velocity, SOFTEST)) / np.log(4.0) + control[_PRESSURE] * pressed(
        s, all_hands, voice
    )
    return level_of(s, all_hands, voice.channel) * HEADROOM * np.sqrt(2.0) * 10.0 ** (db / 20.0)


@njit
def level_steps(s, control, hand, voice):
    """By how much a sample moves a voice's level: rising, falling, sustained at, released."""
    rise = 1000.0 / (control[_ATTACK] * hand.attack * s.sample_rate)
    fall = 1.0 - np.exp(-3000.0 / (control[_DECAY] * hand.decay * s.sample_rate))
    set_ms = control[_RELEASE]
    own_ms = set_ms if set_ms >= LEAST_RELEASE_MS else USUAL_RELEASE_MS * voice.release
    release = np.exp(-6900.0 / (min(own_ms * hand.release, MOST_RELEASE_MS) * s.sample_rate))
    return rise, fall, control[_SUSTAIN], release
