"""Saying no: which node cannot be streamed, why, and what to do instead."""

from onnx import ModelProto, NodeProto

from rtspec.errors import ModelError
from rtspec.models.proto import nodes_of


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


def as_in_the_file(refusal: NotStreamable, model: ModelProto) -> NotStreamable:
    """The same refusal with a node of the file, where it names one that was written in the place of another: names of
    these begin with that of the tensor which they make."""
    makers = {name: node for node in nodes_of(model.graph) for name in (node.name, *node.output) if name}
    begun = [name for name in makers if refusal.node.startswith(f"{name}/")]
    if refusal.node in makers or not begun:
        return refusal
    return NotStreamable(makers[max(begun, key=len)], refusal.reason, refusal.remedy)


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
        "let each frame attend to its last k frames only (a mask over time differences, which streams), use a "
        "convolution or a recurrent layer, or attention within one frame",
    )


def unlimited_attention(node: NodeProto) -> NotStreamable:
    """The refusal of attention to all frames so far, where nobody said how far back is enough."""
    return NotStreamable(
        node,
        "attends to all frames so far, so its memory grows with the clip",
        "say how many are enough, as in attention_frames=250 (--attention-frames 250), or train with a limited span",
    )


def normalised_over_time(node: NodeProto, what: str = "normalises over time") -> NotStreamable:
    """The refusal of statistics taken over the clip."""
    return NotStreamable(
        node,
        f"{what}, so each frame depends on the whole clip",
        "normalise over channels or bins only (LayerNorm, BatchNorm), or by all frames so far, which streams: "
        "torch.cumsum(x.mean(1, keepdim=True), -1) / torch.arange(1, x.shape[-1] + 1)",
    )


def picked_frames(node: NodeProto, readers: int) -> NotStreamable:
    """The refusal of single frames of the clip; `readers` nodes pick some of the same tensor."""
    if readers >= UNROLLED:
        return NotStreamable(
            node,
            f"picks one frame of the clip, as {readers - 1} others do: a loop over frames that the exporter wrote out",
            "keep a recurrent layer whole by torch.onnx.export(…, dynamo=False); write a loop of your own as a layer, "
            "a cumulative sum or an ONNX Scan",
        )
    return NotStreamable(node, "picks single frames of the clip", "pick channels or bins, or crop with a slice")


UNROLLED = 4
"""So many nodes that pick frames of one tensor are a loop written out."""


def greatest_over_time(node: NodeProto) -> NotStreamable:
    """The refusal of a choice among all frames."""
    return NotStreamable(
        node,
        f"chooses among all frames of the clip ({node.op_type})",
        "choose among channels or bins, or among a fixed window of frames",
    )


def pooled_over_time(node: NodeProto) -> NotStreamable:
    """The refusal of a reduction over the clip."""
    average = node.op_type in ("GlobalAveragePool", "ReduceMean", "ReduceSum")
    so_far = ", or over all frames so far (torch.cumsum(x, t) / torch.arange(1, x.shape[t] + 1))" if average else ""
    return NotStreamable(
        node,
        "pools over the whole clip: its result is known only at the end",
        f"export the network up to this node, or pool over a fixed window of frames{so_far}",
    )


def per_frame_parameters(node: NodeProto, tensor: str) -> NotStreamable:
    """The refusal of parameters that differ from frame to frame."""
    return NotStreamable(
        node,
        f'has per-frame parameters: "{tensor}" holds one value for each frame of the clip',
        "share the parameters over time (in Keras, PReLU(shared_axes=[time])) and train again"
        if node.op_type == "PRelu"
        else "use one value for all frames, or compute it from the number of the frame (arange over the clip)",
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
        "keep time apart: flatten only channels and bins, normalise each frame by itself (LayerNorm), or export the "
        "network up to this node",
    )


def runs_backwards(node: NodeProto) -> NotStreamable:
    """The refusal of a recurrence that starts at the end of the clip."""
    return NotStreamable(
        node,
        "runs backwards from the end of the clip (bidirectional or reverse)",
        "train with a forward layer, or add look-ahead by a convolution instead",
    )


def follows_clip_length(node: NodeProto) -> NotStreamable:
    """The refusal of amounts (of padding, of frames kept) that another clip would change."""
    return NotStreamable(
        node,
        "uses an amount that follows from the clip's length (a part of the clip, padding up to a length)",
        "crop and pad by fixed numbers of frames before the export, or leave both to the host",
    )


