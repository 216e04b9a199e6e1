"""What controllers mean to TimbreSynth: MIDI's standard, rule by rule, heard in its sound."""

import numpy as np
import pytest

import rtspec

RATE = 48000
ON, OFF, POLY, CC, PROGRAM, PRESSURE, BEND = 0x90, 0x80, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0
ZONE = [((CC, 101, 0), 0.0), ((CC, 100, 6), 0.0), ((CC, 6, 3), 0.0)]


@pytest.fixture(scope="module")
def organ():
    return rtspec.TimbreSynth("organ", fade=0.0, release_ms=50)


def play(synth, messages, duration=1.0):
    return synth(sorted(messages, key=lambda m: m[1]), duration=duration, sample_rate=RATE, num_channels=1)[0]


def db(audio, start_s, end_s):
    part = audio[round(start_s * RATE) : round(end_s * RATE)].astype(float)
    return float(10 * np.log10(np.mean(part**2) + 1e-14))


def sounds(audio, start_s, end_s):
    return db(audio, start_s, end_s) > -60


def cents(audio, key, start_s=0.3, end_s=0.9):
    part = audio[round(start_s * RATE) : round(end_s * RATE)]
    size, near = 1 << 18, 440 * 2 ** ((key - 69) / 12)
    spectrum = abs(np.fft.rfft(part * np.blackman(len(part)), size))
    hz = np.fft.rfftfreq(size, 1 / RATE)
    inside = (hz > 0.95 * near) & (hz < 1.05 * near)
    return float(1200 * np.log2(hz[inside][spectrum[inside].argmax()] / near))


def rpn(number, *data, channel=0, at=0.0):
    told = ((101, 0), (100, number), *zip((6, 38), data, strict=False))
    return [((CC | channel, control, value), at) for control, value in told]


@pytest.mark.parametrize("controller", [7, 11])
def test_volume_and_expression_are_the_channels_own_by_the_law_of_40_log(organ, controller):
    note = [((ON, 60, 100), 0.1)]
    full = play(organ, [((CC, controller, 127), 0.0), *note])
    usual = play(organ, [((CC, controller, 100 if controller == 7 else 127), 0.0), *note])
    assert np.array_equal(play(organ, note), usual)  # what General MIDI has a channel begin with
    half = play(organ, [((CC, controller, 64), 0.0), *note])
    assert db(half, 0.3, 0.9) - db(full, 0.3, 0.9) == pytest.approx(40 * np.log10(64 / 127), abs=0.2)
    other = play(organ, [((CC | 1, controller, 0), 0.0), *note])
    assert db(other, 0.3, 0.9) == pytest.approx(db(usual, 0.3, 0.9), abs=0.2)
    assert not sounds(play(organ, [((CC, controller, 0), 0.0), *note]), 0.2, 0.9)


