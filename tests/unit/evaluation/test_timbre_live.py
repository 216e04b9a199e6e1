"""How much of a core the timbre instruments take (processor time, which other work on the machine does not change), and
how key to sound is reckoned."""

import numpy as np
import pytest

from rtspec.benchmarks.harness import moments_taken
from rtspec.evaluation.timbre import live as timbre_live


def test_eight_voices_take_less_than_half_a_core_and_sixteen_and_the_morph_less_than_one():
    factors = {row["what"]: row["real-time factor"] for row in timbre_live.speed_rows(1.0)}
    assert 0 < factors["8 voices"] <= 0.5
    assert 0 < factors["16 voices"] < 1 and 0 < factors["morph"] < 1


def test_a_frame_of_the_output_is_taken_a_block_before_its_number_has_come_in():
    clock = np.array([(0.0, 10.0), (48000.0, 11.0)])
    assert moments_taken(np.array([24000 - 128]), clock, 128) == pytest.approx([10.5])


def test_each_press_is_measured_to_the_first_onset_after_it_and_one_that_is_not_heard_is_left_out():
    sent, heard = np.array([1.0, 2.0, 3.0]), np.array([0.99, 1.01, 1.05, 3.012])
    assert timbre_live._delays(sent, heard) == pytest.approx([0.01, 0.012])
    assert len(timbre_live._delays(np.array([4.0]), heard)) == 0


def test_onsets_follow_silence():
    audio = np.zeros(6000)
    audio[[1000, 1500, 4000]] = 0.5
    assert timbre_live._onsets(audio).tolist() == [1000, 4000]


def test_sixteen_parts_want_more_notes_than_there_are_voices_and_let_each_go():
    held, channels = set(), set()
    for step in range(64):
        for status, key, _ in timbre_live.part_messages(step):
            kind, channel = status & 0xF0, status & 0x0F
            channels.add(channel)
            if kind == 0x90:
                held.add((channel, key))
            elif kind == 0x80 and step >= 16:
                held.remove((channel, key))
        assert step < 16 or len(held) == 48
    assert len(channels) == 16


def test_where_no_press_could_be_judged_there_are_no_figures_but_the_same_columns():
    none, some = timbre_live._summed_up(np.array([])), timbre_live._summed_up(np.array([10.0, 12.0]))
    assert none["heard"] == 0 and none["p99"] is None
    assert none.keys() == some.keys() and some["key to sound ms p50"] == 11.0 and some["heard"] == 2
