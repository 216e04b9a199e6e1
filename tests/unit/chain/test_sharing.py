"""What several threads, copies and processes may do with one processor or board."""

import asyncio
import copy
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pedalboard
import pytest

import rtspec
from rtspec.errors import SharedPlugin

RATE = 44100


def processor():
    return rtspec.OnnxProcessor("tilt-gate", tilt_db_per_octave=3.0, n_fft=512)


def mixed():
    return rtspec.Pedalboard([pedalboard.Reverb(0.3), processor(), [pedalboard.Gain(-7.3)]])


def sound(seed=0, n=30000):
    return (0.1 * np.random.default_rng(seed).standard_normal((2, n))).astype(np.float32)


@pytest.mark.parametrize("make", [processor, mixed, lambda: rtspec.SpectralInversion()])
def test_threads_that_share_an_object_get_their_own_sounds(make):
    shared, sounds = make(), [sound(i) for i in range(4)]
    wanted = [make()(s, RATE) for s in sounds]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda i: shared(sounds[i % 4], RATE), range(16)))
    for i, out in enumerate(got):
        np.testing.assert_array_equal(out, wanted[i % 4])


def test_asyncio_may_call_a_board_in_threads():
    board, wanted = mixed(), mixed()(sound(), RATE)

    async def client():
        return [np.array_equal(await asyncio.to_thread(board, sound(), RATE), wanted) for _ in range(3)]

    async def clients():
        return await asyncio.gather(client(), client(), client())

    assert all(all(each) for each in asyncio.run(clients()))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))])
@pytest.mark.parametrize("make", [processor, mixed, lambda: rtspec.BandwidthExtension(), rtspec.TimbreMorph])
def test_a_copy_is_an_independent_equal_of_one_in_use(make, copied):
    original = make()
    wanted = original(sound(), RATE)
    other = copied(original)
    first = other if isinstance(other, rtspec.processors.Processor) else other[1]
    np.testing.assert_array_equal(other(sound(), RATE), wanted)
    first.output_db = -20.0
    np.testing.assert_array_equal(original(sound(), RATE), wanted)
    assert np.abs(other(sound(), RATE)).max() < 0.2 * np.abs(wanted).max()


def _played(board):
    return board(sound(), RATE)


def test_a_board_goes_to_another_process():
    board = mixed()
    wanted = board(sound(), RATE)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        np.testing.assert_array_equal(pool.submit(_played, board).result(120), wanted)


def test_one_native_plugin_twice_in_a_chain_is_refused_as_pedalboard_does():
    delay = pedalboard.Delay(0.01)
    with pytest.raises(SharedPlugin, match="in this chain twice") as caught:
        rtspec.Pedalboard([delay, processor(), pedalboard.Chain([delay])])(sound(), RATE)
    assert isinstance(caught.value, RuntimeError)


def test_a_plugin_that_cannot_be_copied_belongs_to_the_stream_that_plays_it():
    class Mine(pedalboard.Gain):
        """A subclass: what makes one is not known."""

    mine = Mine(6.0)
    with rtspec.AudioStream(
        plugins=[mine], source=rtspec.Loop(sound()), sample_rate=RATE, devices=rtspec.Devices(virtual=True)
    ):
        with pytest.raises(SharedPlugin, match="playing in a live stream"):
            rtspec.Pedalboard([mine])(sound(), RATE)
        with pytest.raises(SharedPlugin, match="playing in a live stream"):
            rtspec.AudioStream(plugins=[mine], source=sound(), sample_rate=RATE, devices=rtspec.Devices(virtual=True))
    np.testing.assert_array_equal(rtspec.Pedalboard([mine])(sound(), RATE), pedalboard.Gain(6.0)(sound(), RATE))


