"""How privacy is measured: words by edits, and a recommendation that follows from them."""

import numpy as np

from rtspec.evaluation.privacy import conditions, edits, noisy, plot, recommendation


def _rows(fine, fast, slow):
    accuracies = {"frame": fine, "125 ms": fast, "1 s": slow}
    rows = [{"speech": "pinv", "resolution": r, "STOI": a, "word accuracy": a} for r, a in accuracies.items()]
    return [{"speech": "clean", "resolution": "-", "STOI": 1.0, "word accuracy": 0.9}, *rows]


def test_edits_count_words_to_replace_insert_and_leave_out():
    assert edits(["a", "b", "c"], ["a", "b", "c"]) == 0
    assert edits(["a", "b", "c"], ["a", "x", "c", "d"]) == 2
    assert edits(["a", "b", "c"], []) == 3
    assert edits([], ["a"]) == 1


def test_the_finest_private_resolution_is_recommended():
    assert recommendation(_rows(0.4, 0.04, 0.0)).startswith("recommended: levels every 125 ms")
    assert recommendation(_rows(0.01, 0.0, 0.0)).startswith("recommended: levels every frame")
    assert recommendation(_rows(0.4, 0.2, 0.1)).startswith("no measured resolution keeps speech private")


def test_slow_levels_carry_no_more_than_their_own_rate():
    sound = np.random.default_rng(0).standard_normal(32000).astype(np.float32) * 0.1
    made = {resolution: change(sound) for name, resolution, change in conditions(["pinv"], "rtpghi")}
    assert set(made) == {"-", "frame", "125 ms", "1 s"}
    frames = {r: np.sqrt(np.mean(x[8000:24000].reshape(-1, 800) ** 2, axis=1)) for r, x in made.items()}
    assert np.std(frames["1 s"]) < np.std(frames["frame"])


def test_noise_is_as_loud_as_the_speech():
    sound = np.sin(np.arange(16000)).astype(np.float32)
    assert abs(10 * np.log10(np.mean((noisy(sound) - sound) ** 2) / np.mean(sound**2))) < 0.2


def test_a_plot_is_drawn(tmp_path):
    plot(_rows(0.4, 0.04, 0.0), tmp_path / "privacy.png")
    assert (tmp_path / "privacy.png").stat().st_size > 5000
