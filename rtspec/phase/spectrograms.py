"""Whole spectrograms: the streaming methods run over all frames at once, look-ahead compensated."""

from typing import Any

import numpy as np

from ..errors import InvalidValue
from ..frames.plan import FramePlan
from .arithmetic import LARGEST, SMALLEST
from .choices import CHOICES
from .figures import FIGURES
from .methods import METHODS, accepted, phase_stage
from .offline import OFFLINE, stream_all


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
        A key of :data:`rtspec.phase.METHODS`, of :data:`rtspec.phase.CHOICES`, or of :data:`rtspec.phase.OFFLINE`.
    input_spectrum : ndarray, complex, same shape, optional
        For the method "input" and for `blend`.
    **options
        Those of :func:`rtspec.phase.phase_stage`; offline of :mod:`rtspec.phase.griffin_lim`, `start` (a name), `seed`.

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
    _check_alike(magnitude, input_spectrum)
    if magnitude.ndim == 3:
        spectra = [None] * len(magnitude) if input_spectrum is None else input_spectrum
        lanes = zip(magnitude, spectra, strict=True)
        return np.stack([_one_channel(m, plan, method, g, options) for m, g in lanes])
    return _one_channel(magnitude, plan, method, input_spectrum, options)


def _one_channel(magnitude, plan, method, input_spectrum, options) -> np.ndarray:
    frames = np.ascontiguousarray(magnitude.T, np.float32)
    if method in OFFLINE:
        with np.errstate(invalid="ignore"):
            frames = np.where((frames >= SMALLEST) & (frames <= LARGEST), frames, 0).astype(np.float32)
        out = OFFLINE[method].run(frames, plan, **accepted(method, OFFLINE[method].options, options))
    else:
        spectra = None if input_spectrum is None else np.transpose(input_spectrum)
        out = stream_all(frames, plan, method, spectra, **options)
    return np.ascontiguousarray(out.T)


def _check_alike(magnitude: np.ndarray, input_spectrum: np.ndarray | None) -> None:
    if input_spectrum is not None and np.shape(input_spectrum) != magnitude.shape:
        raise InvalidValue(
            f"input_spectrum of shape {np.shape(input_spectrum)} must be {magnitude.shape}, like magnitude"
        )


def _magnitudes(magnitude: np.ndarray, plan: FramePlan) -> np.ndarray:
    magnitude = np.asarray(magnitude)
    if magnitude.ndim not in (2, 3) or magnitude.shape[-2] != plan.n_bins:
        raise InvalidValue(f"magnitude of shape {magnitude.shape} must be (..., {plan.n_bins}, n_frames) for this plan")
    if np.iscomplexobj(magnitude):
        raise InvalidValue(f"magnitude of dtype {magnitude.dtype} must be real; pass abs(spectrum)")
    return magnitude


def describe(plan: FramePlan | None = None) -> list[dict]:
    """All methods and choices: name, kind ("stream", "choice" or "offline"), latency for this plan, figures.

    Returns
    -------
    list of dict
        Keys `name`, `kind`, `latency_frames` and `latency_ms` (of the phase alone, None if offline), `summary`, and the
        documented `sc_db_75`, `sc_db_87` and `frame_us` of :mod:`rtspec.phase.figures` (None for "input").

    Examples
    --------
    >>> [row["name"] for row in describe() if row["latency_frames"] == 0]
    ['zero', 'random', 'input', 'spsi', 'live']
    """
    plan = plan or FramePlan()
    nothing = np.zeros((1, plan.n_bins), np.complex64)
    streaming = {**{n: m.summary for n, m in METHODS.items()}, **{n: c.summary for n, c in CHOICES.items()}}
    delays = {name: phase_stage(name, plan, input_spectrum=nothing).delay for name in streaming}
    rows = [
        _row(name, "choice" if name in CHOICES else "stream", delays[name], plan, streaming[name]) for name in streaming
    ]
    return rows + [_row(m.name, "offline", None, plan, m.summary) for m in OFFLINE.values()]


def _row(name: str, kind: str, delay: int | None, plan: FramePlan, summary: str) -> dict:
    latency_ms = None if delay is None else 1000 * delay / plan.frame_rate_hz
    row = {"name": name, "kind": kind, "latency_frames": delay, "latency_ms": latency_ms, "summary": summary}
    return row | dict(zip(("sc_db_75", "sc_db_87", "frame_us"), FIGURES.get(name, (None,) * 3), strict=True))
