"""TimbreSynth: what a musician relies on, measured on its sound."""

from itertools import pairwise

import mido
import numpy as np
import pytest

import rtspec
from rtspec.buffers.events import send_event
from rtspec.control.factory import factory_presets
from rtspec.control.morph import Morph
from rtspec.control.presets import apply
from rtspec.errors import InvalidValue, ModelError
from rtspec.evaluation.timbre.playable import is_louder_with_velocity, pitch_errors_cents
from rtspec.metrics.notes import heard, thirds_distance_db

RATE = 48000
ON, OFF, CONTROL, BEND, PRESSURE, POLY = 0x90, 0x80, 0xB0, 0xE0, 0xD0, 0xA0
SILENT = 1e-5


@pytest.fixture(scope="module")
def synth():
    return rtspec.TimbreSynth("strings")


@pytest.fixture(autouse=True)
def at_rest(request):
    """Every test finds the shared instrument with its defaults."""
    yield
    if "synth" in request.fixturenames:
        made = request.getfixturevalue("synth")
        for parameter in made.parameters.values():
            parameter.value = parameter.spec.default
        made.go_to("strings")


def play(synth, messages, duration=1.0, **options):
    return synth(messages, duration=duration, sample_rate=RATE, num_channels=1, **options)[0]


def level(audio, start_s, end_s):
    return float(np.sqrt(np.mean(audio[round(start_s * RATE) : round(end_s * RATE)] ** 2)))


def pitch_hz(audio, near_hz, start_s=0.3, end_s=0.9):
    part = audio[round(start_s * RATE) : round(end_s * RATE)]
    size = 1 << 19
    spectrum = abs(np.fft.rfft(part * np.blackman(len(part)), size))
    hz = np.fft.rfftfreq(size, 1 / RATE)
    inside = (hz > 0.93 * near_hz) & (hz < 1.07 * near_hz)
    return float(hz[inside][spectrum[inside].argmax()])


def test_every_block_size_gives_the_same_samples_and_reset_a_fresh_start(synth):
    messages = [((ON, 60, 100), 0.0), ((ON, 64, 80), 0.0517), ((BEND, 0, 96), 0.1), ((OFF, 60, 0), 0.2033)]
    whole = play(synth, messages, 0.4)
    for block in (1, 7, 64, 65, 441, 8193):
        assert np.array_equal(play(synth, messages, 0.4, buffer_size=block), whole), block
    assert np.array_equal(play(rtspec.TimbreSynth("strings"), messages, 0.4), whole)


def test_a_note_begins_on_its_sample_wherever_the_hop_lies(synth):
    onsets = []
    for start in (1000, 1001, 1023, 1024, 1030, 1056, 1063, 1087):
        audio = play(synth, [((ON, 60, 127), start / RATE)], 0.1)
        assert np.all(np.abs(audio[:start]) == 0)
        onsets.append(int(np.argmax(np.abs(audio) > 0)) - start)
    assert max(onsets) - min(onsets) <= 1
    assert max(onsets) <= 2


def test_latency_is_half_a_hop_and_what_is_stated(synth):
    program = synth.prepare(RATE, 1)
    assert program.latency == {"model": 32}
    assert synth.latency(RATE)["model"] / RATE < 0.001


@pytest.mark.parametrize("anchor", ["piano", "clarinet"])
def test_every_fourth_key_is_within_five_cents_of_equal_temperament(synth, anchor):
    synth.go_to(anchor)
    errors = pitch_errors_cents(synth, range(36, 97, 4))
    assert max(map(abs, errors.values())) < 5.0


@pytest.mark.parametrize("key", [36, 60, 96])
def test_a_harder_stroke_is_always_louder(synth, key):
    assert is_louder_with_velocity(synth, key, range(1, 128, 14))


