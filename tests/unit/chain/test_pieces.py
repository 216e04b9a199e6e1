"""Sounds in pieces: nothing is lost, whatever the pieces, and edits between two of them keep what is on its way."""

from itertools import pairwise

import numpy as np
import pedalboard
import pytest

import rtspec

RATE = 44100
BLOCKS = (1, 2, 64, 128, 441, 480, 1024)


def sound(n=6000):
    return (0.2 * np.random.default_rng(3).standard_normal((2, n))).astype(np.float32)


def identity(n_fft=512):
    return rtspec.OnnxProcessor("identity", n_fft=n_fft)


def pieces(plugin, audio, block):
    first = max(block, 3)  # two channels of two samples could be samples and channels: the first piece must tell
    cuts = [0, *range(first, audio.shape[1], block), audio.shape[1]]
    parts = [plugin.process(audio[:, a:b], RATE, reset=False) for a, b in pairwise(cuts)]
    return np.concatenate([*parts, plugin.flush()], axis=1)


SIMPLE = """
Bitcrush BrickwallLimiter Chorus Clipping Compressor Delay Distortion Gain HighpassFilter HighShelfFilter Invert
LadderFilter Limiter
LowpassFilter LowShelfFilter MP3Compressor NoiseGate PeakFilter Phaser Resample Reverb
"""

NATIVES = {name: getattr(pedalboard, name) for name in SIMPLE.split()} | {
    "Mix": lambda: pedalboard.Mix([pedalboard.Gain(-3), pedalboard.Delay(0.01)]),
    "Chain": lambda: pedalboard.Chain([pedalboard.Gain(-3), pedalboard.Reverb()]),
    "Pedalboard": lambda: pedalboard.Pedalboard([pedalboard.Gain(-3), pedalboard.Phaser()]),
    "Convolution": lambda: pedalboard.Convolution(np.array([1, 0.5, 0.25, 0.1], np.float32), 0.5, RATE),
}


@pytest.mark.parametrize("name", NATIVES)
def test_a_native_in_pieces_of_any_length_gives_what_it_gives_for_the_whole_sound(name):
    wanted = NATIVES[name]()(sound(), RATE)
    for block in BLOCKS[1 if len(name) % 2 else 0 :: 2]:
        got = pieces(rtspec.Pedalboard([NATIVES[name]()]), sound(), block)
        np.testing.assert_allclose(got, wanted, atol=2e-6, err_msg=f"block {block}")


@pytest.mark.parametrize("block", BLOCKS)
def test_a_mixed_chain_in_pieces_gives_the_whole_sound(block):
    def board():
        return rtspec.Pedalboard([identity(), pedalboard.Chorus(), pedalboard.Resample(8000), identity(1024)])

    wanted, got = board()(sound(), RATE), pieces(board(), sound(), block)
    np.testing.assert_allclose(got, wanted, atol=2e-6)


@pytest.mark.parametrize("make", [identity, rtspec.BandwidthExtension, lambda: rtspec.Pedalboard([identity(2048)])])
@pytest.mark.parametrize("n", [3, 300, 5001])
def test_flush_gives_the_end_of_a_sound(make, n):
    shared = make()
    for _ in range(2):
        np.testing.assert_array_equal(pieces(shared, sound(n), 1000), make()(sound(n), RATE))


def test_flush_keeps_the_layout_and_without_a_sound_gives_none():
    board = rtspec.Pedalboard([identity()])
    assert board.flush().shape[-1] == 0
    assert len(board.process(sound().T, RATE, reset=False)) + len(board.flush()) == 6000
    assert board.flush().size == 0


@pytest.mark.parametrize("plugin", [pedalboard.Gain(-6.0), "ours"])
def test_an_append_between_two_pieces_loses_and_repeats_nothing(plugin):
    board, x = rtspec.Pedalboard([identity()]), sound()
    out = [board.process(x[:, :3000], RATE, reset=False)]
    board.append(identity(1024) if plugin == "ours" else plugin)
    out += [board.process(x[:, 3000:], RATE, reset=False), board.flush()]
    got, turn = np.concatenate(out, axis=1), out[0].shape[1]
    assert got.shape == x.shape
    np.testing.assert_allclose(got[:, :turn], x[:, :turn], atol=1e-6)
    gain = 1.0 if plugin == "ours" else 10 ** (-6 / 20)
    np.testing.assert_allclose(got[:, turn:], gain * x[:, turn:], atol=1e-6)


