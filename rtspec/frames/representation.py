"""Spectra as a model wants to see them, and what it says turned back into magnitudes or spectra."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit

from ..buffers.memory import aligned
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import complexes, copy, floats
from ..errors import InvalidValue
from .plan import FramePlan

MAGNITUDE, POWER, LOG_MAGNITUDE, COMPLEX, GAIN, COMPLEX_GAIN = range(6)
REPRESENTATIONS = {"magnitude": 0, "power": 1, "log-magnitude": 2, "complex": 3, "gain": 4, "complex-gain": 5}
LOGARITHMS = {None: 0, "ln": 0, "log10": 1, "db": 2, "log1p": 3}
_LN10 = 2.302585092994046
_PER_NEPER = np.array([1.0, 1.0 / _LN10, 20.0 / _LN10])
"""What ln is multiplied by to give ln, log10 and 20·log10."""

_LAYOUT = "n_bins first_bin n_used bin_step part_step kind log"
"""Which of the plan's bins a tensor holds, and how far apart in it two bins and the two parts of a number are."""
_NUMBERS = "offset scale exponent"

ENCODING = Record("Encoding", counts=_LAYOUT, reals=f"floor {_NUMBERS}")


@dataclass(frozen=True)
class Layout:
    """Where a tensor's frame, time left out, holds which number of a spectrum.

    Attributes
    ----------
    first_bin, n_used : int
        Bins ``first_bin … first_bin + n_used - 1`` of the plan; `n_used` None means all up to Nyquist.
    interleaved : bool
        Real and imaginary part side by side (the last axis of ``view_as_real``) instead of all real parts first.
    exponent : float
        Magnitudes are raised to it, and complex numbers have such magnitudes with the phases that they had.
    samples : bool
        The frame holds `n_used` numbers that are no bins, whatever the plan.
    """

    first_bin: int = 0
    n_used: int | None = None
    interleaved: bool = False
    exponent: float = 1.0
    samples: bool = False

    def used(self, n_bins: int) -> int:
        """Bins of the tensor where the plan has `n_bins`.

        Raises
        ------
        InvalidValue
            If they lie beyond Nyquist.
        """
        if self.samples and self.n_used is not None:
            return self.n_used
        used = n_bins - self.first_bin if self.n_used is None else self.n_used
        if used < 1 or self.first_bin + used > n_bins:
            end = self.first_bin + used - 1
            raise InvalidValue(f"bins {self.first_bin} to {end} must lie in 0 to {n_bins - 1}; choose a larger n_fft")
        return used

    def fields(self, n_bins: int) -> dict[str, Any]:
        """Fields of a stage's record."""
        used = self.used(n_bins)
        steps = (2, 1) if self.interleaved else (1, used)
        return {"n_bins": n_bins, "first_bin": self.first_bin, "n_used": used, "exponent": self.exponent} | dict(
            zip(("bin_step", "part_step"), steps, strict=True)
        )


@njit
def _logarithm(magnitude, log, floor):
    if log == 3:
        return np.log1p(magnitude)
    return np.log(max(magnitude, floor)) * _PER_NEPER[log]


@njit
def _exponential(value, log):
    if log == 3:
        return np.expm1(value)
    return np.exp(value / _PER_NEPER[log])


@njit
def _raised(magnitude, exponent):
    """``magnitude ** exponent``; the usual exponent of 1 leaves every bit as it is."""
    return magnitude if exponent == 1.0 else magnitude**exponent


@njit
def _stretch(size, exponent):
    """By what a complex number of this magnitude is multiplied, so that its magnitude is raised to the exponent."""
    return 1.0 if exponent == 1.0 or size == 0.0 else size ** (exponent - 1.0)


@step
def encode(state, x, n, y):
    """One complex64 frame → the model's float32 frame: (n_used,), or twice as many numbers for "complex"."""
    s = ENCODING(state)
    spectrum = complexes(x, s.n_bins)
    out = floats(y, 2 * s.n_used if s.kind == COMPLEX else s.n_used)
    for k in range(s.n_used):
        number = spectrum[s.first_bin + k]
        re, im = np.float64(number.real), np.float64(number.imag)
        value = re * re + im * im
        if s.kind == COMPLEX:
            factor, at = _stretch(np.sqrt(value), s.exponent), k * s.bin_step
            out[at] = (re * factor + s.offset) * s.scale
            out[at + s.part_step] = (im * factor + s.offset) * s.scale
            continue
        if s.kind != POWER:
            value = _raised(np.sqrt(value), s.exponent)
        if s.kind == LOG_MAGNITUDE:
            value = _logarithm(value, s.log, s.floor)
        out[k] = (value + s.offset) * s.scale
    return n