def test_a_bent_note_goes_where_the_wheel_says(synth):
    up = play(synth, [((ON, 60, 100), 0.0), ((BEND, 127, 127), 0.05)])
    assert 1200 * np.log2(pitch_hz(up, 293.66) / 293.66) == pytest.approx(0, abs=3)
    wide = [
        ((CONTROL, 101, 0), 0),
        ((CONTROL, 100, 0), 0),
        ((CONTROL, 6, 12), 0),
        ((ON, 60, 100), 0),
        ((BEND, 0, 0), 0),
    ]
    assert 1200 * np.log2(pitch_hz(play(synth, wide), 130.81) / 130.81) == pytest.approx(0, abs=3)


def test_mpe_bends_and_presses_each_note_by_its_channel(synth):
    synth.mpe = 1
    notes = [((ON | 1, 60, 100), 0.0), ((ON | 2, 72, 100), 0.0), ((BEND | 2, 0, 72), 0.01)]
    audio = play(synth, notes)
    assert 1200 * np.log2(pitch_hz(audio, 261.63) / 261.63) == pytest.approx(0, abs=3)
    assert 1200 * np.log2(pitch_hz(audio, 523.25 * 2 ** (6 / 12)) / 523.25) == pytest.approx(600, abs=3)


def test_pressure_makes_louder_for_its_key_alone(synth):
    plain = play(synth, [((ON, 60, 64), 0.0)])
    for message in ((POLY, 60, 127), (PRESSURE, 127)):
        pressed = play(synth, [((ON, 60, 64), 0.0), (message, 0.3)])
        assert 20 * np.log10(level(pressed, 0.5, 1) / level(plain, 0.5, 1)) == pytest.approx(6, abs=0.5)
    other = play(synth, [((ON, 60, 64), 0.0), ((POLY, 61, 127), 0.3)])
    assert np.array_equal(other, plain)


def test_the_pedal_holds_what_is_let_go_until_it_rises(synth):
    synth.release_ms = 150
    messages = [((CONTROL, 64, 127), 0.0), ((ON, 60, 100), 0.0), ((OFF, 60, 0), 0.2), ((CONTROL, 64, 0), 0.6)]
    audio = play(synth, messages, 1.2)
    assert level(audio, 0.4, 0.6) > 0.01
    assert level(audio, 1.0, 1.2) < SILENT


def test_glide_passes_between_the_pitches(synth):
    synth.glide_ms = 600
    audio = play(synth, [((ON, 60, 100), 0.0), ((OFF, 60, 0), 0.1), ((ON, 64, 100), 0.15)], 1.5)
    assert 262 < pitch_hz(audio, 290.0, 0.15, 0.3) < 329
    assert pitch_hz(audio, 329.63, 1.1, 1.5) == pytest.approx(329.63, rel=2e-3)


def test_the_envelope_rises_falls_and_ends_as_told(synth):
    synth.attack_ms, synth.decay_ms, synth.sustain, synth.release_ms = 200, 100, 0.25, 100
    audio = play(synth, [((ON, 72, 127), 0.0), ((OFF, 72, 0), 0.8)], 1.2)
    assert level(audio, 0.0, 0.05) < 0.5 * level(audio, 0.15, 0.2)
    assert level(audio, 0.7, 0.8) < 0.45 * level(audio, 0.18, 0.22)
    assert level(audio, 0.95, 1.2) < SILENT


def test_more_notes_than_voices_take_the_oldest_and_never_click(synth):
    chord = [((ON, 48 + 3 * i, 100), 0.05 * i) for i in range(12)]
    enough = play(synth, chord, 1.0)
    synth.voices = 4
    assert level(play(synth, chord, 1.0), 0.8, 1.0) < 0.8 * level(enough, 0.8, 1.0)
    assert largest_bend(play(synth, chord, 1.0)) < 1.2 * largest_bend(enough)


def largest_bend(audio):
    """Greatest second difference: a click stands out of a sound's own."""
    return float(np.abs(np.diff(audio, 2)).max())


def test_all_sound_off_silences_within_ten_milliseconds(synth):
    synth.release_ms = 5000
    held = [((ON, 40 + 4 * i, 110), 0.0) for i in range(12)]
    audio = play(synth, [*held, ((CONTROL, 120, 0), 0.5)], 0.7)
    assert level(audio, 0.4, 0.5) > 0.01
    assert np.abs(audio[round(0.510 * RATE) :]).max() < SILENT


