"""Artefacts of coders and fillers, on small sounds of which the answer is known."""

import numpy as np
import pytest

from rtspec.errors import InvalidValue
from rtspec.metrics import artefacts
from rtspec.training.enhancement.degradation import mp3

RATE = 44100
N = 2 * RATE
T = np.arange(N) / RATE
ABOVE = (0.25, 0.9)


def noise(seed: int = 0, n: int = N) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((1, n)).astype(np.float32)


def strikes() -> np.ndarray:
    """A click that fades, every half second, in 70 dB less of noise."""
    fade = np.where(T % 0.5 > 0.25, np.exp(-40 * (T % 0.5 - 0.25)), 0.0)
    return (fade * noise(1) + 3e-4 * noise(2)).astype(np.float32)


def everything(original: np.ndarray, made: np.ndarray) -> dict[str, float | None]:
    found = {name: measure(original, made, RATE) for name, measure in artefacts.ARTEFACTS.items()}
    return found | {"tonal_db": artefacts.tonal_db(original, made, ABOVE)}


def test_an_equal_sound_has_none_and_a_gain_makes_none():
    sound = np.concatenate([strikes(), 0.5 * strikes() + 0.01 * noise(3)])
    nothing = {"pre_echo_db": 0.0, "birdies_db": artefacts.LEAST_DB, "roughness_db": 0.0, "width_error": 0.0}
    assert everything(sound, sound) == nothing | {"tonal_db": 0.0}
    for name, value in everything(sound, 0.25 * sound).items():
        assert value == pytest.approx((nothing | {"tonal_db": 0.0})[name], abs=0.02), name


def test_every_onset_is_found_where_it_is():
    found = artefacts.onsets(strikes()[0].astype(np.float64) ** 2, RATE) / RATE
    np.testing.assert_allclose(found, [0.25, 0.75, 1.25, 1.75], atol=0.002)
    assert not len(artefacts.onsets(np.ones(N), RATE))


def test_noise_before_onsets_is_an_echo_of_its_level():
    """The noise before is 70 dB down, and counts as 50; an echo 30 dB down is 20 dB more."""
    sound = strikes()
    before = (T % 0.5 > 0.22) & (T % 0.5 < 0.248)
    level = np.sqrt(np.mean(sound[0, round(0.25 * RATE) :][: round(0.01 * RATE)] ** 2))
    made = sound + before * 10 ** (-30 / 20) * level * noise(4)
    assert artefacts.early_db(sound, made.astype(np.float32), RATE) == pytest.approx(20, abs=0.7)
    assert artefacts.early_db(np.ones((1, N), np.float32), noise(), RATE) is None


def test_short_tones_in_hiss_are_birdies_of_their_energy():
    sound = noise()
    short = (T % 0.5 > 0.2) & (T % 0.5 < 0.26)
    made = (sound + 1.5 * short * np.sin(2 * np.pi * 5000 * T)).astype(np.float32)
    expected = 10 * np.log10(np.sum((made - sound) ** 2) / np.sum(made**2))
    assert artefacts.birdies_db(sound, made, RATE) == pytest.approx(expected, abs=2)
    steady = (sound + 0.5 * np.sin(2 * np.pi * 5000 * T)).astype(np.float32)
    assert artefacts.birdies_db(sound, noise(5), RATE) < expected - 8
    assert artefacts.birdies_db(sound, steady, RATE) < expected - 8


def test_a_faint_hiss_makes_no_birdies_of_bins_that_stood_out_before():
    faint = (strikes() + 10 ** (-30 / 20) * strikes().std() * noise(10)).astype(np.float32)
    assert artefacts.birdies_db(strikes(), faint, RATE) < -55


def test_a_coder_of_few_bits_does_more_of_everything_than_one_of_many():
    sides = [(0.3 * strikes() + 0.006 * noise(seed))[:, :RATE] for seed in (11, 12)]
    wide = np.concatenate(sides).astype(np.float32)
    made = [mp3(wide, RATE, kbps) for kbps in (32, 128)]
    for measure in artefacts.ARTEFACTS.values():
        few, many = (measure(wide, each, RATE) for each in made)
        assert few is not None and many is not None
        assert few > 2 * abs(many) or few > many + 6, measure
    few, many = (artefacts.tonal_db(wide, each, (0.05, 0.24)) for each in made)
    assert few > many + 6, "below the edge a coder of few bits leaves single lines of a hiss"


def test_a_tone_that_beats_seventy_times_a_second_is_rough_and_one_that_beats_four_times_is_not():
    """Eight times the depth is 18 dB; faint far bands, which a short window fills, hear a little less of it."""
    tone = np.sin(2 * np.pi * 3000 * T)
    carrier = (tone * (1 + 0.1 * np.sin(2 * np.pi * 70 * T)))[np.newaxis]
    rough, slow = ((tone * (1 + 0.8 * np.sin(2 * np.pi * hz * T)))[np.newaxis] for hz in (70, 4))
    assert artefacts.roughness_db(carrier, rough, RATE) == pytest.approx(20 * np.log10(8), abs=2)
    assert artefacts.roughness_db(carrier, slow, RATE) < -15


def test_half_the_depth_of_one_octave_of_modulation_is_six_decibels_of_it():
    tone = np.sin(2 * np.pi * 3000 * T)
    deep, shallow = ((tone * (1 + depth * np.sin(2 * np.pi * 11 * T)))[np.newaxis] for depth in (0.8, 0.4))
    assert artefacts.modulation_db(deep, shallow, RATE) == pytest.approx(20 * np.log10(2) / np.sqrt(6), abs=0.1)
    assert artefacts.modulation_db(deep, 0.1 * deep, RATE) == pytest.approx(0, abs=1e-6)


def test_hiss_where_there_were_partials_is_told_from_partials():
    partials = np.sum([np.sin(2 * np.pi * hz * T) for hz in range(6000, 20000, 400)], axis=0)[np.newaxis]
    rich = (partials + 0.02 * noise()).astype(np.float32)
    assert artefacts.tonal_db(rich, noise(6), ABOVE) < -15
    assert artefacts.tonal_db(noise(), rich, ABOVE) > 15
    assert abs(artefacts.tonal_db(noise(), noise(7), ABOVE)) < 0.5
    assert artefacts.tonal_db(noise(), np.zeros_like(noise()), ABOVE) <= 0


def test_mono_in_place_of_two_channels_misses_half_and_silence_misses_nothing():
    wide = np.concatenate([noise(8), noise(9)])
    narrow = np.broadcast_to(wide.mean(axis=0), wide.shape)
    assert artefacts.width_error(wide, narrow, RATE) == pytest.approx(0.5, abs=0.02)
    assert artefacts.width_error(wide, np.zeros_like(wide), RATE) == 0
    assert artefacts.width_error(wide[:1], noise(), RATE) == 0


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        (lambda: artefacts.width_error(noise(0, 4096).repeat(3, 0), noise(0, 4096).repeat(3, 0), RATE), "3 channels"),
        (lambda: artefacts.roughness_db(noise(0, 4096), noise(0, 4096), RATE), "4096 samples are too few"),
        (lambda: artefacts.modulation_db(noise(0, 9000), noise(0, 9000), RATE), "too few for modulations of 1 Hz"),
        (lambda: artefacts.tonal_db(noise(), noise(), (0.5, 0.501)), "holds no group of 32 bins"),
        (lambda: artefacts.birdies_db(noise(), noise(0, 9000), RATE), "cannot be compared"),
    ],
)
def test_what_cannot_be_measured_says_why(measure, text):
    with pytest.raises(InvalidValue, match=text):
        measure()
