"""The timbre paper's measures, on pictures whose scores are known."""

import numpy as np
import pytest

from rtspec.metrics.partials import found, near, peaks, picture_scores, rmse, ssim

HZ = 100.0 * np.arange(1, 101)


def lines(*bins, level=0.0, n_frames=5):
    picture = np.full((100, n_frames), -80.0)
    picture[list(bins)] = level
    return picture


def test_equal_pictures_score_best_and_different_ones_worse():
    picture = np.random.default_rng(0).uniform(0, 1, (64, 64))
    other = np.random.default_rng(1).uniform(0, 1, (64, 64))
    assert rmse(picture, picture) == 0 and ssim(picture, picture) == pytest.approx(1)
    assert rmse(picture + 0.1, picture) == pytest.approx(0.1)
    assert ssim(other, picture) < 0.1


def test_ssim_agrees_with_a_plain_loop_over_windows():
    a, b = np.random.default_rng(2).uniform(0, 1, (2, 12, 15))
    values = []
    for i in range(6):
        for j in range(9):
            x, y = a[i : i + 7, j : j + 7].ravel(), b[i : i + 7, j : j + 7].ravel()
            cov = np.cov(x, y)
            top = (2 * x.mean() * y.mean() + 1e-4) * (2 * cov[0, 1] + 9e-4)
            values.append(top / ((x.mean() ** 2 + y.mean() ** 2 + 1e-4) * (cov[0, 0] + cov[1, 1] + 9e-4)))
    assert ssim(a, b) == pytest.approx(np.mean(values), abs=1e-9)


def test_peaks_are_local_maxima_within_thirty_decibels():
    picture = lines(10) + 0.0
    picture[20], picture[30] = -29.0, -31.0
    assert np.flatnonzero(peaks(picture)[:, 0]).tolist() == [10, 20]


def test_precision_and_recall_count_what_lies_within_three_percent():
    wanted, made = lines(9, 49, 79), lines(9, 51, 60)
    again = found(peaks(made), peaks(wanted), HZ)  # 1000 Hz exact; 5200 for 5000 Hz is 4 % off
    assert again.recall == pytest.approx(1 / 3) and again.precision == pytest.approx(1 / 3)
    closer = found(peaks(lines(9, 50)), peaks(lines(9, 49)), HZ)
    assert closer.f1 == pytest.approx(1.0)


def test_frames_without_a_peak_in_the_original_do_not_count():
    wanted, made = lines(9), lines(9, 60)
    silent = np.zeros((100, 5), bool)
    assert found(peaks(made), peaks(wanted) & silent, HZ).f1 == 0
    half = peaks(wanted).copy()
    half[:, 2:] = False
    assert found(peaks(wanted), half, HZ).precision == 1


def test_nothing_is_near_a_picture_without_marks():
    assert not near(np.zeros((100, 3), bool), HZ).any()


def test_a_picture_scored_against_itself_is_perfect():
    picture = np.random.default_rng(3).uniform(0.2, 1, (100, 20))
    scores = picture_scores(picture, picture, HZ, 80.0)
    assert scores["RMSE"] == 0 and scores["F1"] == pytest.approx(1) and scores["SSIM"] == pytest.approx(1)