def test_a_moving_fader_makes_no_zip(organ):
    note = [((ON, 60, 100), 0.0)]
    moves = [((CC, 7, v), 0.3 + 0.002 * i) for i, v in enumerate([127, 0] * 50)]
    still, moved = play(organ, note), play(organ, [*note, *moves])
    high = [np.abs(np.diff(a[RATE // 4 :], 4)).max() for a in (still, moved)]
    assert high[1] < 1.5 * high[0]


@pytest.mark.parametrize("end", [(OFF, 60, 0), (CC, 123, 0), (CC, 126, 0)])
def test_all_notes_off_is_every_key_up_and_the_pedal_holds(organ, end):
    pressed = [((ON, 60, 100), 0.0), (end, 0.3)]
    assert np.array_equal(play(organ, pressed), play(organ, [((ON, 60, 100), 0.0), ((OFF, 60, 0), 0.3)]))
    held = play(organ, [((CC, 64, 127), 0.0), *pressed, ((CC, 64, 0), 0.6)])
    assert sounds(held, 0.4, 0.6) and not sounds(held, 0.8, 1.0)


def test_reset_lifts_pedals_and_leaves_volume_and_program(organ):
    note = [((ON, 60, 100), 0.0), ((OFF, 60, 0), 0.2)]
    for pedal in (64, 66):
        held = play(organ, [*note, ((CC, pedal, 127), 0.1), ((CC, 121, 0), 0.5)])
        assert sounds(held, 0.3, 0.5) and not sounds(held, 0.7, 1.0)
    plain = play(organ, [((CC, 7, 50), 0.0), ((ON, 60, 100), 0.1)])
    quiet = [((CC, 7, 50), 0.0), ((CC, 11, 3), 0.0), ((BEND, 0, 100), 0.0), ((CC, 121, 0), 0.01), ((ON, 60, 100), 0.1)]
    assert np.array_equal(play(organ, quiet), plain)


def test_sostenuto_holds_the_keys_that_were_down_and_no_others(organ):
    first = [((ON, 60, 100), 0.0), ((CC, 66, 127), 0.1), ((OFF, 60, 0), 0.2), ((CC, 66, 0), 0.6)]
    later = [((CC, 66, 127), 0.0), ((ON, 60, 100), 0.1), ((OFF, 60, 0), 0.2)]
    held = play(organ, first)
    assert sounds(held, 0.3, 0.6) and not sounds(held, 0.8, 1.0)
    assert not sounds(play(organ, later), 0.4, 1.0)


def test_a_key_that_sostenuto_holds_is_held_however_often_it_is_struck(organ):
    """A piano's damper stays up until the pedal rises."""
    again = [((ON, 60, 100), 0.25), ((OFF, 60, 0), 0.3), ((CC, 66, 0), 0.6)]
    held = play(organ, [((ON, 60, 100), 0.0), ((CC, 66, 127), 0.1), ((OFF, 60, 0), 0.2), *again])
    assert sounds(held, 0.4, 0.6) and not sounds(held, 0.8, 1.0)


def test_the_soft_pedal_makes_new_notes_softer(organ):
    soft = play(organ, [((CC, 67, 127), 0.0), ((ON, 60, 100), 0.1)])
    assert -9 < db(soft, 0.3, 0.9) - db(play(organ, [((ON, 60, 100), 0.1)]), 0.3, 0.9) < -2


@pytest.mark.parametrize(
    "told, wanted",
    [
        (rpn(0, 12, 0), 1200),
        (rpn(0, 0, 50), 50),
        ([*rpn(0, 12), ((CC, 99, 1), 0), ((CC, 98, 8), 0), ((CC, 6, 2), 0)], 1200),
        ([*rpn(0, 12), ((CC, 101, 127), 0), ((CC, 100, 127), 0), ((CC, 6, 2), 0)], 1200),
        ([*rpn(0, 1), *[((CC, 97, 0), 0)] * 50], 50),
        ([*rpn(0, 0), *[((CC, 96, 0), 0)] * 25], 25),
    ],
)
def test_the_bends_range_is_what_registered_parameters_say(organ, told, wanted):
    audio = play(organ, [*told, ((BEND, 127, 127), 0.01), ((ON, 60, 100), 0.05)])
    assert cents(audio, 60 + wanted / 100) == pytest.approx(0, abs=2)


def test_tuning_coarse_and_fine(organ):
    audio = play(organ, [*rpn(2, 67), *rpn(1, 96, 0), ((ON, 60, 100), 0.05)])
    assert cents(audio, 63.5) == pytest.approx(0, abs=2)


def test_portamento_glides_while_it_is_on(organ):
    notes = [((ON, 60, 100), 0.0), ((OFF, 60, 0), 0.1), ((ON, 64, 100), 0.15)]
    plain = play(organ, notes)
    assert np.array_equal(play(organ, [((CC, 5, 64), 0), *notes]), plain)
    glide = play(organ, [((CC, 5, 64), 0), ((CC, 65, 127), 0), *notes])
    assert cents(plain, 64, 0.2, 0.4) == pytest.approx(0, abs=10)
    assert cents(glide, 64, 0.2, 0.4) < -60


def test_pressure_of_a_key_is_gone_with_its_note(organ):
    plain = play(organ, [((ON, 60, 60), 0.3)])
    pressed = [((ON, 60, 60), 0.0), ((POLY, 60, 127), 0.01), ((OFF, 60, 0), 0.1), ((ON, 60, 60), 0.3)]
    assert db(play(organ, pressed), 0.5, 0.9) == pytest.approx(db(plain, 0.5, 0.9), abs=0.1)


def test_release_time_64_changes_nothing_and_less_is_shorter(organ):
    note = [((ON, 60, 100), 0.0), ((OFF, 60, 0), 0.3)]
    assert np.array_equal(play(organ, [((CC, 72, 64), 0), *note]), play(organ, note))
    assert db(play(organ, [((CC, 72, 127), 0), *note]), 0.4, 0.5) > db(play(organ, note), 0.4, 0.5) + 20


def test_a_zone_makes_its_master_speak_for_all_members(organ):
    note = [((ON | 1, 60, 100), 0.05), ((OFF | 1, 60, 0), 0.3)]
    pedal = [((CC, 64, 127), 0.1)]
    assert sounds(play(organ, [*ZONE, *pedal, *note]), 0.5, 0.9)
    assert not sounds(play(organ, [*pedal, *note]), 0.5, 0.9)
    held = [((ON | 1, 60, 100), 0.05)]
    bent = play(organ, [*ZONE, ((BEND | 1, 0, 72), 0.1), ((BEND, 127, 127), 0.1), *held])
    assert cents(bent, 60 + 6 + 2) == pytest.approx(0, abs=3)
    outside = play(organ, [*ZONE, ((BEND | 5, 127, 127), 0.0), ((ON | 5, 60, 100), 0.05)])
    assert cents(outside, 62) == pytest.approx(0, abs=3)
    for control, value in ((7, 0), (120, 0), (123, 0)):
        assert not sounds(play(organ, [*ZONE, *held, ((CC, control, value), 0.3)]), 0.5, 0.9), control


def test_in_a_zone_an_untold_volume_is_the_masters_alone(organ):
    def level(*told):
        return db(play(organ, [*told, ((ON | 1, 60, 100), 0.1)]), 0.3, 0.9)

    usual = level()
    assert level(*ZONE) == pytest.approx(usual, abs=0.01)
    assert level(*ZONE, ((CC, 7, 127), 0.0)) - usual == pytest.approx(40 * np.log10(127 / 100), abs=0.01)
    assert level(*ZONE, ((CC | 1, 7, 50), 0.0)) - usual == pytest.approx(40 * np.log10(50 / 127), abs=0.01)


def test_channel_10_is_silent_unless_asked_for_or_a_member(organ):
    note = [((ON | 9, 40, 100), 0.0)]
    assert not play(organ, note).any()
    assert sounds(play(organ, [*rpn(6, 15), *note]), 0.1, 0.9)
    organ.drums = 1
    assert sounds(play(organ, note), 0.1, 0.9)
    organ.drums = 0


def test_each_channel_has_the_timbre_of_its_program(organ):
    def spectrum(audio):
        part = audio[RATE // 2 :][:16384]
        return 20 * np.log10(abs(np.fft.rfft(part * np.hanning(16384)))[:3000] + 1e-3)

    def apart(a, b):
        return float(np.sqrt(np.mean((spectrum(a) - spectrum(b)) ** 2)))

    note = [((ON | 3, 60, 100), 0.05)]
    trumpet = play(rtspec.TimbreSynth("trumpet", release_ms=50), note)
    programmed = play(organ, [((PROGRAM | 3, 56), 0.0), ((CC | 3, 0, 8), 0.0), *note])
    assert apart(programmed, trumpet) < 0.1 * apart(play(organ, note), trumpet)
    assert np.array_equal(play(organ, [((PROGRAM | 2, 56), 0.0), *note]), play(organ, note))
    organ.go_to("organ")


def test_a_place_that_is_chosen_ends_programs_and_a_knob_moves_them(organ):
    program = organ.prepare(RATE, 1)
    from rtspec.buffers.events import send_event

    box, silence = program.inboxes[0], np.zeros((1, RATE // 2), np.float32)
    program.run(silence, events=[send_event(0, box, (PROGRAM, 56)), send_event(9, box, (ON, 60, 100))])
    trumpet = program.run(silence)[0]
    organ.z1 = -0.9
    program.run(silence)
    moved = program.run(silence)[0]
    organ.go_to("organ")
    program.run(silence)
    home = program.run(silence)[0]
    organs = play(organ, [((ON, 60, 100), 0.0)], 3.0)[-RATE // 2 :]
    level = [np.sort(abs(np.fft.rfft(a))[:8000])[-8:] for a in (trumpet, moved, home, organs)]
    assert not np.allclose(level[0], level[1], rtol=0.05)
    assert np.allclose(level[2] / level[2][-1], level[3] / level[3][-1], rtol=0.15, atol=0.02)


def test_a_released_voice_is_taken_before_a_held_one_and_the_oldest_and_quietest_first(organ):
    organ.voices, organ.release_ms = 3, 8000
    notes = [((ON, 48, 100), 0.0), ((ON, 55, 100), 0.1), ((ON, 64, 127), 0.2)]
    audio = play(organ, [*notes, ((OFF, 55, 0), 0.25), ((OFF, 64, 0), 0.3), ((ON, 72, 100), 0.5)])
    spectrum = abs(np.fft.rfft(audio[-RATE // 4 :] * np.hanning(RATE // 4)))

    def has(key):
        at = round(440 * 2 ** ((key - 69) / 12) / 4)
        return float(spectrum[at - 1 : at + 2].max())

    organ.voices, organ.release_ms = 16, 50
    assert has(55) < 0.1 * has(64), "the older of the two released ones went"
    assert has(48) > 0.1 * has(72) and has(64) > 0.01 * has(72)


def test_a_chord_of_1024_messages_at_one_sample_loses_nothing(organ):
    chord = [((ON | c, k, 1), 0.0) for c in range(8) for k in range(20, 84)]
    chord += [((OFF | c, k, 0), 0.0) for c in range(8) for k in range(20, 84)]
    assert len(chord) == 1024
    audio = organ([*chord, ((ON, 60, 100), 0.0)], duration=0.5, sample_rate=RATE, num_channels=1)[0]
    assert sounds(audio, 0.2, 0.5)
    plain = organ([*chord[:2], ((ON, 60, 100), 0.0)], duration=0.5, sample_rate=RATE, num_channels=1)[0]
    assert db(audio, 0.3, 0.5) == pytest.approx(db(plain, 0.3, 0.5), abs=0.5)


def test_pieces_without_reset_are_one_sound_to_the_bit(organ):
    whole = play(organ, [((ON, 60, 100), 0.0), ((OFF, 60, 0), 1.0), ((ON, 67, 90), 1.0103)], 1.5)
    pieces = [play(organ, [((ON, 60, 100), 0.0), ((OFF, 60, 0), 1.0), ((ON, 67, 90), 1.0103)], 0.3)]
    for seconds in (0.25, 0.45, 0.5):
        pieces.append(organ([], duration=seconds, sample_rate=RATE, num_channels=1, reset=False)[0])
    assert np.array_equal(np.concatenate(pieces), whole)


def let_go(program, anchor="organ", **settings):
    notes = [((PROGRAM, program), 0.0), ((ON, 60, 100), 0.0), ((OFF, 60, 0), 0.5)]
    return play(rtspec.TimbreSynth(anchor, **settings), notes)


def test_a_program_sounds_on_and_begins_as_its_own_instrument_does():
    drawbars, church = let_go(16), let_go(19)
    assert db(church, 0.7, 0.8) - db(church, 0.3, 0.5) > -20 and db(drawbars, 0.7, 0.8) - db(drawbars, 0.3, 0.5) < -50
    assert db(drawbars, 0.0, 0.03) - db(drawbars, 0.3, 0.5) > db(church, 0.0, 0.03) - db(church, 0.3, 0.5) + 3
    named = play(rtspec.TimbreSynth("organ"), [((ON, 60, 100), 0.0), ((OFF, 60, 0), 0.5)])
    assert db(church, 0.7, 0.8) == pytest.approx(db(named, 0.7, 0.8), abs=0.5), "the anchor is that program"


def test_a_release_that_is_told_is_that_long_for_all():
    for program in (16, 19):
        told = let_go(program, release_ms=200)
        assert db(told, 0.6, 0.61) - db(told, 0.4, 0.5) == pytest.approx(-31, abs=4)


@pytest.mark.parametrize("velocity", [16, 32, 64])
def test_a_stroke_is_softer_by_the_law_that_general_midi_has(organ, velocity):
    soft, full = (play(organ, [((ON, 60, v), 0.0)]) for v in (velocity, 127))
    assert db(soft, 0.3, 0.9) - db(full, 0.3, 0.9) == pytest.approx(40 * np.log10(velocity / 127), abs=1.5)


@pytest.mark.parametrize("key_up_s", [0.0, 0.004])
def test_a_note_of_no_length_is_heard_for_ten_milliseconds(organ, key_up_s):
    at = 0.1
    sound = play(organ, [((ON, 60, 100), at), ((OFF, 60, 0), at + key_up_s)], 0.4)
    held = play(organ, [((ON, 60, 100), at), ((OFF, 60, 0), at + 0.01)], 0.4)
    assert np.array_equal(sound, held)
    assert sounds(sound, at, at + 0.02)
    assert not sounds(sound, at + 0.2, 0.4)


def test_a_note_of_no_length_that_takes_a_voice_over_is_heard_too(organ):
    synth = rtspec.TimbreSynth("organ", voices=1, release_ms=50)
    notes = [((ON, 48, 100), 0.0), ((ON, 72, 100), 0.1), ((OFF, 72, 0), 0.1)]
    longer = [*notes[:2], ((OFF, 72, 0), 0.11)]
    assert np.array_equal(play(synth, notes, 0.3), play(synth, longer, 0.3))
