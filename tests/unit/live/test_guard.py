"""The feedback guard ends a howl, keeps all samples below its ceiling, and lets music alone."""

import numpy as np
import pytest

import rtspec
from rtspec.chain.program import Program, audio_buffer
from rtspec.live.guard import CEILING_DB, Guard

RATE, BLOCK = 48000, 128
CEILING = 10 ** (CEILING_DB / 20)


class Guarded:
    def __init__(self, channels=1):
        self.guard = Guard(RATE, channels)
        x, y = audio_buffer(channels), audio_buffer(channels)
        self.run = Program([self.guard.stage.row(x, y)], [self.guard.stage], x, y, {}).run


def room(play, seconds, gain=1.6, hz=1700.0):
    """A microphone that hears a little noise and, through a resonance, the loudspeaker; what the loudspeaker plays."""
    rng, played = np.random.default_rng(1), []
    turn, decay = 2 * np.cos(2 * np.pi * hz / RATE), 0.99
    echo, before = np.zeros(BLOCK), [0.0, 0.0]
    for _ in range(round(seconds * RATE / BLOCK)):
        heard = 1e-3 * rng.standard_normal(BLOCK) + gain * echo
        out = play(np.clip(heard, -4, 4).astype(np.float32)[np.newaxis])[0]
        for i, sample in enumerate(out):
            new = decay * turn * before[0] - decay**2 * before[1] + (1 - decay) * sample
            before = [new, before[0]]
            echo[i] = new
        played.append(out)
    return np.concatenate(played)


def test_a_howl_is_turned_down_and_without_the_guard_it_is_not():
    loose = room(lambda x: x, 1.5)
    guarded = Guarded()
    safe = room(guarded.run, 1.5)
    assert np.abs(loose[-4800:]).max() > 1.0
    assert guarded.guard.howls >= 1
    assert np.abs(safe[-4800:]).max() < 0.2
    assert np.abs(safe).max() <= CEILING * 1.0001


@pytest.mark.parametrize("channels", [1, 2])
def test_no_sample_is_louder_than_the_ceiling_and_quiet_sound_passes_as_it_is(channels):
    rng = np.random.default_rng(2)
    quiet = (0.1 * rng.standard_normal((channels, RATE))).astype(np.float32)
    loud = (2.0 * rng.standard_normal((channels, RATE))).astype(np.float32)
    guarded = Guarded(channels)
    np.testing.assert_array_equal(guarded.run(quiet), quiet)
    assert np.abs(guarded.run(loud)).max() <= CEILING * 1.0001
    assert guarded.guard.limited_samples > 0
    assert guarded.guard.howls == 0


def test_a_held_tone_and_a_slow_swell_are_no_howl():
    t = np.arange(4 * RATE) / RATE
    tone = 0.7 * np.sin(2 * np.pi * 880 * t) * np.minimum(1.0, t / 0.2) * (0.8 + 0.2 * np.sin(2 * np.pi * 0.5 * t))
    guarded = Guarded()
    np.testing.assert_array_equal(guarded.run(tone.astype(np.float32)[np.newaxis])[0], tone.astype(np.float32))
    assert guarded.guard.howls == 0


@pytest.mark.parametrize("block", [1, 7, 441])
def test_the_guard_gives_the_same_samples_for_every_block(block):
    sound = (2.0 * np.random.default_rng(3).standard_normal((2, 3000))).astype(np.float32)
    np.testing.assert_array_equal(Guarded(2).run(sound, block), Guarded(2).run(sound))


def test_a_stream_may_be_guarded_and_says_what_the_guard_did():
    loud = np.full((1, 4800), 3.0, np.float32)
    with rtspec.AudioStream(
        source=loud, devices=rtspec.Devices(virtual=True, guard=True), measuring=rtspec.Measuring(tape_seconds=1)
    ) as stream:
        assert stream.wait(10)
        heard, seen = stream.recorded[1], stream.statistics
    assert np.abs(heard).max() <= CEILING * 1.0001
    assert seen.limited_samples > 0
    assert stream.latency.items["worker"] + stream.latency.items["block"] == stream.latency.total_samples
