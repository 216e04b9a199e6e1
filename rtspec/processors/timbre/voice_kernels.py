"""Compiled voices: messages become notes, the network is asked once a hop, and every voice sounds sample by sample."""

import numpy as np
from numba import njit

from ...buffers.atomics import load_double
from ...buffers.inbox import INBOX, MESSAGE, pop
from ...buffers.record import Record
from ...buffers.step import ROW, run_rows, step
from ...buffers.views import copy, float_rows, part, place_of
from ...chain.program import STRIDE
from .channels import (
    HAND,
    N_CHANNELS,
    bend_keys,
    follow_levels,
    glide_of,
    lead_channel,
    level_of,
    pressure_of,
    slide_of,
    wheel_of,
)
from .course_kernels import (
    COURSE_FIELDS,
    course_drift,
    course_gain,
    release_factor,
    weigh_courses,
)
from .courses import USUAL_RELEASE_S
from .envelope import envelope
from .frames import FRAME_FIELDS, add_partials, finish_frame, forget_frame
from .keyboard import ATTACK, MAX_VOICES, RELEASE, VOICE, act, lead, silence_all
from .levels import N_BANDS, N_LEVELS, N_PARTIALS
from .noise import NOISE_FIELDS, add_noise, forget_noise, next_noise
from .oscillators import OSCILLATOR_FIELDS, SHEET, SPAN, add_samples, fill_sheet, place_sample
from .programs import FOLLOW_S, PROGRAM_FIELDS, forget_programs, lay_place

CONTROLS = (
    *("attack_ms", "decay_ms", "sustain", "release_ms", "glide_ms", "bend_semitones", "mpe_semitones", "velocity_db"),
    *("pressure_db", "vibrato_cents", "wheel_cents", "lfo_hz", "lfo_depth", "lfo_axis"),
    *("envelope_depth", "envelope_axis", "pressure_depth", "pressure_axis", "slide_depth", "slide_axis"),
    *("onset", "fade"),
)
"""What the stage reads each hop, float32, in this order."""

N_LATENTS = 16
ASKED = N_LATENTS + 3 + N_LATENTS
"""Values of a voice that the network takes: shifts of its latents, key, velocity (0 to 1), age in seconds, and where
its instrument's own course leads the latents."""

HEADROOM = 0.125
"""Effective value of the loudest note: eight of them at once just do not clip."""

SOFTEST = 1.0 / 256.0
"""Velocity, 0 to 1, below which nothing is softer."""

NOISE_HOPS = 2
"""Hops in one of the noise, whose bands need longer frames."""

LEAST_RELEASE_MS, MOST_RELEASE_MS = 5.0, 10000.0
"""Below the first, a release is the instrument's own; none is longer than the second, whatever controller 72 says."""

USUAL_RELEASE_MS = 1000.0 * USUAL_RELEASE_S
HUSH_S = 0.004

SYNTH = Record(
    "Synth",
    *(COURSE_FIELDS, PROGRAM_FIELDS, OSCILLATOR_FIELDS, NOISE_FIELDS, FRAME_FIELDS),
    counts="hop fill serial=0 mpe=0 lower=0 upper=0 channels busy=0 lost=0 noise_at",
    addresses="inbox latents voices_target mpe_target drums_target",
    constants=f"rows:i8[2,{ROW}]",
    shared=f"controls:f4[{len(CONTROLS)}]",
    arrays=f"message:Message[1] voices:Voice[{MAX_VOICES}] hands:Hand[{N_CHANNELS}] course:f8[{MAX_VOICES}]"
    f" wanted:i8[{MAX_VOICES}] model_in:f4[{MAX_VOICES},{ASKED}] model_out:f4[{MAX_VOICES},{N_LEVELS}]"
    f" sheets:f4[{MAX_VOICES},3,{SHEET}]",
    reals="sample_rate lfo=0",
    elements=(MESSAGE, VOICE, HAND),
)


_ATTACK, _DECAY, _SUSTAIN, _RELEASE, _GLIDE, _BEND, _MPE_BEND, _VELOCITY = range(8)
_PRESSURE, _VIBRATO, _WHEEL, _LFO_HZ, _LFO_DEPTH, _LFO_AXIS = range(8, 14)
_ENV_DEPTH, _ENV_AXIS, _PRESS_DEPTH, _PRESS_AXIS, _SLIDE_DEPTH, _SLIDE_AXIS = range(14, 20)
_ONSET, _FADE = range(20, 22)


@njit
def _hz(key):
    return 440.0 * 2.0 ** ((key - 69.0) / 12.0)


@njit
def _bent(s, control, all_hands, voice, pitch):
    """A pitch with all that bends it now, in keys."""
    wobble = control[_VIBRATO] + control[_WHEEL] * wheel_of(s, all_hands, voice.channel)
    bend = bend_keys(s, all_hands, voice.channel, control[_BEND], control[_MPE_BEND])
    return pitch + bend + 0.01 * wobble * np.sin(2.0 * np.pi * s.lfo)


