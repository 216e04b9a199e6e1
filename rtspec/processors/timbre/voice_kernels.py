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
    follow_levels,
    glide_of,
    lead_channel,
    slide_of,
)
from .course_kernels import (
    COURSE_FIELDS,
    course_drift,
    course_gain,
    release_factor,
    weigh_courses,
)
from .envelope import envelope
from .frames import FRAME_FIELDS, add_partials, finish_frame, forget_frame
from .keyboard import ATTACK, MAX_VOICES, RELEASE, VOICE, act, lead, silence_all
from .levels import N_BANDS, N_LEVELS, N_PARTIALS
from .noise import NOISE_FIELDS, add_noise, forget_noise, next_noise
from .oscillators import OSCILLATOR_FIELDS, SHEET, SPAN, add_samples, fill_sheet, meet_half_way, place_sample
from .programs import FOLLOW_S, PROGRAM_FIELDS, forget_programs, lay_place
from .voice_controls import (
    BEND,
    CONTROLS,
    ENV_AXIS,
    ENV_DEPTH,
    FADE,
    GLIDE,
    LFO_AXIS,
    LFO_DEPTH,
    LFO_HZ,
    MPE_BEND,
    ONSET,
    PRESS_AXIS,
    PRESS_DEPTH,
    SLIDE_AXIS,
    SLIDE_DEPTH,
    bent_hz,
    bent_pitch,
    level_steps,
    loudness_of,
    pressed,
)

N_LATENTS = 16
ASKED = N_LATENTS + 3 + N_LATENTS
"""Values of a voice that the network takes: shifts of its latents, key, velocity (0 to 1), age in seconds, and where
its instrument's own course leads the latents."""

NOISE_HOPS = 2
"""Hops in one of the noise, whose bands need longer frames."""

YOUNG_S = 0.1
"""From this age on a note changes slowly enough that the network is asked for it at every second hop."""

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


@njit
def _course(s, control, voice, age):
    """Gain of a voice's note when it is `age` samples old: as its instrument goes, and as the player bends that."""
    return course_gain(s, voice.course, voice.own, voice.key, age / s.sample_rate, control[ONSET], control[FADE])


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
    _shift(model_in, control[LFO_AXIS], control[LFO_DEPTH] * np.sin(2.0 * np.pi * s.lfo))
    _shift(model_in, control[ENV_AXIS], control[ENV_DEPTH] * voice.level)
    _shift(model_in, control[PRESS_AXIS], control[PRESS_DEPTH] * pressed(s, all_hands, voice))
    _shift(model_in, control[SLIDE_AXIS], control[SLIDE_DEPTH] * slide_of(s, all_hands, voice.channel))
    model_in[N_LATENTS], model_in[N_LATENTS + 1], model_in[N_LATENTS + 2] = key, velocity, age / s.sample_rate


@njit
def _is_young(s, voice):
    return voice.age < YOUNG_S * s.sample_rate


@njit
def _ask_all(s, control, all_voices, all_hands):
    """One row a voice, and how loud its course is a hop later; returns how many are not quiet. For those that are not
    young, answers are wanted in hops that make no noise: the two costs fall to different hops."""
    n, course, wanted = 0, s.course, s.wanted
    for i in range(MAX_VOICES):
        voice = all_voices[i]
        wanted[i] = voice.wait > 0 or (voice.busy and (s.noise_at != 0 or _is_young(s, voice)))
        if voice.wait > 0:
            _ask_new(s, control, all_hands, voice, i)
        elif voice.busy:
            key = bent_pitch(s, control, all_hands, voice, voice.pitch)
            _ask(s, control, all_hands, voice, i, voice.key, key, voice.velocity, voice.age)
            _follow_course(s, voice)
            course[i] = _course(s, control, voice, voice.age + s.hop)
        n += voice.busy or voice.wait > 0
    return n


@njit
def _ask_new(s, control, all_hands, voice, i):
    """The row of a voice whose note waits."""
    key = bent_pitch(s, control, all_hands, voice, voice.next_key)
    _ask(s, control, all_hands, voice, i, voice.next_key, key, voice.next_velocity, 0.0)


@njit
def _go_on(s, control, all_hands, voice, i):
    """The hop to come of a voice that sounds: from where it is to what the network told."""
    model_out = s.model_out[i]
    glide = glide_of(all_hands[voice.channel], control[GLIDE])
    share = 1.0 if glide < 1.0 else 1.0 - np.exp(-3000.0 * s.hop / (glide * s.sample_rate))
    voice.pitch += share * (voice.key - voice.pitch)
    voice.frequency, voice.next_frequency = (
        voice.next_frequency,
        bent_hz(s, control, all_hands, voice, voice.pitch),
    )
    course = s.course[i]
    voice.gain, voice.next_gain = voice.next_gain, course * loudness_of(s, control, all_hands, voice, voice.velocity)
    voice.a, voice.b = voice.b, voice.a
    fill_sheet(s, model_out, max(voice.frequency, voice.next_frequency), s.sheets[i, voice.b])
    if s.wanted[i] and not _is_young(s, voice):
        meet_half_way(s.sheets[i, voice.a], s.sheets[i, voice.b])
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
    s.lfo = (s.lfo + control[LFO_HZ] * s.hop / s.sample_rate) % 1.0
    s.noise_at = (s.noise_at + s.hop) % (NOISE_HOPS * s.hop)
    s.busy = _ask_all(s, control, all_voices, all_hands)
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
            hz = bent_hz(s, control, all_hands, voice, voice.next_key)
            fill_sheet(s, s.model_out[i], hz, s.sheets[i, voice.fresh])


@njit
def _half_way(s, control, all_voices, all_hands):
    """In the middle of a hop the network is asked only for notes that wait, which are then ready on their sample."""
    waiting, wanted = False, s.wanted
    for i in range(MAX_VOICES):
        voice = all_voices[i]
        wanted[i] = voice.wait > 0
        if voice.wait > 0:
            _ask_new(s, control, all_hands, voice, i)
            waiting = True
    if waiting:
        run_rows(place_of(s.rows[1]), 1, 1)
        _prepare_new(s, control, all_voices, all_hands)


@njit
def _start_gain(s, control, all_hands, voice, i, at):
    """Gains of a note that begins `at` samples into a hop: on the line through them its own begins there."""
    weigh_courses(s, s.latents, s.shifts[i])
    loud, share = loudness_of(s, control, all_hands, voice, voice.velocity), at / s.hop
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
    glides = glide_of(all_hands[voice.channel], control[GLIDE]) >= 1.0 and hand.last_pitch >= 0.0
    voice.pitch = hand.last_pitch if glides else voice.key
    hand.last_pitch = voice.key
    voice.frequency = voice.next_frequency = bent_hz(s, control, all_hands, voice, voice.pitch)
    _start_gain(s, control, all_hands, voice, i, at)
    voice.busy, voice.hush, voice.stage = 1, 0, ATTACK
    voice.age, voice.level, voice.fade, voice.phase = 0.0, 0.0, 1.0, 0.0


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
    times, done = level_steps(s, control, all_hands[voice.channel], voice), 0
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
        ranges = control[BEND], control[MPE_BEND]
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
