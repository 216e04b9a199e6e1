"""What every row of the catalogue must hold, so that a processor is tested by being there: any block, layout and type
give the same samples, reset is a fresh object, the declared latency is the true one, and nothing is allocated."""

import json
import subprocess
import sys

import numpy as np
import pytest
from allocating import SURROUNDINGS
from contracted import HEAVY, SPECS, is_instrument, make, name_of

from rtspec.errors import InvalidValue
from rtspec.processors.catalogue import catalogue

RATE, N = 48000, 9000
RISE, STEP, NEAR = 9600, 32, 480
"""Where a burst begins, the steps in which its power is looked at, and how near its beginning must come: samples."""
NOTES = [((0x90, 60, 100), 0.0), ((0x90, 67, 60), 0.0213), ((0xE0, 0, 96), 0.03), ((0x80, 60, 0), 0.06)]
SETTINGS = {
    "onnx:identity": {"n_fft": 512, "hop": 128},
    "onnx:tilt-gate": {"tilt_db_per_octave": 3.0, "mix": 0.7, "phase": "rtpghi", "n_fft": 1024},
    "inversion --set model=live": {"refine": 0.7, "blur_ms": 50.0},
    "inversion": {"bands": "mel", "method": "nnls", "n_bands": 40, "mix": 0.5, "output_db": -6.0},
    "equalizer": {"bands": "parametric", "band_2_db": 4.0},
}
"""What is tried besides a processor as it comes."""


CASES = [(spec, {}) for spec in SPECS] + [(spec, SETTINGS[spec]) for spec in SETTINGS]
EFFECTS = [case for case in CASES if case[0] != HEAVY and not is_instrument(case[0])]
INSTRUMENTS = [spec for spec in SPECS if is_instrument(spec)]


def _id(case) -> str:
    return " ".join([case[0], *(f"{name}={value}" for name, value in case[1].items())])


@pytest.fixture(params=EFFECTS, ids=_id, scope="module")
def made(request):
    """What makes the processor anew."""
    spec, settings = request.param
    return lambda **more: make(spec, **{**settings, **more})


@pytest.fixture(scope="module")
def sound():
    return a_sound()


def a_sound() -> np.ndarray:
    """Noise beside a tone, and noise alone."""
    rng, t = np.random.default_rng(3), np.arange(N) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 440 * t)
    return np.stack([tone + 0.05 * rng.standard_normal(N), 0.2 * rng.standard_normal(N)]).astype(np.float32)


@pytest.fixture(scope="module")
def played(made, sound):
    """The sound through it, at once."""
    return made()(sound, RATE)


def test_every_processor_is_here():
    assert {name_of(spec) for spec in SPECS} == set(catalogue())
    assert set(SETTINGS) <= set(SPECS)


@pytest.mark.timeout(300)  # where its kernels are not compiled yet
def test_it_sounds_as_long_as_the_input(played, sound):
    assert played.shape == sound.shape
    assert played.dtype == np.float32
    assert np.sqrt(np.mean(played**2)) > 1e-3


@pytest.mark.parametrize("block", [1, 7, 64, 65, 441, 8193])
def test_every_block_gives_the_same_samples(made, sound, played, block):
    np.testing.assert_array_equal(made()(sound, RATE, buffer_size=block), played)


def test_random_blocks_of_a_stream_give_the_same_samples_after_the_declared_latency(made, sound, played):
    rng, processor, pieces, at = np.random.default_rng(11), made(), [], 0
    while at < N:
        n, block = int(rng.integers(3, 700)), int(rng.integers(1, 900))
        pieces.append(processor.process(sound[:, at : at + n], RATE, block, reset=False))
        at += n
    streamed = np.concatenate(pieces, axis=1)
    assert streamed.shape[1] == max(0, N - processor.latency_samples)
    np.testing.assert_array_equal(streamed, played[:, : streamed.shape[1]])


def test_types_and_layouts_give_the_same_samples(made, sound, played):
    np.testing.assert_array_equal(made()(sound.astype(np.float64), RATE), played)
    np.testing.assert_array_equal(made()(np.ascontiguousarray(sound.T), RATE), played.T)


def test_reset_is_a_fresh_object_to_the_bit(made, sound, played):
    processor = made()
    processor.process(sound[:, ::-1], RATE, reset=False)
    processor.reset()
    streamed = processor.process(sound, RATE, reset=False)
    np.testing.assert_array_equal(streamed, played[:, : streamed.shape[1]])


def test_dry_sound_comes_out_after_the_declared_latency(made, sound):
    processor = made(mix=0.0, output_db=0.0)
    program, declared = processor.prepare(RATE, 2), sum(processor.latency(RATE).values())
    delayed = program.run(np.pad(sound, ((0, 0), (0, declared))))
    assert program.latency_samples == declared
    np.testing.assert_array_equal(delayed[:, declared:], sound)
    assert not delayed[:, :declared].any()


def test_a_stream_returns_fewer_samples_only_while_its_latency_fills(made):
    processor = made()
    n = 2 + sum(processor.latency(RATE).values()) // 700
    lengths = [processor.process(np.zeros(700, np.float32), RATE, reset=False).shape[0] for _ in range(n)]
    assert sum(lengths) == n * 700 - processor.latency_samples
    assert lengths[-1] == 700


def test_empty_audio_gives_empty_audio(made):
    assert made()(np.zeros(0, np.float32), RATE).shape == (0,)
    assert made()(np.zeros((2, 0), np.float32), RATE).shape == (2, 0)


