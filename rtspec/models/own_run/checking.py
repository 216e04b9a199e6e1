"""Every step of a program stays inside its rows: looked at once, before compiled code walks them without looking.

A program comes from a graph that somebody else wrote, by way of a file in the user's cache.
"""

from collections.abc import Iterator, Sequence

from ...errors import ModelError
from .program import BLOCK, Code, Program

Use = tuple[int, int]
"""A row, and how many numbers of it are used."""


def check(program: Program) -> None:
    """Refuse a program with a step that is unknown, or that would reach beyond its rows or write a constant."""
    rooms, widths = _rooms(program), _widths(program)
    for row, at in program.constants.items():
        _require(0 <= row < len(rooms) and at >= 0, f"row {row} at {at}")
        _require(at + widths.get(row, 4) * program.sizes[row] <= len(program.data), f"row {row} beyond the data")
    read_only = {*program.constants, *(place.row for place in program.inputs.values())}
    for step in program.steps.tolist():
        written, *read = _uses(step)
        for row, n in (written, *read):
            _require(0 <= row < len(rooms) and 0 <= n <= rooms[row], f"step {step}: {n} numbers of row {row}")
        _require(written[0] not in read_only, f"step {step} writes what does not change")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ModelError(f"a program of rows is damaged ({what}); remove it from the cache and play the model again")


def _rooms(program: Program) -> list[int]:
    """How many numbers each row has room for: rows of our own, whole blocks."""
    _require(len(program.sizes) == len(program.laned) and min(program.sizes, default=-1) >= 0, "sizes of rows")
    places = [*program.inputs.values(), *program.outputs.values()]
    _require(all(0 <= place.row < len(program.sizes) for place in places), "rows of inputs and outputs")
    outside = {*program.constants, *(place.row for place in places)}
    return [size if row in outside else -(-size // BLOCK) * BLOCK for row, size in enumerate(program.sizes)]


def _widths(program: Program) -> dict[int, int]:
    """Bytes of a number, of rows that are float16."""
    return {step[4]: 2 for step in program.steps.tolist() if step[0] == Code.HALF_PRODUCT}


def _uses(step: Sequence[int]) -> Iterator[Use]:
    """What a step writes, then all that it reads: see :func:`.kernels.single`."""
    code, _, y, a, b, c, sixth, n, p, q, r, s = step
    _require(min(step) >= 0, f"step {step} with a number below 0")
    if code <= Code.GREATER:
        yield from ((y, n), (a, _spread(n, p)), (b, _spread(n, q)))
    elif Code.RELU <= code <= Code.TRUNC:
        yield from ((y, n), (a, n), (b, 1), (c, 1))
    elif code == Code.COPY:
        _require(n <= 1 or min(q, sixth) >= p, f"step {step}: pieces that overlap")
        pieces, inner = max(0, n - 1), p if n else 0
        yield from ((y, r + pieces * q + inner), (a, s + pieces * sixth + inner))
    elif code == Code.FILL:
        yield from ((y, n), (a, 1))
    elif code in (Code.SUM, Code.MOST):
        yield from ((y, n * q), (a, n * p * q), (b, 1))
    elif code == Code.RUNNING:
        yield from ((y, n), (a, n))
    elif code == Code.WHERE:
        yield from ((y, n), (a, _spread(n, p)), (b, _spread(n, q)), (c, _spread(n, r)))
    elif code == Code.LAYER_NORM:
        yield from ((y, n), (a, n), (b, n), (c, n), (sixth, 1))
    elif code == Code.GATES:
        yield from ((y, n), (a, 3 * n), (b, 3 * n), (c, n))
    elif code in (Code.PRODUCT, Code.HALF_PRODUCT):
        yield from ((y, p * BLOCK), (a, max(1, n)), (b, p * BLOCK * max(1, n)))
    else:
        _require(False, f"step {step} of an unknown kind")


def _spread(n: int, step: int) -> int:
    return 1 + (n - 1) * step if n else 0