def test_a_hundred_thousand_random_messages_and_a_full_inbox_leave_no_note_stuck(synth):
    synth.release_ms = 100  # controller 72 makes it ten times as long
    generator = np.random.default_rng(3)
    status = generator.choice([ON, ON, OFF, CONTROL, BEND, PRESSURE, POLY, 0xC0], 100_000) | generator.integers(
        0, 16, 100_000
    )
    data = generator.integers(0, 128, (100_000, 2))
    times = np.sort(generator.uniform(0, 8, 100_000))
    wild = [
        ((int(s), int(a)) if s & 0xE0 == 0xC0 else (int(s), int(a), int(b)), float(t))
        for s, (a, b), t in zip(status, data, times, strict=True)
    ]
    ends = [((CONTROL | c, 121, 0), 8.0) for c in range(16)] + [
        ((OFF | c, k, 0), 8.0) for c in range(16) for k in range(128)
    ]
    audio = play(synth, [*wild, *ends], 10.0)
    assert np.all(np.isfinite(audio))
    assert np.abs(audio).max() < 2.0
    assert np.abs(audio[round(9.0 * RATE) :]).max() < SILENT


def test_sysex_clock_and_empty_messages_are_passed_over_and_broken_ones_named(synth):
    note = [((ON, 60, 100), 0.1)]
    odd = [(b"\xf0\x7d\x01", 0.0), (b"\xf8", 0.05), (b"", 0.06)]
    assert np.array_equal(play(synth, [*odd, *note]), play(synth, note))
    with pytest.raises(InvalidValue, match="is no MIDI channel message"):
        play(synth, [((ON, 60), 0.0)])


def test_keys_beyond_the_trained_range_sound_and_end(synth):
    synth.release_ms = 150
    for key in (0, 20, 110, 127):
        audio = play(synth, [((ON, key, 127), 0.0), ((OFF, key, 0), 0.2)], 0.7)
        assert np.all(np.isfinite(audio))
        assert np.abs(audio[round(0.5 * RATE) :]).max() < SILENT


def test_latents_from_knob_lfo_envelope_pressure_and_slide_move_the_timbre(synth):
    note = [((ON, 60, 100), 0.0)]
    plain = play(synth, note)
    for name, value in (("z1", 0.9), ("lfo_depth", 1.0), ("envelope_depth", 1.0), ("fade", 0.9)):
        before = getattr(synth, name)
        setattr(synth, name, value)
        assert not np.allclose(play(synth, note), plain, atol=1e-3), name
        setattr(synth, name, before)
    slid = play(synth, [*note, ((CONTROL, 74, 127), 0.1)])
    assert not np.allclose(slid, plain, atol=1e-3)
    synth.pressure_depth, synth.pressure_db = 1.0, 0.0
    assert not np.allclose(play(synth, [*note, ((PRESSURE, 127), 0.1)]), plain, atol=1e-3)


def test_a_morph_in_64_steps_has_no_jump(synth):
    start, end = (np.array(synth.latent_map.at(name)) for name in ("flute", "brass"))
    spectra = []
    for step in range(64):
        for name, value in zip(synth.latent_names, start + step / 63 * (end - start), strict=True):
            synth.parameters[name].value = float(value)
        part = play(synth, [((ON, 60, 100), 0.0)], 0.6)[-8192:]
        spectra.append(20 * np.log10(np.abs(np.fft.rfft(part * np.hanning(8192)))[:2000] + 1e-4))
    distances = [float(np.sqrt(np.mean((a - b) ** 2))) for a, b in pairwise(spectra)]
    assert max(distances) <= 3 * np.mean(distances)


