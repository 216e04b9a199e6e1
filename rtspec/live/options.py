"""What a stream may be asked for beside pedalboard's own words, in small groups that never change."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..control import MidiMap
    from ..panel import PanelSettings


@dataclass(frozen=True)
class Loop:
    """A source that is played again and again.

    Attributes
    ----------
    sound : ndarray, float32, shape (channels, samples), or path
    """

    sound: np.ndarray | str | Path


@dataclass(frozen=True)
class Devices:
    """Which channels of the devices a chain plays on, and how the engine meets them.

    Attributes
    ----------
    channels : int or None
        Channels of the chain; by default the source's, else as many as `input_channels`, else the device's, at most 2.
    input_channels, output_channels : int, str, sequence of int, or None
        Channels of the device in the chain's order, from 1: ``2``, ``"1,2"``, ``"3:5"``, ``[2, 1]``; the first ones
        where None.
    virtual : bool
        Use the paced virtual device: no hardware, the same engine.
    reopen : bool
        Where the device vanishes, look for it until it is there again, and play on; at its own sample rate if it now
        has another. Else :meth:`rtspec.AudioStream.wait` raises.
    guard : bool
        Put a limiter and a howl detector before the output (:mod:`rtspec.live.guard`).
    worker_samples : int or None
        Time that the engine has beyond one block, in samples; part of the latency. By default 256, with an instrument
        in the chain 0.
    reserve_samples : int
        Latency that the chain has at least: plugins that need no more can be put in while it plays without raising it.
    """

    channels: int | None = None
    input_channels: str | int | Sequence[int] | None = None
    output_channels: str | int | Sequence[int] | None = None
    virtual: bool = False
    reopen: bool = False
    guard: bool = False
    worker_samples: int | None = None
    reserve_samples: int = 0


@dataclass(frozen=True)
class Control:
    """What moves a chain from outside while it plays.

    Attributes
    ----------
    midi : str, int or None
        MIDI input port: name, part of it, index, or "auto". Its controllers move the chain's parameters. While it is
        open Python's threads take turns every half millisecond, so that timed events keep their time.
    midi_map : str, Path, MidiMap or None
        What moves what; the usual controls where None (:class:`rtspec.control.MidiMap`).
    midi_timed : bool
        MIDI acts at the sample that belongs to its time, always a millisecond later (.3 where JACK
        wakes its reader); else at once, wherever in a block.
    osc_port : int or None
        Let OSC messages to this UDP port move the chain's parameters.
    osc_host : str or None
        Address to listen on for OSC; loop-back by default: there is no password in OSC.
    presets : str, Path or None
        Folder of presets, for program changes and OSC; the user's own where None.
    pad : sequence of str
        Names of two or four presets between which the XY pad plays.
    panel : bool or PanelSettings
        Serve a panel to browsers of this machine, or wherever the settings say, while it plays;
        :attr:`rtspec.AudioStream.panel_url` is what to open.
    """

    midi: str | int | None = None
    midi_map: "str | Path | MidiMap | None" = None
    midi_timed: bool = True
    osc_port: int | None = None
    osc_host: str | None = None
    presets: str | Path | None = None
    pad: Sequence[str] = ()
    panel: "bool | PanelSettings" = False


@dataclass(frozen=True)
class Recording:
    """A take that begins with the stream.

    Attributes
    ----------
    path : str, Path or None
        Write the output to this .wav file while playing, and the input beside it: ``take.wav``, ``take-input.wav``.
        Earlier takes are kept: the next one is ``take-2.wav``.
    overwrite : bool
        Let it replace an earlier one of its name.
    """

    path: str | Path | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Measuring:
    """What measurements need.

    Attributes
    ----------
    inject : ndarray, float32, shape (channels, samples), or None
        Sound added to the output from the first callback on.
    tape_seconds : float
        Length of the tape that keeps input and output in memory: :attr:`rtspec.AudioStream.recorded`.
    """

    inject: np.ndarray | None = None
    tape_seconds: float = 0.0


GROUPS: dict[str, type[Any]] = {
    "devices": Devices,
    "control": Control,
    "recording": Recording,
    "measuring": Measuring,
}