def test_what_is_on_its_way_through_a_plugin_that_goes_comes_out():
    board, x = rtspec.Pedalboard([identity(1024), identity()]), sound()
    out = [board.process(x[:, :3000], RATE, reset=False)]
    del board[0]
    out += [board.process(x[:, 3000:], RATE, reset=False), board.flush()]
    np.testing.assert_allclose(np.concatenate(out, axis=1), x, atol=1e-6)


def test_latency_samples_of_a_board_are_what_pieces_lack():
    board = rtspec.Pedalboard([identity(), pedalboard.MP3Compressor(), identity(1024)])
    out = board.process(sound(), RATE, reset=False)
    assert board.latency_samples == 6000 - out.shape[1] > 512 + 1024
    assert board.latency_samples == rtspec.Pedalboard(list(board)).latency_samples


def test_a_native_board_plays_on_after_a_whole_sound_as_pedalboards_does():
    ours, theirs = rtspec.Pedalboard([pedalboard.Reverb()]), pedalboard.Pedalboard([pedalboard.Reverb()])
    silence = np.zeros((2, 2000), np.float32)
    for board in (ours, theirs):
        board.process(silence[:, :64], RATE, reset=False)
        board(sound(), RATE)
    tail = ours.process(silence, RATE, reset=False)
    assert np.abs(tail).max() > 1e-3
    np.testing.assert_array_equal(tail, theirs.process(silence, RATE, reset=False))


def test_short_last_pieces_are_taken_in_the_layout_of_those_before():
    for plugin in (identity(), rtspec.Pedalboard([pedalboard.Gain(0.0)]), rtspec.Pedalboard([identity()])):
        for turned in (False, True):
            plugin.reset()
            x = sound(3002)
            parts = [x[:, :3000], x[:, 3000:]]
            out = [plugin.process(p.T if turned else p, RATE, reset=False) for p in parts] + [plugin.flush()]
            got = np.concatenate(out, axis=0 if turned else 1)
            np.testing.assert_allclose(got.T if turned else got, x, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1,), (2, 1), (1, 2), (2, 0), (0,)])
def test_the_smallest_arrays_pass(shape):
    for board in (rtspec.Pedalboard([identity()]), rtspec.Pedalboard([pedalboard.Gain(0.0)]), identity()):
        assert board(np.zeros(shape, np.float32), RATE).shape == shape


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (([0.0] * 100, RATE), "must be an array"),
        ((None, RATE), "must be an array"),
        ((np.zeros((2, 100), np.int16), RATE), "must be float32 or float64"),
        ((sound(), "44100"), "sample_rate='44100' must be a number"),
        ((sound(), None), "sample_rate=None must be a number"),
        ((sound(), RATE, 512.0), "must be a whole number"),
        ((sound(), RATE, "big"), "must be a whole number"),
        ((sound(), RATE, 512, "no"), "reset='no' must be True"),
    ],
)
@pytest.mark.parametrize("make", [identity, lambda: rtspec.Pedalboard([pedalboard.Gain(0.0)])])
def test_what_pedalboard_calls_a_type_error_is_one_here(make, arguments, rule):
    with pytest.raises(TypeError, match=rule) as caught:
        make()(*arguments)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("given", [[42], ["a reverb"], [pedalboard.Gain], 42, pedalboard.Gain(1.0)])
def test_what_is_no_plugin_is_a_type_error(given):
    with pytest.raises(TypeError, match="plugin"):
        rtspec.Pedalboard(given)


def test_none_is_a_wire_and_an_empty_list():
    board = rtspec.Pedalboard([None])
    assert (len(board), board[0]) == (1, None)
    np.testing.assert_array_equal(board(sound(), RATE), sound())
    assert len(rtspec.Pedalboard(None)) == 0


AT_THE_END = {
    "resampled": lambda: [rtspec.OnnxProcessor("tilt-gate"), pedalboard.Resample()],
    "coded": lambda: [rtspec.OnnxProcessor("tilt-gate"), pedalboard.Gain(1), pedalboard.MP3Compressor()],
    "in a mix": lambda: [rtspec.Mix([[rtspec.OnnxProcessor("tilt-gate"), pedalboard.Resample()], None])],
    "before a mix": lambda: [rtspec.OnnxProcessor("tilt-gate"), rtspec.Mix([pedalboard.Resample()])],
}


@pytest.mark.parametrize("make", AT_THE_END.values(), ids=AT_THE_END)
def test_a_native_plugin_that_looks_ahead_hears_what_ours_gives_after_the_end(make):
    audio = sound(12000)
    np.testing.assert_array_equal(rtspec.Pedalboard(make())(audio, RATE), pieces(rtspec.Pedalboard(make()), audio, 441))
