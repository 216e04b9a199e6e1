"""A model plays at rates that are not its own: whole delay, any block size, reset to the bit, no audible error."""

import numpy as np
import pytest

import rtspec
from rtspec.chain.resampling import Resampling
from rtspec.errors import InvalidValue


class AtFixedRate(rtspec.OnnxProcessor):
    """The identity, as a model that wants 44100 Hz."""

    def plan(self, sample_rate):
        return rtspec.FramePlan(44100, 512, 128)


def tone(rate, hz=997.0, seconds=0.5):
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)[np.newaxis]


@pytest.mark.parametrize("rate", [48000, 32000, 22050, 88200, 96000, 44100])
@pytest.mark.parametrize("hz", [100.0, 997.0, 8000.0])
def test_a_tone_comes_back_after_exactly_the_declared_delay(rate, hz):
    processor, sound = AtFixedRate("identity"), tone(rate, hz)
    program = processor.prepare(rate, 1)
    out, delay = program.run(sound), program.latency_samples
    error = out[:, delay + 2000 : -2000] - sound[:, 2000 : -2000 - delay]
    assert np.abs(error).max() < 2e-4
    assert sum(processor.latency(rate).values()) == delay


@pytest.mark.parametrize("rate", [48000, 22050])
@pytest.mark.parametrize("block", [1, 7, 64, 441, 1024])
def test_every_block_size_gives_the_same_samples(rate, block):
    sound = np.random.default_rng(1).standard_normal((2, 6000)).astype(np.float32)
    whole = AtFixedRate("identity")(sound, rate)
    np.testing.assert_array_equal(AtFixedRate("identity")(sound, rate, buffer_size=block), whole)


def test_reset_equals_a_fresh_object_to_the_bit():
    sound = np.random.default_rng(1).standard_normal((2, 6000)).astype(np.float32)
    processor = AtFixedRate("identity")
    processor.process(sound[:, :1234], 48000, reset=False)
    processor.reset()
    streamed = processor.process(sound, 48000, reset=False)
    np.testing.assert_array_equal(streamed, AtFixedRate("identity")(sound, 48000)[:, : streamed.shape[1]])


def test_what_lies_above_the_inner_band_is_removed_not_folded():
    processor = AtFixedRate("identity")
    out = processor(tone(96000, 30000.0), 96000)
    assert np.abs(out[:, 4000:-4000]).max() < 1e-4


def test_rates_without_a_simple_ratio_are_refused():
    with pytest.raises(InvalidValue, match=r"sample_rate=44101 cannot be resampled to the model's 44100 Hz"):
        Resampling(44101, 44100, 0)
