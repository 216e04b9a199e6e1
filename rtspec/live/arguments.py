"""What a stream is asked for, checked, and what it takes where nobody asks."""

from typing import Any

import numpy as np

import rtspec

from .. import checks
from ..audio.feeding import FileSource
from ..audio.layout import MAX_CHANNELS
from ..chain.board import Pedalboard
from ..control.controlled import instruments
from ..errors import InvalidType, InvalidValue
from .opening import DevicePair
from .options import Loop

WORKER_SAMPLES = 256
"""Time beyond one block that the engine has by default: what a wake-up on a busy machine takes at worst. A chain with
an instrument in it has none: there, what lies between a key and its sound is felt."""


def checked_group(name: str, group: Any, kind: type[Any]) -> Any:
    """One of the groups of a stream's words; the usual one where None."""
    if group is None:
        return kind()
    if not isinstance(group, kind):
        word = kind.__name__
        raise InvalidType(f"{name}={group!r} must be rtspec.{word}; write {name}=rtspec.{word}(...), or leave it out")
    return group


def sound_of(source: Any) -> Any:
    """What a source plays, once or again and again."""
    return source.sound if isinstance(source, Loop) else source


def spread(planar, channels: int) -> Any:
    """One channel as many; others as they are."""
    return np.repeat(planar, channels, axis=0) if len(planar) == 1 else planar


def natural_channels(source: np.ndarray | FileSource | None, devices: DevicePair) -> int:
    """Those of the source, else of the devices, at most 2. A source is a FileSource or float32 of shape (n_samples,
    channels)."""
    if isinstance(source, FileSource):
        return source.channels
    if source is not None:
        return len(source)
    reader, writer = devices
    return min(2, reader.inputs if reader else 2, writer.outputs if writer else 2)


def usual_worker(plugins: Pedalboard, worker_samples: int | None) -> int:
    """What is asked for, or what suits the chain."""
    if worker_samples is not None:
        return worker_samples
    return 0 if instruments(plugins.flat()) else WORKER_SAMPLES


def interleaved(name: str, audio, channels: int) -> Any:
    """(channels, samples) as interleaved frames; a file and None as they are."""
    if isinstance(audio, FileSource) and audio.channels != channels:
        raise InvalidValue(f"{name}: {audio.path} has {audio.channels} channels, not {channels}; leave channels out")
    if audio is None or isinstance(audio, FileSource):
        return audio
    if len(audio) != channels or audio.shape[1] == 0:
        raise InvalidValue(f"{name} of shape {audio.shape} must be ({channels}, samples) with at least one sample")
    return np.ascontiguousarray(audio.T)


def first(name: str, count) -> tuple[int, ...] | None:
    """The first channels of a device, from 1."""
    n = checked_count(name, count)
    return None if n is None else tuple(range(1, n + 1))


def checked_count(name: str, channels) -> int | None:
    """A number of channels, or None for the usual one."""
    if channels is None:
        return None
    with checks.type_errors(checks.is_integer(channels)):
        return checks.integer(name, channels, 1, MAX_CHANNELS, "leave it out for the usual one")


def checked_samples(name: str, value: int) -> int:
    """A number of samples, or :class:`InvalidValue`."""
    remedy = f"try {WORKER_SAMPLES}"
    return checks.within(name, checks.integer(name, value, remedy=remedy), 0, 65536, remedy)


def panel_settings(panel: Any) -> Any:
    """Where a panel is served; None for no panel."""
    if isinstance(panel, bool) or panel is None:
        return rtspec.PanelSettings() if panel else None
    if not isinstance(panel, rtspec.PanelSettings):
        raise InvalidType(f"panel={panel!r} must be True, False or a PanelSettings; try PanelSettings(port=8000)")
    return panel
