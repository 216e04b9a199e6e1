"""Ears that others trained, by the weights inside their packages: CDPAM's distance and the features of aisfx.

Neither package can be imported beside today's NumPy (aisfx pins one of 2022, cdpam calls what was removed), so their
files alone are read: ``pip install --no-deps cdpam aisfx`` (98 and 23 MB). The weights of cdpam are under the MIT
licence; aisfx says MIT in its description and CC BY 4.0 in its licence file. Nothing of them ships with rtspec.

References
----------
Manocha, Jin, Zhang, Finkelstein: CDPAM: Contrastive learning for perceptual audio similarity. ICASSP 2021.
Ma, Lerch: Representation learning for the automatic indexing of sound effects libraries. ISMIR 2022.
"""

import pickle
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import RtspecError
from ..metrics.distances import paired, powers, resampled

State = dict[str, Tensor]

CDPAM_RATE, CDPAM_S = 22050, 2.0
"""CDPAM hears nothing above 11 kHz; of a sound it gets the middle 2 s, each of which costs it 200 billion products."""
FEATURES_RATE, FEATURES_N_FFT, FEATURES_HOP = 44100, 2048, 1024
FEATURES_BLOCK = 100
"""Frames, 2.3 s, for each of which there is one vector; half of one lies in the next."""
_N_MEL, _LARGEST = 96, 9.457798957824707
_KNOWN = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch", "FloatStorage"),
    ("torch", "LongStorage"),
}
"""What a file of weights may name; all else in it is made into nothing, and run is none of it."""


def cdpam(original: np.ndarray, made: np.ndarray, sample_rate: int) -> float:
    """CDPAM's distance, 0 where both are equal: of the channels' mean at 22.05 kHz, the middle 2 s. Both float32 of
    shape (channels, n_samples) or (n_samples,).

    Raises
    ------
    RtspecError
        The package is not installed.
    """
    state = _weights("cdpam", "CDPAM_trained/scratchJNDdefault_best_model.pth")["state"]
    with torch.no_grad():
        a, b = (_acoustics(state, _middle(each, sample_rate)) for each in paired(original, made))
        distance = torch.zeros(())
        for layer in range(4):
            part = f"model_dist.convs.{layer}.0"
            a, b = (functional.linear(each, state[f"{part}.weight"], state[f"{part}.bias"]) for each in (a, b))
            a, b = (functional.leaky_relu(each) if layer < 3 else each for each in (a, b))
            distance = distance + (state[f"model_dist.chan_w.{layer}"] * (b - a)).abs().sum()
    return float(distance)


def _middle(sound: np.ndarray, sample_rate: int) -> Tensor:
    """At the scale of 16 bits, as CDPAM was trained: (1, 1, n)."""
    n = round(CDPAM_S * sample_rate)
    start = max(0, (sound.shape[1] - n) // 2)
    part = resampled(sound[:, start : start + n].mean(axis=0), sample_rate, CDPAM_RATE)
    return torch.as_tensor(np.round(part * 32768))[None, None]


def _acoustics(state: State, x: Tensor) -> Tensor:
    for layer in range(16):
        own = f"base_encoder.encoder.{layer}"
        x = functional.conv1d(x, state[f"{own}.weight"], state[f"{own}.bias"], padding="same")
        x = functional.leaky_relu(_normed(state, f"base_encoder.ebatch.{layer}", x), 0.1)
        if layer % 4 == 3:
            x = x[:, :, ::2]
    mean = x.mean(dim=2)
    return functional.normalize(mean[:, : mean.shape[1] // 2], dim=1)


def features(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """What aisfx tells of a sound's channels' mean, a vector every 1.2 s: float32 of shape (n_blocks, 512).

    Parameters
    ----------
    sound : ndarray, float32, shape (channels, n_samples) or (n_samples,)
        A tenth of a second at least; what is shorter than 2.3 s is followed by silence.

    Raises
    ------
    RtspecError
        The package is not installed.
    """
    state = _weights("aisfx", "models/checkpoint.pth")[0]
    at_rate = resampled(np.atleast_2d(sound).mean(axis=0, keepdims=True), sample_rate, FEATURES_RATE)
    mel = powers(at_rate.astype(np.float64), FEATURES_N_FFT, FEATURES_HOP)[0] @ _mel_bands().T
    seen = np.log10(1e4 * mel + 1).astype(np.float32) / np.float32(_LARGEST)
    seen = np.pad(seen, ((0, max(0, FEATURES_BLOCK - len(seen))), (0, 0)))
    blocks = [seen[k : k + FEATURES_BLOCK] for k in range(0, len(seen) - FEATURES_BLOCK + 1, FEATURES_BLOCK // 2)]
    with torch.no_grad():
        x = torch.as_tensor(np.stack(blocks))[:, None]
        for block in range(1, 5):
            own = f"embedding_net.conv_block{block}"
            for half in (1, 2):
                x = functional.conv2d(x, state[f"{own}.conv{half}.weight"], padding=1)
                x = functional.relu(_normed(state, f"{own}.bn{half}", x))
            x = functional.max_pool2d(x, 2) if block < 4 else x
        return x.mean(dim=3).amax(dim=2).numpy()


def _normed(state: State, name: str, x: Tensor) -> Tensor:
    mean, variance, weight, bias = (state[f"{name}.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
    return functional.batch_norm(x, mean, variance, weight, bias)


@cache
def _mel_bands() -> np.ndarray:
    """Triangles between points of equal distance in mel (HTK's), each of sum 1: (n_bands, n_bins)."""
    hz = np.arange(FEATURES_N_FFT // 2 + 1) * FEATURES_RATE / FEATURES_N_FFT
    mel = 1127 * np.log1p(hz / 700)
    points = np.linspace(0, mel[-1], _N_MEL + 2)
    rising = (mel - points[:-2, None]) / np.diff(points)[:-1, None]
    falling = (points[2:, None] - mel) / np.diff(points)[1:, None]
    weights = np.maximum(0, np.minimum(rising, falling))
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)


class _Nothing:
    """What a file of weights names beside weights."""

    def __init__(self, *_: Any):
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class _Weights(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(module, name) if (module, name) in _KNOWN else _Nothing


@lru_cache(maxsize=2)
def _weights(package: str, inside: str) -> Any:
    """A file of a package that need not be importable."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise RtspecError(f"{package} is not installed; pip install --no-deps {package} brings it")
    reader = SimpleNamespace(
        __name__="weights", Unpickler=_Weights, load=lambda file, **how: _Weights(file, **how).load()
    )
    path = Path(found.origin).parent / inside
    return torch.load(path, map_location="cpu", pickle_module=cast(Any, reader), weights_only=False)
