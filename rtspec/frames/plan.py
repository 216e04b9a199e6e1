"""The plan of frames: how sound is cut, windowed and put together again, and what that costs in latency."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import checks
from ..buffers.memory import aligned_copy
from ..errors import InvalidValue
from .windows import GAMMA, closest_gamma, dual, window

Shape = str | tuple[float, ...]
"""A window by its name, or all its values."""

MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 1000, 768000
MIN_N_FFT, MAX_N_FFT = 16, 65536


@dataclass(frozen=True)
class FramePlan:
    """How sound becomes frames. Immutable; it checks itself.

    Frame t covers samples ``[t·hop - (window_length - hop), t·hop + hop)``: it is complete when its newest hop has
    arrived, and history before the start is zero. The window starts at index 0 of the transform, which zeros fill
    up to `n_fft`; where it is `centred`, in the middle, with zeros on both sides.

    Parameters
    ----------
    sample_rate : int
        Hz, 1000 to 768000.
    n_fft : int
        Transform length, samples, even, 16 to 65536.
    hop : int
        Samples between frames; divides `n_fft` unless `uneven`.
    window : str or tuple of float
        Analysis window: "hann", "sqrt-hann", "hamming", "blackman", "gauss", "rectangular", "sine", "vorbis", or all
        its values.
    window_length : int, optional
        Samples, hop to n_fft; n_fft by default.
    synthesis_window : str or tuple of float, optional
        Shape of the synthesis window, scaled for perfect reconstruction; the analysis window's own by default.
    uneven : bool
        Allow a hop that does not divide n_fft (some published plans do); the phase methods of the RTISI family
        refuse such a plan.
    symmetric : bool
        Named windows end as they begin (``torch.hann_window(periodic=False)``); periodic ones by default.
    centred : bool
        A window shorter than `n_fft` lies in its middle, as torch and librosa have it: equal magnitudes, other phases.
    plain : bool
        The synthesis window is taken as it is, with no regard to perfect reconstruction: some models want it so.

    Examples
    --------
    >>> FramePlan(sample_rate=44100, n_fft=2048, hop=512).latency_samples
    2048
    """

    sample_rate: int = 44100
    n_fft: int = 2048
    hop: int = 512
    window: Shape = "hann"
    window_length: int | None = None
    synthesis_window: Shape | None = None
    uneven: bool = False
    symmetric: bool = False
    centred: bool = False
    plain: bool = False

    def __post_init__(self):
        for name in ("sample_rate", "n_fft", "hop"):
            object.__setattr__(self, name, _integer(name, getattr(self, name)))
        checks.within("sample_rate", self.sample_rate, MIN_SAMPLE_RATE, MAX_SAMPLE_RATE)
        checks.within("n_fft", self.n_fft, MIN_N_FFT, MAX_N_FFT)
        if self.n_fft % 2:
            checks.fail("n_fft", self.n_fft, "must be even", f"try {self.n_fft + 1}")
        for name in ("window", "synthesis_window"):
            object.__setattr__(self, name, _shape(getattr(self, name)))
        length = self.n_fft if self.window_length is None else _integer("window_length", self.window_length)
        object.__setattr__(self, "window_length", length)
        checks.within("window_length", length, 2, self.n_fft)
        checks.within("hop", self.hop, 1, length)
        if self.n_fft % self.hop and not self.uneven:
            nearest = min(_divisors(self.n_fft), key=lambda d: abs(d - self.hop))
            raise InvalidValue(f"hop={self.hop} must divide n_fft={self.n_fft}; try {nearest}, or pass uneven=True")
        _ = self.synthesis  # computed now, so that a bad hop fails here

    @property
    def length(self) -> int:
        """Samples that the window spans."""
        return self.window_length or self.n_fft

    @property
    def n_bins(self) -> int:
        """Frequencies of a frame, DC and Nyquist included."""
        return self.n_fft // 2 + 1

    @property
    def latency_samples(self) -> int:
        """Delay of analysis and overlap-add fed sample by sample: the window's length."""
        return self.length

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.hop

    @property
    def gamma(self) -> float:
        """γ of the closest Gaussian, samples²: the constant of phase-gradient methods."""
        share = GAMMA[self.window] if isinstance(self.window, str) else closest_gamma(self._window(self.window))
        return share * self.length**2

    @property
    def offset(self) -> int:
        """Where in the transform the window starts."""
        return (self.n_fft - self.length) // 2 if self.centred else 0

    @cached_property
    def analysis(self) -> np.ndarray:
        """Analysis window, read-only float32 of shape (window_length,)."""
        return _constant(self._window(self.window))

    @cached_property
    def synthesis(self) -> np.ndarray:
        """Synthesis window, for perfect reconstruction unless `plain`; read-only float32 of shape (window_length,)."""
        shape = self._window(self.synthesis_window or self.window)
        return _constant(shape if self.plain else dual(self._window(self.window), shape, self.hop))

    def _window(self, shape: Shape) -> np.ndarray:
        return window(shape, self.length, self.symmetric)

    @cached_property
    def frequencies_hz(self) -> np.ndarray:
        """Centre of each bin, Hz, float64 of shape (n_bins,)."""
        return np.arange(self.n_bins) * self.sample_rate / self.n_fft

    def n_frames(self, n_samples: int) -> int:
        """Frames that touch any of `n_samples`: what :func:`rtspec.frames.stft` returns."""
        return 0 if n_samples == 0 else (n_samples - 1 + self.length - self.hop) // self.hop + 1


def _constant(values: np.ndarray) -> np.ndarray:
    out = aligned_copy(values, np.float32)
    out.flags.writeable = False
    return out


def _shape(value):
    """A window's values as a tuple, so that a plan can be compared and hashed."""
    return value if value is None or isinstance(value, str) else tuple(float(each) for each in value)


def _integer(name: str, value) -> int:
    return checks.integral(name, value, remedy="try the nearest")


def _divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]
