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
        return version_converter.convert_version(model, opset)
    except Exception as error:  # the converter raises whatever its C++ does
        reason = " ".join(str(error).split())[:160]
        raise ModelError(
            f"opset {opset_of(model)} cannot be converted to {opset} ({reason}); export with opset 17"
        ) from error
