"""Nodes of a file in an order that ONNX takes, however many there are and whatever order they came in."""

import time

import pytest
from onnx import TensorProto, checker, helper

from rtspec.models.proto import in_order


def chain(n):
    """A graph of n nodes in a row, the last one first."""
    nodes = [helper.make_node("Identity", [f"t{i}"], [f"t{i + 1}"]) for i in reversed(range(n))]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("t0", f"t{n}")]
    return helper.make_model(helper.make_graph(nodes, "chain", ends[:1], ends[1:]))


def test_twenty_thousand_nodes_in_reverse_take_no_time():
    model, start = chain(20_000), time.process_time()
    in_order(model)
    assert time.process_time() - start < 5
    checker.check_model(model)


def test_a_graph_in_order_stays_as_it_is():
    model = chain(5)
    in_order(model)
    before = model.SerializeToString()
    in_order(model)
    assert model.SerializeToString() == before


def test_a_circle_is_left_to_the_checker():
    model = chain(2)
    model.graph.node[0].output[0] = "t0"
    in_order(model)
    with pytest.raises(checker.ValidationError):
        checker.check_model(model)