@njit
def _pressed(s, all_hands, voice):
    return max(voice.pressure, pressure_of(s, all_hands, voice.channel))


@njit
def _loudness(s, control, all_hands, voice, velocity):
    """Gain of a note: by its stroke, a quarter of which is `velocity_db` softer; by pressure; and by its channel."""
    db = control[_VELOCITY] * np.log(max(velocity, SOFTEST)) / np.log(4.0) + control[_PRESSURE] * _pressed(
        s, all_hands, voice
    )
    return level_of(s, all_hands, voice.channel) * HEADROOM * np.sqrt(2.0) * 10.0 ** (db / 20.0)


@njit
def _course(s, control, voice, age):
    """Gain of a voice's note when it is `age` samples old: as its instrument goes, and as the player bends that."""
    return course_gain(s, voice.course, voice.own, voice.key, age / s.sample_rate, control[_ONSET], control[_FADE])


@njit
def _follow_course(s, voice):
    """A note that lost its program goes over to the course of the place where it is; its release is that course's."""
    if voice.program < 0:
        voice.own = voice.own * np.exp(-s.hop / (FOLLOW_S * s.sample_rate)) if voice.own > 1e-3 else 0.0
    voice.release = release_factor(s, voice.course, voice.own, voice.key)


@njit
def _shift(model_in, axis, amount):
    """Move a latent, numbered from 1."""
    i = int(np.round(axis)) - 1
    if 0 <= i < N_LATENTS:
        model_in[i] += amount


@njit
def _ask(s, control, all_hands, voice, i, struck, key, velocity, age):
    """What the network is model_in for voice `i`, struck at a key and bent to another; its course is weighed then."""
    model_in = s.model_in[i]
    lay_place(s, voice, i, model_in)
    weigh_courses(s, s.latents, s.shifts[i])
    course_drift(s, struck, age / s.sample_rate, part(model_in, N_LATENTS + 3, s.n_course_latents))
    _shift(model_in, control[_LFO_AXIS], control[_LFO_DEPTH] * np.sin(2.0 * np.pi * s.lfo))
    _shift(model_in, control[_ENV_AXIS], control[_ENV_DEPTH] * voice.level)
    _shift(model_in, control[_PRESS_AXIS], control[_PRESS_DEPTH] * _pressed(s, all_hands, voice))
    _shift(model_in, control[_SLIDE_AXIS], control[_SLIDE_DEPTH] * slide_of(s, all_hands, voice.channel))
    model_in[N_LATENTS], model_in[N_LATENTS + 1], model_in[N_LATENTS + 2] = key, velocity, age / s.sample_rate


@njit
def _ask_all(s, control, all_voices, all_hands):
    """One row a voice, and how loud its course is a hop later; returns how many are not quiet."""
    n, course, wanted = 0, s.course, s.wanted
    for i in range(MAX_VOICES):
        voice = all_voices[i]
        wanted[i] = voice.busy or voice.wait > 0
        if voice.wait > 0:
            key = _bent(s, control, all_hands, voice, voice.next_key)
            _ask(s, control, all_hands, voice, i, voice.next_key, key, voice.next_velocity, 0.0)
        elif voice.busy:
            key = _bent(s, control, all_hands, voice, voice.pitch)
            _ask(s, control, all_hands, voice, i, voice.key, key, voice.velocity, voice.age)
            _follow_course(s, voice)
            course[i] = _course(s, control, voice, voice.age + s.hop)
        n += wanted[i]
    return n


@njit
def _go_on(s, control, all_hands, voice, i):
    """The hop to come of a voice that sounds: from where it is to what the network told."""
    model_out = s.model_out[i]
    glide = glide_of(all_hands[voice.channel], control[_GLIDE])
    share = 1.0 if glide < 1.0 else 1.0 - np.exp(-3000.0 * s.hop / (glide * s.sample_rate))
    voice.pitch += share * (voice.key - voice.pitch)
    voice.frequency, voice.next_frequency = voice.next_frequency, _hz(_bent(s, control, all_hands, voice, voice.pitch))
    course = s.course[i]
    voice.gain, voice.next_gain = voice.next_gain, course * _loudness(s, control, all_hands, voice, voice.velocity)
    voice.a, voice.b = voice.b, voice.a
    fill_sheet(s, model_out, max(voice.frequency, voice.next_frequency), s.sheets[i, voice.b])
    if s.noise_at == 0:
        add_noise(s, part(model_out, N_PARTIALS, N_BANDS), voice.next_gain * voice.level * voice.fade)


