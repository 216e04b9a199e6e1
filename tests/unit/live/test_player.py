"""Edits of a playing chain: no step, no gap, no change of latency; what an edit leaves alone plays on as it was."""

import time

import numpy as np
import pedalboard
import pytest
from playing_bench import BLOCK, LEVEL, RATE, TONE_HZ, Bench, tone
from punctual import check_in_time, tried_twice

import rtspec
from rtspec.chain.unit import RESERVE
from rtspec.errors import InvalidValue

LARGEST_STEP = LEVEL * 2 * np.pi * TONE_HZ / RATE
"""From one sample of the tone to the next."""


def identity(n_fft=512, **options):
    return rtspec.OnnxProcessor("identity", n_fft=n_fft, **options)


def deviation(bench):
    """How far the sound is from the tone at the chain's latency, once that has filled."""
    delay = bench.player.program.latency_samples
    sound = bench.sound[delay:]
    return np.abs(sound - tone(len(sound)))[delay + 2048 :].max()


EDITS = {
    "append": lambda board: board.append(identity(256)),
    "insert": lambda board: board.insert(0, identity(256)),
    "remove": lambda board: board.pop(0),
    "remove all": lambda board: board.__delitem__(slice(None)),
    "replace": lambda board: board.__setitem__(0, identity(1024)),
    "replace by a shorter one": lambda board: board.__setitem__(1, identity(256)),
    "reorder": lambda board: board.insert(0, board.pop()),
    "append a native": lambda board: board.append(pedalboard.Gain(0.0)),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_on_a_tone_is_not_heard_and_keeps_the_latency(edit):
    with Bench([identity(512), identity(512)], reserve=2048) as bench:
        before = bench.player.program.latency_samples
        bench.play(60)
        edit(bench.board)
        bench.play_until_settled()
        after = bench.player.program.latency_samples
        assert deviation(bench) < 1e-5
    assert before == after == 2048
    assert np.abs(np.diff(bench.sound[4096:])).max() <= LARGEST_STEP * 1.001


def test_fifty_random_edits_keep_tone_and_latency():
    rng = np.random.default_rng(4)
    with Bench([identity(512)], reserve=1024) as bench:
        bench.play(60)
        for _ in range(50):
            board, at = bench.board, int(rng.integers(0, 3))
            if len(board) < 3 and sum(p.latency_samples for p in board) <= 768:
                board.insert(at, identity(256))
            else:
                del board[at % len(board)]
            bench.play_until_settled()
        assert bench.player.program.latency_samples == 1024
        assert deviation(bench) < 1e-5


@tried_twice()
def test_a_live_tone_through_edits_swaps_and_bypass_has_no_step_larger_than_its_own():
    board, second = rtspec.Pedalboard([identity(512), identity(256)]), identity(512)
    source = tone(RATE)[np.newaxis]  # a whole number of turns
    with rtspec.AudioStream(
        plugins=board,
        source=rtspec.Loop(source),
        devices=rtspec.Devices(virtual=True, worker_samples=8192, reserve_samples=2048),
        measuring=rtspec.Measuring(tape_seconds=20),
    ) as stream:
        time.sleep(0.3)
        for edit in (
            lambda: board.insert(1, second),
            lambda: board.__setitem__(0, rtspec.OnnxProcessor("tilt-gate", n_fft=1024, gate_db=-90.0)),
            lambda: setattr(second, "bypass", 1.0),
            lambda: board.reverse(),
            lambda: board.remove(second),
        ):
            edit()
            assert stream.settle(20)
            time.sleep(0.2)
        heard, seen = stream.recorded[1][0], stream.statistics
        delay = stream.latency.total_samples
    wanted = np.tile(source[0], -(-len(heard) // RATE))[: len(heard) - delay]
    check_in_time(seen.as_dict(), "underruns")
    assert np.abs(np.diff(heard[delay + 2048 :])).max() <= LARGEST_STEP * 1.001
    np.testing.assert_allclose(heard[delay:][-4800:], wanted[-4800:], atol=1e-3)


def test_bypass_and_mix_on_a_tone_are_not_heard():
    processor = identity(512)
    with Bench([processor]) as bench:
        for name, value in (("bypass", 1.0), ("bypass", 0.0), ("mix", 0.0), ("mix", 1.0)):
            bench.play(60)
            processor.parameters[name].value = value
        bench.play(60)
        assert deviation(bench) < 1e-5


def test_bypass_passes_the_input_at_the_processors_latency():
    processor = rtspec.SpectralInversion(output_db=-20.0)
    processor.bypass = 1
    sound = tone(8000)[np.newaxis]
    np.testing.assert_array_equal(processor(sound, RATE), sound)


def test_a_longer_chain_than_ever_raises_the_latency_once_and_says_so():
    with Bench([identity(256)]) as bench:
        bench.play(20)
        longer = identity(512)
        for _ in range(2):
            bench.board.append(longer)
            bench.play_until_settled()
            assert bench.player.program.latency_samples == 768
            bench.board.pop()
            bench.play_until_settled()
        assert bench.player.program.latency == {"window": 256, "model": 0, "phase": 0, RESERVE: 512}
    assert bench.reports == ["the latency grew by 512 samples: the chain became longer"]


def test_what_an_edit_leaves_alone_keeps_its_program():
    first, last = identity(256), identity(256)
    with Bench([first, identity(512), last]) as bench:
        before = {unit.plugin: unit.program for unit in bench.player._units}
        bench.play(20)
        bench.board[1] = identity(512)
        bench.play_until_settled()
        after = {unit.plugin: unit.program for unit in bench.player._units}
    assert after[first] is before[first]
    assert after[last] is before[last]


def test_edits_during_a_cross_fade_become_one_and_the_last_wins():
    with Bench([identity(512)]) as bench:
        bench.play(20)
        for _ in range(20):
            bench.board.append(identity(256))
            bench.board.pop()
        bench.board[0] = last = identity(256)
        bench.play_until_settled()
        assert [unit.plugin for unit in bench.player._units] == [last, None]


def test_natives_that_change_places_play_at_one_place_at_a_time():
    gain, clip = pedalboard.Gain(-6.0), pedalboard.Clipping(-3.0)
    with Bench([gain, clip]) as bench:
        bench.play(20)
        bench.board[:] = [clip, gain]
        bench.play_until_settled()
        assert [unit.plugin for unit in bench.player._units] == [clip, gain]
        np.testing.assert_allclose(bench.sound[-BLOCK:], tone(BLOCK, bench._now - BLOCK) * 10**-0.3, atol=1e-4)
    assert np.abs(np.diff(bench.sound)).max() <= LARGEST_STEP * 1.001


def test_an_edit_that_needs_the_delay_beyond_a_native_plugin_takes_it():
    gain = pedalboard.Gain(0.0)
    with Bench([identity(512), gain]) as bench:
        bench.play(60)
        del bench.board[0]
        bench.play_until_settled()
        bench.board.append(identity(512))
        bench.play_until_settled()
        assert [type(unit.plugin).__name__ for unit in bench.player._units] == ["Gain", "OnnxProcessor"]
        assert bench.player.program.latency_samples == 512
        assert deviation(bench) < 1e-5


def test_a_change_of_structure_is_heard_while_playing():
    processor = rtspec.SpectralInversion(bands="mel")
    with Bench([processor]) as bench:
        bench.play(10)
        before = bench.player._units[0].program
        processor.method = "nnls"
        bench.play_until_settled()
        assert bench.player._units[0].program is not before


def test_a_plugin_that_cannot_play_here_is_refused_and_the_chain_plays_on():
    class Stubborn(rtspec.SpectralInversion):
        def latency(self, sample_rate):
            raise InvalidValue("not at this rate")

    with Bench([identity(256)]) as bench:
        with pytest.raises(InvalidValue, match="not at this rate"):
            bench.board.append(Stubborn())
        assert len(bench.board) == 1
        bench.play(4)


def test_a_plugin_that_fails_while_it_is_prepared_is_told_and_the_chain_plays_on():
    class Broken(rtspec.SpectralInversion):
        def prepare(self, sample_rate, channels):
            raise InvalidValue("no such thing")

    with Bench([identity(256)]) as bench:
        bench.play(60)
        bench.board.append(Broken())
        bench.play_until_settled()
        assert deviation(bench) < 1e-5
    assert bench.reports == ["the chain plays on as it was: no such thing"]


def test_programs_that_edits_have_taken_out_are_let_go():
    import gc
    import weakref

    with Bench([identity(256)]) as bench:
        bench.play(10)
        seen = []
        for _ in range(12):
            bench.board[0] = identity(256)
            bench.play_until_settled()
            seen.append(weakref.ref(bench.player._units[0].program))
        gc.collect()
        assert sum(ref() is not None for ref in seen) <= 5
