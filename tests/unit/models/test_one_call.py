"""What is played of a model gives what its file gives, and lanes together what each gives alone."""

import numpy as np
import onnxruntime
import pytest
from onnx import helper
from small_models import graph, packaged, tensor

from rtspec.buffers.memory import address, aligned
from rtspec.buffers.step import run_table, table
from rtspec.errors import InvalidValue
from rtspec.models.joint import joined
from rtspec.models.one_call.graph import CallGraph
from rtspec.models.one_call.lanes import NoLanes, lane_axes
from rtspec.models.one_call.making import CLOSE, HEAVY
from rtspec.models.one_call.one_frame import depthwise, mean, one_step, pointwise, rotation, whole_packets
from rtspec.models.one_call.rows import as_rows, free_lanes, joined_views
from rtspec.models.own_run.products import has_halves
from rtspec.models.packages import load
from rtspec.models.session import model_stage

RNG = np.random.default_rng(23)
C = 12


def noise(*shape) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def results(model, feeds: dict) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(each) for each in session.run(None, feeds)]


def check(model, feeds: dict, *passes, states=()) -> list[str]:
    """The graph after some passes gives what it gave; its operators. With lanes, each of three what it gives alone."""
    shapes = {name: value.shape for name, value in feeds.items()}
    call = CallGraph(model, shapes, {})
    call.lanes = lane_axes(call, {"x": 0}, states)
    assert call.apply(*passes) > 0
    call.apply(as_rows, free_lanes)
    joined_views(call)
    for wanted, given in zip(results(model, feeds), results(call.proto(), feeds), strict=True):
        assert given.shape == wanted.shape
        np.testing.assert_allclose(given, wanted, rtol=0, atol=CLOSE * np.abs(wanted).max())
    free = {
        name: ["lanes" if i == call.lanes.get(name) else n for i, n in enumerate(shape)]
        for name, shape in shapes.items()
    }
    lanes = [{name: noise(*shape) for name, shape in shapes.items()} for _ in range(3)]
    laned = call.proto(free)
    together = results(
        laned, {n: np.concatenate([each[n] for each in lanes], call.lanes[n]) if n in call.lanes else v
                for n, v in feeds.items()}
    )  # fmt: skip
    for lane, alone in enumerate(lanes):
        alone |= {name: value for name, value in feeds.items() if name not in call.lanes}
        for name, wanted, given in zip(call.outputs, results(laned, alone), together, strict=True):
            assert np.array_equal(np.take(given, [lane], call.lanes[name]), wanted)
    return [node.op_type for node in call.nodes]


@pytest.mark.parametrize(("kernel", "dilation", "bias"), [(5, 1, True), (3, 4, False), (1, 1, True)])
def test_a_depthwise_convolution_of_one_frame_is_products_and_a_sum(kernel, dilation, bias):
    length = (kernel - 1) * dilation + 1
    weights = [("w", noise(C, 1, kernel)), ("b", noise(C))]
    node = ("Conv", ["x", "w", "b"][: 2 + bias], ["y"], {"group": C, "dilations": [dilation]})
    model = graph([node], [tensor("x", [1, C, length])], [tensor("y", [1, C, 1])], weights)
    assert "Conv" not in check(model, {"x": noise(1, C, length)}, depthwise)


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (5, 1), (2, 3)])
def test_a_convolution_of_one_frame_over_all_channels_is_a_product_of_matrices(kernel, dilation):
    length = (kernel - 1) * dilation + 1
    nodes = [("Conv", ["x", "w", "b"], ["c"], {"dilations": [dilation]}), ("Relu", ["c"], ["y"], {})]
    weights = [("w", noise(7, C, kernel)), ("b", noise(7))]
    model = graph(nodes, [tensor("x", [1, C, length])], [tensor("y", [1, 7, 1])], weights)
    assert sorted(set(check(model, {"x": noise(1, C, length)}, pointwise))) == ["Add", "MatMul", "Relu", "Reshape"]


