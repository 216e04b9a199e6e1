"""Operator sets: which a model has, and how it comes to a newer one."""

from onnx import ModelProto, version_converter

from rtspec.errors import ModelError


def opset_of(model: ModelProto) -> int:
    """Version of the standard operator set."""
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)


def converted(model: ModelProto, opset: int) -> ModelProto:
    """The model in an operator set at least as new; ModelError if onnx cannot bring it there."""
    if opset_of(model) >= opset:
        return model
    try:
        newer = version_converter.convert_version(model, opset)
    except Exception as error:  # the converter raises whatever its C++ does
        reason = " ".join(str(error).split())[:160]
        raise ModelError(
            f"opset {opset_of(model)} cannot be converted to {opset} ({reason}); export with opset 17"
        ) from error
    _named_by_the_file(newer, model)
    return newer


def _named_by_the_file(newer: ModelProto, model: ModelProto) -> None:
    """Nodes that the converter put in the place of one get names that begin with the tensor which that one makes, so
    that a refusal can name it."""
    names = {node.name for node in model.graph.node if node.name}
    makes = {name: name for node in model.graph.node for name in node.output if name}
    for node in reversed(newer.graph.node):
        made = next((makes[name] for name in node.output if name in makes), None)
        if made is None:
            continue
        makes.update((name, made) for name in node.input if name and name not in makes)
        if node.name not in names and not any(name == made for name in node.output):
            node.name = f"{made}/{node.output[0]}"
