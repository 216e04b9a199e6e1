"""What to boost: judged by the whole model of partial loudness, which the rule does not share."""

import numpy as np
import pytest

from rtspec.evaluation.loudness import CENTRES_HZ, MUSIC, NOISES, pair, rise_db, spectrum
from rtspec.evaluation.loudness_model import loudness
from rtspec.processors.equalizer.loudness import gains_for


def test_the_judge_doubles_with_10_db_and_masks_with_noise():
    tone = np.full(len(CENTRES_HZ), -60.0)
    at = lambda level: np.where(np.abs(CENTRES_HZ - 1000) < 1, level, tone)  # noqa: E731
    assert 1.8 < loudness(CENTRES_HZ, at(60.0)) / loudness(CENTRES_HZ, at(50.0)) < 2.2
    assert loudness(CENTRES_HZ, at(50.0), at(40.0)) < 0.9 * loudness(CENTRES_HZ, at(50.0))
    assert loudness(CENTRES_HZ, at(40.0), at(60.0)) < 0.01 * loudness(CENTRES_HZ, at(40.0))


def test_at_65_db_the_curve_leaves_less_error_than_flat_and_than_equal_volume():
    rows = [pair(spectrum(m, 65.0), spectrum(n, 65.0)) for m in MUSIC.values() for n in NOISES.values()]
    assert len(rows) >= 20
    assert np.mean([r["curve"] / r["flat"] for r in rows]) <= 0.65
    assert np.mean([r["curve"] < r["volume"] for r in rows]) >= 0.95
    assert max(r["rise_db"] for r in rows) <= 6.0


@pytest.mark.parametrize("most_db", [0.0, 1.0, 3.0, 6.0, 12.0])
def test_the_limits_hold_for_any_levels(most_db):
    rng = np.random.default_rng(7)
    for _ in range(40):
        music, noise = (rng.uniform(-20, 100, len(CENTRES_HZ)) for _ in range(2))
        gains = gains_for(CENTRES_HZ, music, noise, 9.0, 4.0, most_db)
        assert np.isfinite(gains).all()
        assert rise_db(music, gains) <= most_db + 1e-6
        assert gains.max() <= 9.0


def test_without_noise_and_without_music_nothing_is_boosted():
    pop = spectrum(MUSIC["pop"], 65.0)
    silent = np.full_like(pop, -100.0)
    assert np.abs(gains_for(CENTRES_HZ, pop, silent)).max() < 0.01
    assert np.abs(gains_for(CENTRES_HZ, silent, pop)).max() < 0.01


def test_a_masked_band_is_boosted_and_its_neighbours_less():
    pop, noise = spectrum(MUSIC["pop"], 65.0), np.full(len(CENTRES_HZ), 0.0)
    noise[15] = pop[15] + 3
    gains = gains_for(CENTRES_HZ, pop, noise)
    assert gains.argmax() in (15, 16)
    assert gains[15] > 3
    assert np.abs(gains[:12]).max() < 1
