"""TimbreMorph: pitch and level stay, the timbre moves, and the stated delay is true."""

import numpy as np
import pytest

import rtspec
from rtspec.errors import InvalidValue
from rtspec.processors.timbre.levels import N_PARTIALS, key_hz, note_levels

RATE = 48000


def tone(key=60, seconds=1.0, partials=(1.0, 0.5, 0.25, 0.12), start_s=0.0):
    n = round(seconds * RATE)
    times = np.arange(n) / RATE
    hz = float(key_hz(key))
    sound = sum(a * np.sin(2 * np.pi * hz * (k + 1) * times) for k, a in enumerate(partials))
    return (0.2 * sound * (times >= start_s)).astype(np.float32)


@pytest.fixture(scope="module")
def morph():
    return rtspec.TimbreMorph("flute", 0.0)


@pytest.fixture(autouse=True)
def at_rest(morph):
    yield
    for parameter in morph.parameters.values():
        parameter.value = parameter.spec.default
    morph.towards = "flute"


def steady(audio):
    return audio[round(0.4 * RATE) : round(0.9 * RATE)]


def centroid_hz(audio):
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)))) ** 2
    return float((power * np.fft.rfftfreq(len(audio), 1 / RATE)).sum() / power.sum())


@pytest.mark.parametrize("key", [38, 48, 60, 72, 84, 95])
def test_pitch_and_level_are_kept(morph, key):
    heard = steady(morph(tone(key), RATE))
    spectrum = np.abs(np.fft.rfft(heard * np.blackman(len(heard)), 1 << 19))
    hz = np.fft.rfftfreq(1 << 19, 1 / RATE)
    near = (hz > 0.94 * key_hz(key)) & (hz < 1.06 * key_hz(key))
    assert 1200 * np.log2(hz[near][spectrum[near].argmax()] / key_hz(key)) == pytest.approx(0, abs=5)
    assert 20 * np.log10(np.sqrt(np.mean(heard**2)) / np.sqrt(np.mean(steady(tone(key)) ** 2))) == pytest.approx(
        0, abs=1
    )


def test_the_timbre_goes_towards_its_target(morph):
    source = tone(60)
    plain = centroid_hz(steady(morph(source, RATE)))
    morph.towards, morph.amount = "saw", 1.0
    bright = centroid_hz(steady(morph(source, RATE)))
    morph.towards = "ocarina" if "ocarina" in morph.anchors else "flute"
    mellow = centroid_hz(steady(morph(source, RATE)))
    assert bright > 1.5 * max(plain, mellow)


def test_a_knob_moves_the_timbre_without_a_click(morph):
    source = tone(60, 2.0)
    first = morph(source[:RATE], RATE, reset=True)
    morph.reset()
    a = morph(source[: RATE // 2], RATE, reset=False)
    morph.z1 = 1.5
    b = morph(source[RATE // 2 :], RATE, reset=False)
    moved = np.concatenate([a, b])
    bend = np.abs(np.diff(moved, 2))
    own = max(bend[RATE // 4 : RATE // 2 - 2000].max(), bend[RATE : RATE + RATE // 2].max())
    assert bend[RATE // 2 - 2000 : RATE].max() <= 1.2 * own
    assert not np.allclose(steady(first), moved[round(1.4 * RATE) : round(1.9 * RATE)], atol=1e-2)


def test_every_block_size_gives_the_same_samples(morph):
    source = tone(64, 0.5)
    whole = morph(source, RATE)
    for block in (1, 7, 64, 65, 441, 8193):
        assert np.array_equal(morph(source, RATE, buffer_size=block), whole), block


def test_the_stated_delay_is_that_of_the_envelope_and_under_thirty_milliseconds(morph):
    source = tone(60, 1.0, start_s=0.5)
    program = morph.prepare(RATE, 1)
    out = program.run(source[None])[0]
    levels = [np.sqrt(np.convolve(x**2, np.ones(960) / 960, "same")) for x in (source, out)]
    half = [int(np.argmax(x > 0.5 * x[-4000])) for x in levels]
    assert half[1] - half[0] == pytest.approx(program.latency_samples, abs=256)
    assert program.latency_samples / RATE <= 0.030


def test_silence_stays_silent_and_noise_gets_no_pitch(morph):
    assert np.all(morph(np.zeros(RATE // 2, np.float32), RATE) == 0)
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    told = morph(noise, RATE)
    levels, _ = note_levels(steady(told), RATE, 60, np.array([0.2]))
    assert levels[0, :N_PARTIALS].max() < -6
    assert np.all(np.isfinite(told))


def test_wrong_anchors_are_named(morph):
    with pytest.raises(InvalidValue, match=r"'kazoo' is no anchor; choose one of .*flute"):
        morph.towards = "kazoo"
