"""Saying no: which node cannot be streamed, why, and what to do instead."""

from onnx import NodeProto

from rtspec.errors import ModelError


class NotStreamable(ModelError):
    """The model has a node that needs the whole clip, or one without a streaming rule; the text names it.

    Attributes
    ----------
    node : str
        Name of the node as in the file (or the tensor that it makes, where the node has no name).
    reason, remedy : str
        Why it cannot be streamed, and what to do instead.
    """

    def __init__(self, node: NodeProto, reason: str, remedy: str) -> None:
        self.node, self.reason, self.remedy = node_name(node), reason, remedy
        super().__init__(f'node "{self.node}" ({node.op_type}) {reason}; {remedy}')


def node_name(node: NodeProto) -> str:
    """Name of a node, or of its first output where the exporter gave it none."""
    return node.name or next((name for name in node.output if name), node.op_type)


def dense_over_time(node: NodeProto) -> NotStreamable:
    """The refusal of a contraction whose summed axis is time."""
    return NotStreamable(
        node,
        "is dense over time: every output frame is a weighted sum of all frames of the clip",
        "replace it by a convolution along time, or apply it to the feature axis",
    )


def attention_over_time(node: NodeProto) -> NotStreamable:
    """The refusal of a product of frames with frames."""
    return NotStreamable(
        node,
        "sets all frames against all frames (attention over the whole clip)",
        "use a convolution, a recurrent layer, or attention within one frame",
    )


def normalised_over_time(node: NodeProto, what: str = "normalises over time") -> NotStreamable:
    """The refusal of statistics taken over the clip."""
    return NotStreamable(
        node,
        f"{what}, so each frame depends on the whole clip",
        "normalise over channels or bins only (LayerNorm, BatchNorm), or use running statistics",
    )


def pooled_over_time(node: NodeProto) -> NotStreamable:
    """The refusal of a reduction over the clip."""
    return NotStreamable(
        node,
        "pools over the whole clip: its result is known only at the end",
        "export the network up to this node, or pool over a fixed window of frames",
    )


def per_frame_parameters(node: NodeProto, tensor: str) -> NotStreamable:
    """The refusal of parameters that differ from frame to frame."""
    return NotStreamable(
        node,
        f'has per-frame parameters: "{tensor}" holds one value for each frame of the clip',
        "share the parameters over time (in Keras, PReLU(shared_axes=[time])) and train again",
    )


def uses_clip_length(node: NodeProto, tensor: str) -> NotStreamable:
    """The refusal of arithmetic with the number of frames."""
    return NotStreamable(
        node,
        f'computes with the length of the clip ("{tensor}"), which a stream does not know',
        "replace it by a constant before the export",
    )


def merged_time(node: NodeProto) -> NotStreamable:
    """The refusal of a reshape that folds time into another axis."""
    return NotStreamable(
        node,
        "mixes the time axis with other axes (as before a dense layer over the clip or a group norm over time)",
        "keep time apart: flatten only channels and bins, or export the network up to this node",
    )


def runs_backwards(node: NodeProto) -> NotStreamable:
    """The refusal of a recurrence that starts at the end of the clip."""
    return NotStreamable(
        node,
        "runs backwards from the end of the clip (bidirectional or reverse)",
        "train with a forward layer, or add look-ahead by a convolution instead",
    )
