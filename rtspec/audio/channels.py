"""Which channels of a device a chain hears and plays on, counted from 1 as on an interface's front."""

from collections.abc import Sequence

import numpy as np

from .. import checks
from ..errors import InvalidValue
from .layout import MAX_CHANNELS

SILENT = -1
"""In the map of an output: nothing plays there."""


def checked_channels(name: str, wanted: str | int | Sequence[int] | None) -> tuple[int, ...] | None:
    """Device channels in the chain's order, from 1; None for the device's first ones.

    Parameters
    ----------
    name : str
        For the error's text.
    wanted : str, int, sequence of int or None
        ``2``, ``"2"``, ``"1,2"``, ``"3:5"`` (3, 4 and 5), ``[2, 1]``.
    """
    if wanted is None:
        return None
    try:
        words = wanted.split(",") if isinstance(wanted, str) else wanted if isinstance(wanted, Sequence) else [wanted]
        numbers = tuple(n for word in words for n in _numbers(word))
    except (TypeError, ValueError):
        numbers = ()
    if not 1 <= len(numbers) <= MAX_CHANNELS or not all(1 <= n <= 1024 for n in numbers):
        raise InvalidValue(f"{name}={wanted!r} must be channels of the device, from 1, as 2 or '1,2' or '3:5'")
    if name.startswith("output") and len(set(numbers)) < len(numbers):
        raise InvalidValue(
            f"{name}={wanted!r} names a channel twice; two sounds cannot be on one channel: name it once"
        )
    return numbers


def _numbers(word: str | int) -> Sequence[int]:
    if not isinstance(word, str) and not checks.is_integer(word):
        raise TypeError(word)
    first, colon, last = str(word).partition(":")
    found = range(int(first), int(last if colon else first) + 1)
    if not len(found):
        raise ValueError(word)
    return found


def input_map(wanted: tuple[int, ...] | None, channels: int, there: int, device: str) -> np.ndarray:
    """For each channel of the chain the device's, from 0, int64; where the chain has more, the last one again. Shape
    (channels,)."""
    _check_there("input", wanted, there, device)
    chosen = wanted or tuple(range(1, min(channels, there) + 1))
    return np.array([chosen[min(c, len(chosen) - 1)] - 1 for c in range(channels)], np.int64)


def output_map(wanted: tuple[int, ...] | None, channels: int, there: int, device: str) -> np.ndarray:
    """For each channel of the device that is opened the chain's, from 0, or :data:`SILENT`, int64; where the device has
    more than the chain, the last one again. Shape (device channels,)."""
    _check_there("output", wanted, there, device)
    chosen = wanted or tuple(range(1, min(max(channels, 2), there) + 1))
    found = np.full(max(chosen), SILENT, np.int64)
    for c, number in enumerate(chosen):
        found[number - 1] = min(c, channels - 1)
    return found


def _check_there(kind: str, wanted: tuple[int, ...] | None, there: int, device: str) -> None:
    if wanted and max(wanted) > there:
        raise InvalidValue(
            f"{kind} channel {max(wanted)} is not there: device {device!r} has {there}; name 1 to {there}"
        )


def unheard(outputs: np.ndarray, channels: int) -> list[int]:
    """Channels of the chain, from 0, that reach no output; `outputs` is int64 of shape (device channels,)."""
    return sorted(set(range(channels)) - set(outputs.tolist()))


def unheard_line(lost: list[int], channels: int) -> str | None:
    """A line that names them, where there are any."""
    if not lost:
        return None
    named = ", ".join(str(c + 1) for c in lost)
    return f"unheard: channel {named} of the chain's {channels}; {channels - len(lost)} reach the device's outputs"


def repeated(inputs: np.ndarray, channels: int) -> str | None:
    """A line where channels of the chain hear the same input, though nobody asked for it. `inputs` is what
    :func:`input_map` gives, int64 of shape (channels,)."""
    there = len(set(inputs.tolist()))
    if there in (1, channels):
        return None
    return f"channel {there + 1} to {channels} of the chain hear the same input as channel {there}"
