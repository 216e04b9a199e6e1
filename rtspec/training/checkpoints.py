"""What a training keeps in its folder: a checkpoint, whole at any time, and its curve."""

import csv
import io
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import RtspecError

FILES = ("checkpoint.pt", "curve.csv")
COLUMNS = ("step", "loss", "validation", "seconds", "waited", "judged")


class TrainingError(RtspecError):
    """Training cannot start, go on or be kept."""


def load_best(network: nn.Module, folder: str | os.PathLike[str]) -> None:
    """Give a network the best weights of an earlier training, as a start for another.

    Raises
    ------
    TrainingError
        If the folder has no checkpoint, or it is of another network.
    """
    path = Path(folder) / FILES[0]
    bundle = read_checkpoint(path, torch.device("cpu"))
    try:
        network.load_state_dict(bundle["best_weights"])
    except RuntimeError:
        raise TrainingError(f"{path} is of another network (its tensors have other names or shapes)") from None


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """What is in the file; :class:`TrainingError` where it is damaged."""
    try:
        bundle = torch.load(path, map_location=device, weights_only=True)
        if not isinstance(bundle, dict) or "identity" not in bundle:
            raise ValueError("no checkpoint of rtspec")
        return bundle
    except Exception as error:  # torch raises RuntimeError, EOFError, zipfile's and pickle's own
        reason = (str(error).splitlines() or [""])[0][:120]
        raise TrainingError(f"{path} is damaged or no checkpoint ({reason}); delete it to start anew") from None


def difference(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """Which setting sets a checkpoint apart."""
    for name, value in ours["recipe"].items():
        if theirs["recipe"].get(name) != value:
            return f"another recipe ({name}={theirs['recipe'].get(name)}, here {value})"
    return "another network (its tensors have other names or shapes)"


def curve_table(curve: list[dict[str, float]]) -> bytes:
    """A curve as CSV."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(row.values() for row in curve)
    return text.getvalue().encode()
