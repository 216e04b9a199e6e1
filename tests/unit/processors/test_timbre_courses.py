"""How notes go on: measured on sounds whose course is known, and heard again on what the instrument plays."""

import numpy as np
import pytest

import rtspec
from rtspec.processors.timbre.courses import (
    COURSE_KEYS,
    LEVEL_S,
    MOMENT_S,
    Courses,
    Levels,
    level_course,
    nobody,
    release_s,
)
from rtspec.processors.timbre.levels import key_hz

RATE = 48000
ON = 0x90


def tone(seconds, gain=lambda t: 1.0 + 0.0 * t, key=60, beat_hz=0.0):
    t = np.arange(round(seconds * RATE)) / RATE
    hz = float(key_hz(key))
    sound = np.sin(2 * np.pi * hz * t) + (0.4 * np.sin(2 * np.pi * (hz + beat_hz) * t) if beat_hz else 0.0)
    return (0.3 * gain(t) * sound).astype(np.float32)


def level_db(audio, start_s, seconds=0.5):
    part = audio[round(start_s * RATE) : round((start_s + seconds) * RATE)].astype(np.float64)
    return 10 * np.log10(np.mean(part**2) + 1e-12)


def held(anchor, key, seconds=10.0, **settings):
    synth = rtspec.TimbreSynth(anchor, **settings)
    return synth([((ON, key, 100), 0.0)], duration=seconds, sample_rate=RATE, num_channels=1)[0]


@pytest.mark.parametrize("beat_hz", [0.7, 1.9, 6.0])
def test_beating_is_no_decay(beat_hz):
    levels, fall = level_course(tone(12.6, beat_hz=beat_hz), RATE, 60)
    late = levels[LEVEL_S >= 0.5]
    assert fall == 0.0
    assert 10 * np.log10(np.mean(10 ** (late / 10))) == pytest.approx(10 * np.log10(0.3**2 * 1.16 / 2), abs=1.0)


def test_a_note_that_is_loudest_late_does_not_decay():
    levels, fall = level_course(tone(12.6, lambda t: np.minimum(1.0, t / 6.0)), RATE, 60)
    assert fall == 0.0 and levels[LEVEL_S == 8.0][0] == pytest.approx(levels.max(), abs=0.2)
    assert levels[LEVEL_S == 1.0][0] == pytest.approx(levels.max() + 20 * np.log10(1 / 6), abs=0.7)


@pytest.mark.parametrize("db_per_s", [3.0, 12.0, 40.0])
def test_a_steady_decay_is_measured_and_goes_on_after_the_recording(db_per_s):
    levels, fall = level_course(tone(1.8, lambda t: 10 ** (-db_per_s * t / 20)), RATE, 60)
    assert fall == pytest.approx(db_per_s, rel=0.05)
    at = {t: levels[t == LEVEL_S][0] for t in (0.5, 1.5, 4.0)}
    assert at[1.5] - at[0.5] == pytest.approx(-db_per_s, rel=0.05)
    assert at[4.0] - at[1.5] == pytest.approx(-2.5 * db_per_s, rel=0.05)


@pytest.mark.parametrize("key", [36, 60, 84])
def test_an_attack_is_measured_to_within_a_third(key):
    levels, _ = level_course(tone(2.0, lambda t: np.minimum(1.0, t / 0.2), key), RATE, key)
    assert np.interp(levels.max() - 6.0, levels[:13], LEVEL_S[:13]) == pytest.approx(0.1, rel=0.3)


def some_levels(n):
    shape = (n, len(COURSE_KEYS))
    values = np.random.default_rng(n).uniform(-9, 0, (*shape, len(LEVEL_S))).astype(np.float32)
    return Levels(values, np.ones(shape, np.float32), np.full(shape, 0.25, np.float32))


def courses(names, programs):
    drifts = np.zeros((len(names), len(COURSE_KEYS), len(MOMENT_S), 16), np.float32)
    return Courses(names, some_levels(len(names)), drifts, programs)


def test_courses_are_kept_as_text_and_read_again():
    made = courses(("a", "b"), some_levels(128))
    again = Courses.from_dict(made.to_dict())
    assert again.names == ("a", "b") and again.drifts.shape == made.drifts.shape
    for before, after in ((made.levels, again.levels), (made.programs, again.programs)):
        assert np.allclose(after.levels_db, before.levels_db, atol=0.01)
        assert np.all(after.falls_db_per_s == 1.0) and np.all(after.releases_s == 0.25)
    assert nobody(16).drifts.shape[-1] == 16