@njit
def _stay(s, voice, i):
    """A voice that fades for another note stays as it is."""
    copy(s.sheets[i, voice.a], s.sheets[i, voice.b])
    voice.frequency, voice.gain = voice.next_frequency, voice.next_gain


@njit
def _begin_hop(s, control, all_voices, all_hands):
    """All that happens once a hop: smoothed parameters, one call of the network, new sheets, a frame of noise."""
    run_rows(place_of(s.rows[0]), 1, 1)
    follow_levels(s, all_hands)
    s.lfo = (s.lfo + control[_LFO_HZ] * s.hop / s.sample_rate) % 1.0
    s.busy = _ask_all(s, control, all_voices, all_hands)
    s.noise_at = (s.noise_at + s.hop) % (NOISE_HOPS * s.hop)
    if s.noise_at == 0:
        forget_noise(s)
    if s.busy > 0:
        run_rows(place_of(s.rows[1]), 1, 1)
    for i in range(MAX_VOICES):
        voice = all_voices[i]
        if voice.busy and voice.wait == 0:
            _go_on(s, control, all_hands, voice, i)
        elif voice.busy:
            _stay(s, voice, i)
    _prepare_new(s, control, all_voices, all_hands)
    if s.noise_at == 0:
        next_noise(s)


@njit
def _prepare_new(s, control, all_voices, all_hands):
    """Sheets of the notes that wait, from what the network told."""
    for i in range(MAX_VOICES):
        voice = all_voices[i]
        if voice.wait > 0:
            key = _bent(s, control, all_hands, voice, voice.next_key)
            fill_sheet(s, s.model_out[i], _hz(key), s.sheets[i, voice.fresh])


@njit
def _half_way(s, control, all_voices, all_hands):
    """In the middle of a hop the network is model_in only where a note waits, which is then ready on its sample."""
    waiting = False
    for i in range(MAX_VOICES):
        waiting = waiting or all_voices[i].wait > 0
    if waiting:
        _ask_all(s, control, all_voices, all_hands)
        run_rows(place_of(s.rows[1]), 1, 1)
        _prepare_new(s, control, all_voices, all_hands)


@njit
def _start_gain(s, control, all_hands, voice, i, at):
    """Gains of a note that begins `at` samples into a hop: on the line through them its own begins there."""
    weigh_courses(s, s.latents, s.shifts[i])
    loud, share = _loudness(s, control, all_hands, voice, voice.velocity), at / s.hop
    first, last = loud * _course(s, control, voice, 0.0), loud * _course(s, control, voice, float(s.hop - at))
    voice.release = release_factor(s, voice.course, voice.own, voice.key)
    voice.gain = first if at == s.hop else (first - share * last) / (1.0 - share)
    voice.next_gain = last


@njit
def _start(s, control, all_hands, voice, i, at):
    """The note that waited begins, `at` samples into a hop."""
    voice.b, voice.fresh = voice.fresh, voice.b
    copy(s.sheets[i, voice.a], s.sheets[i, voice.b])
    voice.key, voice.velocity = voice.next_key, voice.next_velocity
    voice.program = voice.course = voice.next_program
    voice.own = 1.0 if 0 <= voice.course < s.n_course_programs else 0.0
    hand = all_hands[lead_channel(s, voice.channel)]
    glides = glide_of(all_hands[voice.channel], control[_GLIDE]) >= 1.0 and hand.last_pitch >= 0.0
    voice.pitch = hand.last_pitch if glides else voice.key
    hand.last_pitch = voice.key
    voice.frequency = voice.next_frequency = _hz(_bent(s, control, all_hands, voice, voice.pitch))
    _start_gain(s, control, all_hands, voice, i, at)
    voice.busy, voice.hush, voice.stage = 1, 0, ATTACK
    voice.age, voice.level, voice.fade, voice.phase = 0.0, 0.0, 1.0, 0.0


@njit
def _times(s, control, hand, voice):
    """By how much a sample moves a voice's level: rising, falling, sustained at, released."""
    rise = 1000.0 / (control[_ATTACK] * hand.attack * s.sample_rate)
    fall = 1.0 - np.exp(-3000.0 / (control[_DECAY] * hand.decay * s.sample_rate))
    set_ms = control[_RELEASE]
    own_ms = set_ms if set_ms >= LEAST_RELEASE_MS else USUAL_RELEASE_MS * voice.release
    release = np.exp(-6900.0 / (min(own_ms * hand.release, MOST_RELEASE_MS) * s.sample_rate))
    return rise, fall, control[_SUSTAIN], release


@njit
def _fading(s, voice):
    """By how much a sample fades a voice that is hushed, or taken over by another note."""
    if voice.hush:
        return 1.0 / (HUSH_S * s.sample_rate)
    return 1.0 / lead(s) if voice.wait > 0 else 0.0