def test_bad_input_is_refused_in_one_line(made):
    processor = made()
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


def test_a_square_array_is_understood_once_channels_are_known(made, sound):
    processor = made()
    processor(sound[:, :2000], RATE)
    assert processor(np.zeros((2, 2), np.float32), RATE).shape == (2, 2)


def test_parameters_follow_pedalboards_rules(made):
    processor = made()
    processor.mix = 0.25
    parameter = processor.parameters["mix"]
    assert (parameter.value, parameter.raw_value, parameter.range) == (0.25, 0.25, (0.0, 1.0, None))
    assert processor.parameters["output_db"].units == "dB"
    with pytest.raises(InvalidValue, match=r"mix=2 must be a number from 0 to 1; the default is 1"):
        processor.mix = 2
    with pytest.raises(AttributeError, match=r"no parameter 'nonsense'; choose one of"):
        processor.nonsense = 1
    assert processor.mix == 0.25


def test_level_is_in_decibels(made, sound):
    louder, plain = made(output_db=6.0)(sound, RATE), made(output_db=0.0)(sound, RATE)
    np.testing.assert_allclose(louder, plain * np.float32(10 ** (6 / 20)), rtol=1e-5, atol=1e-6)


def test_the_wet_sound_begins_where_the_input_begins(made):
    """What the declared latency takes away is what the processed sound has, not only the dry one."""
    burst = np.zeros((2, 4 * RISE), np.float32)
    burst[:, RISE:] = 0.2 * np.random.default_rng(9).standard_normal((2, 3 * RISE))
    powers = np.mean(made(mix=1.0)(burst, RATE) ** 2, axis=0).reshape(-1, STEP).mean(axis=1)
    begins = STEP * int(np.argmax(powers > 0.25 * np.median(powers[2 * RISE // STEP :])))
    assert abs(begins - RISE) <= NEAR


def test_silence_stays_silent(made):
    assert not made()(np.zeros((2, N), np.float32), RATE).any()


def test_one_channel_and_five_are_played_as_each_would_be_in_two(made, sound, played):
    np.testing.assert_array_equal(made()(sound[0], RATE), played[0])
    np.testing.assert_array_equal(made()(sound[:1], RATE), played[:1])
    five = made()(np.concatenate([sound, sound[::-1], sound[:1]]), RATE)
    np.testing.assert_array_equal(five[:2], played)


def test_a_heavy_model_gives_the_same_samples_in_blocks_and_after_a_reset(sound):
    processor = make(HEAVY)
    whole = processor(sound[0], RATE)
    assert whole.shape == (N,) and np.sqrt(np.mean(whole**2)) > 1e-3
    np.testing.assert_array_equal(processor(sound[0], RATE, buffer_size=441), whole)


# Instruments ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=INSTRUMENTS, scope="module")
def instrument(request):
    return request.param


def performed(instrument, messages=NOTES, seconds=0.15, **options):
    return instrument(messages, duration=seconds, sample_rate=RATE, **options)


@pytest.fixture(scope="module")
def performance(instrument):
    """The notes, played at once."""
    return performed(make(instrument))


@pytest.mark.timeout(300)  # where its kernels are not compiled yet
def test_an_instrument_sounds_as_long_as_asked(performance):
    assert performance.shape == (2, 7200) and performance.dtype == np.float32
    assert np.isfinite(performance).all() and np.sqrt(np.mean(performance**2)) > 1e-4


@pytest.mark.parametrize("block", [1, 7, 64, 65, 441, 8193])
def test_an_instrument_plays_the_same_samples_in_every_block(instrument, performance, block):
    np.testing.assert_array_equal(performed(make(instrument), buffer_size=block), performance)


def test_an_instrument_begins_anew_and_with_reset_false_goes_on(instrument, performance):
    synth = make(instrument)
    performed(synth, [((0xB0, 64, 127), 0.0), ((0x90, 50, 127), 0.01)])
    first = performed(synth, seconds=0.1)
    rest = performed(synth, [], 0.05, reset=False)
    np.testing.assert_array_equal(np.concatenate([first, rest], axis=1), performance)
    assert not performed(synth, []).any()


@pytest.mark.parametrize("channels", [1, 5])
def test_an_instrument_has_as_many_channels_as_asked(instrument, channels):
    heard = performed(make(instrument), num_channels=channels)
    assert heard.shape == (channels, 7200) and (np.abs(heard).max(axis=1) > 1e-3).all()


def test_an_instrument_declares_the_latency_of_its_program(instrument, sound):
    synth = make(instrument, mix=0.0)
    declared, program = sum(synth.latency(RATE).values()), synth.prepare(RATE, 2)
    assert program.latency_samples == declared
    dry = program.run(np.pad(sound, ((0, 0), (0, declared))))
    np.testing.assert_array_equal(dry[:, declared:], sound)


# All ------------------------------------------------------------------------------------------------------------------

PROBE = """
import json, sys
from allocating import allocate, allocations, allocations_of_playing
from contracted import make

allocate(3)
counts = {spec: allocations_of_playing(make(spec).prepare(48000, 2)) for spec in sys.argv[1:]}
print(json.dumps({"control": allocations(allocate, 1000), **counts}))
"""


@pytest.mark.timeout(300)
def test_no_processor_allocates_while_it_plays():
    command = [sys.executable, "-c", PROBE, *SPECS]
    done = subprocess.run(command, capture_output=True, text=True, env=SURROUNDINGS, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts.pop("control") == 1, "allocations are not counted"
    assert counts == dict.fromkeys(SPECS, 0)
