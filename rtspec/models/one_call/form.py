"""The form in which a model's graph is played: for calls of one size, for one lane or several, proved against its file.

The file is never touched. What is played instead is made in memory by :mod:`.making`, and only where it gives the same:
to the bit for light models, to :data:`~.making.CLOSE` of its output's peak for heavy ones, whose convolutions of one
frame become products.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from ..manifest import State

Precision = Literal["auto", "float"]
"""Whether large weights of heavy models may be float16 ("auto": where that is proved close enough), or never."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
Runner = Callable[[bytes], Any]
"""Makes a session of a serialised model."""


@dataclass(frozen=True)
class CallForm:
    """What is played of a model.

    Attributes
    ----------
    content : bytes
        The serialised ModelProto, or a :class:`~..own_run.program.Program`.
    known : frozenset of str
        Inputs of the file that are constants here.
    lanes : dict of str to int
        The axis of inputs and outputs along which lanes lie; tensors that all lanes share are missing.
    why_as_it_is : str or None
        Why the file's own graph is played; None where another one is.
    why_alone : str or None
        Why each lane needs a call of its own; None where one call serves several.
    weights : str
        What the weights of a program of our own are: "float32" or "float16"; empty where onnxruntime runs it.
    """

    content: bytes = field(repr=False)
    known: frozenset[str] = frozenset()
    lanes: Mapping[str, int] = field(default_factory=dict)
    why_as_it_is: str | None = None
    why_alone: str | None = None
    weights: str = ""

    @property
    def joins(self) -> bool:
        """Whether one call serves several lanes."""
        return self.why_alone is None


@dataclass(frozen=True)
class Call:
    """What a call gives and takes: arrays of the right shapes for one lane, by name."""

    frame: str
    lane_axis: int | None
    inputs: Mapping[str, np.ndarray]
    known: Mapping[str, np.ndarray]
    outputs: Sequence[str]
    states: Sequence[State]
    check: Callable[[Sequence[tuple[int, ...]]], None]
    """Raises where the outputs' shapes are wrong: then no form is looked for, which takes long."""

    @property
    def sizes(self) -> list[object]:
        """What a form hangs on beside the file."""
        shapes = {name: (array.shape, array.dtype.name) for name, array in {**self.inputs, **self.known}.items()}
        return [self.frame, self.lane_axis, sorted(shapes.items()), list(self.outputs), list(self.states)]


def own_form(content: bytes, call: Call, session: Runner) -> tuple[CallForm, Any]:
    """The file's own graph, and its session."""
    return CallForm(content, why_as_it_is="so it was asked for", why_alone="its own graph is played"), session(content)
