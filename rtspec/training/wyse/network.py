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

from ...storage import AtomicFile
from ...style.networks import WEIGHTS, WYSE_FILTERS, WYSE_KERNEL, WYSE_PLAN
from .clips import CENTROIDS

DENSE, KEEP = 32, 0.5


class Classifier(nn.Module):
    """What is seen of a clip → logarithms of how likely each class of sound and of centroid is.

    Parameters
    ----------
    n_classes, n_frames : int
        Of the clips.
    filters : pair of int
        Of the convolutions.
    """

    def __init__(self, n_classes: int, n_frames: int, filters: tuple[int, int] = WYSE_FILTERS):
        super().__init__()
        self.first = nn.Conv1d(WYSE_PLAN.n_bins, filters[0], WYSE_KERNEL, padding="same")
        self.second = nn.Conv1d(filters[0], filters[1], WYSE_KERNEL, padding="same")
        self.pool = nn.MaxPool1d(2, ceil_mode=True)
        self.dense = nn.Linear(filters[1] * -(-n_frames // 4), DENSE)
        self.sounds, self.centroids = nn.Linear(DENSE, n_classes), nn.Linear(DENSE, CENTROIDS)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 257, n_frames) → (n, n_classes) and (n, :data:`CENTROIDS`)."""
        first = self.pool(functional.relu(self.first(seen)))
        second = self.pool(functional.relu(self.second(first)))
        dense = functional.dropout(functional.relu(self.dense(second.flatten(1))), 1 - KEEP, self.training)
        return self.sounds(dense), self.centroids(dense)


def export(network: Classifier, folder: Path, card: str) -> Path:
    """Write its convolutions as ``folder/weights.npz``, float16, and its card."""
    folder.mkdir(parents=True, exist_ok=True)
    held = {}
    for name in ("first", "second"):
        layer = getattr(network, name)
        held[name] = layer.weight.detach().permute(2, 0, 1).numpy().astype(np.float16)
        held[f"{name}_bias"] = layer.bias.detach().numpy().astype(np.float16)
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
