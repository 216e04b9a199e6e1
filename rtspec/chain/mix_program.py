"""What plays chains side by side: their programs, delayed to meet, and the sum of their sounds.

A mix that is edited while it plays goes on with the chains that stay: the program after the edit has their very
programs, and for the moment of the cross-fade both sums are made of what those give.
"""

import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..buffers.step import Row, Stage
from .beside import Beside, cores
from .fading import RESERVE, delay_stage
from .native import NativeStep
from .plugin import Composite, Holder, Plugin, fits, version_of
from .program import MAX_BLOCK, Program, audio_buffer
from .summing import silence_stage, sum_stage

WORTH_A_THREAD_US = 65.0
"""Processor time of each thread at least, µs a block of 128: to wake one and to wait for it takes about 50."""

_BLOCK, _BLOCKS, _TURNS = 128, 32, 3

Prepared = list[tuple[object, Program]]
"""Plugins of a chain in order, each with what plays it."""


def prepared(plugins: list, sample_rate: float, channels: int, lead: int) -> Prepared:
    """Programs for a chain at which the sound comes `lead` samples late."""
    made: Prepared = []
    for plugin in plugins:
        program = program_of(plugin, sample_rate, channels, lead)
        made.append((plugin, program))
        lead += program.latency_samples
    return made


def program_of(plugin, sample_rate: float, channels: int, lead: int) -> Program:
    """What plays one plugin; native ones begin with the sound, `lead` samples late."""
    if fits(plugin, Composite):
        return plugin.prepare(sample_rate, channels, lead)
    if isinstance(plugin, Plugin):
        return plugin.prepare(sample_rate, channels)
    return NativeStep(plugin, sample_rate, channels, lead).program()


def contents_of(plugins: list) -> tuple:
    """What a chain plays: another one whenever its plugins, or the structure of one, are others."""
    return tuple((plugin, version_of(plugin)) for plugin in plugins)


class Side:
    """One of chains side by side, which reads at the buffer `x`, float32 (channels, STRIDE).

    Parameters
    ----------
    plugins : list
    x : ndarray
    sample_rate : float
        Hz.
    lead : int
        How late the sound comes to it, samples.

    Attributes
    ----------
    contents : tuple
        What it plays (:func:`contents_of`).
    chain : Prepared
    rows : list of Row
    place : ndarray, float32, shape (channels, STRIDE)
        Where its sound is.
    stages : list of Stage
        What joins its programs.
    """

    def __init__(self, plugins: list, x: np.ndarray, sample_rate: float, lead: int):
        self.contents = contents_of(plugins)
        self.chain = prepared(plugins, sample_rate, len(x), lead)
        self.rows, self.place, self.stages = list[Row](), x, list[Stage]()
        for program in self.programs:
            copy = sum_stage(len(x), first=True)
            self.rows += [copy.row(self.place, program.x), *program.rows]
            self.stages.append(copy)
            self.place = program.y

    @property
    def programs(self) -> list[Program]:
        """Of its plugins, in order."""
        return [program for _, program in self.chain]

    @property
    def delay(self) -> int:
        """Samples."""
        return sum(program.latency_samples for program in self.programs)

    @cached_property
    def load_us(self) -> float:
        """Processor time of its programs, µs a block of 128: measured once, before any of them plays."""
        return sum(map(_load_us, self.programs))

    @property
    def owned(self) -> list:
        """The native plugins in it that cannot play at a second place at the same time."""
        return [native.plugin for program in self.programs for native in program.natives if native.owns]

    def items(self) -> dict[str, int]:
        """Its delay in samples by item."""
        found: dict[str, int] = {}
        for item, n in (pair for program in self.programs for pair in program.latency.items()):
            found[item] = found.get(item, 0) + n
        return found


class _End(NamedTuple):
    """What comes behind a side: a delay of `lag` samples, or nothing."""

    lag: int
    rows: list[Row]
    place: np.ndarray
    stages: list[Stage]