def test_moving_all_latents_while_a_note_sounds_makes_no_click(synth):
    program = synth.prepare(RATE, 1)
    note = send_event(0, program.inboxes[0], (ON, 60, 100))
    first = program.run(np.zeros((1, RATE // 2), np.float32), events=[note])
    synth.go_to("brass")
    moved = program.run(np.zeros((1, RATE // 2), np.float32))
    brass = play(synth, [((ON, 60, 100), 0.0)])[RATE // 2 :]  # as old as the note that was moved
    own = max(largest_bend(first[0, RATE // 4 :]), largest_bend(brass))
    assert largest_bend(np.concatenate([first[0, -2:], moved[0]])) <= 1.2 * own


@pytest.mark.parametrize("phase", ["rtpghi", "spsi"])
def test_phases_can_be_rebuilt_from_magnitudes_instead(phase):
    messages = [((ON, 69, 100), 0.0)]
    rebuilt = rtspec.TimbreSynth("strings", phase=phase)
    audio, plain = play(rebuilt, messages), play(rtspec.TimbreSynth("strings"), messages)
    assert 20 * np.log10(level(audio, 0.5, 1) / level(plain, 0.5, 1)) == pytest.approx(0, abs=1)
    assert 1200 * np.log2(pitch_hz(audio, 440.0) / 440.0) == pytest.approx(0, abs=5)
    assert np.array_equal(play(rebuilt, messages, buffer_size=65), audio)


def test_anchors_are_factory_presets_and_corners_of_an_xy_pad(synth):
    presets = {preset.name: preset for preset in factory_presets(synth)}
    apply(synth, presets["Flute"])
    assert [synth.parameters[name].value for name in synth.latent_names] == synth.latent_map.at("flute")
    pad = Morph(synth, [presets[name] for name in ("Flute", "Brass", "Piano", "Strings")])
    pad.move(1.0, 0.0)
    assert synth.z1 == pytest.approx(synth.latent_map.at("brass")[0])
    pad.move(0.5, 0.5)
    corners = [synth.latent_map.at(name)[1] for name in ("flute", "brass", "piano", "strings")]
    assert synth.z2 == pytest.approx(np.mean(corners))


def test_a_recorded_note_is_imitated(synth):
    synth.go_to("clarinet")
    note = play(synth, [((ON, 60, 100), 0.0)], 2.0)
    synth.go_to("saw")
    far = thirds_distance_db(heard(play(synth, [((ON, 60, 100), 0.0)], 2.0), 60), heard(note, 60))
    synth.imitate(note, RATE, 60)
    again = heard(play(synth, [((ON, 60, 100), 0.0)], 2.0), 60)
    assert thirds_distance_db(again, heard(note, 60)) < min(2.5, 0.3 * far)
    assert again.centroid_hz == pytest.approx(heard(note, 60).centroid_hz, rel=0.1)


def test_mido_messages_and_stereo_are_pedalboards(synth):
    messages = [mido.Message("note_on", note=60, velocity=100, time=0.0), mido.Message("note_off", note=60, time=0.3)]
    audio = synth(messages, duration=0.5, sample_rate=44100, num_channels=2)
    assert audio.shape == (2, 22050) and audio.dtype == np.float32
    assert np.array_equal(audio[0], audio[1])


def test_wrong_anchors_phases_and_models_are_named():
    with pytest.raises(InvalidValue, match=r"'kazoo' is no anchor; choose one of .*flute"):
        rtspec.TimbreSynth("kazoo")
    with pytest.raises(InvalidValue, match="griffin"):
        rtspec.TimbreSynth("flute", phase="griffin")
    with pytest.raises(ModelError, match="identity is no timbre model"):
        rtspec.TimbreSynth("flute", model="identity")
    with pytest.raises(ModelError, match="timbre-morph takes 122 values of a voice and TimbreSynth gives 35"):
        rtspec.TimbreSynth("flute", model="timbre-morph")


@pytest.mark.parametrize("sound", [[0.0, 0.1], [(0.0, 0.1, 0.2)], [("on", 0.0)], [None]])
def test_what_is_no_message_is_refused_in_words(synth, sound):
    with pytest.raises(TypeError, match=r"^midi_messages=.* an instrument takes no sound; give mido's, or pairs"):
        synth(sound, duration=0.1, sample_rate=RATE)
