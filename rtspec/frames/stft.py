"""Whole-signal twins of the streaming analysis and overlap-add: the same stages, run over all frames at once."""

import numpy as np

from ..errors import InvalidValue
from .analysis import analysis_stage
from .plan import FramePlan
from .synthesis import synthesis_stage


def stft(x: np.ndarray, plan: FramePlan) -> np.ndarray:
    """All frames that touch the signal, zeros before its start and after its end.

    Parameters
    ----------
    x : ndarray, shape (n_samples,) or (n_channels, n_samples)
        Real, finite.
    plan : FramePlan

    Returns
    -------
    ndarray, complex64, shape (..., n_bins, n_frames)
        Frame t covers samples ``[t·hop - (length - hop), t·hop + hop)``; phases count from the window's first sample.

    Examples
    --------
    >>> import numpy as np
    >>> stft(np.zeros(2048), FramePlan()).shape
    (1025, 7)
    """
    x = _real(x)
    if x.ndim == 2:
        return np.stack([stft(channel, plan) for channel in x])
    n_frames = plan.n_frames(len(x))
    hops = np.zeros(n_frames * plan.hop, np.float32)
    hops[: len(x)] = x[: len(hops)]
    spectrum = np.empty((n_frames, plan.n_bins), np.complex64)
    analysis_stage(plan).run(hops, n_frames, spectrum)
    return np.ascontiguousarray(spectrum.T)


def istft(spectrum: np.ndarray, plan: FramePlan, length: int | None = None) -> np.ndarray:
    """The signal of a spectrogram by overlap-add, its delay removed: ``istft(stft(x, plan), plan, length=len(x))``
    is x.

    Parameters
    ----------
    spectrum : ndarray, complex, shape (..., n_bins, n_frames)
    plan : FramePlan
    length : int, optional
        Samples to return; by default all that the frames cover, at most ``n_frames·hop - (plan.length - hop)`` with
        full support.

    Returns
    -------
    ndarray, float32, shape (..., length)
    """
    spectrum = np.asarray(spectrum)
    if spectrum.ndim not in (2, 3) or spectrum.shape[-2] != plan.n_bins:
        raise InvalidValue(f"spectrum of shape {spectrum.shape} must be (..., {plan.n_bins}, n_frames) for this plan")
    if spectrum.ndim == 3:
        return np.stack([istft(channel, plan, length) for channel in spectrum])
    frames = np.ascontiguousarray(spectrum.T, np.complex64)
    delay = plan.length - plan.hop
    tail = -(-delay // plan.hop)
    out = np.zeros((len(frames) + tail) * plan.hop, np.float32)
    stage, nothing = synthesis_stage(plan), np.zeros((tail, plan.n_bins), np.complex64)
    stage.run(frames, len(frames), out)
    stage.run(nothing, tail, out[len(frames) * plan.hop :])
    length = max(0, len(frames) * plan.hop - delay) if length is None else length
    out = out[delay : delay + length]
    return np.pad(out, (0, length - len(out)))


def _real(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x)
    if x.ndim not in (1, 2) or np.iscomplexobj(x):
        raise InvalidValue(
            f"x of shape {x.shape} and dtype {x.dtype} must be real, (n_samples,) or (n_channels, n_samples)"
        )
    return np.ascontiguousarray(x, np.float32)
