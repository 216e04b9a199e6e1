"""How far a stream truly looks ahead: one input frame is changed, and the outputs that move tell.

The delay that a manifest declares is a promise of the rewriter; this is the measurement beside it.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import ceil

import numpy as np

from .run import StreamingRun

# Parts of the clip at which a frame is changed, and how loud the change is: what a dead ReLU hides, another shows.
PLACES = (0.5,)
LOUDNESS = (3.0, -3.0)


def look_ahead(run: StreamingRun, clip: Mapping[str, np.ndarray]) -> int:
    """Frames of the first output that come before the input frame on which they depend; 0 for a causal model.

    Parameters
    ----------
    run : StreamingRun
        The model.
    clip : mapping of str to ndarray, of the model's shapes and dtypes
        Inputs of any length beyond twice the model's reach.

    Returns
    -------
    int
        To be compared with the manifest's `delay_frames`: equal where the model is as early as it can be. Where a
        period is longer than one frame the delay may be smaller by less than a period, as its frames come together.
    """
    axes = {name: axis for name, axis in run.manifest["time_axes"].items() if name in clip}
    n_frames = min(clip[name].shape[axis] for name, axis in axes.items())
    still = _first_output(run, clip)
    rate = Fraction(run.manifest["rate"]["out"], run.manifest["rate"]["in"])
    found = 0
    for place in {int(part * n_frames) for part in PLACES}:
        for loudness in LOUDNESS:
            moved = _moved(run, still, _first_output(run, _with_change(clip, axes, place, loudness)))
            if moved.size:
                found = max(found, ceil(place * rate) - int(moved[0]))
    return found


def _first_output(run: StreamingRun, clip: Mapping[str, np.ndarray]) -> np.ndarray:
    axis, name = next((axis, name) for name, axis in run.manifest["time_axes"].items() if name in clip)
    whole = clip[name].shape[axis] + run.manifest["flush_frames"] + run.manifest["period"]
    return next(iter(run.clip(clip, whole).values()))


def _with_change(
    clip: Mapping[str, np.ndarray], axes: Mapping[str, int], place: int, loudness: float
) -> dict[str, np.ndarray]:
    changed = {name: np.array(value) for name, value in clip.items()}
    for name, axis in axes.items():
        frame = np.moveaxis(changed[name], axis, 0)[place]
        frame[...] = (frame == 0) if frame.dtype.kind != "f" else loudness + 2 * frame
    return changed


def _moved(run: StreamingRun, still: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Indices of the output frames that differ."""
    axis = next(iter(run.manifest["outputs"].values()))["axis"]
    others = tuple(i for i in range(still.ndim) if i != axis)
    return np.flatnonzero(((still != changed) & ~(np.isnan(still) & np.isnan(changed))).any(others))
