"""The paper's classifier: two convolutions over time, each pooled by two, and a layer of 32 for two tasks.

References
----------
.. [1] L. Wyse: "Audio spectrogram representations for processing with convolutional neural networks", 2017.
"""

import io
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import of_kind
from ...storage import AtomicFile
from ...style.networks import WEIGHTS, WYSE_FILTERS, WYSE_KERNEL, WYSE_PLAN
from .clips import CENTROIDS

DENSE, KEEP = 32, 0.5
LEAST_SPREAD = 0.02
"""Of a bin's level: what always is the same must not be blown up."""


class Classifier(nn.Module):
    """What is seen of a clip → logarithms of how likely each class of sound and of centroid is.

    Parameters
    ----------
    n_classes, n_frames : int
        Of the clips.
    filters : pair of int
        Of the convolutions.
    """

    usual: Tensor
    spread: Tensor

    def __init__(self, n_classes: int, n_frames: int, filters: tuple[int, int] = WYSE_FILTERS):
        super().__init__()
        self.register_buffer("usual", torch.zeros(WYSE_PLAN.n_bins, 1))
        self.register_buffer("spread", torch.ones(WYSE_PLAN.n_bins, 1))
        self.first = nn.Conv1d(WYSE_PLAN.n_bins, filters[0], WYSE_KERNEL, padding="same")
        self.second = nn.Conv1d(filters[0], filters[1], WYSE_KERNEL, padding="same")
        self.pool = nn.MaxPool1d(2, ceil_mode=True)
        self.dense = nn.Linear(filters[1] * -(-n_frames // 4), DENSE)
        self.sounds, self.centroids = nn.Linear(DENSE, n_classes), nn.Linear(DENSE, CENTROIDS)
        for layer in (self.first, self.second):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def accustom(self, seen: Tensor) -> None:
        """Take each bin relative to what is usual in these, (n, 257, n_frames): a level of 0 to 1 has a mean far from
        0, in which a small step of the first layer drowns. :func:`export` folds it into that layer."""
        self.usual.copy_(seen.mean((0, 2))[:, None])
        self.spread.copy_(seen.std((0, 2))[:, None] + LEAST_SPREAD)

    def heard(self) -> tuple[Tensor, Tensor]:
        """The first layer's weight and bias for what is seen as it is."""
        weight = self.first.weight / self.spread
        return weight, of_kind(self.first.bias, Tensor) - (weight * self.usual).sum((1, 2))

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 257, n_frames) → (n, n_classes) and (n, :data:`CENTROIDS`)."""
        first = self.pool(functional.relu(self.first((seen - self.usual) / self.spread)))
        second = self.pool(functional.relu(self.second(first)))
        dense = functional.dropout(functional.relu(self.dense(second.flatten(1))), 1 - KEEP, self.training)
        return self.sounds(dense), self.centroids(dense)


def export(network: Classifier, folder: Path, card: str) -> Path:
    """Write its convolutions as ``folder/weights.npz``, float16, and its card."""
    folder.mkdir(parents=True, exist_ok=True)
    held = {}
    for name, (weight, bias) in {
        "first": network.heard(),
        "second": (network.second.weight, network.second.bias),
    }.items():
        held[name] = weight.detach().permute(2, 0, 1).numpy().astype(np.float16)
        held[f"{name}_bias"] = bias.detach().numpy().astype(np.float16)
    kept = io.BytesIO()
    np.savez(kept, **held)
    for name, content in ((WEIGHTS, kept.getvalue()), ("card.md", card.encode())):
        with AtomicFile(folder / name) as file:
            file.write(content)
    return folder / WEIGHTS


def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Cross entropies of both tasks, added."""
    seen, labels, bands = batch
    sounds, centroids = network(seen)
    return functional.cross_entropy(sounds, labels) + functional.cross_entropy(centroids, bands)


class Held:
    """Clips that training does not see: what chooses the best weights, and what is reported.

    Parameters
    ----------
    views : list of ndarray, float32, shape (n_each, 257, n_frames)
        A few stretches of each clip.
    targets : list of int
        Their classes.
    """

    def __init__(self, views: list[np.ndarray], targets: list[int]):
        self._views, self._targets = views, torch.as_tensor(targets)

    def answers(self, network: nn.Module) -> Tensor:
        """Mean over the stretches of how likely each class is, (n_clips, n_classes)."""
        device = next(network.parameters()).device
        with torch.no_grad():
            each = [network(torch.as_tensor(view).to(device))[0].softmax(1).mean(0) for view in self._views]
        return torch.stack(each).cpu()

    def nats(self, network: nn.Module) -> float:
        """Mean cross entropy of clips, each by its stretches together."""
        return float(functional.nll_loss(torch.log(self.answers(network) + 1e-9), self._targets))

    def right(self, network: nn.Module) -> np.ndarray:
        """Which clips the network names, bool of shape (n_clips,)."""
        return (self.answers(network).argmax(1) == self._targets).numpy()
