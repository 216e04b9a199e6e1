"""What plays chains side by side: their programs, delayed to meet, and the sum of their sounds."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..buffers.step import Row, Stage
from .beside import Beside, cores
from .fading import delay_stage
from .native import NativeStep
from .plugin import Composite, Plugin
from .program import Program, audio_buffer
from .summing import silence_stage, sum_stage

WORTH_A_THREAD = 2
"""Heavy plugins of each thread at least: to wake one and to wait for it takes about 50 µs, as one light model does."""

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
    if isinstance(plugin, Composite):
        return plugin.prepare(sample_rate, channels, lead)
    if isinstance(plugin, Plugin):
        return plugin.prepare(sample_rate, channels)
    return NativeStep(plugin, sample_rate, channels, lead).program()


class MixProgram(Program):
    """The programs of chains side by side, and their sum.

    Parameters
    ----------
    chains : sequence of Prepared
    channels : int

    Attributes
    ----------
    chains : as given
    """

    def __init__(self, chains: Sequence[Prepared], channels: int):
        self.chains, x, y = chains, audio_buffer(channels), audio_buffer(channels)
        delays = [_delay(chain) for chain in chains]
        sides = [_side(chain, x, max(delays) - delay) for chain, delay in zip(chains, delays, strict=True)]
        totals = [sum_stage(channels, first=i == 0) for i in range(len(chains))]
        played, beside = _side_by_side([side[0] for side in sides], [_weight(chain) for chain in chains], x)
        rows = [*played, *(total.row(place, y) for total, (_, place, _) in zip(totals, sides, strict=True))]
        own = [*beside, *(stage for _, _, stages in sides for stage in stages), *totals]
        if not chains:
            own = [silence_stage(channels)]
            rows = [own[0].row(x, y)]
        programs = [program for chain in chains for _, program in chain]
        super().__init__(
            rows,
            [*(stage for program in programs for stage in program.stages), *own],
            x,
            y,
            _items(chains[int(np.argmax(delays))]) if chains else {},
            keep=(programs,),
            inboxes=[inbox for program in programs for inbox in program.inboxes],
            natives=[native for program in programs for native in program.natives],
            listeners=[stage for program in programs for stage in program.listeners],
        )

    def places(self, before: int) -> Iterator[tuple[object, Program, int, int]]:
        """Every plugin in it with its program, and the delays from a chain's start to its input and its output, if they
        are `before` at the mix's input."""
        for chain in self.chains:
            at = before
            for plugin, program in chain:
                end = at + program.latency_samples
                inner = program.places(at) if isinstance(program, MixProgram) else [(plugin, program, at, end)]
                yield from inner
                at = end


def _side(chain: Prepared, x: np.ndarray, lag: int) -> tuple[list[Row], np.ndarray, list[Stage]]:
    """A chain's rows from the buffer `x` on, `lag` samples later than it is; where its sound is, and new stages."""
    rows, place, stages = [], x, []
    for _, program in chain:
        copy = sum_stage(len(x), first=True)
        rows += [copy.row(place, program.x), *program.rows]
        place, stages = program.y, [*stages, copy]
    if lag:
        late, out = delay_stage(len(x), lag), audio_buffer(len(x))
        rows, stages = [*rows, late.row(place, out)], [*stages, late]
        place = out
    return rows, place, stages


def _side_by_side(sides: list[list[Row]], weights: list[int], x: np.ndarray) -> tuple[list[Row], list[Stage]]:
    """The rows of all sides, and new stages: on two threads where there are cores, and enough for each of them."""
    shares: tuple[list[Row], list[Row]] = ([], [])
    loads = [0, 0]
    for weight, side in sorted(zip(weights, sides, strict=True), key=lambda both: -both[0]):
        lighter = int(loads[1] < loads[0])
        loads[lighter] += weight
        shares[lighter].extend(side)
    if cores() < 2 or min(loads) < WORTH_A_THREAD:
        return [row for side in sides for row in side], []
    both = Beside(*shares)
    return [both.row(x, x)], [both]


def _weight(chain: Prepared) -> int:
    """How many plugins in it are worth a thread: those that work on frames, and instruments."""
    return sum(bool(program.latency_samples or program.inboxes) for _, program in chain)


def _delay(chain: Prepared) -> int:
    return sum(program.latency_samples for _, program in chain)


def _items(chain: Prepared) -> dict[str, int]:
    found: dict[str, int] = {}
    for _, program in chain:
        for item, n in program.latency.items():
            found[item] = found.get(item, 0) + n
    return found
