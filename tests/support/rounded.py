"""Whether rounding alone parts a stream from its offline result: both beside a truth in double precision.

Where a graph computes with levels of eight bits, or there is no such truth, each element may be as far off as it moves
where operators round otherwise: a level turns over where what was rounded lies that near to the middle of two, and
nowhere else.
"""

from collections.abc import Mapping

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from rtspec.models.streaming.opsets import converted
from rtspec.models.streaming.quantised import with_quantisers
from rtspec.models.streaming.run import run_offline
from rtspec.models.streaming.trials import with_outputs

Clip = dict[str, np.ndarray]
AS_FAR = 2
"""A stream may lie so many times as far from the truth as the offline result does."""
NEAR = 1e-3
"""Beyond this part of the peak the offline result and the reference differ by more than rounding."""
ROUNDINGS, SOME = 24, 8
INFERRING = 15
"""Before this operator set the reference takes BatchNormalization for training."""
LEVELS = {"QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul"}


def explained(model: ModelProto, clip: Clip, wanted: Clip, found: Clip, allowed: Mapping[str, float]) -> bool:
    """Whether a stream's outputs are no further off than rounding explains, or no more than is allowed.

    Parameters
    ----------
    model : onnx.ModelProto
        The offline graph.
    clip, wanted, found : mapping of str to ndarray
        Its inputs and outputs, and the stream's outputs, of the same shapes.
    allowed : mapping of str to float
        For each output, of which difference nothing is said.
    """
    true = truth(model, clip)
    if near(true, wanted, allowed):
        own = {name: np.abs(wanted[name] - true[name]).max() for name in wanted}
        away = {name: np.abs(found[name] - true[name]).max() for name in wanted}
        if all(away[name] <= max(allowed[name], AS_FAR * own[name]) for name in wanted):
            return True
        if not any(node.op_type in LEVELS for node in model.graph.node):
            return False
    moves = moved(model, clip, wanted)
    return all(
        bool((np.abs(wanted[name] - found[name]) <= np.maximum(allowed[name], SOME * moves[name])).all())
        for name in wanted
    )


def near(true: Clip, wanted: Clip, allowed: Mapping[str, float]) -> bool:
    """Whether there is a truth, and the offline result is one that rounding may have made of it."""
    return bool(true) and all(
        np.abs(wanted[name] - value).max() <= max(allowed[name], NEAR * np.abs(value).max())
        for name, value in true.items()
    )


def truth(model: ModelProto, clip: Clip) -> dict[str, np.ndarray]:
    """The outputs in double precision, by onnx's reference, of what levels were dequantised to: float64 of the outputs'
    shapes by name; none where it cannot be had."""
    try:
        wide, given = behind_levels(converted(model, INFERRING), clip)
        widen(wide)
        reference = ReferenceEvaluator(wide)
        with np.errstate(all="ignore"):
            made = reference.run(None, {name: _wide(value) for name, value in given.items()})
    except Exception:  # of many classes: it lacks old versions of some operators
        return {}
    return {str(name): np.asarray(value) for name, value in zip(reference.output_names, made, strict=True)}


def behind_levels(model: ModelProto, clip: Clip) -> tuple[ModelProto, Clip]:
    """A copy of the part of a graph that makes its outputs of dequantised levels, and these of a clip."""
    cut = [node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"]
    made = run_offline(with_outputs(model, cut), clip) if cut else {}
    copy, nodes, read = ModelProto(), [], {value.name for value in model.graph.output}
    copy.CopyFrom(model)
    for node in reversed(model.graph.node):
        if read.intersection(node.output) and node.output[0] not in cut:
            nodes.insert(0, node)
            read.update(node.input)
    inputs = [value for value in model.graph.input if value.name in read]
    levels = [name for name in cut if name in read]
    copy.graph.ClearField("node")
    copy.graph.ClearField("input")
    copy.graph.node.extend(nodes)
    copy.graph.input.extend(inputs)
    copy.graph.input.extend(helper.make_tensor_value_info(n, TensorProto.FLOAT, made[n].shape) for n in levels)
    return copy, {name: (clip | made)[name] for name in [*(value.name for value in inputs), *levels]}


def widen(model: ModelProto) -> None:
    """Make a graph's floats double."""
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(_wide(numpy_helper.to_array(tensor)), tensor.name))
    for cast in (a for node in model.graph.node if node.op_type == "Cast" for a in node.attribute):
        cast.i = TensorProto.DOUBLE
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.elem_type = TensorProto.DOUBLE


def _wide(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float64) if value.dtype == np.float32 else value


def moved(model: ModelProto, clip: Clip, wanted: Clip) -> dict[str, np.ndarray]:
    """By how much each element of the offline result moves where each operator rounds otherwise."""
    written, draw = with_quantisers(model), np.random.default_rng(0)
    moves = {name: np.zeros(value.shape) for name, value in wanted.items()}
    for _ in range(ROUNDINGS):
        for name, value in run_offline(shaken(written, clip, draw), clip).items():
            moves[name] = np.maximum(moves[name], np.abs(value - wanted[name]))
    return moves


def shaken(model: ModelProto, clip: Clip, draw: np.random.Generator) -> ModelProto:
    """The graph with half a step of its number format more or less on everything that a node makes of this clip."""
    made = run_offline(with_outputs(model, [name for node in model.graph.node for name in node.output if name]), clip)
    copy, nodes = ModelProto(), []
    copy.CopyFrom(model)
    for node in copy.graph.node:
        nodes.append(node)
        for i, name in enumerate(node.output):
            if not name or made[name].dtype.kind != "f" or not made[name].shape:
                continue
            value = made[name]
            near = 1 + np.finfo(value.dtype).eps / 2 * draw.choice((-1, 1), value.shape)
            copy.graph.initializer.append(numpy_helper.from_array(near.astype(value.dtype), f"{name}/near"))
            node.output[i] = f"{name}/exact"
            nodes.append(helper.make_node("Mul", [f"{name}/exact", f"{name}/near"], [name]))
    nodes = [type(node).FromString(node.SerializeToString()) for node in nodes]
    copy.graph.ClearField("node")
    copy.graph.node.extend(nodes)
    return copy
