"""Small ONNX models for the tests of packages and sessions, and the least manifest that fits them."""

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from rtspec.models.manifest import METADATA_KEY
from rtspec.models.packages import PackagedModel, load, package

FRAMES = [1, "bins", "frames"]
LEAST = {
    "name": "test",
    "input": {"name": "x", "representation": "magnitude"},
    "output": {"name": "y", "representation": "magnitude"},
}


def tensor(name: str, shape=FRAMES, kind=TensorProto.FLOAT):
    """A typed graph input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def graph(nodes, inputs, outputs, weights=()) -> ModelProto:
    """A model of these nodes; a node is (operator, inputs, outputs, attributes), tensors are names or value infos."""
    made = [helper.make_node(op, i, o, **attributes) for op, i, o, attributes in nodes]
    taken, given = ([tensor(v) if isinstance(v, str) else v for v in side] for side in (inputs, outputs))
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights]
    body = helper.make_graph(made, "test", taken, given, tensors)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def doubling() -> ModelProto:
    """y = x + x."""
    return graph([("Add", ["x", "x"], ["y"], {})], ["x"], ["y"])


def summing(n_bins: int = 9) -> ModelProto:
    """y = x + y of the frame before, one frame a call; the state starts where the manifest says."""
    shape = [1, n_bins, 1]
    nodes = [("Add", ["x", "s"], ["y"], {}), ("Identity", ["y"], ["t"], {})]
    return graph(nodes, [tensor("x", shape), tensor("s", shape)], [tensor("y", shape), tensor("t", shape)])


SUM_STATE = {"input": "s", "output": "t", "shape": [1, 9, 1], "initial": 3.0}


def failing() -> ModelProto:
    """y = x · ones[int(x[0, 0, 0])] + s, where `ones` has one row: Run fails if the first bin is over 1; s counts."""
    nodes = [
        ("Slice", ["x", "zero", "one", "bins"], ["first"], {}),
        ("Cast", ["first"], ["index"], {"to": TensorProto.INT64}),
        ("Reshape", ["index", "flat"], ["scalar"], {}),
        ("Gather", ["ones", "scalar"], ["factor"], {"axis": 0}),
        ("Mul", ["x", "factor"], ["z"], {}),
        ("Add", ["z", "s"], ["y"], {}),
        ("Add", ["s", "step"], ["t"], {}),
    ]
    weights = [
        ("zero", np.array([0])),
        ("one", np.array([1])),
        ("bins", np.array([1])),
        ("flat", np.array([1])),
        ("ones", np.ones(1, np.float32)),
        ("step", np.ones(1, np.float32)),
    ]
    shape = [1, 9, 1]
    inputs = [tensor("x", shape), tensor("s", [1])]
    return graph(nodes, inputs, [tensor("y", shape), tensor("t", [1])], weights)


COUNT_STATE = {"input": "s", "output": "t", "shape": [1]}


def halving() -> ModelProto:
    """Mean of each pair of frames, given twice: a period of 2, as many frames out as in; [1, 3, frames]."""
    nodes = [
        ("AveragePool", ["x"], ["half"], {"kernel_shape": [2], "strides": [2]}),
        ("Resize", ["half", "", "scales"], ["y"], {"mode": "nearest"}),
    ]
    shape = [1, 3, "frames"]
    weights = [("scales", np.array([1, 1, 2], np.float32))]
    return graph(nodes, [tensor("x", shape)], [tensor("y", shape)], weights)


def packaged(folder, model: ModelProto, **manifest) -> PackagedModel:
    """Package a model in a folder and read it again."""
    return load(package(model, folder / "model.onnx", **{**LEAST, **manifest}))


def with_metadata(model: ModelProto, value: str, key: str = METADATA_KEY) -> ModelProto:
    """The model with a text in its metadata, whatever it says."""
    helper.set_model_props(model, {key: value})
    return model
