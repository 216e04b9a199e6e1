"""A program of our own gives what onnxruntime gives, operator by operator, alone and in lanes."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from small_models import graph, tensor

from rtspec.buffers.memory import aligned, aligned_copy
from rtspec.errors import ModelError
from rtspec.models.one_call.graph import CallGraph
from rtspec.models.own_run.assembling import Assembly, NoSteps
from rtspec.models.own_run.checking import check
from rtspec.models.own_run.products import has_halves, packed
from rtspec.models.own_run.program import Code, program_of
from rtspec.models.own_run.session import OwnSession, is_program
from rtspec.models.packages import load
from rtspec.models.session import model_stage

RNG = np.random.default_rng(5)
N = 70


def noise(*shape) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def whole(*values) -> np.ndarray:
    return np.array(values, np.int64)


def made(nodes, outputs, weights=(), inputs=(("x", (1, N)),)):
    given = [tensor(name, list(shape)) for name, shape in inputs]
    return graph(nodes, given, [tensor(name, None) for name in outputs], list(weights))


def program(model: onnx.ModelProto, lanes: dict | None = None, half: bool = False) -> OwnSession:
    shapes = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in model.graph.input}
    call = CallGraph(model, shapes, {})
    call.lanes = lanes or {}
    types = {v.name: v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)}
    content = Assembly(call, half).program(types).content()
    assert is_program(content) and not is_program(model.SerializeToString())
    return OwnSession(content)


def wanted(model: onnx.ModelProto, feeds: dict) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(each) for each in session.run(None, feeds)]


ROW = (1, N)
OPERATORS = {
    **{op: ([(op, ["x", "w"], ["y"], {})], [("w", noise(1, N))]) for op in ("Add", "Sub", "Mul", "Div", "Min", "Max")},
    "Add a number": ([("Add", ["w", "x"], ["y"], {})], [("w", noise(1))]),
    "Sub a number of the sound": (
        [("ReduceSum", ["x", "a"], ["m"], {}), ("Sub", ["x", "m"], ["y"], {})],
        [("a", whole(1))],
    ),
    **{op: ([(op, ["x"], ["y"], {})], []) for op in ("Relu", "Tanh", "Sigmoid", "Exp", "Neg", "Identity")},
    **{op: ([("Mul", ["x", "x"], ["p"], {}), (op, ["p"], ["y"], {})], []) for op in ("Sqrt", "Log", "Reciprocal")},
    "Pow of a number": ([("Pow", ["w", "x"], ["y"], {})], [("w", noise() * 0 + 10)]),
    "Pow to the square": ([("Pow", ["x", "w"], ["y"], {})], [("w", noise() * 0 + 2)]),
    "Gather": ([("Gather", ["x", "i"], ["y"], {"axis": 1})], [("i", whole(-3))]),
    "Clip": ([("Clip", ["x", "low", "high"], ["y"], {})], [("low", noise() * 0 - 1), ("high", noise() * 0 + 0.5)]),
    "Concat": ([("Concat", ["x", "x"], ["y"], {"axis": 1})], []),
    "Slice": ([("Slice", ["x", "b", "e", "a"], ["y"], {})], [("b", whole(-9)), ("e", whole(-2)), ("a", whole(1))]),
    "Pad": ([("Pad", ["x", "p", "v"], ["y"], {})], [("p", whole(0, 3, 0, 5)), ("v", noise() * 0 + 2)]),
    "ReduceSum": (
        [("Reshape", ["x", "s"], ["z"], {}), ("ReduceSum", ["z", "a"], ["y"], {"keepdims": 0})],
        [("s", whole(1, 14, 5)), ("a", whole(2))],
    ),
    "ReduceMax": ([("ReduceMax", ["x"], ["y"], {"axes": [1]})], []),
    "ReduceMean": ([("ReduceMean", ["x"], ["y"], {"axes": [1]})], []),
    "CumSum": ([("CumSum", ["x", "a"], ["y"], {})], [("a", np.array(1, np.int64))]),
    "Where": (
        [("Greater", ["x", "w"], ["c"], {}), ("Where", ["c", "x", "w"], ["y"], {})],
        [("w", noise(1, N))],
    ),
    "Cast": ([("Cast", ["x"], ["i"], {"to": TensorProto.INT64}), ("Cast", ["i"], ["y"], {"to": 1})], []),
    "LayerNormalization": (
        [("LayerNormalization", ["x", "w", "b"], ["y"], {"axis": -1})],
        [("w", noise(N)), ("b", noise(N))],
    ),
    "MatMul": ([("MatMul", ["x", "w"], ["y"], {})], [("w", noise(N, 131))]),
    "MatMul to one": ([("MatMul", ["x", "w"], ["y"], {})], [("w", noise(N, 1))]),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_gives_what_onnxruntime_gives_alone_and_in_lanes(name):
    nodes, weights = OPERATORS[name]
    model = made(nodes, ["y"], weights)
    session = program(model, lanes={"x": 0, "y": 0})
    x = noise(7, N)
    together = session.results({"x": x}, ["y"])[0]
    for lane, row in enumerate(x):
        expected = wanted(model, {"x": row[None]})[0]
        alone = session.results({"x": row[None]}, ["y"])[0]
        np.testing.assert_allclose(alone, expected, rtol=2e-6, atol=2e-6 * max(1, np.abs(expected).max()))
        assert np.array_equal(together[lane : lane + 1], alone)


def test_a_gru_of_one_frame_and_its_state():
    size = 24
    weights = [("w", noise(1, 3 * size, N) / 8), ("r", noise(1, 3 * size, size) / 4), ("b", noise(1, 6 * size))]
    nodes = [
        ("Reshape", ["x", "s"], ["frame"], {}),
        ("GRU", ["frame", "w", "r", "b", "", "h"], ["y", "g"], {"hidden_size": size, "linear_before_reset": 1}),
    ]
    model = made(nodes, ["y", "g"], [*weights, ("s", whole(1, 1, N))], [("x", ROW), ("h", (1, 1, size))])
    session = program(model)
    h = noise(1, 1, size) * 0
    for _ in range(20):
        feeds = {"x": noise(1, N), "h": h}
        expected, given = wanted(model, feeds), session.results(feeds, ["y", "g"])
        for one, other in zip(expected, given, strict=True):
            assert one.shape == other.shape
            np.testing.assert_allclose(other, one, atol=1e-6)
        h = given[1]


@pytest.mark.skipif(not has_halves(), reason="no instruction for float16")
def test_float16_weights_are_exact_where_the_weights_are():
    weights = noise(N, 131).astype(np.float16).astype(np.float32)
    model = made([("MatMul", ["x", "w"], ["y"], {})], ["y"], [("w", weights)])
    x = noise(1, N)
    full, half = (program(model, half=each).results({"x": x}, ["y"])[0] for each in (False, True))
    assert np.array_equal(full, half)


def test_weights_lie_in_whole_blocks_of_strips():
    weights = noise(3, 65)
    blocks = packed(weights, half=False)
    assert blocks.shape == (2, 4, 3, 16)
    rows = blocks.transpose(0, 2, 1, 3).reshape(2, 3, 64)
    assert np.array_equal(rows[0], weights[:, :64])
    assert np.array_equal(rows[1, :, 0], weights[:, 64]) and not rows[1, :, 1:].any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_seen(bad):
    nodes = [("MatMul", ["x", "w"], ["z"], {}), ("Relu", ["z"], ["r"], {}), ("Tanh", ["r"], ["t"], {})]
    nodes.append(("Mul", ["t", "z"], ["y"], {}))
    session = program(made(nodes, ["y"], [("w", noise(N, 70))]))
    x = noise(1, N)
    x[0, 3] = bad
    assert not np.isfinite(session.results({"x": x}, ["y"])[0]).all()


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([("Erf", ["x"], ["y"], {})], "Erf is no operator on rows"),
        ([("Reshape", ["x", "s"], ["z"], {}), ("Transpose", ["z"], ["y"], {"perm": [1, 0]})], "moves numbers"),
        ([("Reshape", ["x", "s"], ["z"], {}), ("MatMul", ["z", "w"], ["y"], {})], "a product of what changes"),
    ],
)
def test_what_is_no_row_is_left_to_onnxruntime(nodes, why):
    weights = [("s", whole(7, 10)), ("w", noise(10, 3))]
    used = {name for node in nodes for name in node[1]}
    with pytest.raises(NoSteps, match=why):
        program(made(nodes, ["y"], [each for each in weights if each[0] in used]))


def test_a_program_comes_back_from_bytes():
    session = program(made([("MatMul", ["x", "w"], ["y"], {})], ["y"], [("w", noise(N, 9))]), {"x": 0, "y": 0})
    again = program_of(session.program.content())
    assert again.inputs == session.program.inputs and again.outputs == session.program.outputs
    assert np.array_equal(again.steps, session.program.steps) and again.data == session.program.data


def test_a_step_that_reaches_beyond_its_rows_is_refused():
    """Compiled code walks a program without looking: each number of each step, made too large, is refused before."""
    nodes = [("MatMul", ["x", "m"], ["z"], {}), ("LayerNormalization", ["z", "w", "b"], ["n"], {"axis": -1})]
    nodes += [("Concat", ["n", "z"], ["c"], {"axis": 1}), ("Relu", ["c"], ["y"], {})]
    model = made(nodes, ["y"], [("m", noise(N, N)), ("w", noise(N)), ("b", noise(N))])
    found = program(model).program
    check(found)
    for i, j in np.argwhere(found.steps > 0):
        one_piece = found.steps[i, 0] == Code.COPY and found.steps[i, 7] == 1
        if j == 1 or (one_piece and j in (6, 9)):  # whether it is made for each lane; how far apart pieces are
            continue
        steps = found.steps.copy()
        steps[i, j] = 10**6
        with pytest.raises(ModelError, match="a program of rows is damaged"):
            check(replace(found, steps=steps))
    for damaged in (
        replace(found, data=found.data[:-64]),
        replace(found, sizes=[1] * len(found.sizes)),
        replace(found, constants={**found.constants, 0: -64}),
        replace(found, constants={**found.constants, int(found.steps[0, 2]): 0}),
        replace(found, laned=found.laned[:-1]),
    ):
        with pytest.raises(ModelError, match="a program of rows is damaged"):
            check(damaged)


def test_a_stage_whose_run_was_ended_fails_until_its_reset():
    stage = model_stage(load("inversion-live"), load("inversion-live").fixed_bins)
    assert stage.session_path == "own"
    x, y = aligned_copy(np.abs(noise(1, *stage.input_shape))), aligned((1, *stage.output_shape))
    stage.run(x, 1, y)
    first = y.copy()
    stage.end_run()
    stage.run(x, 1, y)
    assert not y.any() and stage.counters == {"runs": 2, "failures": 1, "not_finite": 0}
    assert "was ended" in stage.last_error
    stage.reset()
    stage.run(x, 1, y)
    assert np.array_equal(y, first) and stage.counters["failures"] == 0
