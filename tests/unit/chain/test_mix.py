"""Chains side by side: summed at one delay, alike in whole sounds, in pieces and live, whatever is in them."""

import copy
import pickle
import threading
from itertools import pairwise

import numpy as np
import pedalboard
import pytest

import rtspec
from rtspec.control import Directory
from rtspec.errors import InvalidValue, SharedPlugin

RATE = 44100
SLOW_DEVICE = rtspec.Devices(virtual=True, worker_samples=8192)


def sound(n=9000, channels=2):
    return (0.2 * np.random.default_rng(3).standard_normal((channels, n))).astype(np.float32)


def identity(n_fft=512):
    return rtspec.OnnxProcessor("identity", n_fft=n_fft)


def tilt():
    return rtspec.OnnxProcessor("tilt-gate", n_fft=1024, tilt_db_per_octave=2.0)


def rich():
    """Natives and ours, with tails and delays, before, inside and behind a mix that holds another."""
    inner = rtspec.Mix([pedalboard.MP3Compressor(), identity()])
    sides = [None, [pedalboard.Delay(0.01, mix=0.3), tilt()], [tilt(), pedalboard.Reverb()], inner]
    return rtspec.Pedalboard([identity(1024), rtspec.Mix(sides), pedalboard.Chorus(), tilt()])


def pieces(board, audio, block):
    cuts = [*range(0, audio.shape[1], block), audio.shape[1]]
    parts = [board.process(audio[:, a:b], RATE, reset=False) for a, b in pairwise(cuts)]
    return np.concatenate([*parts, board.flush()], axis=1)


def test_a_mix_is_the_sum_of_what_its_plugins_give():
    x = sound()
    wanted = x + pedalboard.Gain(-6)(x, RATE) + identity()(x, RATE)
    np.testing.assert_array_equal(rtspec.Mix([None, pedalboard.Gain(-6), identity()])(x, RATE), wanted)
    assert rtspec.Mix([identity(), tilt(), None]).latency_samples == 1024


def test_a_mix_of_natives_is_pedalboards_own_to_the_bit():
    def sides():
        return [pedalboard.Gain(-6), pedalboard.Chain([pedalboard.Delay(0.01), pedalboard.Reverb()])]

    wanted = pedalboard.Mix(sides())(sound(), RATE)
    np.testing.assert_array_equal(rtspec.Mix(sides())(sound(), RATE), wanted)
    np.testing.assert_array_equal(pieces(rtspec.Mix(sides()), sound(), 441), wanted)


def test_a_mix_of_nothing_is_silent_as_pedalboards():
    np.testing.assert_array_equal(rtspec.Mix()(sound(), RATE), 0 * sound())
    np.testing.assert_array_equal(pieces(rtspec.Mix(), sound(), 64), 0 * sound())


@pytest.mark.parametrize("block", [64, 441, 8000])
def test_pieces_give_the_whole_sound_to_the_bit_and_again_after_the_flush(block):
    board, wanted = rich(), rich()(sound(), RATE)
    for _ in range(2):
        np.testing.assert_array_equal(pieces(board, sound(), block), wanted)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("make", [rich, lambda: rtspec.Mix([identity(), [tilt(), pedalboard.Delay(0.01)], None])])
def test_live_is_offline_to_the_bit(make, channels):
    plugins, x = make(), sound(channels=channels)
    stream = rtspec.AudioStream(
        plugins=plugins,
        source=x,
        sample_rate=RATE,
        devices=rtspec.Devices(virtual=True, worker_samples=16384),
        measuring=rtspec.Measuring(tape_seconds=1.2),
    )
    with stream:
        assert stream.wait(30)
        delay, out = stream.latency.total_samples, stream.recorded[1]
    np.testing.assert_array_equal(out[:, delay : delay + x.shape[1]], plugins(x, RATE))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda mix: pickle.loads(pickle.dumps(mix))])
def test_copies_are_independent_equals(copied):
    board = rich()
    wanted = board(sound(), RATE)
    other = copied(board)
    np.testing.assert_array_equal(other(sound(), RATE), wanted)
    other[1][1][1].tilt_db_per_octave = -6.0
    del other[1][0]
    np.testing.assert_array_equal(board(sound(), RATE), wanted)
    assert np.abs(other(sound(), RATE) - wanted).max() > 0.01
    assert type(other[1]) is rtspec.Mix


