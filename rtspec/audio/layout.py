"""Pedalboard's rule for the shape of audio: the smaller dimension is the channels, mono may be flat, and what comes out
has the form of what came in."""

from typing import SupportsFloat

import numpy as np

from .. import checks
from ..errors import InvalidShape, InvalidType, InvalidValue

MAX_CHANNELS = 64


class Layout:
    """How one caller lays audio out; remembers the channel count, which settles square arrays and the shortest
    blocks."""

    def __init__(self):
        self.channels: int | None = None
        self._interleaved: bool | None = None

    def to_planar(self, audio) -> tuple[np.ndarray, "Form"]:
        """Any accepted audio as float32 (channels, samples), and the form to give the result back in."""
        audio = _checked(audio)
        form = Form(audio.ndim, audio.ndim == 2 and not self._channels_first(audio.shape))
        if audio.ndim == 2:
            self._interleaved = form.interleaved
        planar = audio[np.newaxis] if audio.ndim == 1 else audio.T if form.interleaved else audio
        if len(planar) > MAX_CHANNELS:
            raise InvalidValue(
                f"audio of shape {audio.shape} has {len(planar)} channels; at most {MAX_CHANNELS} are possible"
            )
        self.channels = len(planar)
        return np.ascontiguousarray(planar, np.float32), form

    def _channels_first(self, shape: tuple[int, ...]) -> bool:
        rows, columns = shape
        if rows == columns and self.channels == rows and self._interleaved is not None:
            return not self._interleaved
        if self.channels in shape:
            return self.channels == rows
        if rows == columns:
            if rows > 1:
                raise InvalidShape(
                    f"audio of shape {shape} is square: its channels cannot be told from its samples;"
                    " pass another length, or process a longer block first"
                )
            return True
        return rows < columns if min(shape) > 0 else columns == 0


def planar_sound(name: str, audio) -> np.ndarray | None:
    """A sound by itself by the rules of all sounds, float32 (channels, samples); None for none."""
    if audio is None:
        return None
    try:
        return Layout().to_planar(audio)[0]
    except InvalidValue as error:
        raise type(error)(f"{name}: {error}") from None


class Form:
    """The number of dimensions and the order of a caller's array."""

    def __init__(self, ndim: int, interleaved: bool):
        self.ndim, self.interleaved = ndim, interleaved

    def restore(self, planar: np.ndarray) -> np.ndarray:
        """float32 (channels, samples) in the caller's own form."""
        if self.ndim == 1:
            return planar[0]
        return np.ascontiguousarray(planar.T) if self.interleaved else planar


def _checked(audio) -> np.ndarray:
    if audio is None or isinstance(audio, list | tuple):
        raise InvalidType(f"audio of type {type(audio).__name__} must be an array; try np.asarray(audio, np.float32)")
    audio = np.asarray(audio)
    if audio.dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise InvalidType(
            f"audio of dtype {audio.dtype} must be float32 or float64 with samples from -1 to 1; convert it with astype"
        )
    if audio.ndim not in (1, 2):
        raise InvalidShape(
            f"audio of shape {audio.shape} must be (samples,), (channels, samples) or (samples, channels)"
        )
    bad = audio.size - np.count_nonzero(np.isfinite(audio))
    if bad:
        raise InvalidValue(
            f"audio holds {bad} NaN or infinite samples of {audio.size}; replace them, by np.nan_to_num say"
        )
    return audio


def check_sample_rate(sample_rate) -> float:
    """A usable sample rate in Hz, or :class:`InvalidValue`; where it is no number, :class:`InvalidType`."""
    is_one = checks.is_real(sample_rate)
    if not is_one and isinstance(sample_rate, SupportsFloat) and not isinstance(sample_rate, (str, bytes)):
        sample_rate, is_one = _as_float(sample_rate), True
    with checks.type_errors(is_one):
        return checks.number("sample_rate", sample_rate, 1000, 768000, "try 44100", "Hz")


def _as_float(number: SupportsFloat) -> float:
    """Of a decimal, or of an array of one number; NaN where it has several."""
    try:
        return float(number)
    except (TypeError, ValueError):
        return float("nan")


def check_block(buffer_size) -> int:
    """A usable block size in samples, or :class:`InvalidValue`; where it is no integer, :class:`InvalidType`."""
    with checks.type_errors(checks.is_integer(buffer_size)):
        return checks.integer("buffer_size", buffer_size, 1, remedy="try 8192", unit="sample")


def check_reset(reset) -> bool:
    """`reset` as pedalboard takes it: True, False or None; else :class:`InvalidType`."""
    if reset is not None and not isinstance(reset, int | np.bool_):
        raise InvalidType(f"reset={reset!r} must be True (a sound of its own) or False (the stream goes on)")
    return bool(reset)
