"""What the workshop's ears tell of notes whose course, brightness and clicks are known."""

import numpy as np
import pytest

from rtspec.evaluation.timbre.gallery import Stop, draw
from rtspec.evaluation.timbre.instrument import anchor_rows, summary
from rtspec.evaluation.timbre.songs import compared
from rtspec.metrics import notes as ears

RATE = ears.SAMPLE_RATE


def note(gain, partials=(1.0,), seconds=12.0, hz=261.63):
    t = np.arange(round(seconds * RATE)) / RATE
    sound = sum(a * np.sin(2 * np.pi * hz * (k + 1) * t) for k, a in enumerate(partials))
    return (0.2 * gain(t) * sound).astype(np.float32)


def let_go(t, attack=0.1, release=0.3):
    held = np.minimum(1.0, t / attack)
    return np.where(t < 10.0, held, 10 ** (-(t - 10.0) / release))


def test_attack_fall_and_release_are_measured():
    found = ears.heard(note(lambda t: let_go(t)), 60)
    assert found.attack_s == pytest.approx(0.07, abs=0.01)
    assert found.release_s == pytest.approx(0.3, abs=0.02) and np.isnan(found.fall_s)
    fading = ears.heard(note(lambda t: 10 ** (-t / 2.0)), 60)
    assert fading.fall_s == pytest.approx(2.0, abs=0.05)


def test_brightness_is_the_mean_frequency_by_power():
    found = ears.heard(note(let_go, (1.0, 0.0, 1.0)), 60)
    assert found.centroid_hz == pytest.approx(2 * 261.63, rel=0.01)


def test_notes_that_differ_in_volume_alone_do_not_differ():
    first, second = ears.heard(note(let_go, (1, 0.5)), 60), ears.heard(0.3 * note(let_go, (1, 0.5)), 60)
    assert ears.course_error_db(first, second) < 0.01
    assert ears.thirds_distance_db(first, second) < 0.01


def test_a_note_that_dies_by_three_decibels_a_second_differs_and_so_does_a_dull_one():
    steady, dying = ears.heard(note(let_go), 60), ears.heard(note(lambda t: let_go(t) * 10 ** (-3 * t / 20)), 60)
    assert ears.course_error_db(dying, steady) == pytest.approx(13.5, abs=0.7)
    bright = ears.heard(note(let_go, (1, 1, 1, 1)), 60)
    assert ears.thirds_distance_db(steady, bright) > 5.0


def test_a_click_is_heard_over_what_was_there():
    sound = note(lambda t: np.ones_like(t), seconds=2.0)
    assert abs(ears.click_db(sound, 1.0, (0.5, 0.9))) < 1.0
    sound[RATE + 100] += 0.2
    assert ears.click_db(sound, 1.0, (0.5, 0.9)) > 20.0


def test_a_song_that_comes_late_or_is_cut_off_is_told():
    rises = np.repeat((np.random.default_rng(0).random(60) > 0.5).astype(float), RATE // 20)
    theirs = np.tile(0.1 * rises * np.sin(np.arange(len(rises)) * 0.05), (2, 1)).astype(np.float32)
    late = np.pad(theirs, ((0, 0), (12 * RATE // 1000, 0)))[:, : theirs.shape[1]]
    assert compared(late, theirs)["lag ms"] == pytest.approx(12, abs=1)
    cut = theirs.copy()
    cut[:, cut.shape[1] // 2 :] = 0
    assert compared(cut, theirs)["silent s"] > 0.3
    assert compared(2 * theirs, theirs)["louder dB"] == pytest.approx(6.02, abs=0.1)


def test_rows_of_an_anchor_are_means_and_the_worst_course_and_bounds_are_counted():
    row = {"anchor": "a", "key": 60, "velocity": 100, "course dB": 1.0, "centroid ×": 0.5, "peak": 0.1}
    rows = [row, {**row, "key": 72, "course dB": 3.0, "centroid ×": 2.0}]
    assert anchor_rows(rows) == [
        {"anchor": "a", "notes": 2, "course dB": 3.0, "peak": 0.1, "centroid ×": pytest.approx(1.0)}
    ]
    counted = {line["measure"]: (line["notes"], line["anchors"]) for line in summary(rows)}
    assert counted == {"course dB": ("1 of 2", "0 of 1"), "centroid ×": ("0 of 2", "1 of 1")}


def test_a_tour_is_drawn(tmp_path):
    sound = np.tile(note(let_go, seconds=0.5), (2, 1))
    draw(tmp_path / "tour.png", [Stop("one", sound), Stop("two", sound)])
    assert (tmp_path / "tour.png").read_bytes()[:4] == b"\x89PNG"
