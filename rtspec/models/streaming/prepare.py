"""What is done to an offline model before the walk: one operator set for all rules, conditions and sizes that are
known."""

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, helper

from rtspec.errors import ModelError

from .load import Inputs
from .opsets import converted
from .quantised import with_quantisers
from .shapes import Shapes
from .transforms import with_convolutions

# Rules know operators from this set on.
RULES_OPSET = 11
BRANCHING = ("If", "Loop", "SequenceMap")
PICKING, MEASURING = ("Slice", "Gather", "Split"), ("Shape", "Size")


def prepare(offline: ModelProto, inputs: Inputs) -> ModelProto:
    """A copy in an operator set that the rules know, without conditions that do not depend on the clip."""
    model = with_quantisers(converted(offline, RULES_OPSET))
    if any(n.op_type == "If" for n in model.graph.node):
        model = without_known_conditions(model, inputs)
    model = without_measured_pieces(model, inputs)
    return with_convolutions(model, inputs)


def without_known_conditions(model: ModelProto, inputs: Inputs) -> ModelProto:
    """Each If whose condition is the same for two lengths of the clip becomes the branch that it takes."""
    both = [Shapes(model, shapes, inputs.time_axes) for shapes in (inputs.shapes, inputs.longer())]
    waiting, done = list(model.graph.node), []
    while waiting:
        node = waiting.pop(0)
        branch = _branch_taken(node, both) if node.op_type == "If" else None
        if branch is not None:
            waiting = _inlined(node, branch) + waiting
            continue
        done.append(node)
        if not _measured(node, both):
            done, waiting = done + waiting, []
    folded = ModelProto()
    folded.CopyFrom(model)
    folded.graph.ClearField("node")
    folded.graph.node.extend(done)
    return folded


def without_measured_pieces(model: ModelProto, inputs: Inputs) -> ModelProto:
    """Sizes of pieces of the clip become numbers where two lengths of the clip give the same, and pieces that nothing
    else reads go: `torch.zeros_like(x[:, :1])` asks for no frame."""
    pieces = {name for node in model.graph.node if node.op_type in PICKING for name in node.output}
    wanted = [node for node in model.graph.node if node.op_type in MEASURING and node.input[0] in pieces]
    if not wanted:
        return model
    lengths = (inputs.shapes, inputs.longer()) if inputs.dynamic else (inputs.shapes,)
    both = [Shapes(model, shapes, inputs.time_axes) for shapes in lengths]
    known: dict[str, np.ndarray] = {}
    for node in model.graph.node:
        if not _measured(node, both):
            break
        if node in wanted:
            values = [np.asarray(shapes.constant(node.output[0])) for shapes in both]
            known |= {node.output[0]: values[0]} if all(np.array_equal(values[0], each) for each in values) else {}
    return _with_numbers(model, known)


def _with_numbers(model: ModelProto, known: Mapping[str, np.ndarray]) -> ModelProto:
    """The model with numbers in the place of nodes, by their outputs, and without what was made for these alone."""
    nodes = [
        _constant(onnx.numpy_helper.from_array(known[node.output[0]]), node.output[0], node.name)
        if node.output and node.output[0] in known
        else node
        for node in model.graph.node
    ]
    asked = {name for node in model.graph.node if node.output and node.output[0] in known for name in node.input}
    while asked:
        read = {name for node in nodes for name in node.input} | {value.name for value in model.graph.output}
        dead = [node for node in nodes if asked.intersection(node.output) and not read.intersection(node.output)]
        nodes, asked = [node for node in nodes if node not in dead], {name for node in dead for name in node.input}
    made = ModelProto()
    made.CopyFrom(model)
    made.graph.ClearField("node")
    made.graph.node.extend(nodes)
    return made


def _measured(node: NodeProto, both: Iterable[Shapes]) -> bool:
    """Whether the shapes behind a node can be told; the walk will say of the others what is wrong with them."""
    try:
        for shapes in both:
            shapes.visit(node)
    except ModelError:
        return False
    return node.op_type not in BRANCHING


def _branch_taken(node: NodeProto, both: Iterable[Shapes]) -> GraphProto | None:
    values = [shapes.constant(node.input[0]) for shapes in both]
    known = {bool(np.asarray(value).reshape(-1)[0]) for value in values if value is not None}
    if any(value is None for value in values) or len(known) != 1:
        return None
    wanted = "then_branch" if known.pop() else "else_branch"
    return next(a.g for a in node.attribute if a.name == wanted)


def _inlined(node: NodeProto, branch: GraphProto) -> list[NodeProto]:
    """Nodes of a branch with names of their own, its results under the names of the If's."""
    own = {name for inner in branch.node for name in inner.output if name}
    own |= {tensor.name for tensor in branch.initializer}
    names = {name: f"{node.output[0]}/{name}" for name in own}
    made = [_constant(tensor, names[tensor.name]) for tensor in branch.initializer]
    for inner in branch.node:
        copy = NodeProto()
        copy.CopyFrom(inner)
        rename(copy, names)
        made.append(copy)
    for result, output in zip(branch.output, node.output, strict=True):
        source = names.get(result.name, result.name)
        made.append(helper.make_node("Identity", [source], [output], name=f"{node.name or output}/{output}"))
    return made


def _constant(tensor: onnx.TensorProto, output: str, name: str = "") -> NodeProto:
    return helper.make_node("Constant", [], [output], name=name or output, value=tensor)


def rename(node: NodeProto, names: dict[str, str]) -> None:
    """Other names for tensors, in sub-graphs too (where they may be read from outside)."""
    for listed in (node.input, node.output):
        for i, name in enumerate(listed):
            listed[i] = names.get(name, name)
    for attribute in node.attribute:
        for graph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
            for inner in graph.node:
                rename(inner, names)
            for value in graph.output:
                value.name = names.get(value.name, value.name)