def encoding_stage(
    plan: FramePlan,
    representation: str,
    log: str | None,
    floor: float,
    offset: float,
    scale: float,
    layout: Layout = Layout(),
):
    """Spectra in a model's representation as a stage: (n_bins,) complex64 → its float32 frame, ``(value +
    offset)·scale``."""
    return Stage(
        encode,
        ENCODING,
        kind=REPRESENTATIONS[representation],
        log=LOGARITHMS[log],
        floor=floor,
        offset=offset,
        scale=scale,
        **layout.fields(plan.n_bins),
    )


DECODING = Record(
    "Decoding",
    counts=f"{_LAYOUT} keep_phase keep_rest n_history at=0",
    shared="spectrum:c8[n_bins]",
    arrays="history:c8[n_history,n_bins]",
    reals=_NUMBERS,
)


@njit
def _recall(s):
    """Put the newest input spectrum into the history; gives the one that belongs to the model's present output."""
    copy(s.history[s.at], s.spectrum)
    s.at = (s.at + 1) % s.n_history
    return s.history[s.at]


@njit
def _magnitude(value, original, kind, log, exponent):
    """The linear magnitude that the model means by `value`, where the input has magnitude `original`."""
    if kind == POWER:
        return np.sqrt(max(0.0, value))
    if kind == LOG_MAGNITUDE:
        value = _exponential(value, log)
    wanted = _raised(max(0.0, value), exponent)
    return wanted * original if kind == GAIN else wanted


@njit
def _number(s, values, k, original):
    """The complex number of bin `k`, for models that give both parts; a complex gain multiplies the input's."""
    at = k * s.bin_step
    re, im = values[at] / s.scale - s.offset, values[at + s.part_step] / s.scale - s.offset
    number = complex(re, im)
    if s.exponent != 1.0:
        number = number * _stretch(abs(number), s.exponent)
    return number * np.complex128(original) if s.kind == COMPLEX_GAIN else number


@njit
def _decode_bin(s, values, k, original, y):
    """Write bin `k` of the tensor, where the input has the complex number `original`."""
    at = s.first_bin + k
    if s.kind == COMPLEX or s.kind == COMPLEX_GAIN:
        complexes(y, s.n_bins)[at] = np.complex64(_number(s, values, k, original))
        return
    size = np.sqrt(np.float64(original.real) ** 2 + np.float64(original.imag) ** 2)
    wanted = _magnitude(values[k] / s.scale - s.offset, size, s.kind, s.log, s.exponent)
    if not s.keep_phase:
        floats(y, s.n_bins)[at] = wanted
    elif size > 0.0:
        complexes(y, s.n_bins)[at] = np.complex64(original * (wanted / size))
    else:
        complexes(y, s.n_bins)[at] = np.complex64(wanted)


@njit
def _fill_bin(s, k, original, y):
    """Write a bin that the tensor does not hold: the input's, or zero."""
    number = original if s.keep_rest else np.complex64(0)
    if s.keep_phase:
        complexes(y, s.n_bins)[k] = number
    else:
        floats(y, s.n_bins)[k] = abs(number)


@step
def decode(state, x, n, y):
    """The model's frame → a complex64 frame with the input's phase (`keep_phase`), else float32 magnitudes."""
    s = DECODING(state)
    original = _recall(s)
    values = floats(x, 2 * s.n_used if s.kind == COMPLEX or s.kind == COMPLEX_GAIN else s.n_used)
    for k in range(s.first_bin):
        _fill_bin(s, k, original[k], y)
    for k in range(s.n_used):
        _decode_bin(s, values, k, original[s.first_bin + k], y)
    for k in range(s.first_bin + s.n_used, s.n_bins):
        _fill_bin(s, k, original[k], y)
    return n


def decoding_stage(
    plan: FramePlan,
    representation: str,
    log: str | None,
    offset: float,
    scale: float,
    *,
    spectrum: np.ndarray,
    delay: int,
    keep_phase: bool,
    layout: Layout = Layout(),
    keep_rest: bool = False,
) -> Stage:
    """A model's output as a stage: its float32 frame → (n_bins,) complex64 with the input's phase, or float32
    magnitudes.

    Parameters
    ----------
    spectrum : ndarray, complex64, shape (n_bins,)
        Where the newest input spectrum lies.
    delay : int
        Frames by which the model lags behind it.
    keep_phase : bool
        Give complex frames; "complex" and "complex-gain" models always do.
    layout : Layout
        Of the tensor; its exponent is undone.
    keep_rest : bool
        Bins that the tensor does not hold are the input's; else zero.
    """
    return Stage(
        decode,
        DECODING,
        kind=REPRESENTATIONS[representation],
        log=LOGARITHMS[log],
        keep_phase=keep_phase or representation in ("complex", "complex-gain"),
        keep_rest=keep_rest,
        spectrum=spectrum,
        history=aligned((delay + 1, plan.n_bins), np.complex64),
        n_history=delay + 1,
        offset=offset,
        scale=scale,
        **replace(layout, exponent=1.0 / layout.exponent).fields(plan.n_bins),
    )