@njit
def _place_samples(s, voice, times, at, n):
    """Place `n` samples of a voice, `at` samples into a hop, or those until it ends; returns how many they are."""
    rise, fall, sustain, release = times
    stage, level, fade, phase, fading = voice.stage, voice.level, voice.fade, voice.phase, _fading(s, voice)
    gain, to_gain, hz, to_hz = voice.gain, voice.next_gain, voice.frequency, voice.next_frequency
    j = 0
    while j < n and voice.busy:
        share = (at + j) / s.hop
        stage, level = envelope(stage, level, rise, fall, sustain, release)
        fade = max(0.0, fade - fading)
        place_sample(s, j, phase, share, (gain + share * (to_gain - gain)) * level * fade)
        phase += (hz + share * (to_hz - hz)) / s.sample_rate
        phase -= np.floor(phase)
        if fade == 0.0 or (stage == RELEASE and level < 1e-5):
            voice.busy = voice.hush = 0
        j += 1
    voice.stage, voice.level, voice.fade, voice.phase = stage, level, fade, phase
    voice.age += j
    return j


@njit
def _count_down(s, control, all_hands, voice, i, at, n):
    """After `n` samples, at sample `at` of a hop: what the voice waited for happens."""
    if voice.wait > 0:
        voice.wait -= n
        if voice.wait == 0:
            _start(s, control, all_hands, voice, i, at)
    if voice.off_wait > 0:
        voice.off_wait -= n
        if voice.off_wait == 0:
            voice.stage = RELEASE


@njit
def _until_next(voice, n):
    """Samples until something happens to a voice, `n` at most."""
    n = min(n, voice.wait) if voice.wait > 0 else n
    return min(n, voice.off_wait) if voice.off_wait > 0 else n


@njit
def _sound(s, control, all_hands, voice, i, out, n):
    """Add `n` samples of a voice."""
    times, done = _times(s, control, all_hands[voice.channel], voice), 0
    while done < n:
        m = _until_next(voice, min(n - done, SPAN))
        if voice.busy:
            sounding = _place_samples(s, voice, times, s.fill + done, m)
            add_samples(s, s.sheets[i, voice.a], s.sheets[i, voice.b], part(out, done, sounding))
        done += m
        _count_down(s, control, all_hands, voice, i, s.fill + done, m)


@njit
def _take_messages(s, control, all_voices, all_hands):
    n_voices = min(MAX_VOICES, max(1, int(np.round(load_double(s.voices_target)))))
    s.mpe = 1 if load_double(s.mpe_target) >= 0.5 else 0
    drums = load_double(s.drums_target) >= 0.5
    forget_programs(s, all_voices, all_hands)
    lost = INBOX(s.inbox).lost
    if lost != s.lost:  # a key's end may be among them
        silence_all(all_voices)
        s.lost = lost
    m = s.message[0]
    while pop(s.inbox, place_of(s.message)):
        ranges = control[_BEND], control[_MPE_BEND]
        act(s, all_voices, all_hands, n_voices, m.status, m.data1, m.data2, m.value, drums, ranges[0], ranges[1])


@njit
def _end_hop(s, all_voices):
    """Where phases come from frames: all voices as magnitudes, and the next hop out of them."""
    forget_frame(s)
    for i in range(MAX_VOICES):
        voice = all_voices[i]
        if voice.busy and voice.wait == 0:
            gain = voice.next_gain * voice.level * voice.fade
            add_partials(s, s.model_out[i], voice.next_frequency, gain)
    finish_frame(s)
    run_rows(place_of(s.frame_rows), s.n_frame_rows, 1)


@step
def play_voices(state, x, n, y):
    """Messages in the inbox → `n` samples, the same in all channels (planar float32); the input is not heard."""
    s = SYNTH(state)
    control, all_voices, all_hands, sound = s.controls, s.voices, s.hands, float_rows(y, s.channels, STRIDE)
    _take_messages(s, control, all_voices, all_hands)
    done = 0
    while done < n:
        if s.fill == s.hop:
            s.fill = 0
            _begin_hop(s, control, all_voices, all_hands)
        elif s.fill == lead(s):
            _half_way(s, control, all_voices, all_hands)
        m = min((s.hop if s.fill >= lead(s) else lead(s)) - s.fill, n - done)
        out = part(sound[0], done, m)
        copy(out, part(s.noise_sum, s.noise_at + s.fill, m))
        for i in range(MAX_VOICES):
            if all_voices[i].busy or all_voices[i].wait > 0:
                _sound(s, control, all_hands, all_voices[i], i, out, m)
        if s.n_frame_rows > 0:
            copy(out, part(s.hop_out, s.fill, m))
        s.fill += m
        done += m
        if s.n_frame_rows > 0 and s.fill == s.hop:
            _end_hop(s, all_voices)
    for c in range(1, s.channels):
        copy(part(sound[c], 0, n), sound[0])
    return n