def test_a_model_of_an_earlier_version_has_usual_releases_and_no_programs():
    told = courses(("a",), nobody(16).programs).to_dict()
    del told["releases_s"]
    again = Courses.from_dict(told)
    assert np.allclose(again.levels.releases_s, 0.15, atol=1e-4) and len(again.programs.levels_db) == 0


@pytest.mark.parametrize("seconds", [0.05, 0.4, 2.0])
@pytest.mark.parametrize("db_per_s", [0.0, 20.0])
def test_a_release_is_measured_beside_what_the_note_falls_by_itself(seconds, db_per_s):
    held = tone(3.6, lambda t: 10 ** (-db_per_s * t / 20))
    let_go = tone(3.6, lambda t: 10 ** ((-db_per_s * t - 60 * np.maximum(0.0, t - 0.6) / seconds) / 20))
    assert release_s(held, let_go, RATE, 0.6) == pytest.approx(seconds, rel=0.15, abs=0.02)


def test_what_is_silent_when_it_is_let_go_tells_no_release():
    assert release_s(tone(3.6, lambda t: 10 ** (-300 * t / 20)), tone(3.6) * 0, RATE, 0.6) is None


@pytest.mark.parametrize("anchor", ["organ", "strings", "choir", "pad", "accordion", "clarinet", "flute", "violin"])
def test_a_held_note_of_a_sustaining_anchor_stays(anchor):
    sound = held(anchor, 60)
    late = [level_db(sound, t) for t in np.arange(1.0, 9.5, 0.5)]
    assert max(late) - min(late) < 6.0
    assert abs(np.mean(late[-6:]) - np.mean(late[:6])) < 3.5


def test_struck_strings_die_away_the_low_ones_later():
    falls_s = []
    for key in (36, 60, 84):
        sound = held("piano", key, 4.0)
        levels = np.array([level_db(sound, t, 0.05) for t in np.arange(0.0, 3.9, 0.025)])
        falls_s.append(0.025 * np.flatnonzero(levels > levels.max() - 20.0)[-1])
    assert falls_s[0] > 1.2 * falls_s[1] > 2.4 * falls_s[2]


def test_brass_takes_longer_to_begin_than_a_harpsichord():
    reached = {}
    for anchor in ("brass", "harpsichord"):
        sound = held(anchor, 60, 1.0)
        levels = np.array([level_db(sound, t, 0.01) for t in np.arange(0.0, 0.9, 0.005)])
        reached[anchor] = 0.005 * np.argmax(levels > np.quantile(levels, 0.95) - 3.0)
    assert reached["brass"] > 2 * reached["harpsichord"]


def test_fade_and_onset_come_on_top():
    own, faded, slow = held("organ", 60, 2.0), held("organ", 60, 2.0, fade=0.5), held("organ", 60, 2.0, onset=0.8)
    assert level_db(faded, 1.0, 0.02) - level_db(own, 1.0, 0.02) == pytest.approx(-30.3, abs=0.5)
    assert level_db(slow, 0.02, 0.02) < level_db(own, 0.02, 0.02) - 6.0
    assert level_db(slow, 1.5, 0.2) == pytest.approx(level_db(own, 1.5, 0.2), abs=0.5)


def test_an_imitated_note_dies_away_as_the_recording_does_until_the_next_anchor():
    synth = rtspec.TimbreSynth("organ")
    synth.imitate(tone(2.0, lambda t: 10 ** (-20 * t / 20)), RATE, 60)
    sound = synth([((ON, 64, 100), 0.0)], duration=3.0, sample_rate=RATE, num_channels=1)[0]
    assert level_db(sound, 2.0, 0.1) - level_db(sound, 1.0, 0.1) == pytest.approx(-20.0, abs=1.0)
    synth.go_to("organ")
    sound = synth([((ON, 64, 100), 0.0)], duration=3.0, sample_rate=RATE, num_channels=1)[0]
    assert level_db(sound, 2.5) - level_db(sound, 1.0) > -4.0
