"""A chain in one stream: its program, and edits that are prepared aside and cross-faded in.

What an edit leaves alone at the chain's start and at its end plays on, once and with its state. Only the middle between
is played twice for a moment, old and new on the same input: the old one is heard until the new one's delay has filled,
then a cross-fade goes from one to the other. Of a mix in which something was edited only that chain is played
twice. A delay pads the shorter middle, so the chain's latency never changes
unless a longer chain than ever before needs more.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

from ..buffers.events import Event
from ..buffers.inbox import Inbox
from ..control.modulation import Matrix
from ..control.parameters import Parameter, redirected
from ..errors import existing
from .driver import Driver, LastStage
from .edits import Edits
from .fading import FADE_MS, fade_stage
from .mix_program import program_of
from .native import check_unowned
from .native_probe import feeding
from .offline import check_distinct, inside
from .plugin import Plugin, version_of
from .program import Program, audio_buffer
from .steering import Steering
from .unit import Unit, bad_frames_of, differing, heir_of, latency_of, natives_of, padding, plugin_of, primed
from .wiring import Wiring

_SPARES = 2
"""Programs that an edit has taken out and that are kept for when their plugin comes back."""


class Player:
    """A chain in one stream.

    Parameters
    ----------
    plugins : callable
        Gives the chain's plugins as they are now, in order.
    sample_rate : float
        Hz.
    channels : int
    reserve : int
        Samples of latency that the chain has at least, so that longer plugins can be put in without raising it.
    report : callable, optional
        Gets a line where an edit goes otherwise than asked for.
    guard : LastStage, optional
        Stands behind the chain.
    sensors : int
        Channels of a sensor, which listening stages hear.
    matrix : Matrix, optional
        What moves parameters by itself.

    Attributes
    ----------
    program : Program
        What plays, or will when the last edit has been faded in.
    """

    def __init__(
        self,
        plugins: Callable[[], list],
        sample_rate: float,
        channels: int,
        reserve: int = 0,
        report: Callable[[str], object] = lambda line: None,
        guard: LastStage | None = None,
        sensors: int = 0,
        matrix: Matrix | None = None,
    ):
        self._wiring = Wiring(sample_rate, channels, sensors, guard, matrix)
        self._report = report
        self.sample_rate, self.channels = sample_rate, channels
        self.engine: Driver | None = None
        self._plugins, self._spares = plugins, deque[Unit](maxlen=_SPARES)
        units = self._first_units(plugins())
        self._latency = max(reserve, latency_of(units))
        self._units = [*units, *padding(self.channels, self._latency - latency_of(units))]
        self.program = self._wiring.chained(self._units)
        self._edits = Edits(report)
        self._bad_frames, self._turning, self._closed = 0, threading.RLock(), False

    # Looking ------------------------------------------------------------------------------------------------------

    def inboxes(self, processor: object = None) -> list[Inbox]:
        """Where messages for `processor` go; those of all plugins that accept any where None."""
        fitting = [program for plugin, program, _, _ in self._places() if processor is None or plugin is processor]
        return [box for program in fitting for box in program.inboxes]

    def native_costs(self) -> dict[str, dict[str, float]]:
        """What the native plugins in the chain cost the engine, since they need the GIL: by place and name."""
        natives = [(i, program.natives[0]) for i, (_, program, _, _) in enumerate(self._places()) if program.natives]
        return {f"{i} {type(native.plugin).__name__}": native.cost() for i, native in natives}

    @property
    def bad_frames(self) -> int:
        """Frames that a model failed to give, or gave with NaN or infinity, so far."""
        return self._bad_frames + sum(map(bad_frames_of, self._units))

    def delays(self) -> list[tuple[Any, int, int]]:
        """Every plugin in order, with the delays from the chain's input to its own input and to its output, samples."""
        return [(plugin, before, after) for plugin, _, before, after in self._places()]

    def _places(self) -> list[tuple[Any, Program, int, int]]:
        units = self._units
        before = accumulate((unit.latency for unit in units), initial=0)
        pairs = [(unit, at) for unit, at in zip(units, before, strict=False) if unit.plugin is not None]
        return [place for unit, at in pairs for place in unit.places(at)]

    # Programs -----------------------------------------------------------------------------------------------------

    def _first_units(self, plugins: list) -> list[Unit]:
        """The units of a chain that begins: native plugins begin with the sound, not with the silence before it."""
        check_distinct(plugins)
        units: list[Unit] = []
        for plugin in plugins:
            units.append(self._unit(plugin, latency_of(units)))
        return units

    def _unit(self, plugin, lead: int = 0) -> Unit:
        """A unit in the state of a fresh one: one that was taken out before, or a new one."""
        for unit in [unit for unit in self._spares if unit.plugin is plugin]:
            self._spares.remove(unit)
            if unit.plays(plugin):
                unit.begin(lead)
                return unit
            unit.release()
        version, steering = version_of(plugin), Steering(self._wiring.moves)
        with redirected(steering.targets):
            program = program_of(plugin, self.sample_rate, self.channels, lead)
        return Unit(plugin, program, version, lead, steering)

    def control_events(self, time: int, message: Any) -> list[Event]:
        """What a MIDI message changes in the modulation, at a sample."""
        return self._wiring.control_events(time, message)

    def moved(self) -> dict[Parameter, float]:
        """By what share of its range the modulation moves each parameter that it moves, for views."""
        return self._wiring.moved()

    # Edits --------------------------------------------------------------------------------------------------------

    def check(self, plugin) -> None:
        """Raise where a plugin cannot play here, before it is in the chain."""
        if isinstance(plugin, Plugin):
            plugin.latency(self.sample_rate)
        elif not any(one is plugin for unit in self._units for one in inside(unit.plugin)):
            check_unowned(plugin)
            feeding(plugin, self.sample_rate, self.channels)

    def close(self) -> None:
        """The stream is over: plugins that belonged to it may play elsewhere, those of an edit under way after that."""
        self._closed = True
        for unit in (*self._units, *self._spares):
            unit.release()

    def update(self) -> None:
        """The chain was edited: play it as it is now. Returns at once; several edits may become one."""
        if not self._is_playing():
            self._follow()
            return
        self._edits.ask(self._follow, self._is_playing)

    def settle(self, timeout_s: float | None = None) -> bool:
        """Wait until all edits so far are heard; False at the timeout."""
        return self._edits.settle(timeout_s)

    def _is_playing(self) -> bool:
        return self.engine is not None and self.engine.running

    def _follow(self) -> None:
        with self._turning:  # while nothing plays, whoever edits comes here, and two may
            try:
                if not self._closed:
                    self._change(self._plugins())
            finally:
                if self._closed:
                    self.close()

    def _change(self, plugins: list) -> None:
        """Play `plugins` from now on, by a cross-fade where the engine runs."""
        check_distinct(plugins)
        first, last, wanted = differing(self._units, plugins)
        if not wanted and all(unit.plugin is None for unit in self._units[first:last]):
            self._follow_matrix()
            return
        first, heirs = self._heirs(first, last, wanted)
        moved = natives_of(self._units[first + len(heirs) : last], wanted)
        if moved:
            self._change_without(moved, plugins)
            return
        new = [*heirs, *self._fresh(wanted[len(heirs) :])]
        start, end, spare = self._room(first, last, new)
        ahead, behind = self._units[start:first], self._units[last:end]
        stale = heirs if ahead or spare < 0 else []  # what comes to it is other sound, or its slack is needed
        moved = natives_of([*ahead, *behind, *stale])
        if moved:
            self._spares.extend(unit for unit in new if unit.before is None)
            self._change_without(moved, plugins)
            return
        new[: len(stale)] = self._fresh(map(plugin_of, stale))
        new = [*self._fresh(map(plugin_of, ahead)), *new, *self._fresh(map(plugin_of, behind))]
        new += padding(self.channels, spare + sum(unit.slack for unit in stale))
        self._replace(start, end, new)

    def _heirs(self, first: int, last: int, wanted: list) -> tuple[int, list[Unit]]:
        """Where units that are not wanted begin, and the unit that goes on with a mix there, if that was edited."""
        at = next((i for i in range(first, last) if self._units[i].plugin is not None), last)
        heir = heir_of(self._units[at], wanted, self.sample_rate) if at < last else None
        return (first, []) if heir is None else (at, [heir])

    def _follow_matrix(self) -> None:
        """The plugins stay, with their state; routes may be others."""
        if not self._wiring.has_other_routes:
            return
        self.program = self._wiring.chained(self._units)
        if self.engine is not None:
            self.engine.play(self.program)
            self.engine.settle()
        self._wiring.let_go()

    def _change_without(self, natives: list, plugins: list) -> None:
        """Natives change their places: one object cannot play at two at once, so for a moment the chain does without
        them."""
        present = [unit.plugin for unit in self._units if unit.plugin is not None]
        self._change([plugin for plugin in present if not any(plugin is native for native in natives)])
        self._change(plugins)

    def _replace(self, start: int, end: int, new: list[Unit]) -> None:
        """Play `new` in place of the units from `start` to `end`."""
        before, old, after = self._units[:start], self._units[start:end], self._units[end:]
        self._units = [*before, *new, *after]
        self.program = self._wiring.chained(self._units)
        if self._is_playing():
            self._cross(before, old, new, after)
        elif self.engine is not None:
            self.engine.play(self.program)
        self._wiring.let_go()
        self._bad_frames += sum(bad_frames_of(unit, new) for unit in old)
        gone_on = [unit.before for unit in new if unit.before is not None]
        for unit in new:
            unit.before = None
        for unit in gone_on:
            unit.release(but=new)
        self._spares.extend(unit for unit in old if unit.plugin is not None and unit not in gone_on)

    def _cross(self, before: list[Unit], old: list[Unit], new: list[Unit], after: list[Unit]) -> None:
        """Old and new side by side on the same input, and from one to the other; then the program."""
        engine, wiring = existing(self.engine), self._wiring
        lead, place = wiring.rows(before, wiring.x)
        (old_rows, old_place), (new_rows, new_place) = wiring.rows(old, place), wiring.rows(new, place, joining=True)
        wait, length = latency_of(new), round(FADE_MS * self.sample_rate / 1000)
        fade, faded = fade_stage(new_place, wait, length), audio_buffer(self.channels)
        rows, out = wiring.rows(after, faded)
        both = [*lead, *old_rows, *new_rows, fade.row(old_place, faded), *rows]
        engine.play(wiring.program((both, out), [*self._units, *old]), self.program, wait + length)
        engine.settle()

    def _room(self, first: int, last: int, new: list[Unit]) -> tuple[int, int, int]:
        """Which units must go so that `new` fits in place of those from `first` to `last`, and the padding it needs.

        Where delays elsewhere leave too little room, more units go until the next delay does.
        """
        units = [*self._units[:first], *new, *self._units[last:]]
        needed = sum(unit.latency - unit.slack for unit in units)
        if needed > self._latency:
            self._report(f"the latency grew by {needed - self._latency} samples: the chain became longer")
            self._latency = needed
        while True:
            pads = [i for i, unit in enumerate(self._units) if unit.slack and not first <= i < last]
            inner = sum(unit.slack for unit in new)
            spare = self._latency - needed - inner - sum(self._units[i].slack for i in pads)
            if spare >= 0 or not pads:
                return first, last, spare
            nearest = min(pads, key=lambda i: first - i if i < first else i - last)
            first, last = min(first, nearest), max(last, nearest + 1)

    def _fresh(self, plugins: Iterable) -> list[Unit]:
        return [primed(self._unit(plugin)) for plugin in plugins if plugin is not None]
