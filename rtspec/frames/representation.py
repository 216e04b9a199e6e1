"""Spectra as a model wants to see them, and what it says turned back into magnitudes or spectra."""

import numpy as np
from numba import carray, njit

from ..buffers.memory import aligned, complexes, floats, memmove, pointer
from ..buffers.step import Stage, step
from .plan import FramePlan

MAGNITUDE, POWER, LOG_MAGNITUDE, COMPLEX, GAIN = range(5)
REPRESENTATIONS = {"magnitude": 0, "power": 1, "log-magnitude": 2, "complex": 3, "gain": 4}
LOGARITHMS = {None: 0, "ln": 0, "log10": 1, "db": 2, "log1p": 3}
_LN10 = 2.302585092994046
_PER_NEPER = np.array([1.0, 1.0 / _LN10, 20.0 / _LN10])
"""What ln is multiplied by to give ln, log10 and 20·log10."""

ENCODING = np.dtype([(n, "i8") for n in ("n_bins", "kind", "log")] + [(n, "f8") for n in ("floor", "offset", "scale")])


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


@step
def encode(state, x, n, y):
    """One complex64 frame → the model's float32 frame: (n_bins,), or for "complex" real then imaginary parts."""
    s = carray(pointer(state), 1, ENCODING)[0]
    spectrum = complexes(x, s.n_bins)
    out = floats(y, 2 * s.n_bins if s.kind == COMPLEX else s.n_bins)
    for k in range(s.n_bins):
        re, im = np.float64(spectrum[k].real), np.float64(spectrum[k].imag)
        if s.kind == COMPLEX:
            out[k], out[s.n_bins + k] = (re + s.offset) * s.scale, (im + s.offset) * s.scale
            continue
        value = re * re + im * im
        if s.kind != POWER:
            value = np.sqrt(value)
        if s.kind == LOG_MAGNITUDE:
            value = _logarithm(value, s.log, s.floor)
        out[k] = (value + s.offset) * s.scale
    return n


def encoding_stage(plan: FramePlan, representation: str, log: str | None, floor: float, offset: float, scale: float):
    """Spectra in a model's representation as a stage: (n_bins,) complex64 → its float32 frame, ``(value +
    offset)·scale``."""
    kind = REPRESENTATIONS[representation]
    return Stage(
        encode,
        ENCODING,
        n_bins=plan.n_bins,
        kind=kind,
        log=LOGARITHMS[log],
        floor=floor,
        offset=offset,
        scale=scale,
    )


DECODING = np.dtype(
    [(n, "i8") for n in ("n_bins", "kind", "log", "keep_phase", "spectrum", "history", "n_held", "at")]
    + [(n, "f8") for n in ("offset", "scale")]
)


@njit
def _recall(s):
    """Put the newest input spectrum into the history; the address of the one that belongs to the model's present
    output."""
    frame_bytes = 8 * s.n_bins
    memmove(s.history + s.at * frame_bytes, s.spectrum, frame_bytes)
    s.at = (s.at + 1) % s.n_held
    return s.history + s.at * frame_bytes


@njit
def _magnitude(value, given, kind, log):
    """The linear magnitude that the model means by `value`, where the input has magnitude `given`."""
    if kind == POWER:
        return np.sqrt(max(0.0, value))
    if kind == LOG_MAGNITUDE:
        return max(0.0, _exponential(value, log))
    return max(0.0, value) * given if kind == GAIN else max(0.0, value)


@step
def decode(state, x, n, y):
    """The model's frame → a complex64 frame with the input's phase (`keep_phase`), else float32 magnitudes."""
    s = carray(pointer(state), 1, DECODING)[0]
    given = complexes(_recall(s), s.n_bins)
    values = floats(x, 2 * s.n_bins if s.kind == COMPLEX else s.n_bins)
    spectrum, magnitudes = complexes(y, s.n_bins), floats(y, s.n_bins)
    for k in range(s.n_bins):
        value = values[k] / s.scale - s.offset
        if s.kind == COMPLEX:
            spectrum[k] = np.complex64(complex(value, values[s.n_bins + k] / s.scale - s.offset))
            continue
        size = np.sqrt(np.float64(given[k].real) ** 2 + np.float64(given[k].imag) ** 2)
        wanted = _magnitude(value, size, s.kind, s.log)
        if not s.keep_phase:
            magnitudes[k] = wanted
        elif size > 0.0:
            spectrum[k] = np.complex64(given[k] * (wanted / size))
        else:
            spectrum[k] = np.complex64(wanted)
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
        Give complex frames; "complex" models always do.
    """
    return Stage(
        decode,
        DECODING,
        keep=(spectrum,),
        n_bins=plan.n_bins,
        kind=REPRESENTATIONS[representation],
        log=LOGARITHMS[log],
        keep_phase=keep_phase,
        spectrum=spectrum.ctypes.data,
        history=aligned((delay + 1, plan.n_bins), np.complex64),
        n_held=delay + 1,
        offset=offset,
        scale=scale,
    )