def branches(node: NodeProto) -> NotStreamable:
    """The refusal of control flow that depends on the input."""
    if node.op_type == "If":
        return NotStreamable(
            node,
            "runs a part of the graph by a condition that is known only at run time",
            "export without control flow: decide the branch in Python, or by torch.where on values",
        )
    return NotStreamable(
        node,
        f"runs a part of the graph in a loop ({node.op_type})",
        "export without control flow: write the loop over frames as a recurrent layer (LSTM, GRU) or a convolution",
    )


def foreign(node: NodeProto) -> NotStreamable:
    """The refusal of operators that are no part of ONNX."""
    if node.op_type.startswith("DynamicQuantize"):
        remedy = (
            f"quantise without it (op_types_to_quantize in quantize_dynamic), which leaves {node.op_type[15:]} whole"
        )
        return NotStreamable(
            node, f'is an operator of "{node.domain}" that takes its scale from the whole clip', remedy
        )
    remedy = (
        "give the file as it was before onnxruntime optimised it, and quantise it in QDQ form"
        if node.domain.startswith(("com.microsoft", "ai.onnxruntime"))
        else "export it with standard operators only"
    )
    return NotStreamable(node, f'is an operator of "{node.domain}", not of ONNX', remedy)


NO_RULE = {
    "DynamicQuantizeLinear": (
        "takes its scale from the whole clip",
        "give each frame a scale of its own by quantise_frames=True (--quantise-frames; the difference is reported), "
        "or quantise statically, in QDQ form (one scale for all calls)",
    ),
    "STFT": (
        "makes frames with a window, a hop or a complex signal that is not constant in the file",
        "give torch.stft numbers and a registered window, or export the network from the spectrum on",
    ),
    "GatherND": (
        "picks places one by one",
        "pick by slices; an interpolation that the exporter wrote so stays whole by torch.onnx.export(…, dynamo=False)",
    ),
    "NonZero": ("gives as many values as it finds, not frames", "multiply by the condition in place of picking"),
    "Compress": ("gives as many values as it finds, not frames", "multiply by the condition in place of picking"),
    "Unique": ("gives as many values as it finds, not frames", "leave it to the host, behind the network"),
}
"""Operators that no rule can stream: why, and what to do."""
OWN_NOISE = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial")


def without_rule(node: NodeProto, known: int) -> NotStreamable:
    """The refusal of an operator that nobody has told the rewriter about."""
    if node.op_type in OWN_NOISE:
        return NotStreamable(node, "draws noise of its own, which no two runs share", "make the noise an input")
    if node.op_type in NO_RULE:
        return NotStreamable(node, *NO_RULE[node.op_type])
    return NotStreamable(
        node, "has no streaming rule", f"replace it by operators that have one ({known} do), or split the model here"
    )


def in_another_precision(node: NodeProto, dtype: str) -> NotStreamable:
    """The refusal of a transform for which onnxruntime has no strided convolution."""
    return NotStreamable(
        node,
        f"transforms samples in {dtype}, for which onnxruntime has no convolution",
        "export the network in single precision (float()), or from the spectrum on: the host makes the frames",
    )


def differs(node: NodeProto) -> NotStreamable:
    """The refusal of a result that was tried and is not the offline one."""
    return NotStreamable(
        node,
        "gives other numbers in a stream than for a whole clip, at a length that is no multiple of anything",
        "crop and pad by fixed numbers of frames; if neither follows from the clip's length, please report this model",
    )


def does_not_load(node: NodeProto, error: str) -> NotStreamable:
    """The refusal of a result that a runtime cannot read."""
    return NotStreamable(
        node, f"makes a streaming model that onnxruntime does not run ({error})", "please report this model"
    )


def whole_periods_only(node: NodeProto, period: int) -> NotStreamable:
    """The refusal of a result that is right only for clips of whole periods."""
    return NotStreamable(
        node,
        f"treats the end (or the padding) of a clip otherwise where its length is no multiple of {period}",
        f'if your clips are multiples of {period} frames, say lengths="periods" (--whole-periods); or pad by fixed '
        "numbers of frames before the export",
    )


def stumbles(node: NodeProto, error: Exception) -> NotStreamable:
    """The refusal of a node that is written as no rule expects it."""
    what = " ".join(str(error).split())[:100]
    return NotStreamable(
        node,
        f"is written in a way that its rule does not know ({type(error).__name__}: {what})",
        "please report this model",
    )
