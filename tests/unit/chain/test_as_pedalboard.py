"""What pedalboard promises of its containers, buffers, layouts, latency, locks, primed and fixed-block plugins holds
for rtspec.Pedalboard with native plugins, with ours, and with both, side by side and nested."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pedalboard
import pytest
from pedalboard_native import _internal as toys

import rtspec
from rtspec.errors import SharedPlugin

RATE = 44100


def identity(n_fft=512):
    return rtspec.OnnxProcessor("identity", n_fft=n_fft)


def tilt():
    return rtspec.OnnxProcessor("tilt-gate", n_fft=256, tilt_db_per_octave=1.5)


BOARDS = {
    "natives": lambda: [pedalboard.Gain(-3), toys.AddLatency(77), pedalboard.Delay(0.01, mix=0.4)],
    "ours": lambda: [identity(), tilt()],
    "mixed": lambda: [pedalboard.Gain(-3), identity(), toys.AddLatency(50), tilt(), pedalboard.Reverb()],
    "nested": lambda: [[pedalboard.Gain(-3), [tilt()]], pedalboard.Chain([pedalboard.Chorus()]), None],
    "side by side": lambda: [rtspec.Mix([toys.AddLatency(77), [tilt(), pedalboard.Gain(-6)], None])],
    "native mix": lambda: [pedalboard.Mix([toys.AddLatency(77), pedalboard.Gain(-6)]), identity()],
}
WIRES = {
    "natives": lambda n: [toys.AddLatency(n), pedalboard.Gain(0)],
    "mixed": lambda n: [toys.AddLatency(n), identity(), pedalboard.Gain(0)],
    "nested": lambda n: [pedalboard.Chain([toys.AddLatency(n)]), [identity(256)]],
    "side by side": lambda n: [rtspec.Mix([[toys.AddLatency(n), pedalboard.Gain(-6.0206)], pedalboard.Gain(-6.0206)])],
}
kinds = pytest.mark.parametrize("kind", BOARDS)
wires = pytest.mark.parametrize("kind", WIRES)


def board(kind):
    return rtspec.Pedalboard(BOARDS[kind]())


def sound(n=6000, channels=2, seed=1):
    return (0.2 * np.random.default_rng(seed).standard_normal((channels, n))).astype(np.float32)


def pieces(plugins, audio, block):
    cuts = [*range(0, audio.shape[1], block), audio.shape[1]]
    return [plugins.process(audio[:, a:b], RATE, reset=False) for a, b in pairwise(cuts)]


# Layouts and buffers --------------------------------------------------------------------------------------------------


@kinds
def test_every_layout_comes_out_as_it_went_in_with_the_same_sound(kind):
    stereo, mono = board(kind)(sound(), RATE), board(kind)(sound(channels=1), RATE)
    assert stereo.dtype == np.float32
    np.testing.assert_array_equal(board(kind)(sound().T, RATE), stereo.T)
    np.testing.assert_array_equal(board(kind)(np.asfortranarray(sound()), RATE), stereo)
    np.testing.assert_array_equal(board(kind)(sound().astype(np.float64), RATE), stereo)
    for shape in [(6000,), (1, 6000), (6000, 1)]:
        out = board(kind)(sound(channels=1).reshape(shape), RATE)
        assert out.shape == shape
        np.testing.assert_array_equal(out.ravel(), mono[0])


@kinds
def test_neither_the_input_nor_an_earlier_output_is_touched(kind):
    plugins, x = board(kind), sound()
    x.flags.writeable = False
    first = plugins(x, RATE)
    kept = first.copy()
    plugins(0.5 * x, RATE)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(x, sound())


@kinds
@pytest.mark.parametrize("size", [1, 64, 65, 128, 6000, 8193])
def test_the_buffers_size_changes_no_sound(kind, size):
    n = 300 if size == 1 else 6000
    np.testing.assert_allclose(
        board(kind)(sound(n), RATE, buffer_size=size), board(kind)(sound(n), RATE), atol=2e-6, rtol=1e-5
    )


@kinds
@pytest.mark.parametrize("n", [1, 2, 3, 127])
def test_the_shortest_sounds_come_back_whole(kind, n):
    plugins = board(kind)
    plugins(sound(), RATE)
    assert plugins(sound(n), RATE).shape == (2, n)
    assert plugins(np.zeros((2, 0), np.float32), RATE).shape == (2, 0)


@kinds
def test_a_call_begins_anew_unless_told_otherwise(kind):
    plugins, wanted = board(kind), board(kind)(sound(), RATE)
    plugins(sound(seed=2), RATE)
    np.testing.assert_array_equal(plugins(sound(), RATE), wanted)
    plugins.reset()
    np.testing.assert_array_equal(plugins(sound(), RATE), wanted)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (([0.0] * 100, RATE), "audio of type list"),
        ((np.zeros(100, np.int16), RATE), "int16"),
        ((np.zeros(100, np.float32), "44100"), "sample_rate="),
        ((np.zeros(100, np.float32), RATE, 1.5), "buffer_size="),
        ((np.zeros(100, np.float32), RATE, 512, "no"), "reset="),
    ],
)
@kinds
def test_what_is_of_the_wrong_type_raises_type_error_as_there(kind, arguments, named):
    with pytest.raises(TypeError, match=named):
        board(kind)(*arguments)


# Latency --------------------------------------------------------------------------------------------------------------


@wires
@pytest.mark.parametrize("latency", [0, 1, 100, 5000])
@pytest.mark.parametrize("n", [10, 4000, 20000])
def test_latency_is_taken_away_and_nothing_is_lost(kind, latency, n):
    np.testing.assert_allclose(rtspec.Pedalboard(WIRES[kind](latency))(sound(n), RATE), sound(n), atol=1e-6)


@wires
@pytest.mark.parametrize("latency", [1, 100, 5000])
@pytest.mark.parametrize("block", [64, 441, 8192])
def test_pieces_are_short_while_the_latency_fills_and_flush_gives_the_rest(kind, latency, block):
    plugins = rtspec.Pedalboard(WIRES[kind](latency))
    parts = pieces(plugins, sound(20000), block)
    assert sum(part.shape[1] for part in parts) == 20000 - plugins.latency_samples
    np.testing.assert_allclose(np.concatenate([*parts, plugins.flush()], axis=1), sound(20000), atol=1e-6)


def test_latencies_add_up_in_a_chain_and_the_longest_counts_in_a_mix():
    long, short = (rtspec.Pedalboard([toys.AddLatency(n)]).latency_samples for n in (700, 10))
    assert long >= 700 and short >= 10
    assert (
        rtspec.Pedalboard([toys.AddLatency(700), identity(), toys.AddLatency(10)]).latency_samples == long + short + 512
    )
    assert rtspec.Mix([toys.AddLatency(700), [identity(), toys.AddLatency(10)]]).latency_samples == max(
        long, short + 512
    )


# Plugins that want silence first, blocks of one length, or one channel ------------------------------------------------

PICKY = {
    "primed": lambda n: toys.PrimeWithSilenceTestPlugin(n),
    "fixed": lambda n: toys.FixedSizeBlockTestPlugin(n),
    "mono": lambda n: toys.ForceMonoTestPlugin(),
}
AROUND = {
    "alone": lambda picky: [picky],
    "before ours": lambda picky: [picky, identity()],
    "behind ours": lambda picky: [identity(), picky],
    "in a mix": lambda picky: [rtspec.Mix([[picky, pedalboard.Gain(-6.0206)], pedalboard.Gain(-6.0206)])],
    "nested": lambda picky: [[pedalboard.Chain([picky])], identity(256)],
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("picky", PICKY)
@pytest.mark.parametrize("size", [64, 65, 8192])
def test_picky_plugins_get_what_they_want(picky, around, size):
    x = np.repeat(sound(20000, channels=1), 2, axis=0)
    for wanted in (1, 64, 65, 1000) if picky != "mono" else (0,):
        out = rtspec.Pedalboard(AROUND[around](PICKY[picky](wanted)))(x, RATE, buffer_size=size)
        np.testing.assert_allclose(out, x, atol=1e-6, err_msg=str(wanted))


@pytest.mark.parametrize("picky", [toys.FixedSizeBlockTestPlugin(500), toys.PrimeWithSilenceTestPlugin(1000)])
def test_what_pedalboard_itself_loses_in_pieces_is_refused_there(picky):
    lost = np.concatenate([picky.process(part, RATE, reset=False) for part in np.split(sound(20000), 40, axis=1)], 1)
    assert not np.array_equal(lost, sound(20000)[:, : lost.shape[1]])
    with pytest.raises(ValueError, match="cannot play in a stream"):
        rtspec.Pedalboard([picky]).process(sound(), RATE, reset=False)


# Containers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [rtspec.Pedalboard, rtspec.Mix])
@pytest.mark.parametrize("make", [pedalboard.Gain, lambda: identity(256)])
def test_containers_are_lists(kind, make):
    a, b, c = make(), make(), make()
    found = kind([a, b])
    found.append(c)
    assert (len(found), found[0], found[-1], list(found)) == (3, a, c, [a, b, c])
    assert found[::2] == [a, c] and b in found and found.index(c) == 2
    found.remove(b)
    found[0], found[1] = found[1], found[0]
    found += [b]
    assert list(reversed(found)) == [b, a, c]
    found.reverse()
    assert found.pop(0) is b and list(found) == [a, c]
    del found[:1]
    found.extend(iter([b, None]))
    found.insert(-100, a)
    assert list(found) == [a, c, b, None]
    found.clear()
    assert not found and len(found) == 0
    for wrong in (3, slice(0, 1, 0)):
        with pytest.raises((IndexError, ValueError)):
            found[wrong]
    with pytest.raises(ValueError):
        found.remove(a)


@pytest.mark.parametrize("wrong", [42, "Gain", pedalboard.Gain, object(), np.zeros(3)])
def test_what_is_no_plugin_raises_type_error_and_leaves_the_board_as_it_was(wrong):
    first = identity(256)
    found = rtspec.Pedalboard([first])
    for edit in (found.append, lambda w: found.insert(0, w), lambda w: found.__setitem__(0, w)):
        with pytest.raises(TypeError, match="is no plugin"):
            edit(wrong)
    with pytest.raises(TypeError):
        rtspec.Pedalboard([wrong])
    assert list(found) == [first]


@kinds
def test_a_board_in_a_board_is_that_board(kind):
    np.testing.assert_array_equal(rtspec.Pedalboard([board(kind)])(sound(), RATE), board(kind)(sound(), RATE))
    np.testing.assert_array_equal(rtspec.Mix([board(kind)])(sound(), RATE), board(kind)(sound(), RATE))


@kinds
def test_edits_between_two_calls_are_heard_at_the_next(kind):
    plugins, gain = board(kind), pedalboard.Gain(-6)
    plain = plugins(sound(), RATE)
    plugins.append(gain)
    np.testing.assert_allclose(plugins(sound(), RATE), gain(plain, RATE), atol=1e-6)
    gain.gain_db = -12
    np.testing.assert_allclose(plugins(sound(), RATE), gain(plain, RATE), atol=1e-6)
    plugins.remove(gain)
    np.testing.assert_array_equal(plugins(sound(), RATE), plain)


def test_a_native_plugin_twice_is_refused_and_ours_twice_is_two():
    delay, ours = pedalboard.Delay(0.01), tilt()
    with pytest.raises(SharedPlugin):
        rtspec.Pedalboard([delay, identity(), delay])(sound(), RATE)
    twice = rtspec.Pedalboard([ours, ours])(sound(), RATE)
    np.testing.assert_array_equal(twice, rtspec.Pedalboard([tilt(), tilt()])(sound(), RATE))


def test_containers_whose_plugins_nobody_else_holds_are_never_taken_for_one_another():
    for _ in range(50):
        mix = pedalboard.Mix([pedalboard.Gain(-3), pedalboard.Delay(0.01)])
        chain = pedalboard.Chain([pedalboard.Gain(-3), pedalboard.Reverb()])
        assert rtspec.Pedalboard([mix, chain])(sound(100), RATE).shape == (2, 100)


# Locks ----------------------------------------------------------------------------------------------------------------


@kinds
def test_many_threads_at_one_board_get_each_their_own_sound(kind):
    shared, wanted = board(kind), [board(kind)(sound(seed=i), RATE) for i in range(4)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda i: shared(sound(seed=i % 4), RATE), range(32)))
    for i, out in enumerate(got):
        np.testing.assert_allclose(out, wanted[i % 4], atol=1e-6)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("make", [tilt, lambda: pedalboard.Gain(-3), lambda: pedalboard.Delay(0.001)])
def test_boards_that_hold_the_same_plugins_in_another_order_never_wait_for_each_other_for_ever(make):
    a, b = make(), make()
    one, other = rtspec.Pedalboard([a, identity(256), b]), rtspec.Pedalboard([b, identity(256), a])
    wanted = [one(sound(), RATE), other(sound(), RATE)]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda i: (one, other)[i % 2](sound(), RATE), range(24)))
    for i, out in enumerate(got):
        np.testing.assert_allclose(out, wanted[i % 2], atol=1e-6)


@pytest.mark.parametrize("form", [">f4", ">f8"])
def test_samples_in_the_other_byte_order_are_what_they_are(form):
    x = 0.1 * np.random.default_rng(1).standard_normal((2, 500)).astype(np.float32)
    board = rtspec.Pedalboard([pedalboard.Gain(-6)])
    np.testing.assert_array_equal(board(x.astype(form), 44100), board(x, 44100))


@pytest.mark.parametrize(("shape", "kind"), [((4, 4), RuntimeError), ((1, 2, 9), RuntimeError), ((), TypeError)])
def test_a_shape_that_tells_no_channels_is_refused_by_pedalboards_kind_of_error_and_as_a_value(shape, kind):
    for plugins in (rtspec.Pedalboard([pedalboard.Gain()]), pedalboard.Pedalboard([pedalboard.Gain()])):
        with pytest.raises(RuntimeError):
            plugins(np.zeros(shape, np.float32), 44100)
    with pytest.raises(ValueError):
        rtspec.Pedalboard([])(np.zeros(shape, np.float32), 44100)


def test_pieces_that_begin_with_a_reset_go_on_as_pedalboards_do():
    x = (0.1 * np.random.default_rng(1).standard_normal((2, 30000))).astype(np.float32)
    firsts: list[Any] = [True, 1]
    for first_is_reset in firsts:
        boards = [
            kind([pedalboard.Delay(0.05), pedalboard.Reverb(), pedalboard.Limiter()])
            for kind in (pedalboard.Pedalboard, rtspec.Pedalboard)
        ]
        wanted, got = (
            np.concatenate(
                [
                    b(x[:, at : at + 1000], 44100, reset=first_is_reset if at == 0 else False)
                    for at in range(0, 30000, 1000)
                ],
                axis=1,
            )
            for b in boards
        )
        np.testing.assert_array_equal(got, wanted)


def test_a_whole_sound_goes_on_in_pieces_as_pedalboards_does():
    x = (0.1 * np.random.default_rng(1).standard_normal((2, 9000))).astype(np.float32)
    theirs, ours = (kind([pedalboard.Delay(0.05, 0.5)]) for kind in (pedalboard.Pedalboard, rtspec.Pedalboard))
    for reset in (True, False, False, True, False):
        np.testing.assert_array_equal(ours(x, 44100, reset=reset), theirs(x, 44100, reset=reset))


def test_a_board_is_an_effect_unless_something_in_it_is_played():
    assert rtspec.Pedalboard([pedalboard.Gain()]).is_effect and not rtspec.Pedalboard([]).is_instrument
    assert rtspec.Pedalboard([rtspec.TimbreSynth()]).is_instrument and rtspec.OnnxProcessor("identity").is_effect
