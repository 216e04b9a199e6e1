"""What a package does when it runs: does its answer grow with its input, does it remember without saying so?"""

from typing import Any

import numpy as np

from ..frame_model import FrameModel
from ..packages import DEFAULT_N_FFT, load

N_FRAMES = 24
LOUDER = 8.0
"""Factor between the two inputs whose answers are compared."""
TOLERANCE = 1e-4
ONE_SIDED = ("magnitude", "power")


def probed(path: str) -> dict[str, Any]:
    """Run a package on noise.

    Parameters
    ----------
    path : str

    Returns
    -------
    dict
        `growth`: by what exponent the answer grows with the input (0: it is a gain, 1: a spectrum), None where it is
        silent; `remembers`: whether frames in one call give others than in calls of their own, although no state says
        so; None where this cannot be seen; `finite`.
    """
    model = FrameModel(path)
    frames = _noise(path)
    if model.manifest.input.representation in ONE_SIDED:
        frames = np.abs(frames)
    soft, loud = _one_by_one(model, frames), _one_by_one(model, LOUDER * frames)
    return {
        "growth": _growth(model, soft, loud),
        "remembers": None if model.manifest.states else _remembers(model, frames, soft),
        "finite": bool(np.isfinite(soft).all() and np.isfinite(loud).all()),
    }


def _noise(path: str) -> np.ndarray:
    """Frames in the model's layout, time as long as :data:`N_FRAMES`."""
    package = load(path)
    m = package.manifest
    n_bins = m.input.bands.n_bands if m.input.bands else m.input.frame_layout.used((m.n_fft or DEFAULT_N_FFT) // 2 + 1)
    usual = {"batch": m.audio_channels, "channels": m.input.n_channels, "bins": n_bins, "time": N_FRAMES}
    sizes = zip(m.input.layout, package.inputs.tensors[m.input.name][1], strict=True)
    shape = [size if isinstance(size, int) and axis != "time" else usual[axis] for axis, size in sizes]
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _one_by_one(model: FrameModel, frames: np.ndarray) -> np.ndarray:
    """The answer to calls of as few frames as may be."""
    axis = model.manifest.input.time_axis
    parts = [model.process(np.take(frames, [t], axis)) for t in range(frames.shape[axis])]
    return np.concatenate([*parts, model.flush()], model.manifest.output.time_axis)


def _remembers(model: FrameModel, frames: np.ndarray, parts: np.ndarray) -> bool:
    whole = np.concatenate([model.process(frames), model.flush()], model.manifest.output.time_axis)
    if whole.shape != parts.shape:
        return True
    return bool(np.abs(whole - parts).max() > TOLERANCE * max(float(np.abs(parts).max()), 1e-12))


def _growth(model: FrameModel, soft: np.ndarray, loud: np.ndarray) -> float | None:
    """Exponent by which the level of the last half of the frames follows the input's."""
    time = model.manifest.output.time_axis
    kept = range(soft.shape[time] // 2, soft.shape[time])
    levels = [float(np.sqrt(np.mean(np.square(np.take(made, kept, time), dtype=np.float64)))) for made in (soft, loud)]
    return float(np.log(levels[1] / levels[0]) / np.log(LOUDER)) if min(levels) > 0 else None
