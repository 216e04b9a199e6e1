"""A sound in memory goes through a board with little more beside it than what comes out, and to the bit as before."""

import tracemalloc

import numpy as np
import pedalboard
import pytest

import rtspec
from rtspec.chain import nodes
from rtspec.chain.cutting import PIECE

RATE = 44100
ROOM = 12 * PIECE * 2 * 4
"""Bytes of a few pieces in stereo."""


def sound(n):
    return (0.2 * np.random.default_rng(6).standard_normal((2, n), np.float32)).astype(np.float32)


def identity(n_fft=512):
    return rtspec.OnnxProcessor("identity", n_fft=n_fft)


def moving():
    board = rtspec.Pedalboard([identity()])
    board.modulation.add("lfo:0.5", "mix", 0.3)
    return board


CHAINS = {
    "a processor": identity,
    "a board": lambda: rtspec.Pedalboard([identity(), identity(256)]),
    "natives and ours": lambda: rtspec.Pedalboard([pedalboard.Gain(-6), identity(), pedalboard.Delay(0.1)]),
    "side by side": lambda: rtspec.Mix([pedalboard.Reverb(), [identity(), pedalboard.Gain(-6)], None]),
    "what moves by itself": moving,
}


@pytest.mark.parametrize("make", CHAINS.values(), ids=CHAINS)
def test_beside_a_long_sound_and_what_comes_out_there_are_only_pieces(make, monkeypatch):
    monkeypatch.setattr(nodes, "MANY_SAMPLES", 1)
    board, x = make(), sound(40 * PIECE + 77)
    board(x[:, :RATE], RATE)
    tracemalloc.start()
    try:
        board(x, RATE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert x.nbytes < peak < x.nbytes + ROOM + x.size // 4 * 2


NATIVES = [
    pedalboard.Bitcrush(6),
    pedalboard.Chorus(),
    pedalboard.Clipping(-12),
    pedalboard.Compressor(-30, 4),
    pedalboard.Delay(0.3, 0.5),
    pedalboard.Distortion(12),
    pedalboard.HighpassFilter(300),
    pedalboard.LadderFilter(pedalboard.LadderFilter.Mode.LPF24, 800),
    pedalboard.Limiter(-20),
    pedalboard.NoiseGate(-20),
    pedalboard.Phaser(),
    pedalboard.Reverb(),
    pedalboard.Chain([pedalboard.Gain(3), pedalboard.LowpassFilter(900)]),
]


@pytest.mark.parametrize("native", NATIVES, ids=lambda native: type(native).__name__)
def test_a_native_plugin_gives_a_long_sound_in_pieces_as_pedalboard_does_at_once(native, monkeypatch):
    monkeypatch.setattr(nodes, "MANY_SAMPLES", 1)
    x = sound(2 * PIECE + 1)
    wanted = native(x, RATE)
    for _ in range(2):
        np.testing.assert_array_equal(rtspec.Pedalboard([native])(x, RATE), wanted)


def test_a_native_plugin_that_pieces_would_change_gets_all_at_once(monkeypatch):
    monkeypatch.setattr(nodes, "MANY_SAMPLES", 1)
    x = sound(2 * PIECE + 1)
    for native, block in ((pedalboard.MP3Compressor(), 8192), (pedalboard.Compressor(-30), 1000)):
        wanted = native(x, RATE, buffer_size=block)
        np.testing.assert_array_equal(rtspec.Pedalboard([native])(x, RATE, buffer_size=block), wanted)


def test_a_long_sound_is_the_same_through_pieces_as_through_short_calls():
    def board():
        return rtspec.Pedalboard(
            [identity(), rtspec.Mix([None, [identity(256), pedalboard.Delay(0.1)]]), identity(256)]
        )

    x, played = sound(2 * PIECE + 300), board()
    parts = [played.process(part, RATE, reset=False) for part in np.array_split(x, 5, axis=1)]
    np.testing.assert_array_equal(np.concatenate([*parts, played.flush()], axis=1), board()(x, RATE))
