"""Statistics over axes: reductions, normalisations, softmax. None of them may look along time."""

from onnx import NodeProto

from ..clock import Flow
from ..refuse import NotStreamable, greatest_over_time, normalised_over_time, per_frame_parameters, pooled_over_time
from ..stream import Stream
from .registry import attribute, axes_of, main_input, positive, streams, words

REDUCTIONS = words("""
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
""")


@streams(*REDUCTIONS)
def reduction(stream: Stream, node: NodeProto) -> None:
    """Reduce other axes than time."""
    name, flow, shape = main_input(stream, node)
    axes = axes_of(stream, node)
    if axes is None:
        axes = [] if attribute(node, "noop_with_empty_axes", 0) else list(range(len(shape)))
    if flow.axis in axes:
        what = "takes statistics of the whole clip to normalise it (a global norm)"
        raise normalised_over_time(node, what) if _normalises(stream, node.output[0]) else pooled_over_time(node)
    stream.emit(node, [name, *(stream.static(other, node) for other in node.input[1:] if other)])
    gone = 0 if attribute(node, "keepdims", 1) else sum(axis < flow.axis for axis in axes)
    quiet = flow.silent and "Log" not in node.op_type
    stream.flows[node.output[0]] = flow.but(axis=flow.axis - gone, silent=quiet, finite=flow.finite and quiet)


ON_THE_WAY = words("Abs Add Cast Clip Div Identity Max Mul Pow Reciprocal Sqrt Sub")
LONGEST_WAY = 6


def _normalises(stream: Stream, statistic: str) -> bool:
    """Whether a number of the clip is soon taken from its frames again, or divides them."""
    reached = [statistic]
    for _ in range(LONGEST_WAY):
        readers = [reader for name in reached for reader in stream.consumers(name) if reader.op_type in ON_THE_WAY]
        if any(name in stream.flows for reader in readers for name in reader.input):
            return True
        reached = [reader.output[0] for reader in readers]
    return False


@streams("ArgMax", "ArgMin")
def arg_reduction(stream: Stream, node: NodeProto) -> None:
    """Places of extremes along another axis than time."""
    name, flow, shape = main_input(stream, node)
    axis = positive(attribute(node, "axis", 0), len(shape))
    if axis == flow.axis:
        raise pooled_over_time(node)
    stream.emit(node, [name])
    gone = 0 if attribute(node, "keepdims", 1) else int(axis < flow.axis)
    stream.flows[node.output[0]] = flow.but(axis=flow.axis - gone, silent=False)


@streams("Softmax", "LogSoftmax", "Hardmax", "LpNormalization", "TopK")
def along_one_axis(stream: Stream, node: NodeProto) -> None:
    """Work along one axis that is not time."""
    _, flow, shape = main_input(stream, node)
    axis = positive(attribute(node, "axis", -1), len(shape))
    over_all_behind = stream.shapes.opset() < 13 and "max" in node.op_type.lower()
    if axis == flow.axis or (over_all_behind and positive(attribute(node, "axis", 1), len(shape)) <= flow.axis):
        if node.op_type == "TopK":
            raise greatest_over_time(node)
        what = "takes a softmax over time" if "max" in node.op_type.lower() else f"takes a {node.op_type} over time"
        raise normalised_over_time(node, what)
    _frame_wise(stream, node, finite=False)


@streams("DFT")
def transform(stream: Stream, node: NodeProto) -> None:
    """Over bins a transform of each frame."""
    _, flow, shape = main_input(stream, node)
    axis = stream.optional(node, 2)
    last = -2 if stream.shapes.opset() >= 20 else 1
    if flow.axis == positive(attribute(node, "axis", last) if axis is None else int(axis.reshape(-1)[0]), len(shape)):
        raise NotStreamable(
            node, "transforms along time", "export the network from the spectrum on: the host makes the frames"
        )
    _frame_wise(stream, node)


@streams("LayerNormalization", "RMSNormalization")
def layer_normalization(stream: Stream, node: NodeProto) -> None:
    """Normalises all axes from `axis` on: time must lie before."""
    _, flow, shape = main_input(stream, node)
    if flow.axis >= positive(attribute(node, "axis", -1), len(shape)):
        raise normalised_over_time(node)
    _frame_wise(stream, node)


@streams("BatchNormalization")
def batch_normalization(stream: Stream, node: NodeProto) -> None:
    """With fixed statistics a scale and an offset for each channel."""
    _, flow, _ = main_input(stream, node)
    if attribute(node, "training_mode", 0):
        raise NotStreamable(
            node, "normalises by the statistics of the clip (training mode)", "call model.eval() before the export"
        )
    if flow.axis == 1:
        raise per_frame_parameters(node, node.input[1])
    _frame_wise(stream, node)


@streams("InstanceNormalization", "GroupNormalization", "MeanVarianceNormalization", "LRN")
def instance_normalization(stream: Stream, node: NodeProto) -> None:
    """Statistics over all spatial axes: possible where time is the batch."""
    _, flow, shape = main_input(stream, node)
    axes = [positive(a, len(shape)) for a in attribute(node, "axes", [0, 2, 3])]
    over = {"MeanVarianceNormalization": axes, "LRN": [1]}.get(node.op_type, range(1, len(shape)))
    if flow.axis in over:
        raise normalised_over_time(node)
    _frame_wise(stream, node)


@streams("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(stream: Stream, node: NodeProto) -> None:
    """Pools all spatial axes: possible where time is the batch."""
    _, flow, _ = main_input(stream, node)
    if flow.axis > 1:
        raise pooled_over_time(node)
    _frame_wise(stream, node)


def _frame_wise(stream: Stream, node: NodeProto, finite: bool = True) -> None:
    name = node.input[0]
    flow: Flow = stream.flows[name]
    stream.emit(node, [name, *(stream.static(other, node) if other else "" for other in node.input[1:])])
    made = flow.but(silent=False, finite=flow.finite and finite)
    stream.flows.update((output, made) for output in node.output if output)
