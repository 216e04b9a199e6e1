"""Boards: native chains to the bit, mixed chains alike offline and streamed, edits from any thread."""

import threading
import time

import numpy as np
import pedalboard
import pytest

import rtspec
from rtspec.errors import InvalidValue

RATE = 44100


@pytest.fixture(scope="module")
def sound():
    return (0.2 * np.random.default_rng(5).standard_normal((2, 20000))).astype(np.float32)


def natives():
    return [pedalboard.Compressor(-30, 4), pedalboard.PitchShift(2), pedalboard.Chorus(), pedalboard.Reverb()]


def streamed(board, sound, block):
    return np.concatenate(
        [board.process(sound[:, i : i + block], RATE, reset=False) for i in range(0, sound.shape[1], block)], axis=1
    )


@pytest.mark.parametrize("block", [65, 512, 8192])
def test_a_native_chain_is_bit_identical_to_pedalboards_own(sound, block):
    ours, theirs = rtspec.Pedalboard(natives()), pedalboard.Pedalboard(natives())
    np.testing.assert_array_equal(ours(sound, RATE, buffer_size=block), theirs(sound, RATE, buffer_size=block))
    playing = [[p for p in natives() if not isinstance(p, pedalboard.PitchShift)] for _ in range(2)]
    ours, theirs = rtspec.Pedalboard(playing[0]), pedalboard.Pedalboard(playing[1])
    np.testing.assert_array_equal(streamed(ours, sound, block), streamed(theirs, sound, block))


def test_a_nested_native_chain_is_bit_identical_to_the_flat_one(sound):
    a, b, c, d = natives()
    ours = rtspec.Pedalboard([a, [b, rtspec.Pedalboard([c])], pedalboard.Pedalboard([d])])
    np.testing.assert_array_equal(ours(sound, RATE), pedalboard.Pedalboard(natives())(sound, RATE))


@pytest.mark.parametrize("block", [441, 1024])
def test_a_mixed_chain_agrees_between_offline_and_streamed(sound, block):
    def board():
        plugins = [
            pedalboard.Gain(3),
            rtspec.OnnxProcessor("tilt-gate", tilt_db_per_octave=2.0),
            pedalboard.Distortion(6),
        ]
        return rtspec.Pedalboard([*plugins, rtspec.OnnxProcessor("identity", n_fft=512)])

    whole, pieces = board()(sound, RATE), streamed(board(), sound, block)
    assert pieces.shape[1] == sound.shape[1] - 2048 - 512
    np.testing.assert_allclose(pieces, whole[:, : pieces.shape[1]], atol=1e-6)


def test_an_empty_board_is_a_wire(sound):
    np.testing.assert_array_equal(rtspec.Pedalboard()(sound, RATE), sound)


def test_a_native_container_refuses_our_processors():
    with pytest.raises(TypeError):
        pedalboard.Pedalboard([rtspec.OnnxProcessor("identity")])  # type: ignore[list-item]


def test_what_is_no_plugin_is_refused():
    with pytest.raises(InvalidValue, match=r"42 is no plugin: a board takes rtspec processors"):
        rtspec.Pedalboard([42])


def test_a_board_cannot_hold_itself():
    outer = rtspec.Pedalboard()
    inner = rtspec.Pedalboard([outer])
    with pytest.raises(InvalidValue, match="a board cannot hold itself"):
        outer.append(inner)
    assert len(outer) == 0


def test_a_board_is_a_list(sound):
    first, second = pedalboard.Gain(1), pedalboard.Gain(2)
    board = rtspec.Pedalboard([first])
    board.append(second)
    board.insert(0, board.pop())
    assert list(board) == [second, first]
    board[0] = first
    board[:] = [second]
    assert len(board) == 1
    assert board[0] is second


def play(plugins, sound, edit=None):
    patient = rtspec.Devices(virtual=True, worker_samples=8192)  # natives wait for the GIL, long on a busy machine
    with rtspec.AudioStream(
        plugins=plugins,
        source=sound,
        sample_rate=RATE,
        devices=patient,
        measuring=rtspec.Measuring(tape_seconds=3),
    ) as stream:
        if edit is not None:
            edit(stream)
        assert stream.wait(20)
        return stream.recorded[1], stream.latency.total_samples, stream.statistics


def test_a_live_mixed_chain_gives_the_offline_samples(sound):
    def plugins():
        return [pedalboard.Gain(3), rtspec.OnnxProcessor("identity"), [pedalboard.Reverb()]]

    out, delay, _ = play(plugins(), sound)
    whole = rtspec.Pedalboard(plugins())(sound, RATE, buffer_size=128)
    np.testing.assert_allclose(out[:, delay : delay + sound.shape[1]], whole, atol=1e-6)


def test_the_budget_of_a_live_chain_names_native_latency(sound):
    plugins = [pedalboard.MP3Compressor()]
    with rtspec.AudioStream(
        plugins=plugins, source=sound, sample_rate=RATE, devices=rtspec.Devices(virtual=True)
    ) as stream:
        assert stream.latency.items["plugins"] > 0


@pytest.mark.parametrize("plugin", [pedalboard.PitchShift(3), pedalboard.GSMFullRateCompressor()])
def test_a_plugin_that_no_stream_can_play_is_refused_and_plays_whole_sounds(sound, plugin):
    board = rtspec.Pedalboard([plugin, rtspec.OnnxProcessor("identity", n_fft=512)])
    np.testing.assert_allclose(board(sound, RATE), plugin(sound, RATE), atol=1e-5)
    with pytest.raises(InvalidValue, match=r"cannot play in a stream.*process whole sounds with reset=True"):
        board.process(sound, RATE, reset=False)
    with pytest.raises(InvalidValue, match="cannot play in a stream"):
        rtspec.AudioStream(plugins=board, source=sound, sample_rate=RATE, devices=rtspec.Devices(virtual=True))


def test_statistics_say_what_native_plugins_cost(sound):
    plugins = [pedalboard.Gain(3), rtspec.OnnxProcessor("identity"), pedalboard.Reverb()]
    costs = play(plugins, sound)[2].native_plugins
    assert list(costs) == ["0 Gain", "2 Reverb"]
    assert all(cost["calls"] > 0 and cost["mean_us"] > 0 and cost["errors"] == 0 for cost in costs.values())


@pytest.mark.timeout(60)
def test_ten_thousand_edits_under_load_never_deadlock():
    sound = (0.2 * np.random.default_rng(5).standard_normal((2, 4 * RATE))).astype(np.float32)
    board = rtspec.Pedalboard([pedalboard.Gain(0), rtspec.OnnxProcessor("identity", n_fft=512)])
    spare, inner = pedalboard.Compressor(), rtspec.Pedalboard([pedalboard.Gain(0)])
    stop = threading.Event()

    def burn():
        while not stop.is_set():
            sum(range(1000))

    burner = threading.Thread(target=burn, daemon=True)
    with rtspec.AudioStream(
        plugins=board, source=rtspec.Loop(sound), sample_rate=RATE, devices=rtspec.Devices(virtual=True)
    ) as stream:
        burner.start()
        before = stream.statistics.callbacks
        for i in range(2500):
            board.insert(i % 3, spare)
            board.remove(spare)
            board.append(inner)
            board.pop()
            assert i % 100 or stream.settle(20)
        stop.set()
        time.sleep(0.1)
        assert stream.active
        assert stream.statistics.callbacks > before
    assert len(board) == 2
