"""How a native plugin can be fed in a stream, found out by trying: what comes out in blocks must be what comes out of
the whole sound.

Most plugins stand blocks of any length. Some give their sound in portions of their own; those get blocks of one length
through a queue of constant delay. A few lose their sound from one call to the next (pedalboard's PitchShift and
GSMFullRateCompressor clear their delay line whenever they are called): those can only be given a whole sound.
"""

import threading
from collections.abc import Iterator
from itertools import chain, cycle
from typing import NamedTuple

import numpy as np

from ..errors import InvalidValue
from .native_copy import copied, is_public, recipe

LONGEST_BLOCK = 8192
"""Samples of a call at most: a plugin that gets a longer block than ever before begins anew."""

BLOCKS = (128, 512, 2048)
"""Block lengths that are tried where a plugin does not stand any length."""

ODD = (1, 2, 64, 3, 128, 441, 1, 5, 100, 480, 17, 1024)
SECONDS = (0.5, 4.0)
"""Of sound that is tried; the longer one where the shorter one brings nothing out."""

TOLERANCE = 1e-5
"""Largest difference, of the peak."""

MARGIN = 16
"""Samples of delay beyond the most that a queue was seen to need."""


WRONG = -1
"""In place of a delay: what came out in blocks was another sound."""


class Feeding(NamedTuple):
    """How to feed a plugin.

    Attributes
    ----------
    block : int
        Samples a call; 0 where any number will do.
    delay : int
        Samples from what goes in to what comes out.
    """

    block: int
    delay: int


_known: dict[tuple, Feeding | str] = {}
_knowing = threading.RLock()


def feeding(plugin, sample_rate: float, channels: int) -> Feeding:
    """How `plugin` can be fed in a stream; :class:`InvalidValue` with reason and remedy where it cannot."""
    instructions = recipe(plugin)
    with _knowing:
        any_values = (_kinds(instructions), sample_rate, channels)
        found = _known.get(any_values) or _known.get((repr(instructions), sample_rate, channels))
        if instructions is None or found is None:
            subject = plugin if instructions is None else copied(plugin)
            found = _tried(subject, sample_rate, channels)
            if instructions is not None:
                # Whether a plugin stands any block does not hang on its values; how long its queue is may well do.
                free = isinstance(found, Feeding) and found.block == 0
                _known[any_values if free else (repr(instructions), sample_rate, channels)] = found
    if isinstance(found, str):
        raise InvalidValue(found)
    return found


def _kinds(instructions) -> tuple | None:
    if instructions is None:
        return None
    name, _, inner = instructions
    return name, *(_kinds(child) for child in inner or [])


def begin(plugin, sample_rate: float, channels: int) -> None:
    """Bring a plugin to the state of a fresh one that knows its channels and its longest block.

    Without the block of silence its first block would differ from what it gives inside a native chain, and blocks of a
    few samples would be taken for a few channels.
    """
    plugin.process(np.zeros((channels, LONGEST_BLOCK), np.float32), sample_rate, buffer_size=LONGEST_BLOCK, reset=False)
    plugin.process(np.zeros((channels, 0), np.float32), sample_rate, reset=True)


def _tried(plugin, sample_rate: float, channels: int) -> Feeding | str:
    name = type(plugin).__name__
    blocks: list[int] = [0, *BLOCKS] if is_public(plugin) else [*BLOCKS]
    try:
        for seconds in SECONDS:
            noise = np.random.default_rng(1).standard_normal((channels, round(seconds * sample_rate)))
            sound = (0.2 * noise).astype(np.float32)
            whole = plugin.process(sound, sample_rate, reset=True)
            again = plugin.process(sound, sample_rate, reset=True)
            varies = not np.array_equal(whole, again)  # random by nature: its delay is all that can be found out
            for block in [block for block in blocks if block or not varies]:
                delay = _delay(plugin, sound, sample_rate, block, None if varies else whole)
                if delay is None:
                    continue
                if delay != WRONG:
                    return Feeding(block, delay)
                blocks.remove(block)  # what begins wrongly is no better in a longer sound
            if not blocks:
                break
    except RuntimeError as error:
        return f"{name} cannot play here: {' '.join(str(error).split())}"
    return (
        f"{name} cannot play in a stream: what it gives in blocks is not what it gives for the whole sound (pedalboard"
        " forgets its state between two calls); process whole sounds with reset=True, or leave it out"
    )


def _delay(plugin, sound: np.ndarray, sample_rate: float, block: int, whole: np.ndarray | None) -> int | None:
    """The delay when fed in blocks of `block` samples (0: of odd lengths); :data:`WRONG` where the sound is not the
    same, None where too little of it came to tell."""
    channels, n_samples = sound.shape
    begin(plugin, sample_rate, channels)
    outs, at, missing, most = [], 0, 0, 0
    for n in _lengths(block, n_samples):
        part = np.ascontiguousarray(sound[:, at : at + n])
        out = plugin.process(part, sample_rate, buffer_size=n, reset=False)
        if out.ndim != 2 or (out.size and len(out) != channels):
            return None
        got = out.shape[1] if out.size else 0
        outs.append(out[:, :got] if got else part[:, :0])
        at, missing = at + n, missing + n - got
        most = max(most, missing)
    streamed = np.concatenate(outs, axis=1)
    if streamed.shape[1] < n_samples // 2 or (block == 0 and most):
        return None
    if whole is not None:
        wanted = whole[:, : streamed.shape[1]]
        if np.abs(streamed - wanted).max() > TOLERANCE * max(1e-3, float(np.abs(whole).max())):
            return WRONG
    return 0 if block == 0 else block - 1 + most + (MARGIN if most else 0)


def _lengths(block: int, n_samples: int) -> Iterator[int]:
    lengths, left = cycle([block]) if block else chain(cycle(ODD)), n_samples
    for n in lengths:
        if left < n:
            return
        yield n
        left -= n