@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_chain_that_comes_between_two_pieces_is_heard_from_there_on_and_one_that_goes_to_its_end(where):
    mix, x = rtspec.Mix([identity(1024), pedalboard.Gain(-6)]), sound()
    out = [mix.process(x[:, :4000], RATE, reset=False)]
    gain = pedalboard.Gain(0)
    mix.insert(where, gain)
    out.append(mix.process(x[:, 4000:7000], RATE, reset=False))
    mix.remove(gain)
    out += [mix.process(x[:, 7000:], RATE, reset=False), mix.flush()]
    wanted = rtspec.Mix([identity(1024), pedalboard.Gain(-6)])(x, RATE)
    wanted[:, 4000:7000] += x[:, 4000:7000]
    np.testing.assert_allclose(np.concatenate(out, axis=1), wanted, atol=1e-6)


def test_an_edit_inside_a_chain_of_a_playing_mix_is_heard():
    inner = rtspec.Pedalboard([pedalboard.Gain(0)])
    board, ones = rtspec.Pedalboard([rtspec.Mix([inner, identity()])]), np.ones((1, RATE), np.float32)
    settings = {"sample_rate": RATE, "devices": SLOW_DEVICE, "measuring": rtspec.Measuring(tape_seconds=4)}
    with rtspec.AudioStream(plugins=board, source=rtspec.Loop(0.1 * ones), **settings) as stream:
        inner.append(pedalboard.Gain(20))
        assert stream.settle(60)
        threading.Event().wait(0.5)
        np.testing.assert_allclose(stream.recorded[1][:, -500:], 0.1 * 10 + 0.1, atol=1e-4)
        assert not stream.reports


def test_edits_of_mixes_keep_a_boards_rules():
    mix = rtspec.Mix()
    board = rtspec.Pedalboard([mix])
    with pytest.raises(InvalidValue, match="a board cannot hold itself"):
        mix.append(board)
    delay = pedalboard.Delay()
    with pytest.raises(SharedPlugin, match="in this chain twice"):
        rtspec.Mix([delay, [identity(), delay]])(sound(), RATE)
    with pytest.raises(InvalidValue, match="PitchShift cannot play in a stream"):
        rtspec.AudioStream(
            plugins=rtspec.Mix([None, pedalboard.PitchShift(2)]), source=sound(), devices=rtspec.Devices(virtual=True)
        )


def test_a_plugin_that_no_stream_can_play_is_refused_in_a_mix_that_plays():
    board = rtspec.Pedalboard([rtspec.Mix([None])])
    with (
        rtspec.AudioStream(plugins=board, source=rtspec.Loop(sound()), devices=rtspec.Devices(virtual=True)),
        pytest.raises(InvalidValue, match="PitchShift cannot play in a stream"),
    ):
        board[0].append([pedalboard.PitchShift(2)])
    assert len(board[0]) == 1


class Own(pedalboard.Gain):
    """Of a subclass no equal can be made."""


def test_a_native_of_which_no_copy_can_be_made_stays_in_a_mix_that_is_edited_while_it_plays():
    own = Own(-6)
    board, ones = rtspec.Pedalboard([rtspec.Mix([own])]), 0.1 * np.ones((1, RATE), np.float32)
    settings = {"sample_rate": RATE, "devices": SLOW_DEVICE, "measuring": rtspec.Measuring(tape_seconds=4)}
    with rtspec.AudioStream(plugins=board, source=rtspec.Loop(ones), **settings) as stream:
        board[0].append(None)
        assert stream.settle(60)
        threading.Event().wait(0.5)
        np.testing.assert_allclose(stream.recorded[1][:, -500:], 0.1 + 0.1 * 10 ** (-6 / 20), atol=1e-4)
        assert not stream.reports
        with pytest.raises(SharedPlugin, match="is playing in a live stream"):
            board(ones, RATE)
    board(ones, RATE)


def test_what_is_in_a_mix_has_addresses_and_gets_its_midi():
    first, second = rtspec.TimbreSynth(), rtspec.TimbreSynth()
    board = rtspec.Pedalboard([rtspec.Mix([[first, pedalboard.Reverb()], second])])
    assert {"1-timbre-synth/mix", "3-timbre-synth/mix"} <= set(Directory(board))
    with rtspec.AudioStream(plugins=board, source=rtspec.Loop(sound()), devices=rtspec.Devices(virtual=True)) as stream:
        assert stream.latency.items["worker"] == 0
        for synth in (first, second):
            assert len(stream._session.player.inboxes(synth)) == 1
        assert stream.send([0x90, 60, 100])
