"""Every processor: any block size, layout and dtype give the same samples; reset is a fresh object; latency is what
is declared."""

import numpy as np
import pytest

import rtspec
from rtspec.errors import InvalidValue

RATE = 44100
MAKERS = {
    "identity": lambda: rtspec.OnnxProcessor("identity"),
    "identity-small": lambda: rtspec.OnnxProcessor("identity", n_fft=512, hop=128),
    "tilt-gate": lambda: rtspec.OnnxProcessor("tilt-gate", tilt_db_per_octave=3.0, mix=0.7),
    "tilt-gate-rtpghi": lambda: rtspec.OnnxProcessor("tilt-gate", phase="rtpghi", n_fft=1024),
    "third-octave": lambda: rtspec.SpectralInversion(),
    "inversion-live": lambda: rtspec.SpectralInversion(model="live", refine=0.7, blur_ms=50.0),
    "mel-nnls": lambda: rtspec.SpectralInversion(bands="mel", method="nnls", n_bands=40, mix=0.5, output_db=-6.0),
}
BLOCKS = (1, 7, 64, 65, 441, 8193)


@pytest.fixture(params=MAKERS, scope="module")
def make(request):
    return MAKERS[request.param]


@pytest.fixture(scope="module")
def sound():
    rng = np.random.default_rng(3)
    t = np.arange(12000) / RATE
    tones = 0.3 * np.sin(2 * np.pi * 440 * t) + 0.05 * rng.standard_normal(len(t))
    return np.stack([tones, 0.2 * rng.standard_normal(len(t))]).astype(np.float32)


@pytest.fixture(scope="module")
def whole(make, sound):
    return make()(sound, RATE)


def test_result_is_as_long_as_the_input_and_not_silent(whole, sound):
    assert whole.shape == sound.shape
    assert whole.dtype == np.float32
    assert np.sqrt(np.mean(whole**2)) > 1e-3


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_size_gives_the_same_samples(make, sound, whole, block):
    np.testing.assert_array_equal(make()(sound, RATE, buffer_size=block), whole)


def test_random_blocks_of_a_stream_give_the_same_samples(make, sound, whole):
    rng, processor, pieces, at = np.random.default_rng(11), make(), [], 0
    while at < sound.shape[1]:
        n = int(rng.integers(3, 700))
        pieces.append(
            processor.process(sound[:, at : at + n], RATE, buffer_size=int(rng.integers(1, 900)), reset=False)
        )
        at += n
    streamed = np.concatenate(pieces, axis=1)
    assert streamed.shape[1] == sound.shape[1] - processor.latency_samples
    np.testing.assert_array_equal(streamed, whole[:, : streamed.shape[1]])


def test_float64_and_both_layouts_give_the_same_samples(make, sound, whole):
    np.testing.assert_array_equal(make()(sound.astype(np.float64), RATE), whole)
    np.testing.assert_array_equal(make()(np.ascontiguousarray(sound.T), RATE), whole.T)


def test_mono_equals_the_same_channel_of_stereo(make, sound, whole):
    np.testing.assert_array_equal(make()(sound[0], RATE), whole[0])
    np.testing.assert_array_equal(make()(sound[:1], RATE), whole[:1])


def test_reset_equals_a_fresh_object_to_the_bit(make, sound, whole):
    processor = make()
    processor.process(sound[:, ::-1], RATE, reset=False)
    processor.reset()
    streamed = processor.process(sound, RATE, reset=False)
    np.testing.assert_array_equal(streamed, whole[:, : streamed.shape[1]])


def test_dry_sound_comes_out_after_the_declared_latency(make, sound):
    processor = make()
    processor.mix = 0.0
    processor.output_db = 0.0
    program = processor.prepare(RATE, 2)
    delayed = program.run(sound)
    n = program.latency_samples
    np.testing.assert_array_equal(delayed[:, n:], sound[:, :-n])
    assert not delayed[:, :n].any()


def test_wet_sound_comes_out_after_the_declared_latency():
    processor = rtspec.OnnxProcessor("identity")
    click = np.zeros(8000, np.float32)
    click[1234] = 1.0
    out = processor.prepare(RATE, 1).run(click[np.newaxis])[0]
    assert np.argmax(np.abs(out)) == 1234 + processor.latency_samples
    assert abs(out[1234 + processor.latency_samples] - 1.0) < 1e-5


@pytest.mark.parametrize("phase", ["live", "fast", "best", "spsi", "rtpghi", "gsrtisi-la"])
def test_sound_rebuilt_from_magnitudes_lies_where_the_input_lay(phase):
    processor = rtspec.SpectralInversion(bands="mel", n_bands=128, phase=phase)
    burst = np.zeros(20000, np.float32)
    burst[8000:8400] = np.random.default_rng(2).standard_normal(400)
    energy = processor(burst, RATE) ** 2
    centre = np.sum(np.arange(len(energy)) * energy) / np.sum(energy)
    assert abs(centre - 8200) < 128  # half a hop


def test_a_stream_returns_fewer_samples_only_while_its_latency_fills(make):
    processor = make()
    lengths = [processor.process(np.zeros(700, np.float32), RATE, reset=False).shape[0] for _ in range(20)]
    assert sum(lengths) == 20 * 700 - processor.latency_samples
    assert lengths[-1] == 700


def test_empty_audio_gives_empty_audio(make):
    assert make()(np.zeros(0, np.float32), RATE).shape == (0,)
    assert make()(np.zeros((2, 0), np.float32), RATE).shape == (2, 0)


def test_bad_input_is_refused_in_one_line(make):
    processor = make()
    with pytest.raises(InvalidValue, match=r"dtype int16 must be float32 or float64"):
        processor(np.zeros(10, np.int16), RATE)
    with pytest.raises(InvalidValue, match=r"\(4, 4\) is square"):
        processor(np.zeros((4, 4), np.float32), RATE)
    with pytest.raises(InvalidValue, match=r"1 NaN or infinite samples of 3"):
        processor(np.array([0.0, np.nan, 0.0]), RATE)
    with pytest.raises(InvalidValue, match=r"sample_rate=1000000000.0 must be a number from 1000 to 768000"):
        processor(np.zeros(10, np.float32), 1e9)
    with pytest.raises(InvalidValue, match=r"buffer_size=0 must be a whole number"):
        processor(np.zeros(10, np.float32), RATE, buffer_size=0)


def test_a_square_array_is_understood_once_channels_are_known(make, sound):
    processor = make()
    processor(sound, RATE)
    assert processor(np.zeros((2, 2), np.float32), RATE).shape == (2, 2)


def test_parameters_follow_pedalboards_rules(make):
    processor = make()
    processor.mix = 0.25
    parameter = processor.parameters["mix"]
    assert (parameter.value, parameter.raw_value, parameter.range) == (0.25, 0.25, (0.0, 1.0, None))
    assert processor.parameters["output_db"].units == "dB"
    with pytest.raises(InvalidValue, match=r"mix=2 must be a number from 0 to 1; the default is 1"):
        processor.mix = 2
    with pytest.raises(AttributeError, match=r"no parameter 'nonsense'; choose one of"):
        processor.nonsense = 1
    assert processor.mix == 0.25


def test_level_is_in_decibels(make, sound):
    louder, plain = make(), make()
    plain.output_db = 0.0
    louder.output_db = 6.0
    np.testing.assert_allclose(
        louder(sound, RATE), plain(sound, RATE) * np.float32(10 ** (6 / 20)), rtol=1e-5, atol=1e-6
    )


def test_silence_stays_silent(make):
    assert not make()(np.zeros((2, 9000), np.float32), RATE).any()