@pytest.mark.parametrize("attributes", [{"pads": [1, 1]}, {"group": 2}, {"strides": [2], "pads": [0, 2]}])
def test_other_convolutions_are_left_alone(attributes):
    weights = [("w", noise(C, C // attributes.get("group", 1), 3))]
    model = graph(
        [("Conv", ["x", "w"], ["y"], attributes)], [tensor("x", [1, C, 3])], [tensor("y", [1, C, "n"])], weights
    )
    call = CallGraph(model, {"x": (1, C, 3)}, {})
    assert call.apply(depthwise, pointwise) == 0


@pytest.mark.parametrize("op", ["ReduceMean", "ReduceMax"])
def test_means_of_lanes_are_made_one_by_one(op):
    nodes = [("Abs", ["x"], ["a"], {}), (op, ["a"], ["m"], {"axes": [1]}), ("Log", ["m"], ["y"], {})]
    model = graph(nodes, [tensor("x", [1, 201, 1])], [tensor("y", [1, 1, 1])])
    operators = check(model, {"x": noise(1, 201, 1)}, mean, whole_packets)
    assert ("MatMul" in operators) == (op == "ReduceMean")


def test_a_recurrence_that_may_have_no_frame_runs_always(tmp_path):
    """With a length of 0 or 1, as the streaming rewriter writes it: its frame is zero, or the recurrence's."""
    weights = [("w", noise(1, 3 * C, C)), ("r", noise(1, 3 * C, C)), ("b", noise(1, 6 * C))]
    weights += [("perm", np.array([1, 1, C]))]
    nodes = [
        ("Reshape", ["x", "perm"], ["t"], {}),
        ("Cast", ["l"], ["n"], {"to": 6}),
        ("GRU", ["t", "w", "r", "b", "n", "s"], ["f", "h"], {"hidden_size": C, "linear_before_reset": 1}),
        ("Identity", ["f"], ["y"], {}),
        ("Identity", ["h"], ["state"], {}),
    ]
    inputs = [tensor("x", [1, C]), tensor("l", [1]), tensor("s", [1, 1, C])]
    model = graph(nodes, inputs, [tensor("y", [1, 1, 1, C]), tensor("state", [1, 1, C])], weights)
    feeds = {"x": noise(1, C), "l": np.ones(1, np.float32), "s": noise(1, 1, C)}
    call = CallGraph(model, {name: value.shape for name, value in feeds.items()}, {})
    assert call.apply(one_step) == 1
    for length in (0, 1):
        feeds["l"][0] = length
        wanted, given = results(model, feeds), results(call.proto(), feeds)
        np.testing.assert_allclose(given[0], wanted[0], rtol=0, atol=1e-6)
        if length:
            np.testing.assert_allclose(given[1], wanted[1], rtol=0, atol=1e-6)


def test_one_frame_rotated_is_the_frame():
    far, zero, axis = ("far", np.array([2**31 - 1])), ("zero", np.array([0])), ("axis", np.array([1]))
    nodes = [
        ("Cast", ["by"], ["n"], {"to": 7}),
        ("Slice", ["x", "n", "far", "axis"], ["late"], {}),
        ("Slice", ["x", "zero", "n", "axis"], ["early"], {}),
        ("Concat", ["late", "early"], ["y"], {"axis": 1}),
    ]
    model = graph(nodes, [tensor("x", [1, 1, C]), tensor("by", [1])], [tensor("y", [1, 1, C])], [far, zero, axis])
    call = CallGraph(model, {"x": (1, 1, C), "by": (1,)}, {})
    assert call.apply(rotation) == 1
    assert [node.op_type for node in call.nodes] == ["Identity"]


MIXING = {
    "a sum over the lanes": [("ReduceSum", ["x", "zero"], ["y"], {"keepdims": 1})],
    "a softmax over the lanes": [("Softmax", ["x"], ["y"], {"axis": 0})],
    "an operator that is not known": [("NonZero", ["x"], ["n"], {}), ("Cast", ["n"], ["y"], {"to": 1})],
    "lanes against each other": [("Transpose", ["x"], ["t"], {"perm": [1, 0, 2]}), ("Mul", ["x", "t"], ["y"], {})],
}


@pytest.mark.parametrize("nodes", MIXING.values(), ids=MIXING.keys())
def test_graphs_that_mix_lanes_have_none(nodes):
    model = graph(nodes, [tensor("x", [1, 1, C])], [tensor("y", ["a", "b", "c"])], [("zero", np.array([0]))])
    call = CallGraph(model, {"x": (1, 1, C)}, {})
    with pytest.raises(NoLanes):
        lane_axes(call, {"x": 0}, [])


def test_states_get_their_lanes_from_what_becomes_of_them():
    nodes = [
        ("Concat", ["s", "x"], ["w"], {"axis": 2}),
        ("Slice", ["w", "one", "far", "two"], ["t"], {}),
        ("ReduceSum", ["w", "two"], ["y"], {"keepdims": 1}),
        ("Add", ["c", "step"], ["d"], {}),
    ]
    weights = [("one", np.array([1])), ("far", np.array([99])), ("two", np.array([2]))]
    weights += [("step", np.ones(1, np.float32))]
    inputs = [tensor("x", [1, C, 1]), tensor("s", [1, C, 3]), tensor("c", [1])]
    outputs = [tensor("y", [1, C, 1]), tensor("t", [1, C, 3]), tensor("d", [1])]
    call = CallGraph(graph(nodes, inputs, outputs, weights), {"x": (1, C, 1), "s": (1, C, 3), "c": (1,)}, {})
    axes = lane_axes(call, {"x": 0}, [("s", "t"), ("c", "d")])
    assert {name: axes.get(name) for name in ("s", "t", "c", "d", "y")} == {
        "s": 0,
        "t": 0,
        "c": None,
        "d": None,
        "y": 0,
    }


# ------------------------------------------------------------------------------------------ what ships


def played(name: str, frames: np.ndarray, **options) -> np.ndarray:
    """Frames of shape (n, lanes, values) through a model's stages, joined where they can be."""
    model = load(name)
    stages = [model_stage(model, model.fixed_bins, **options) for _ in range(frames.shape[1])]
    x = [aligned(stages[0].input_shape) for _ in stages]
    y = [aligned(stages[0].output_shape) for _ in stages]
    tables, _ = joined([([s.row(a, b)], [s]) for s, a, b in zip(stages, x, y, strict=True)])
    rows = [row for each in tables for row in each]
    places, made = table(rows), []
    for frame in frames:
        for a, values in zip(x, frame, strict=True):
            a.reshape(-1)[:] = values
        run_table(address(places), len(rows), 1)
        made.append([b.reshape(-1).copy() for b in y])
    return np.array(made)


def sounds(name: str, n_frames: int, lanes: int) -> np.ndarray:
    size = int(np.prod(model_stage(load(name)).input_shape))
    levels = 10 ** np.random.default_rng(1).uniform(-3, 1, (n_frames, lanes, 1))
    return (levels * np.abs(np.random.default_rng(2).standard_normal((n_frames, lanes, size)))).astype(np.float32)


HEAVY_MODELS = ("bandwidth-live", "inversion-live")


@pytest.mark.parametrize("name", HEAVY_MODELS)
def test_heavy_models_are_played_in_a_form_of_their_own_that_gives_what_the_file_gives(name):
    frames = sounds(name, 150, 1)
    form = model_stage(load(name), precision="float").form
    assert (form.why_as_it_is, form.why_alone, form.weights) == (None, None, "float32")
    wanted, given = played(name, frames, as_it_is=True), played(name, frames, precision="float")
    assert np.abs(given - wanted).max() <= CLOSE * np.abs(wanted).max()
    assert not np.array_equal(given[-1], given[-2])


@pytest.mark.parametrize("name", HEAVY_MODELS)
def test_float16_weights_give_what_the_file_gives_within_70_db(name):
    frames = sounds(name, 150, 1)
    stage = model_stage(load(name))
    assert (stage.form.weights, stage.session_path) == ("float16" if has_halves() else "float32", "own")
    wanted, given = played(name, frames, as_it_is=True), played(name, frames)
    assert np.square(given - wanted).sum() <= 1e-7 * np.square(wanted).sum()


def test_an_unknown_precision_is_refused():
    with pytest.raises(InvalidValue, match="precision='int4' is not known; choose one of auto, float"):
        model_stage(load("bandwidth-live"), precision="int4")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", HEAVY_MODELS)
@pytest.mark.parametrize("lanes", [2, 3, 6])
def test_each_lane_of_several_is_what_it_is_alone_to_the_bit(name, lanes):
    frames = sounds(name, 60, lanes)
    together = played(name, frames)
    for lane in range(lanes):
        assert np.array_equal(together[:, lane : lane + 1], played(name, frames[:, lane : lane + 1]))


@pytest.mark.parametrize("name", HEAVY_MODELS)
def test_a_lane_that_bursts_leaves_the_others_alone_and_starts_afresh(name):
    frames = sounds(name, 40, 3)
    quiet = played(name, frames)
    frames[12, 1] = np.inf
    burst = played(name, frames)
    assert np.array_equal(burst[:, [0, 2]], quiet[:, [0, 2]])
    assert np.isfinite(burst).all()
    assert not np.array_equal(burst[13:, 1], quiet[13:, 1])
    assert np.abs(burst[30:, 1]).max() > 0


def test_light_models_give_the_bits_of_their_file(tmp_path):
    weights = [("w", noise(9, 9, 1)), ("b", noise(9))]
    shape = [1, 9, "frames"]
    model = graph([("Conv", ["x", "w", "b"], ["y"], {})], [tensor("x", shape)], [tensor("y", shape)], weights)
    package = packaged(tmp_path, model, n_fft=16)
    x = np.abs(noise(20, 9))
    made = []
    for as_it_is in (False, True):
        y = np.zeros_like(x)
        model_stage(package, 9, as_it_is=as_it_is).run(x, len(x), y)
        made.append(y)
    assert np.array_equal(*made)


def test_what_cannot_be_written_otherwise_is_played_as_it_is_and_says_why(tmp_path):
    body = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["inner"])], "body", [], [helper.make_tensor_value_info("inner", 1, None)]
    )
    nodes = [("If", ["yes"], ["y"], {"then_branch": body, "else_branch": body})]
    model = graph(nodes, ["x"], ["y"], [("yes", np.array(True))])
    stage = model_stage(packaged(tmp_path, model), 5)
    assert stage.form.why_as_it_is == "graphs within graphs are left as they are"
    x, y = np.abs(noise(3, 5)), np.zeros((3, 5), np.float32)
    stage.run(x, 3, y)
    assert np.array_equal(x, y)


def test_what_a_pass_does_wrong_is_found_out_and_not_played(tmp_path, monkeypatch):
    size = 257
    assert size * size >= HEAVY
    shape = [1, size, "frames"]
    weights = [("w", noise(size, size, 1) / size)]
    model = graph([("Conv", ["x", "w"], ["y"], {})], [tensor("x", shape)], [tensor("y", shape)], weights)
    package = packaged(tmp_path, model, n_fft=512)
    x, seen = np.abs(noise(3, size)), []

    def wrong(call, node):
        seen.append(node.op_type)
        return [helper.make_node("Abs", [node.input[0]], [node.output[0]])] if node.op_type == "Conv" else None

    monkeypatch.setattr("rtspec.models.one_call.making._PRODUCTS", (wrong,))
    monkeypatch.setattr("rtspec.models.ort_sessions.kept_form", lambda *key: None)  # of an earlier run, on this machine
    made = []
    for as_it_is in (False, True):
        y = np.zeros_like(x)
        model_stage(package, size, as_it_is=as_it_is).run(x, len(x), y)
        made.append(y)
    assert "Conv" in seen
    assert np.array_equal(*made)
