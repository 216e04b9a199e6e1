"""A graph as a list of steps over rows of float32: what :mod:`.kernels` walks, and what is kept of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

MAGIC = b"rtspec run 1\n"
COLUMNS = 12
"""int64 of a step: its code, whether it is done for each lane, the row that it makes, up to four that it reads, and
numbers."""
BLOCK = 64
"""Products are made for so many outputs at a time: rows that they write have room for whole blocks."""


class Code(IntEnum):
    """What a step does with its rows y, a, b, c, d and its numbers."""

    ADD, SUB, MUL, DIV, MIN, MAX, GREATER = range(7)
    RELU, TANH, SIGMOID, SQRT, LOG, EXP, CLIP, TRUNC = range(10, 18)
    COPY, FILL, SUM, RUNNING, WHERE, MOST = range(20, 26)
    LAYER_NORM, PRODUCT, HALF_PRODUCT, GATES = range(30, 34)


@dataclass(frozen=True)
class Place:
    """A graph's input or output: its row, its shape for one lane, and which axis lanes have."""

    row: int
    shape: tuple[int, ...]
    lanes: int | None


@dataclass(frozen=True)
class Program:
    """Steps, and the rows that they work on.

    Attributes
    ----------
    steps : ndarray of int64, shape (n_steps, COLUMNS)
    sizes : sequence of int
        Numbers of each row, for one lane.
    laned : sequence of bool
        Whether each lane has a row of its own.
    constants : dict of int to int
        Rows that are constants, and where in `data` each begins.
    data : bytes
        Weights, each from a multiple of 64 bytes.
    inputs, outputs : dict of str to Place
    """

    steps: np.ndarray = field(repr=False)
    sizes: Sequence[int] = field(repr=False)
    laned: Sequence[bool] = field(repr=False)
    constants: Mapping[int, int] = field(repr=False)
    data: bytes = field(repr=False)
    inputs: Mapping[str, Place]
    outputs: Mapping[str, Place]

    def content(self) -> bytes:
        """All of it as bytes."""
        header = {
            "steps": self.steps.tolist(),
            "sizes": list(self.sizes),
            "laned": [int(each) for each in self.laned],
            "constants": list(self.constants.items()),
            "inputs": [(name, *vars(place).values()) for name, place in self.inputs.items()],
            "outputs": [(name, *vars(place).values()) for name, place in self.outputs.items()],
        }
        return MAGIC + json.dumps(header).encode() + b"\n" + self.data


def program_of(content: bytes) -> Program:
    """What :meth:`Program.content` gave."""
    head, _, data = content[len(MAGIC) :].partition(b"\n")
    header = json.loads(head)
    inputs, outputs = (
        {name: Place(row, tuple(shape), lanes) for name, row, shape, lanes in header[side]}
        for side in ("inputs", "outputs")
    )
    steps = np.array(header["steps"], np.int64).reshape(-1, COLUMNS)
    laned = [bool(each) for each in header["laned"]]
    return Program(steps, header["sizes"], laned, dict(header["constants"]), data, inputs, outputs)
