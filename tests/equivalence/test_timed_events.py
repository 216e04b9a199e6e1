"""Timed events act at their sample for any block size, offline and live."""

import time

import mido
import numpy as np
import pytest
from punctual import check_in_time, tried_twice

import rtspec
from rtspec.benchmarks.midi import Gate

RATE = 48000
NOTES = [
    mido.Message("note_on", note=60, velocity=127, time=1001 / RATE),
    mido.Message("note_off", note=60, time=2003 / RATE),
    mido.Message("clock", time=0.0),
    ([0x90, 64, 127], 3001 / RATE),
]
EDGES = [1000, 2002, 3000]


def edges(sound):
    return list(np.flatnonzero(np.diff(sound)))


@pytest.mark.parametrize("block", [1, 7, 64, 441, 8193])
def test_an_instrument_plays_its_messages_at_their_sample(block):
    out = Gate()(NOTES, duration=0.1, sample_rate=RATE, num_channels=2, buffer_size=block)
    assert out.shape == (2, 4800)
    assert edges(out[0]) == edges(out[1]) == EDGES


def test_an_instrument_begins_anew_and_with_reset_false_goes_on():
    synth = Gate()
    synth(NOTES, duration=0.1, sample_rate=RATE)
    held = synth([], duration=0.1, sample_rate=RATE, reset=False)
    assert held.min() == 1.0
    assert not synth([], duration=0.1, sample_rate=RATE).any()


def test_an_instrument_passes_a_dry_array_by_its_mix():
    sound = np.full((1, 100), 0.25, np.float32)
    np.testing.assert_array_equal(Gate(mix=0.0)(sound, RATE), sound)
    assert not Gate()(sound, RATE).any()


@pytest.mark.parametrize("block", [1, 7, 64, 441, 8193])
def test_a_parameter_moves_at_its_sample_for_any_block(block):
    processor, sound = rtspec.OnnxProcessor("identity", n_fft=256, mix=0.0), np.ones((1, 4000), np.float32)
    program = processor.prepare(RATE, 1)
    heard = program.run(sound, block, [processor.parameters["output_db"].event(1234, -60.0)])[0, 256:]
    assert np.all(heard[: 1234 - 256] == 1.0)
    assert heard[1240 - 256] < 1.0
    processor.output_db = 0.0
    program.reset()
    whole = program.run(sound, 1024, [processor.parameters["output_db"].event(1234, -60.0)])[0, 256:]
    np.testing.assert_array_equal(heard, whole)


@tried_twice()
def test_a_timed_message_acts_one_block_after_its_moment_live():
    synth = Gate()
    with rtspec.AudioStream(
        plugins=[synth],
        source=rtspec.Loop(np.zeros((1, RATE), np.float32)),
        devices=rtspec.Devices(virtual=True),
        measuring=rtspec.Measuring(tape_seconds=2),
    ) as stream:
        time.sleep(0.3)
        moments = [time.monotonic() + wait for wait in (0.05, 0.0517, 0.06)]
        sent = [stream.send([0x90, 60, 40 * i], moment) for i, moment in enumerate(moments, 1)]
        assert stream.send([0x90, 60, 127])  # at once, before the others
        time.sleep(0.4)
        heard = edges(stream.recorded[1][0])
        check_in_time(stream.statistics.as_dict(), "late_events", "underruns")
    assert sent == [True] * 3
    assert len(heard) == 4
    gaps_s = np.diff(heard[1:]) / RATE
    np.testing.assert_allclose(gaps_s, np.diff(moments), atol=2e-4)


def test_nobody_gets_a_message_where_nobody_accepts_midi():
    with rtspec.AudioStream(
        plugins=[], source=np.zeros((1, 480), np.float32), devices=rtspec.Devices(virtual=True)
    ) as stream:
        assert not stream.send([0x90, 60, 1])
