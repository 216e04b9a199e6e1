"""Products of int8 add up to what the file says, also on processors whose own sums of two products saturate."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, checker, helper, numpy_helper

from rtspec.models.ort_api import CSession
from rtspec.models.plain_session import plain_session

N_TERMS, N_TAPS, N_FRAMES = 64, 3, 8
STEP = 127.0 * 127.0
"""Of what is added up, as int8 says it."""


def convolution() -> bytes:
    """Bytes through a layer whose weights are all 127, as onnxruntime's own quantisation writes it."""
    numbers = {"one": np.float32(1), "step": np.float32(STEP), "zero": np.int8(0)}
    numbers["w"] = np.full((16, N_TERMS, N_TAPS), 127, np.int8)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "one", "zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "one", "zero"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "one", "zero"], ["wd"]),
        helper.make_node("Conv", ["xd", "wd"], ["sum"]),
        helper.make_node("QuantizeLinear", ["sum", "step", "zero"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "one", "zero"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, N_TERMS, N_FRAMES))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 16, N_FRAMES - N_TAPS + 1))
    weights = [numpy_helper.from_array(np.array(value), name) for name, value in numbers.items()]
    graph = helper.make_graph(nodes, "convolution", [x], [y], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString()


def check(given: np.ndarray, value: int) -> None:
    wanted = np.clip(np.rint(N_TERMS * N_TAPS * 127 * value / STEP), -128, 127)
    np.testing.assert_array_equal(given, np.full((1, 16, N_FRAMES - N_TAPS + 1), wanted))


@pytest.mark.parametrize("value", [127, 20, 3, -50])
def test_large_products_add_up(value):
    x = np.full((1, N_TERMS, N_FRAMES), value, np.float32)
    check(CSession(convolution()).results({"x": x}, ["y"])[0], value)
    check(np.asarray(plain_session(convolution()).run(["y"], {"x": x})[0]), value)


def test_where_onnxruntime_cannot_apply_the_first_setting_the_second_is_taken(monkeypatch):
    tried, session = [], onnxruntime.InferenceSession

    def loads(model, options, **rest):
        tried.append(options)
        if len(tried) == 1:
            raise RuntimeError("cannot")
        return session(model, options, **rest)

    monkeypatch.setattr(onnxruntime, "InferenceSession", loads)
    made = plain_session(convolution())
    assert len(tried) == 2 and tried[1].get_session_config_entry("session.disable_quant_qdq") == "1"
    check(np.asarray(made.run(["y"], {"x": np.full((1, N_TERMS, N_FRAMES), 20, np.float32)})[0]), 20)