class MixProgram(Program):
    """The programs of chains side by side, and their sum.

    Parameters
    ----------
    sides : sequence of Side
    x : ndarray, float32, shape (channels, STRIDE)
        Where they read.
    before : MixProgram, optional
        What played until now, which has some of the sides: it is never quicker than that.

    Attributes
    ----------
    sides : as given
    joining : list of Row
        What has to be played in addition while the program before plays, for this one's sound as well.
    """

    def __init__(self, sides: Sequence[Side], x: np.ndarray, before: "MixProgram | None" = None):
        self.sides, channels, y = list(sides), len(x), audio_buffer(len(x))
        slowest = max(sides, key=lambda side: side.delay, default=None)
        items = {} if slowest is None else slowest.items()
        delay = sum(items.values())
        reserve = max(0, (0 if before is None else before.latency_samples) - delay)
        self._ends = [_end(side, delay + reserve - side.delay, before) for side in sides]
        sums = _sums(channels, [end.place for end in self._ends], y)
        rows = [[*side.rows, *end.rows] for side, end in zip(sides, self._ends, strict=True)]
        played, beside = _side_by_side(rows, self.sides, x)
        self.joining = [*self._more_than(before), *sums]
        programs = [program for side in sides for program in side.programs]
        behind = [stage for end in self._ends for stage in end.stages]
        own = [*beside, *(stage for side in sides for stage in side.stages), *behind, *(row.held[0] for row in sums)]
        super().__init__(
            [*played, *sums],
            [*(stage for program in programs for stage in program.stages), *own],
            x,
            y,
            {**items, RESERVE: items.get(RESERVE, 0) + reserve} if reserve else items,
            keep=(programs,),
            inboxes=[inbox for program in programs for inbox in program.inboxes],
            natives=[native for program in programs for native in program.natives],
            listeners=[stage for program in programs for stage in program.listeners],
        )

    def _more_than(self, before: "MixProgram | None") -> list[Row]:
        """The rows that the program before has not."""
        sides, ends = ([], []) if before is None else (before.sides, before._ends)
        rows: list[Row] = []
        for side, end in zip(self.sides, self._ends, strict=True):
            rows += [] if any(side is one for one in sides) else side.rows
            rows += [] if any(end is one for one in ends) else end.rows
        return rows

    def end_of(self, side: Side, lag: int) -> "_End | None":
        """What stands behind a side here, if it delays by `lag` samples."""
        found = (end for one, end in zip(self.sides, self._ends, strict=True) if one is side and end.lag == lag)
        return next(found, None)

    def _going_on(self, chains: list[list]) -> list["Side | None"]:
        """The side for each chain that plays already; None for the others."""
        left, found = list(self.sides), list[Side | None]()
        for contents in map(contents_of, chains):
            side = next((side for side in left if side.contents == contents), None)
            found.append(side)
            left = [one for one in left if one is not side]
        return found

    def can_become(self, chains: list[list]) -> bool:
        """Whether :meth:`become` works: no native plugin that cannot be copied changes from one side to another."""
        sides = self._going_on(chains)
        coming = [p for chain, side in zip(chains, sides, strict=True) if side is None for p in _inside(chain)]
        leaving = [p for one in self.sides if not any(one is side for side in sides) for p in one.owned]
        return not any(one is plugin for one in leaving for plugin in coming)

    def become(self, chains: list[list], sample_rate: float) -> "MixProgram":
        """The program of these chains that goes on with those that play already, and their state."""
        sides = self._going_on(chains)
        both = zip(chains, sides, strict=True)
        return MixProgram([side or _fresh_side(chain, self.x, sample_rate) for chain, side in both], self.x, self)

    def places(self, before: int) -> Iterator[tuple[object, Program, int, int]]:
        """Every plugin in it with its program, and the delays from a chain's start to its input and its output, if they
        are `before` at the mix's input."""
        for side in self.sides:
            at = before
            for plugin, program in side.chain:
                end = at + program.latency_samples
                inner = program.places(at) if isinstance(program, MixProgram) else [(plugin, program, at, end)]
                yield from inner
                at = end


def _fresh_side(plugins: list, x: np.ndarray, sample_rate: float) -> Side:
    """A side that begins now; its memory and code are touched here, before the engine uses them."""
    side = Side(plugins, x, sample_rate, 0)
    for program in side.programs:
        prime(program)
    return side


def prime(program: Program) -> None:
    """Have a program's memory and code touched by this thread; one of native plugins needs no such thing."""
    if not program.natives:
        program.run(np.zeros((program.channels, program.latency_samples + MAX_BLOCK), np.float32))
        program.reset()


def _end(side: Side, lag: int, before: MixProgram | None) -> _End:
    known = None if before is None else before.end_of(side, lag)
    if known is not None or lag == 0:
        return known or _End(0, [], side.place, [])
    late, out = delay_stage(len(side.place), lag), audio_buffer(len(side.place))
    return _End(lag, [late.row(side.place, out)], out, [late])


def _sums(channels: int, places: list[np.ndarray], y: np.ndarray) -> list[Row]:
    """Rows that add up what lies at all places, in order; silence where there is none."""
    if not places:
        return [silence_stage(channels).row(y, y)]
    return [sum_stage(channels, first=i == 0).row(place, y) for i, place in enumerate(places)]


def _inside(plugins: list) -> list:
    return [q for p in plugins for q in (_inside(p.members()) if fits(p, Holder) else [p])]


def _side_by_side(rows: list[list[Row]], sides: list[Side], x: np.ndarray) -> tuple[list[Row], list[Stage]]:
    """The rows of all sides, and new stages: on two threads where there are cores, and enough for each of them."""
    in_turn = [row for each in rows for row in each]
    if cores() < 2 or len(sides) < 2:
        return in_turn, []
    shares: tuple[list[Row], list[Row]] = ([], [])
    loads = [0.0, 0.0]
    for load, its_rows in sorted(zip([side.load_us for side in sides], rows, strict=True), key=lambda both: -both[0]):
        lighter = int(loads[1] < loads[0])
        loads[lighter] += load
        shares[lighter].extend(its_rows)
    if min(loads) < WORTH_A_THREAD_US:
        return in_turn, []
    both = Beside(*shares)
    return [both.row(x, x)], [both]


def _load_us(program: Program) -> float:
    """Of a fresh program. What an instrument takes depends on what is played: two of them are said to be worth a
    thread. Natives, whose state cannot be put back, are taken for light."""
    if isinstance(program, MixProgram):
        return sum(side.load_us for side in program.sides)
    said = WORTH_A_THREAD_US / 2 if program.inboxes else 0.0
    return said if program.natives else max(said, _measured_us(program))


def _measured_us(program: Program) -> float:
    """The least of some turns on noise, by this thread's own clock, which stands while others have the processor."""
    noise = np.random.default_rng(0).standard_normal((program.channels, _BLOCK * _BLOCKS)).astype(np.float32) * 0.1
    taken = []
    for _ in range(_TURNS):
        start = time.thread_time()
        program.run(noise, _BLOCK)
        taken.append(time.thread_time() - start)
    program.reset()
    return 1e6 * min(taken) / _BLOCKS
