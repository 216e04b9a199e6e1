"""Whole spectrograms: the streaming methods run over all frames at once, look-ahead compensated."""

from typing import Any

import numpy as np

from ..errors import InvalidValue
from ..frames.plan import FramePlan
from .methods import phase_stage


def reconstruct(
    magnitude: np.ndarray,
    plan: FramePlan,
    *,
    method: str = "rtpghi",
    input_spectrum: np.ndarray | None = None,
    **options: Any,
) -> np.ndarray:
    """A complex spectrogram for a magnitude spectrogram.

    Parameters
    ----------
    magnitude : ndarray, real, shape (n_bins, n_frames) or (channels, n_bins, n_frames)
        Linear; what is negative or not finite counts as 0.
    plan : FramePlan
    method : str
        A key of :data:`rtspec.phase.METHODS`.
    input_spectrum : ndarray, complex, same shape, optional
        For the method "input" and for `blend`.
    **options
        As for :func:`rtspec.phase.phase_stage`.

    Returns
    -------
    ndarray, complex64, same shape
        Give it to :func:`rtspec.frames.istft`.

    Examples
    --------
    >>> import numpy as np
    >>> reconstruct(np.ones((1025, 5)), FramePlan(), method="rtpghi", look_ahead=1).shape
    (1025, 5)
    """
    magnitude = _magnitudes(magnitude, plan)
    if input_spectrum is not None and np.shape(input_spectrum) != magnitude.shape:
        raise InvalidValue(
            f"input_spectrum of shape {np.shape(input_spectrum)} must be {magnitude.shape}, like magnitude"
        )
    if magnitude.ndim == 3:
        given = [None] * len(magnitude) if input_spectrum is None else input_spectrum
        lanes = zip(magnitude, given, strict=True)
        return np.stack([_stream(m, plan, method, g, options) for m, g in lanes])
    return _stream(magnitude, plan, method, input_spectrum, options)


def _stream(magnitude, plan, method, input_spectrum, options) -> np.ndarray:
    """One channel through a fresh stage, silence after its end."""
    n_frames = magnitude.shape[1]
    given = None if input_spectrum is None else np.ascontiguousarray(np.transpose(input_spectrum), np.complex64)
    stage = phase_stage(method, plan, input_spectrum=given, **options)
    frames = np.zeros((n_frames + stage.delay, plan.n_bins), np.float32)
    frames[:n_frames] = magnitude.T
    out = np.empty(frames.shape, np.complex64)
    stage.run(frames, n_frames, out)
    if given is not None:
        given[: stage.delay] = 0
    stage.run(frames[n_frames:], stage.delay, out[n_frames:])
    return np.ascontiguousarray(out[stage.delay :].T)


def _magnitudes(magnitude: np.ndarray, plan: FramePlan) -> np.ndarray:
    magnitude = np.asarray(magnitude)
    if magnitude.ndim not in (2, 3) or magnitude.shape[-2] != plan.n_bins:
        raise InvalidValue(f"magnitude of shape {magnitude.shape} must be (..., {plan.n_bins}, n_frames) for this plan")
    if np.iscomplexobj(magnitude):
        raise InvalidValue(f"magnitude of dtype {magnitude.dtype} must be real; pass abs(spectrum)")
    return magnitude
