"""Transforms of samples inside the graph: an STFT of fixed window and hop is a strided convolution."""

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from rtspec.errors import ModelError

from .load import Inputs
from .refuse import in_another_precision
from .shapes import Shapes

REAL_SIGNAL = 1


def with_convolutions(model: ModelProto, inputs: Inputs) -> ModelProto:
    """The model itself, or a copy in which each STFT whose window is constant and signal real is a convolution."""
    if not any(node.op_type == "STFT" for node in model.graph.node):
        return model
    shapes, copy = Shapes(model, inputs.shapes, inputs.time_axes), ModelProto()
    copy.CopyFrom(model)
    copy.graph.ClearField("node")
    known = True
    for node in model.graph.node:
        known = known and _visited(shapes, node)
        kernel = _kernel(shapes, node) if known and node.op_type == "STFT" else None
        copy.graph.node.extend([node] if kernel is None else _written(copy, node, *kernel))
    return copy


def _visited(shapes: Shapes, node: NodeProto) -> bool:
    try:
        shapes.visit(node)
    except ModelError:  # the walk says what is wrong with it
        return False
    return True


def _kernel(shapes: Shapes, node: NodeProto) -> tuple[np.ndarray, int] | None:
    """Taps [2 · bins, 1, n_fft] (real parts first) and the hop; None where they are not constant."""
    values = [shapes.constant(name) if name and name not in shapes.varies else None for name in node.input[1:]] + [
        None,
        None,
    ]
    step, window, length = values[:3]
    signal = shapes.shape(node.input[0])
    are_known = all(value is not None for name, value in zip(node.input[1:], values, strict=False) if name)
    if not are_known or step is None or signal[-1] != REAL_SIGNAL or (window is None and length is None):
        return None
    if (kind := shapes.element_type(node.input[0])) != TensorProto.FLOAT:
        raise in_another_precision(node, helper.tensor_dtype_to_np_dtype(kind).name)
    n_fft = int(length.reshape(-1)[0]) if length is not None else len(window if window is not None else ())
    window = np.ones(n_fft) if window is None else window.astype(np.float64)
    one_sided = next((a.i for a in node.attribute if a.name == "onesided"), 1)
    turns = np.outer(np.arange(n_fft // 2 + 1 if one_sided else n_fft), np.arange(n_fft)) / n_fft
    taps = np.concatenate([np.cos(2 * np.pi * turns), -np.sin(2 * np.pi * turns)]) * window
    return taps[:, None].astype(np.float32), int(step.reshape(-1)[0])


def _written(model: ModelProto, node: NodeProto, taps: np.ndarray, step: int) -> list[NodeProto]:
    """[batch, samples, 1] to [batch, frames, bins, 2]."""
    output = node.output[0]
    kernel, shape = f"{output}/taps", f"{output}/parts"
    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(taps), kernel))
    model.graph.initializer.append(numpy_helper.from_array(np.array([0, 2, len(taps) // 2, -1]), shape))
    steps = [
        ("Transpose", [node.input[0]], f"{output}/samples", {"perm": [0, 2, 1]}),
        ("Conv", [f"{output}/samples", kernel], f"{output}/flat", {"strides": [step]}),
        ("Reshape", [f"{output}/flat", shape], f"{output}/apart", {}),
        ("Transpose", [f"{output}/apart"], output, {"perm": [0, 3, 2, 1]}),
    ]
    return [
        helper.make_node(op, inputs, [made], name=made if made != output else node.name or output, **options)
        for op, inputs, made, options in steps
    ]
