"""A plugin as it plays in one stream, its program beside it, and what an edit asks of several in a row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..buffers.step import Stage
from ..models.session import ModelStage
from .fading import delay_stage
from .mix_program import MixProgram
from .plugin import is_plugin, version_of
from .program import MAX_BLOCK, Program, audio_buffer

RESERVE = "reserve"
"""The latency item of delays that keep the chain's latency."""


@dataclass(eq=False)
class Unit:
    """A plugin and the program that plays it in one stream; `plugin` is None for a delay. `version` tells a processor's
    structure (bands, methods), or what is in a mix, from a later one; `lead` is how late the sound comes to it;
    `steers` are stages that bring its targets up to date (:mod:`rtspec.chain.steering`)."""

    plugin: Any
    program: Program
    version: object = 0
    lead: int = 0
    steers: Sequence[Stage] = ()

    def plays(self, plugin: object) -> bool:
        """Whether this unit is still right for `plugin`."""
        return self.plugin is plugin and self.version == version_of(plugin)

    @property
    def latency(self) -> int:
        """Samples."""
        return self.program.latency_samples

    @property
    def owns(self) -> bool:
        """Whether a native plugin in it is the user's own, which no second unit can play at the same time."""
        return not is_plugin(self.plugin) or any(native.owns for native in self.program.natives)

    def places(self, before: int) -> Iterator[tuple[Any, Program, int, int]]:
        """Its plugin, or those in a mix, with their programs and the delays to their input and output."""
        if isinstance(self.program, MixProgram):
            return self.program.places(before)
        return iter([(self.plugin, self.program, before, before + self.latency)])

    def release(self) -> None:
        """Its native plugins may play elsewhere."""
        for native in self.program.natives:
            native.release()

    def begin(self, lead: int) -> None:
        """Be as fresh, in a chain where the sound comes `lead` samples late."""
        for native in self.program.natives:
            native.lead += lead - self.lead
        self.lead = lead
        self.program.reset()


def padding(channels: int, lag: int) -> list[Unit]:
    """A delay as a unit; none for no samples."""
    if lag == 0:
        return []
    stage, x, y = delay_stage(channels, lag), audio_buffer(channels), audio_buffer(channels)
    return [Unit(None, Program([stage.row(x, y)], [stage], x, y, {RESERVE: lag}))]


def warmed(unit: Unit, channels: int) -> Unit:
    """Have the unit's memory and code touched by this thread, so that the engine finds them warm."""
    if not unit.program.natives:
        silence = np.zeros((channels, unit.latency + MAX_BLOCK), np.float32)
        unit.program.run(silence)
        unit.program.reset()
    return unit


def differing(units: list[Unit], plugins: list) -> tuple[int, int, list]:
    """The units, from one number to another, that are not what the chain wants, and the plugins wanted in their place.

    Delays beside such units go with them.
    """
    first = kept = 0
    for i, unit in enumerate(units):
        if unit.plugin is None:
            continue
        if kept == len(plugins) or not unit.plays(plugins[kept]):
            break
        first, kept = i + 1, kept + 1
    last, end = len(units), len(plugins)
    for i in range(len(units) - 1, first - 1, -1):
        if units[i].plugin is None:
            continue
        if end == kept or not units[i].plays(plugins[end - 1]):
            break
        last, end = i, end - 1
    return first, last, plugins[kept:end]


def natives_of(units: list[Unit], among: list | None = None) -> list:
    """The native plugins of these units; those that are also `among` some others where given."""
    found = [unit.plugin for unit in units if unit.plugin is not None and unit.owns]
    return [plugin for plugin in found if among is None or any(plugin is other for other in among)]


def latency_of(units: Sequence[Unit]) -> int:
    """Samples, of all units in a row."""
    return sum(unit.latency for unit in units)


def bad_frames_of(unit: Unit) -> int:
    """Frames that the unit's models failed to give, or gave with NaN or infinity, so far."""
    counted = [stage.counters for stage in unit.program.stages if isinstance(stage, ModelStage)]
    return sum(counters["failures"] + counters["not_finite"] for counters in counted)


def plugin_of(unit: Unit) -> object:
    """What it plays."""
    return unit.plugin
