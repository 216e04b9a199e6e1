"""A plugin as it plays in one stream, its program beside it, and what an edit asks of several in a row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..buffers.step import Row, Stage
from ..control.controlled import table_of
from ..control.parameters import redirected
from ..models.session import ModelStage
from .fading import RESERVE, delay_stage
from .mix_program import MixProgram, prime
from .offline import inside
from .plugin import is_plugin, version_of
from .program import Program, audio_buffer
from .steering import Steering


@dataclass(eq=False)
class Unit:
    """A plugin and the program that plays it in one stream; `plugin` is None for a delay. `version` tells a processor's
    structure (bands, methods), or what is in a mix, from a later one; `lead` is how late the sound comes to it;
    `steering` has stages that bring its targets up to date (:mod:`rtspec.chain.steering`); `before` is the unit of the
    same mix, edited since, with whose programs this one goes on."""

    plugin: Any
    program: Program
    version: object = 0
    lead: int = 0
    steering: Steering | None = None
    before: "Unit | None" = None

    def plays(self, plugin: object) -> bool:
        """Whether this unit is still right for `plugin`."""
        return self.plugin is plugin and self.version == version_of(plugin)

    @property
    def latency(self) -> int:
        """Samples."""
        return self.program.latency_samples

    @property
    def slack(self) -> int:
        """Samples of its latency that only keep the chain's latency."""
        return self.latency if self.plugin is None else self.program.latency.get(RESERVE, 0)

    @property
    def steers(self) -> list[Stage]:
        """Stages to run before the program."""
        return [] if self.steering is None else self.steering.stages

    @property
    def joining(self) -> list[Row]:
        """The rows to play beside those of the units before: a mix that goes on needs no more than is new in it."""
        if self.before is not None and isinstance(self.program, MixProgram):
            return self.program.joining
        return self.program.rows

    @property
    def owns(self) -> bool:
        """Whether a native plugin in it is the user's own, which no second unit can play at the same time."""
        return not is_plugin(self.plugin) or any(native.owns for native in self.program.natives)

    def places(self, before: int) -> Iterator[tuple[Any, Program, int, int]]:
        """Its plugin, or those in a mix, with their programs and the delays to their input and output."""
        if isinstance(self.program, MixProgram):
            return self.program.places(before)
        return iter([(self.plugin, self.program, before, before + self.latency)])

    def release(self, but: Sequence["Unit"] = ()) -> None:
        """Its native plugins may play elsewhere, except for those that play on in other units."""
        kept = [native for unit in but for native in unit.program.natives]
        for native in self.program.natives:
            if not any(native is one for one in kept):
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


def primed(unit: Unit) -> Unit:
    """Have the unit's memory and code touched by this thread, before the engine uses them."""
    prime(unit.program)
    return unit


def heir_of(unit: Unit, wanted: list, sample_rate: float) -> Unit | None:
    """The unit of a mix that was edited, which goes on with the chains that stay; None where `unit` plays something
    else than the first that is wanted, or its native plugins change places in it."""
    mix, program = unit.plugin, unit.program
    if not wanted or wanted[0] is not mix or not isinstance(program, MixProgram) or unit.steering is None:
        return None
    version, chains = version_of(mix), [chain for _, chain in mix.branches()]
    if not program.can_become(chains):
        return None
    tables, staying = [table_of(plugin) for plugin, *_ in unit.places(0)], [table_of(p) for p in inside(mix)]
    gone = [table for table in tables if table is not None and not any(table is one for one in staying)]
    steering = unit.steering.without(gone)
    with redirected(steering.targets):
        return Unit(mix, program.become(chains, sample_rate), version, unit.lead, steering, unit)


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


def bad_frames_of(unit: Unit, but: Sequence[Unit] = ()) -> int:
    """Frames that the unit's models failed to give, or gave with NaN or infinity, so far; but not those of models that
    play on in other units."""
    kept = {id(stage) for other in but for stage in other.program.stages}
    models = (stage for stage in unit.program.stages if isinstance(stage, ModelStage) and id(stage) not in kept)
    counted = [stage.counters for stage in models]
    return sum(counters["failures"] + counters["not_finite"] for counters in counted)


def plugin_of(unit: Unit) -> object:
    """What it plays."""
    return unit.plugin
