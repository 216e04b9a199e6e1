"""What an ONNX file shows of itself: where frames go in and out, which inputs return as outputs, what remembers."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from ...errors import ModelError
from ..manifest import Signature
from ..proto import nodes_of, signatures
from ..streaming.load import BATCH

if TYPE_CHECKING:
    from onnx import ModelProto

RECURRENT = ("LSTM", "GRU", "RNN", "Loop", "Scan")
STATE = re.compile(
    r"cache|state|hidden|memory|buf|hist|context|past|prev|gru|lstm|rnn|(^|_)[hc]_?(in|out|n|[0-9]+)?$", re.IGNORECASE
)
"""Names that inputs with memory have in public files."""
DIRECTIONS = ("in", "input", "inp", "out", "output", "new", "next", "prev", "old", "updated", "n")
"""Words that tell a state going in from the one coming out."""

Sizes = tuple[int | str | None, ...]


@dataclass(frozen=True)
class Pair:
    """An input that comes back as an output, and what says so: "name" or "order" (several had its shape)."""

    input: str
    output: str
    shape: tuple[int, ...]
    dtype: str
    by: str


@dataclass(frozen=True)
class Facts:
    """What a file shows.

    Attributes
    ----------
    inputs, outputs : Signature
    frames_in, frames_out : str
        Where frames go in and come out.
    states : tuple of Pair
    others : tuple of str
        Inputs that are neither frames nor states.
    unread : tuple of str
        Outputs that are neither frames nor states.
    recurrent : tuple of str
        Recurrent nodes: operator and name.
    """

    inputs: Signature
    outputs: Signature
    frames_in: str
    frames_out: str
    states: tuple[Pair, ...]
    others: tuple[str, ...]
    unread: tuple[str, ...]
    recurrent: tuple[str, ...]


def look(proto: "ModelProto", frames_in: str | None = None, frames_out: str | None = None) -> Facts:
    """Look at names, shapes and types.

    Parameters
    ----------
    proto : onnx.ModelProto
    frames_in, frames_out : str, optional
        Where frames go in and come out, if not at the first tensors that are not named like states.

    Raises
    ------
    ModelError
        If the file has no such tensor.
    """
    inputs, outputs = signatures(proto)
    source, goal = _frames(inputs, frames_in), _frames(outputs, frames_out)
    pairs = pair_states(_not_frames(inputs, source), _without(outputs, goal))
    paired = {pair.input for pair in pairs}, {pair.output for pair in pairs}
    return Facts(
        inputs,
        outputs,
        source,
        goal,
        pairs,
        tuple(name for name in inputs.tensors if name not in {source, *paired[0]}),
        tuple(name for name in outputs.tensors if name not in {goal, *paired[1]}),
        tuple(f"{node.op_type} {node.name}".strip() for node in nodes_of(proto.graph) if node.op_type in RECURRENT),
    )


def _frames(signature: Signature, chosen: str | None) -> str:
    if chosen is not None:
        signature.find(f"--{signature.kind}", chosen)
        return chosen
    if not signature.tensors:
        raise ModelError(f"the graph has no {signature.kind}s; export the network with them")
    floats = [name for name, (dtype, sizes) in signature.tensors.items() if dtype.startswith("float") and len(sizes)]
    plain = [name for name in floats if not STATE.search(name)]
    return next(iter([*plain, *floats, *signature.tensors]))


def _without(signature: Signature, name: str) -> Mapping[str, tuple[str, Sizes]]:
    return {each: found for each, found in signature.tensors.items() if each != name}


def _not_frames(inputs: Signature, source: str) -> Mapping[str, tuple[str, Sizes]]:
    """Inputs but that of the frames, and those of its shape that no word calls a state (phases, say)."""
    frames = inputs.tensors[source]
    others = _without(inputs, source)
    return {name: found for name, found in others.items() if found != frames or STATE.search(name)}


def pair_states(inputs: Mapping[str, tuple[str, Sizes]], outputs: Mapping[str, tuple[str, Sizes]]) -> tuple[Pair, ...]:
    """Inputs with the outputs that replace them: of equal type and shape, with the likest names, then by order."""
    ranked = [
        (_part(a) == _part(b), _likeness(a, b), -abs(i - j), a, b)
        for i, (a, found) in enumerate(inputs.items())
        for j, (b, made) in enumerate(outputs.items())
        if _same(found, made)
    ]
    taken: dict[str, str] = {}
    for *_, a, b in sorted(ranked, key=lambda each: each[:3], reverse=True):
        if a not in taken and b not in taken.values():
            taken[a] = b
    return tuple(_pair(a, taken[a], inputs, outputs) for a in inputs if a in taken)


def _pair(a: str, b: str, inputs: Mapping[str, tuple[str, Sizes]], outputs: Mapping[str, tuple[str, Sizes]]) -> Pair:
    dtype, sizes = inputs[a]
    rivals = sum(_same(inputs[a], made) and _part(name) == _part(a) for name, made in outputs.items())
    by = "name" if rivals == 1 or _stem(a) == _stem(b) or _likeness(a, b) > 0.6 else "order"
    fixed = [size if isinstance(size, int) else other for size, other in zip(sizes, outputs[b][1], strict=True)]
    return Pair(a, b, tuple(size if isinstance(size, int) else 1 for size in fixed), dtype, by)


def _same(found: tuple[str, Sizes], made: tuple[str, Sizes]) -> bool:
    """Whether types agree, and sizes as far as both are fixed; scalars are no states."""
    fits = all(
        not (isinstance(a, int) and isinstance(b, int)) or a == b for a, b in zip(found[1], made[1], strict=False)
    )
    return found[0] == made[0] and len(found[1]) == len(made[1]) > 0 and fits


def _part(name: str) -> str:
    """Of which network in one file a tensor is: what stands before the last "/"."""
    return name.rpartition("/")[0]


def _stem(name: str) -> str:
    """A name without the words that tell in from out."""
    return " ".join(word for word in _words(name) if word not in DIRECTIONS)


def _words(name: str) -> Iterable[str]:
    return re.findall(r"[a-z]+|[0-9]+", name.lower())


def _likeness(a: str, b: str) -> float:
    """0 to 1; numbers that differ make names unlike, whatever else they share."""
    numbers = [[word for word in _words(name) if word.isdigit()] for name in (a, b)]
    ratio = SequenceMatcher(None, _stem(a), _stem(b)).ratio()
    return ratio if numbers[0] == numbers[1] else 0.5 * ratio


# ------------------------------------------------------------------------------------------ axes


def layout_of(sizes: Sizes, n_bins: int | None = None) -> tuple[str, ...]:
    """What each axis of a frame tensor is, by its size.

    Parameters
    ----------
    sizes : tuple of int, str or None
    n_bins : int, optional
        Size of the axis "bins" where it is known; the largest fixed one otherwise.

    Returns
    -------
    tuple of str
        Names for all axes; () where they cannot be told.
    """
    fixed = {axis: size for axis, size in enumerate(sizes) if isinstance(size, int)}
    bins = _bins_axis(fixed, n_bins)
    if bins is None:
        return ()
    names = {bins: "bins"}
    pairs = [axis for axis, size in fixed.items() if size == 2 and axis != bins]
    if pairs:
        names[pairs[-1]] = "channels"
    rest = [axis for axis in range(len(sizes)) if axis not in names]
    names.update(zip(rest, _rest([sizes[axis] for axis in rest], bool(pairs)), strict=False))
    return tuple(names[axis] for axis in range(len(sizes))) if len(names) == len(sizes) else ()


def _bins_axis(fixed: Mapping[int, int], n_bins: int | None) -> int | None:
    known = [axis for axis, size in fixed.items() if size == n_bins]
    if known or not fixed:
        return known[0] if known else None
    axis = max(fixed, key=lambda each: fixed[each])
    return axis if fixed[axis] > 2 else None


def _rest(sizes: list[int | str | None], has_channels: bool) -> tuple[str, ...]:
    """Names of the axes that are neither bins nor pairs, in order: time is the dynamic one, else the last."""
    if len(sizes) == 1:
        return ("time",)
    if len(sizes) == 2:
        swapped = isinstance(sizes[1], int) and not isinstance(sizes[0], int) and not BATCH.match(str(sizes[0]))
        return ("time", "batch") if swapped else ("batch", "time")
    if len(sizes) == 3 and not has_channels:
        return _rest_with_single_channel(sizes)
    return ()


def _rest_with_single_channel(sizes: list[int | str | None]) -> tuple[str, ...]:
    moving = [axis for axis, size in enumerate(sizes) if not isinstance(size, int) and axis]
    time = moving[0] if moving else 2
    return ("batch", *("time" if axis == time else "channels" for axis in (1, 2)))
