"""Operators that work on each value by itself: activations, arithmetic with broadcasting, quantisation."""

import numpy as np
from onnx import NodeProto

from ..refuse import NotStreamable, attention_over_time
from ..stream import Stream
from .registry import attribute, positive, streams, words

# f(0) = 0: frames of silence stay silence.
KEEPS_ZERO = words("""
    Abs Asin Asinh Atan Atanh Cast Ceil Celu CastLike DequantizeLinear Dropout Elu Erf Floor Gelu HardSwish Identity
    LeakyRelu Mish Neg PRelu QuantizeLinear Relu Round Selu Shrink Sign Sin Sinh Softsign Sqrt Swish Tan Tanh
    ThresholdedRelu
""")
# May turn finite numbers into infinite or undefined ones.
NOT_FINITE = words("Acos Acosh Asin Atanh Cosh Div Exp Log Mod Pow Reciprocal Sinh Sqrt Tan")
OTHERS = words("""
    Acos Acosh Add And BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Clip Cos Cosh Div Equal Exp Greater
    GreaterOrEqual HardSigmoid IsInf IsNaN Less LessOrEqual Log Max Mean Min Mod Mul Not Or Pow Reciprocal Sigmoid
    Softplus Sub Sum Where Xor
""")
ADDITIVE = ("Add", "Sub", "Sum", "Mean", "Max", "Min")


@streams(*KEEPS_ZERO, *OTHERS)
def elementwise(stream: Stream, node: NodeProto) -> None:
    """Bring operands with frames to one delay; operands without frames must be the same for all."""
    _refuse_training(stream, node)
    if node.output[0] not in stream.shapes.runtime and len(_places(stream, node)) > 1:
        return  # frames beside frames, as in the mask of an attention: constants that its rule reads
    place = _place(stream, node)
    inputs, flow = stream.aligned(node.input, node)
    frames = flow.clock.length(stream.clip.n_frames)
    scalar_tail = node.op_type in ("Dropout", "QuantizeLinear", "DequantizeLinear", "CastLike")
    inputs = [
        name if not name or name in stream.flows else
        stream.static(name, node) if scalar_tail else stream.beside(name, place, frames, node)
        for name in inputs
    ]  # fmt: skip
    _refuse_scales_over_time(stream, node, flow.axis)
    stream.emit(node, inputs)
    rank = len(stream.shapes.shape(node.output[0]))
    finite = flow.finite and node.op_type not in NOT_FINITE
    stream.flows[node.output[0]] = flow.but(axis=rank - place, silent=_silent(stream, node, inputs), finite=finite)
    if node.op_type == "DequantizeLinear":
        _remember_dequantised(stream, node, inputs)


def _remember_dequantised(stream: Stream, node: NodeProto, inputs: list[str]) -> None:
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.input[0] = inputs[0]
    stream.dequantised[node.output[0]] = copy


def _place(stream: Stream, node: NodeProto) -> int:
    """Time axis counted from the last, on which all operands must agree."""
    places = _places(stream, node)
    if len(places) > 1:
        raise attention_over_time(node)
    return places.pop()


def _places(stream: Stream, node: NodeProto) -> set[int]:
    return {len(stream.shapes.shape(name)) - stream.flows[name].axis for name in node.input if name in stream.flows}


def _silent(stream: Stream, node: NodeProto, inputs: list[str]) -> bool:
    """Whether frames of zeros give frames of zeros."""
    flows = [stream.flows.get(name) for name in inputs if name]
    quiet = [flow is not None and flow.silent for flow in flows]
    if node.op_type in KEEPS_ZERO:
        return quiet[0]
    if node.op_type == "Mul":
        return any(quiet) and all(flow is None or flow.finite for flow in flows)
    if node.op_type in ADDITIVE:
        return all(quiet)
    return quiet[0] and node.op_type == "Clip" and _clip_keeps_zero(stream, node)


def _clip_keeps_zero(stream: Stream, node: NodeProto) -> bool:
    low, high = (stream.shapes.constant(name) if name else None for name in [*node.input[1:], "", ""][:2])
    bounds = [name for name in node.input[1:] if name]
    if len(bounds) != sum(bound is not None for bound in (low, high)):
        return False
    return (low is None or float(low) <= 0) and (high is None or float(high) >= 0)


def _refuse_training(stream: Stream, node: NodeProto) -> None:
    mode = stream.optional(node, 2) if node.op_type == "Dropout" else None
    if mode is not None and bool(np.asarray(mode)):
        raise NotStreamable(node, "drops values at random (training mode)", "call model.eval() before the export")


def _refuse_scales_over_time(stream: Stream, node: NodeProto, axis: int) -> None:
    if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
        return
    scale = stream.constant(node, 1)
    rank = len(stream.shapes.shape(node.input[0]))
    if scale.size > 1 and positive(attribute(node, "axis", 1), rank) == axis:
        raise NotStreamable(node, "has one scale for each frame", "quantise per tensor or per channel")
