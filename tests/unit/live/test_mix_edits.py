"""Edits inside a mix that plays: the edited chain fades, the others play on to the bit, at one latency."""

import gc
import weakref

import numpy as np
import pedalboard
import pytest
from playing_bench import BLOCK, RATE, Bench, tone

import rtspec


def identity(n_fft=512):
    return rtspec.OnnxProcessor("identity", n_fft=n_fft)


def echo():
    """What an edit would be heard in if it began anew: a quarter of a second of feedback."""
    return pedalboard.Delay(0.05, feedback=0.9, mix=0.5)


def played(mix, edit, blocks=40, reserve=1024):
    with Bench([mix], reserve=reserve) as bench:
        bench.play(60)
        edit(bench)
        bench.play_until_settled()
        bench.play(blocks)
        return bench.sound, bench.player, bench.reports


def at_latency(sound, player):
    return sound[player.program.latency_samples :]


EDITS = {
    "append": lambda mix: mix.append(pedalboard.Gain(-200)),
    "insert before": lambda mix: mix.insert(0, [pedalboard.Gain(-200), identity(256)]),
    "a longer chain": lambda mix: mix.append([pedalboard.Gain(-200), identity(1024)]),
    "remove the longest": lambda mix: mix.pop(1),
    "inside another chain": lambda mix: mix[2].append(pedalboard.Gain(-60)),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_chains_that_stay_play_on_with_their_state_while_another_is_edited(edit):
    silent = pedalboard.Gain(-200)
    sides = [echo(), [pedalboard.Gain(-200), identity(512)], rtspec.Pedalboard([silent])]
    sound, player, _ = played(rtspec.Mix(sides), lambda bench: edit(bench.board[0]))
    whole = tone(len(sound))
    wanted = echo()(whole, RATE)
    heard = at_latency(sound, player)
    np.testing.assert_array_equal(heard[: 40 * BLOCK], wanted[: 40 * BLOCK])
    np.testing.assert_allclose(heard, wanted[: len(heard)], atol=3e-7)
    np.testing.assert_array_equal(heard[-10 * BLOCK :], wanted[: len(heard)][-10 * BLOCK :])


def test_a_chain_that_stays_is_the_same_to_the_bit_when_its_mix_had_to_become_slower():
    mix = rtspec.Mix([echo()])
    sound, player, reports = played(mix, lambda bench: mix.append([pedalboard.Gain(-200), identity(512)]), reserve=0)
    wanted = echo()(tone(len(sound)), RATE)
    assert reports == ["the latency grew by 512 samples: the chain became longer"]
    np.testing.assert_array_equal(sound[-20 * BLOCK :], wanted[: len(sound) - 512][-20 * BLOCK :])
    assert player.program.latency_samples == 512


def test_only_the_edited_chain_has_new_programs_and_behind_the_mix_all_stay():
    first, second, behind = identity(), identity(256), identity(128)
    mix = rtspec.Mix([first, second])
    with Bench([mix, behind], reserve=2048) as bench:
        bench.play(20)
        before = {plugin: program for plugin, program, _, _ in bench.player._places()}
        mix[1] = identity(256)
        bench.play_until_settled()
        after = {plugin: program for plugin, program, _, _ in bench.player._places()}
    assert [after[plugin] is before[plugin] for plugin in (first, behind)] == [True, True]


def test_a_mix_that_became_quicker_gives_its_room_to_what_comes_behind_it():
    mix = rtspec.Mix([identity(256), identity(1024)])
    with Bench([mix]) as bench:
        bench.play(20)
        mix.pop()
        bench.play_until_settled()
        assert bench.player.program.latency == {"window": 256, "model": 0, "phase": 0, "reserve": 768}
        bench.board.append(identity(512))
        bench.play_until_settled()
        assert bench.player.program.latency_samples == 1024
        mix.append(None)
        mix.append(identity(128))
        bench.board.append(pedalboard.Gain(0))
        bench.play_until_settled()
        bench.play(40)
        late = tone(bench._now)[: bench._now - 1024]
        np.testing.assert_allclose(bench.sound[-10 * BLOCK :], 3 * late[-10 * BLOCK :], atol=1e-5)
    assert not bench.reports


class Own(pedalboard.Gain):
    """Of a subclass no equal can be made."""


def test_a_native_of_which_no_copy_can_be_made_plays_on_in_its_chain_and_changes_chains():
    own, mix = Own(-6), rtspec.Mix([None])
    mix.append([own])
    with Bench([mix]) as bench:
        bench.play(20)
        mix.append(None)
        bench.play_until_settled()
        mix[1] = [own, pedalboard.Gain(6)]
        bench.play_until_settled()
        bench.play(20)
        np.testing.assert_allclose(bench.sound[-BLOCK:], 3 * tone(BLOCK, bench._now - BLOCK), atol=1e-4)
        assert not bench.reports
        del mix[1]
        bench.play_until_settled()
        assert own(tone(BLOCK), RATE).shape == (BLOCK,)
        rtspec.Pedalboard([own])(tone(BLOCK), RATE)


def test_many_random_edits_of_mixes_leave_the_sum_of_what_is_in_them():
    rng, mix = np.random.default_rng(5), rtspec.Mix([None])
    with Bench([mix], reserve=1024) as bench:
        bench.play(20)
        for _ in range(25):
            if rng.random() < 0.6 or not len(mix):
                one = [identity(int(rng.choice([128, 256, 512]))), None, pedalboard.Gain(0)][rng.integers(3)]
                mix.insert(int(rng.integers(0, len(mix) + 1)), one)
            else:
                del mix[int(rng.integers(0, len(mix)))]
            bench.play_until_settled()
        bench.play(30)
        late = tone(bench._now)[: bench._now - 1024]
        np.testing.assert_allclose(bench.sound[-BLOCK:], len(mix) * late[-BLOCK:], atol=1e-5)
        assert bench.player.program.latency_samples == 1024
        assert len(bench.player._units[0].steers) <= len(mix)


def test_a_parameter_moves_in_chains_that_stayed_and_in_new_ones():
    staying, coming = identity(256), identity(256)
    mix = rtspec.Mix([staying])
    with Bench([mix]) as bench:
        bench.play(10)
        mix.append(coming)
        bench.play_until_settled()
        staying.output_db, coming.output_db = -6.0, -20.0
        bench.play(100)
        level = 10 ** (-6 / 20) + 10 ** (-20 / 20)
        wanted = level * tone(BLOCK, bench._now - BLOCK - 256)
        np.testing.assert_allclose(bench.sound[-BLOCK:], wanted, atol=1e-4)


def test_a_stream_keeps_nothing_of_plugins_that_were_taken_out():
    with Bench([identity(256)], reserve=512) as bench:
        gone = []
        for _ in range(4):
            gone.append(weakref.ref(bench.board[0].parameters))
            bench.board[0] = identity(256)
            bench.play_until_settled()
            bench.play(4)
        gc.collect()
        assert [table() for table in gone[:2]] == [None, None]
