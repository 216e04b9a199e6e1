"""Frame by frame from Python: a reconstructor holds one stage a channel."""

from typing import Any

import numpy as np

from .. import checks
from ..buffers.memory import aligned
from ..errors import InvalidValue
from ..frames.plan import FramePlan
from .methods import phase_stage


class Reconstructor:
    """Phases for magnitude frames that arrive one by one.

    Parameters
    ----------
    method : str
    plan : FramePlan
    channels : int
        At least 1; each has a state of its own.
    **options
        As for :func:`rtspec.phase.phase_stage`, except `input_spectrum`, which :meth:`process` takes.

    Attributes
    ----------
    latency_frames : int
        Frames that must follow before a frame is given.
    method, plan, channels
        As given.

    Examples
    --------
    >>> import numpy as np
    >>> rec = Reconstructor("rtpghi", FramePlan(), look_ahead=1)
    >>> rec.process(np.ones(1025)) is None, rec.process(np.ones(1025)).shape, len(rec.flush())
    (True, (1025,), 1)
    """

    def __init__(self, method: str, plan: FramePlan, *, channels: int = 1, **options: Any):
        checks.at_least("channels", channels, 1, "try 1")
        self.method, self.plan, self.channels = method, plan, channels
        self._magnitude = aligned((channels, plan.n_bins))
        self._input = aligned((channels, plan.n_bins), np.complex64)
        self._frame = aligned((channels, plan.n_bins), np.complex64)
        uses_input = method == "input" or options.get("blend") is not None or options.get("start") == "input"
        lanes = [dict(options, input_spectrum=self._input[c]) if uses_input else options for c in range(channels)]
        self._stages = [phase_stage(method, plan, **lane) for lane in lanes]
        self._n_pushed = 0

    @property
    def latency_frames(self) -> int:
        """Frames by which the output lags behind the input."""
        return self._stages[0].delay

    def process(self, magnitude: np.ndarray, input_spectrum: np.ndarray | None = None) -> np.ndarray | None:
        """Take one magnitude frame; give the frame of `latency_frames` ago.

        Parameters
        ----------
        magnitude : ndarray, real, shape (n_bins,) or (channels, n_bins)
            Linear, not negative; what is negative or not finite counts as 0.
        input_spectrum : ndarray, complex, same shape, optional
            The input's frame, for the method "input" and for `blend`.

        Returns
        -------
        ndarray, complex64, same shape, or None
            None for the first `latency_frames` frames. The array is the caller's.
        """
        magnitude = self._checked("magnitude", magnitude)
        self._input[...] = 0 if input_spectrum is None else self._checked("input_spectrum", input_spectrum)
        frame = self._advance(magnitude.reshape(self._magnitude.shape))
        return None if frame is None else frame.reshape(magnitude.shape)

    def _advance(self, magnitude) -> np.ndarray | None:
        self._magnitude[...] = magnitude
        for stage, x, y in zip(self._stages, self._magnitude, self._frame, strict=True):
            stage.run(x, 1, y)
        self._n_pushed += 1
        return self._frame.copy() if self._n_pushed > self.latency_frames else None

    def flush(self) -> list[np.ndarray]:
        """The frames still due, oldest first, as if silence followed; then the state is fresh again. Complex64 of shape
        (n_bins,) or (channels, n_bins) each."""
        shape = self._frame.shape if self.channels > 1 else (self.plan.n_bins,)
        frames = [self._advance(0) for _ in range(self.latency_frames)]
        due = [frame.reshape(shape) for frame in frames if frame is not None]
        self.reset()
        return due

    def reset(self) -> None:
        """Back to the state of a fresh object, to the bit."""
        for stage in self._stages:
            stage.reset()
        self._n_pushed = 0

    def _checked(self, name: str, frame: np.ndarray) -> np.ndarray:
        frame = np.asarray(frame)
        shapes = [(self.channels, self.plan.n_bins)] + [(self.plan.n_bins,)] * (self.channels == 1)
        if frame.shape not in shapes:
            raise InvalidValue(f"{name} of shape {frame.shape} must be {' or '.join(map(str, shapes))} for this plan")
        if name == "magnitude" and np.iscomplexobj(frame):
            raise InvalidValue(f"magnitude of dtype {frame.dtype} must be real; pass abs(frame)")
        return frame


def create(method: str, plan: FramePlan, *, channels: int = 1, **options: Any) -> Reconstructor:
    """A :class:`Reconstructor`: ``create("rtisi-la", plan, look_ahead=3, iterations=8)``.

    Parameters and errors are those of :class:`Reconstructor` and :func:`rtspec.phase.phase_stage`.
    """
    return Reconstructor(method, plan, channels=channels, **options)
