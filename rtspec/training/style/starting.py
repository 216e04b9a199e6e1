"""Another network's weights as a start: all of them for the same styles, for others what all styles share."""

from pathlib import Path

import torch

from ...models.packages import load
from ..checkpoints import FILES, TrainingError, read_checkpoint
from ..weights import start_at, start_from
from .networks import StyleNetwork

OF_A_STYLE = ("styles", "spectra", "kept", "rough")
"""Parameters with a row for each style."""


def start_styles(network: StyleNetwork, names: list[str], path: str | Path) -> None:
    """Give a network the weights of an earlier run or of a package.

    A style that is new begins with its own spectrum and in the middle of the known ones.

    Parameters
    ----------
    network : StyleNetwork
        Fresh, with its styles' spectra.
    names : list of str
        Its styles.
    path : path
        As for :func:`rtspec.training.weights.start_at`.

    Raises
    ------
    TrainingError
        What is there is of another network.
    """
    path = start_at(path)
    known = _styles_of(path)
    other = StyleNetwork(len(known), network.width, len(network.blocks))
    start_from(other, path)
    own, theirs = network.state_dict(), other.state_dict()
    shared = {name: value for name, value in theirs.items() if name not in OF_A_STYLE}
    network.load_state_dict({**own, **shared})
    with torch.no_grad():
        for parameter in OF_A_STYLE:
            mine, old = getattr(network, parameter), getattr(other, parameter)
            for k, name in enumerate(names):
                if name in known or parameter != "spectra":
                    mine[k] = old[known.index(name)] if name in known else old.mean(0)


def freeze(network: StyleNetwork) -> None:
    """Leave all weights alone but the rows of styles."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in OF_A_STYLE)


def _styles_of(path: Path) -> list[str]:
    """Names of the styles of a package; of a run, which keeps none, numbers."""
    if path.is_file():
        return [control.label for control in load(path).manifest.controls]
    best = read_checkpoint(path / FILES[0], torch.device("cpu")).get("best_weights") or {}
    if "styles" not in best:
        raise TrainingError(f"{path} is of another network (its tensors have other names or shapes)")
    return [str(k) for k in range(len(best["styles"]))]
