"""Ears by weights inside packages: read without importing or running anything, and equal where sounds are equal."""

import pickle

import numpy as np
import pytest
import torch

from rtspec.errors import RtspecError
from rtspec.training import ears

RATE = 44100


class Evil:
    """What a file of weights must not do when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def normed(name: str, n: int) -> dict[str, torch.Tensor]:
    kinds = {
        "weight": torch.ones(n),
        "bias": torch.zeros(n),
        "running_mean": torch.zeros(n),
        "running_var": torch.ones(n),
    }
    return {f"{name}.{kind}": value for kind, value in kinds.items()}


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Both packages with tiny networks of chance; to import them is an error."""
    torch.manual_seed(0)
    distance, tags = {}, {}
    for layer in range(16):
        own = f"base_encoder.encoder.{layer}"
        distance |= {f"{own}.weight": torch.randn(4, 4 if layer else 1, 15) / 5, f"{own}.bias": 0.1 * torch.randn(4)}
        distance |= normed(f"base_encoder.ebatch.{layer}", 4)
    for layer in range(4):
        distance |= {
            f"model_dist.convs.{layer}.0.weight": torch.randn(2, 2),
            f"model_dist.chan_w.{layer}": torch.ones(2),
        }
        distance |= {f"model_dist.convs.{layer}.0.bias": torch.zeros(2)}
    for block in range(1, 5):
        for half in (1, 2):
            own = f"embedding_net.conv_block{block}"
            tags |= {f"{own}.conv{half}.weight": torch.randn(3, 3 if block + half > 2 else 1, 3, 3)}
            tags |= normed(f"{own}.bn{half}", 3)
    evil = Evil(tmp_path / "was-run")
    kept = {"cdpam/CDPAM_trained/scratchJNDdefault_best_model.pth": {"state": distance, "optim": evil}}
    kept |= {"aisfx/models/checkpoint.pth": (tags, {"set": evil})}
    for name, content in kept.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True)
        torch.save(content, path)
        (path.parents[1] / "__init__.py").write_text("raise ImportError('numpy.float is no more')")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    ears._weights.cache_clear()
    yield tmp_path
    ears._weights.cache_clear()


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((2, round(seconds * RATE))).astype(np.float32)


def test_what_is_equal_is_at_no_distance_and_more_noise_is_farther(packages):
    sound = np.cumsum(noise(1.0), axis=1) / 20
    distances = [ears.cdpam(sound, sound + gain * noise(1.0, 1), RATE) for gain in (0.0, 0.05, 0.5)]
    assert distances[0] == 0 < distances[1] < distances[2]


def test_a_vector_is_of_two_seconds_and_half_of_them_are_in_the_next(packages):
    assert ears.features(noise(6.0), RATE).shape == (4, 3)
    assert ears.features(noise(0.5), RATE).shape == (1, 3)
    moved = noise(6.0)[:, 50 * ears.FEATURES_HOP :]
    np.testing.assert_allclose(ears.features(moved, RATE), ears.features(noise(6.0), RATE)[1:], rtol=1e-4)


def test_nothing_in_a_file_of_weights_is_run(packages):
    ears.features(noise(0.5), RATE), ears.cdpam(noise(0.5), noise(0.5), RATE)
    assert not (packages / "was-run").exists()
    pickle.loads(pickle.dumps(Evil(packages / "was-run")))
    assert (packages / "was-run").exists(), "an ordinary reader runs it"


def test_bands_are_triangles_of_one_sum_on_the_mel_scale():
    bands = ears._mel_bands()
    sums = bands.sum(axis=1)
    assert bands.shape == (96, 1025) and np.all(np.isclose(sums, 1) | (sums == 0)) and np.all(sums[10:] > 0)
    centres = bands[40:].argmax(axis=1) * RATE / 2048
    assert np.ptp(np.diff(1127 * np.log1p(centres / 700))) < 12


def test_who_has_not_the_package_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setattr(ears, "find_spec", lambda name: None)
    ears._weights.cache_clear()
    with pytest.raises(RtspecError, match="cdpam is not installed; pip install --no-deps cdpam brings it"):
        ears.cdpam(noise(0.1), noise(0.1), RATE)