def test_an_offline_call_is_not_heard_in_a_live_stream():
    click = np.zeros((2, RATE), np.float32)
    click[:, RATE // 4] = 0.9
    board = rtspec.Pedalboard([pedalboard.Delay(0.25, 0.0, 0.5), processor()])
    with rtspec.AudioStream(
        plugins=board,
        source=click,
        sample_rate=RATE,
        devices=rtspec.Devices(virtual=True, worker_samples=8192),
        measuring=rtspec.Measuring(tape_seconds=2),
    ) as stream:
        for i in range(5):
            board(9 * sound(i, 4410), RATE)
        assert stream.wait(10)
        delay = stream.latency.total_samples
        heard = stream.recorded[1][:, delay : delay + RATE]
    np.testing.assert_allclose(heard, board(click, RATE)[:, : heard.shape[1]], atol=1e-6)


class Own(pedalboard.Reverb):
    """Of a subclass no equal can be made."""


def in_turns(plugin):
    """A sound in pieces through one board while a second one plays the same plugin between them."""
    first, second = rtspec.Pedalboard([plugin, processor()]), rtspec.Pedalboard([plugin])
    pieces = []
    for i in range(3):
        pieces.append(first.process(sound()[:, i * 10000 : (i + 1) * 10000], RATE, reset=False))
        second(sound(1), RATE)
    return np.concatenate([*pieces, first.flush()], axis=1)


def test_a_sound_in_pieces_stays_whole_while_another_board_plays_its_native_plugin():
    np.testing.assert_array_equal(
        in_turns(pedalboard.Reverb(0.4)), rtspec.Pedalboard([pedalboard.Reverb(0.4), processor()])(sound(), RATE)
    )


def test_pieces_follow_the_values_of_a_native_plugin():
    gain = pedalboard.Gain(0)
    board = rtspec.Pedalboard([gain])
    board.process(sound(), RATE, reset=False)
    gain.gain_db = 6.0
    wanted = pedalboard.Gain(6.0)(sound(), RATE)
    np.testing.assert_allclose(board.process(sound(), RATE, reset=False)[:, -9000:], wanted[:, -9000:], atol=1e-6)


def test_pieces_whose_plugin_cannot_be_copied_and_played_elsewhere_meanwhile_are_refused():
    own = Own(0.4)
    with pytest.raises(SharedPlugin, match=r"has played in another board since the last piece.*reset\(\) this board"):
        in_turns(own)
    board = rtspec.Pedalboard([own])
    board.process(sound(), RATE, reset=False)
    rtspec.Pedalboard([own])(sound(1), RATE)
    board.reset()
    np.testing.assert_array_equal(board(sound(), RATE), pedalboard.Reverb(0.4)(sound(), RATE))


def test_a_file_is_rendered_whole_while_other_threads_play_its_board(tmp_path):
    import soundfile

    board, wanted = rtspec.Pedalboard([processor()]), processor()(sound(), RATE)
    soundfile.write(tmp_path / "in.wav", sound().T, RATE, "FLOAT")

    def render(i):
        rtspec.render(board, tmp_path / "in.wav", tmp_path / f"{i}.wav", bit_depth="32f")
        return soundfile.read(tmp_path / f"{i}.wav", dtype="float32")[0].T

    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(board, sound(), RATE) for _ in range(20)]
        rendered = list(pool.map(render, range(8)))
    for out in [*rendered, *(call.result() for call in calls)]:
        np.testing.assert_array_equal(out, wanted)


def test_a_copy_has_the_routes_that_act():
    board = mixed()
    board.modulation.add("lfo:4", board[1].parameters["output_db"], 0.2)
    gone = rtspec.Pedalboard([processor()])
    gone.modulation.add("lfo:4", "output_db", 0.2)
    del gone[0]
    assert len(copy.deepcopy(gone).modulation) == 0
    for other in (copy.deepcopy(board), pickle.loads(pickle.dumps(board))):
        assert len(other.modulation) == 1 and other.modulation.routes[0].parameter is other[1].parameters["output_db"]
        np.testing.assert_array_equal(other(sound(), RATE), board(sound(), RATE))


def test_routes_that_threads_add_at_once_are_all_there():
    board = rtspec.Pedalboard([rtspec.Equalizer()])
    with ThreadPoolExecutor(8) as pool:
        routes = list(pool.map(lambda i: board.modulation.add(f"lfo:{1 + i % 40}", "mix", 0.0), range(400)))
    assert set(map(id, routes)) == set(map(id, board.modulation.routes))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(board.modulation.remove, routes))
    assert board.modulation.routes == ()
