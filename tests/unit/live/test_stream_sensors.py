"""A stream's sensor: heard beside the input, never recorded, and what follows from it is what a render gives."""

import time

import numpy as np
import pytest
import soundfile

import rtspec
from rtspec.audio.exchange import Exchange
from rtspec.audio.sensing import SENSING
from rtspec.buffers.ring import Ring
from rtspec.errors import InvalidValue
from rtspec.live.sensors import Sensor, sensor_of
from rtspec.processors.equalizer.heard import STILL_S

RATE = 48000


def sound(seconds, level, channels=1, seed=0):
    return (level * np.random.default_rng(seed).standard_normal((channels, round(RATE * seconds)))).astype(np.float32)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("block", "kind"), [(64, "array"), (250, "file")])
def test_a_stream_gives_what_a_render_gives_to_the_bit(block, kind, tmp_path):
    music, room = sound(3, 0.02, 2, 1), sound(3, 0.2, 1, 2)
    expected = rtspec.SceneEqualizer()(music, RATE, sensor=room)
    assert not np.array_equal(expected, music)
    soundfile.write(tmp_path / "room.wav", room.T, RATE, "FLOAT")
    heard = room if kind == "array" else tmp_path / "room.wav"
    eq = rtspec.SceneEqualizer()
    words = {"sample_rate": RATE, "buffer_size": block, "source": music, "measuring": rtspec.Measuring(tape_seconds=4)}
    with rtspec.AudioStream(
        plugins=eq, sensor=heard, devices=rtspec.Devices(virtual=True, worker_samples=4096), **words
    ) as stream:
        assert stream.wait(20)
        delay, statistics = stream.latency.total_samples, stream.statistics
        entered, given = stream.recorded
    assert statistics.underruns == 0 and statistics.unheard_frames == 0
    assert np.array_equal(entered[:, : music.shape[1]], music)  # the tape holds the music, and no sensor
    assert np.array_equal(given[:, delay : delay + music.shape[1]], expected)
    assert eq.noise_db.max() > 60


@pytest.mark.timeout(60)
def test_a_sensor_that_is_silent_is_told_once_while_it_plays():
    music = sound(1.5, 0.02, 2, 1)
    devices, tape = rtspec.Devices(virtual=True), rtspec.Measuring(tape_seconds=2)
    eq = rtspec.SceneEqualizer()
    with rtspec.AudioStream(None, None, eq, RATE, source=music, devices=devices, measuring=tape) as stream:
        assert stream.wait(20)
        delay = stream.latency.total_samples
        given = stream.recorded[1]
        told = [line for line in stream.reports if "the sensor is silent" in line]
    assert len(told) == 1
    assert np.array_equal(given[:, delay : delay + music.shape[1]], music)


def test_what_a_sensor_may_be(tmp_path):
    soundfile.write(tmp_path / "room.wav", sound(0.1, 0.1).T, RATE)
    assert sensor_of(3, RATE) == Sensor(channels=(3,)) and sensor_of("3,4", RATE) == Sensor(channels=(3, 4))
    assert sensor_of((3, 4), RATE) == Sensor(channels=(3, 4)) and sensor_of(None, RATE) is None
    found = sensor_of(str(tmp_path / "room.wav"), RATE)
    assert found is not None and found.n_channels == 1
    for wrong in (0, 2.5, {}):
        with pytest.raises(InvalidValue, match="sensor="):
            sensor_of(wrong, RATE)


def called(exchange, n, given):
    """One callback of the stream's device, whose input has these frames; the sensor's frames for the engine."""
    from rtspec.audio.callback import exchange as turn
    from rtspec.buffers.memory import address

    out = np.zeros((n, int(exchange.record["device_outputs"][0])), np.float32)
    given = np.ascontiguousarray(given, np.float32)
    _turned(turn, exchange.address, address(given), address(out), n)
    assert exchange.to_listen is not None
    return exchange.to_listen.read(n)


def _turned(turn, *arguments):
    from numba import njit

    njit(lambda a, b, c, n: turn(a, b, c, n))(*arguments)


def new_exchange(**words):
    numbers = {"channels": 1, "device_inputs": 4, "device_outputs": 1, "block": 64, "prefill": 128}
    return Exchange(**{**numbers, "sample_rate": RATE, **words})


def test_channels_of_the_same_device_come_beside_the_input():
    exchange, frames = new_exchange(), sound(64 / RATE, 0.5, 4).T
    exchange.hear(2, np.array([2, 3]))
    assert np.array_equal(called(exchange, 64, frames), frames[:, 2:])
    assert np.array_equal(exchange.to_engine.read(64), frames[:, :1])


@pytest.mark.parametrize("apart", [-0.002, 0.0, 0.002])
def test_another_devices_clock_is_followed(apart):
    """A tone from a device whose clock is 2 in 1000 wrong stays a tone for half a minute: nothing lost, nothing
    repeated."""
    from numba import njit

    from rtspec.audio.callback import exchange as turn
    from rtspec.buffers.memory import address

    exchange, ring, block = new_exchange(device_inputs=0), Ring(RATE, 1), 480
    exchange.hear(1)
    assert exchange.to_listen is not None
    exchange.follow(ring, 0, RATE, RATE // 10)
    silence, out = np.zeros((block, 1), np.float32), np.zeros((block, 1), np.float32)
    call = njit(lambda a, b, c, n: turn(a, b, c, n))
    given, heard, seconds = 0.0, [], 20
    for _ in range(seconds * RATE // block):
        given += block * (1 + apart)
        first = round(given - block * (1 + apart))
        ring.write(np.sin(2 * np.pi * 997 * np.arange(first, round(given)) / RATE).astype(np.float32))
        call(exchange.address, address(silence), address(out), block)
        heard.append(exchange.to_listen.read(block)[:, 0])
        exchange.to_engine.read(block)
        exchange.from_engine.write(silence)
    tone = np.concatenate(heard)[5 * RATE :].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone))))
    hz = np.fft.rfftfreq(len(tone), 1 / RATE)
    beside = np.abs(hz - 997) > 20
    assert 20 * np.log10(spectrum[beside].max() / spectrum.max()) < -60
    assert exchange.counters()["unheard_frames"] <= RATE // 5
    assert len(ring) < RATE // 2
    assert SENSING.itemsize == 24


def test_an_offline_call_meanwhile_takes_neither_readings_nor_news_from_a_stream():
    """Another sound through the same object; then the stream's sensor falls silent, which is told."""
    eq, said, n = rtspec.SceneEqualizer(), [], 8 * RATE
    rng = np.random.default_rng(1)
    music = (0.05 * rng.standard_normal((2, n))).astype(np.float32)
    room = (0.1 * rng.standard_normal(n)).astype(np.float32)
    room[5 * RATE :] = 0.0
    virtual = rtspec.Devices(virtual=True)
    with rtspec.AudioStream(
        None, None, [eq], RATE, 128, source=music, sensor=room, devices=virtual, report=said.append
    ) as stream:
        end = time.monotonic() + 20
        while not 40 < np.median(before := eq.noise_db) < 70:  # until half a second of the room is known
            assert time.monotonic() < end
            time.sleep(0.05)
        eq(music[:, :RATE], RATE, sensor=0.001 * room[:RATE])
        time.sleep(0.1)
        assert np.median(np.abs(eq.noise_db - before)) < 6
        stream.wait(30)
    assert any("the sensor is silent" in line for line in said), said
    time.sleep(STILL_S)
    eq(music[:, :RATE], RATE, sensor=0.001 * room[:RATE])
    assert np.median(eq.noise_db) < 30
