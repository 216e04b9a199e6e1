"""Files of strangers: what they say of their sizes is not believed, and what they take is bounded."""

import json
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import rtspec
from rtspec.errors import ModelError, RtspecError
from rtspec.models import load, ort_api, sandbox, watch
from rtspec.models.session import model_stage
from rtspec.models.validation import validate

K = 513
SOUND = (0.1 * np.random.default_rng(0).standard_normal((2, 24000))).astype(np.float32)


def write(path, nodes, inits=(), output=None, taken=(1, K, "t"), given=(1, K, "t"), functions=(), states=(), **fields):
    """A package as a stranger may write one: nothing is checked on the way."""
    fields = {"name": "p", "n_fft": 1024, "hop": 256, "sample_rate": 48000} | fields
    fields["input"] = {"name": "x", "representation": "magnitude"}
    fields["output"] = {"name": "y", "representation": "magnitude"} | (output or {})
    if states:
        fields["states"] = [{"input": a, "output": b, "shape": list(shape)} for a, b, shape in states]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, taken)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, given)]
    inputs += [helper.make_tensor_value_info(a, TensorProto.FLOAT, shape) for a, _, shape in states]
    outputs += [helper.make_tensor_value_info(b, TensorProto.FLOAT, [None] * len(shape)) for _, b, shape in states]
    graph = helper.make_graph(list(nodes), "g", inputs, outputs, list(inits))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = "rtspec", json.dumps(fields)
    path.write_bytes(model.SerializeToString())
    return path


def tiled(path, channels, representation):
    """An output whose channels the graph leaves open and makes many of."""
    nodes = [helper.make_node("Unsqueeze", ["x", "axis"], ["x4"]), helper.make_node("Tile", ["x4", "times"], ["y"])]
    inits = [
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("times", TensorProto.INT64, [4], [1, channels, 1, 1]),
    ]
    output = {"representation": representation, "layout": ["batch", "channels", "bins", "time"]}
    return write(path, nodes, inits, output, given=(1, "c", K, "t"))


@pytest.mark.parametrize(
    ("representation", "channels"), [("magnitude", 2), ("magnitude", 64), ("complex", 1), ("complex", 64)]
)
def test_more_channels_than_a_representation_has_are_refused_where_it_plays_and_where_it_is_checked(
    tmp_path, representation, channels
):
    path = tiled(tmp_path / "wide.onnx", channels, representation)
    with pytest.raises(ModelError, match=f'has {channels} channels; representation="{representation}" has'):
        rtspec.OnnxProcessor(path)(SOUND, 48000)
    report = validate(path)
    assert not report.ok and "channels" in report.checks[-1].detail


@pytest.mark.parametrize("frames", [0, -1])
def test_an_input_that_holds_nothing_is_refused(tmp_path, frames):
    path = write(tmp_path / "empty.onnx", [helper.make_node("Identity", ["x"], ["y"])], taken=(1, K, frames))
    with pytest.raises(RtspecError, match="hold"):
        rtspec.OnnxProcessor(path)(SOUND, 48000)
    assert not validate(path).ok


@pytest.mark.parametrize(
    ("name", "play"),
    [
        ("bandwidth-live", lambda path: rtspec.BandwidthExtension(path)(SOUND, 44100)),
        ("bandwidth-paper", lambda path: rtspec.BandwidthExtension(path)(SOUND, 44100)),
        ("inversion-live", lambda path: rtspec.SpectralInversion(model=path)(SOUND, 22050)),
        ("timbre-synth", lambda path: rtspec.TimbreSynth(model=path)([], duration=0.2, sample_rate=48000)),
        ("timbre-morph", lambda path: rtspec.TimbreMorph(model=path)(SOUND, 48000)),
    ],
)
def test_every_processor_refuses_answers_that_are_larger_than_the_room_for_them(tmp_path, name, play):
    model = onnx.load_from_string(load(name).proto_bytes)
    fields = json.loads({e.key: e.value for e in model.metadata_props}["rtspec"])["output"]
    value = next(each for each in model.graph.output if each.name == fields["name"])
    for node in model.graph.node:
        for names in (node.input, node.output):
            for i, each in enumerate(names):
                if each == fields["name"]:
                    names[i] = "small"
    axis = next(i for i, each in enumerate(fields["layout"]) if each not in ("batch", "time"))
    if "channels" in fields["layout"] and fields["representation"] != "tensor":
        axis = fields["layout"].index("channels")
    times = [64 if i == axis else 1 for i in range(len(fields["layout"]))]
    model.graph.initializer.append(helper.make_tensor("times", TensorProto.INT64, [len(times)], times))
    model.graph.node.append(helper.make_node("Tile", ["small", "times"], [fields["name"]]))
    size = value.type.tensor_type.shape.dim[axis]
    size.ClearField("dim_value")
    size.dim_param = "many"
    path = tmp_path / "big.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(RtspecError, match=r"there is room for|channels|as many frames and bins"):
        play(path)


def test_a_row_without_room_for_a_frame_is_refused():
    stage = model_stage(load("identity"), K)
    frame, short = np.zeros(K, np.float32), np.zeros(K - 1, np.float32)
    stage.run(frame, 1, frame)
    for x, y in ((short, frame), (frame, short)):
        with pytest.raises(ModelError, match=f"frames of {K} numbers, .* there is room for {K - 1} here"):
            stage.row(x, y)


def test_a_state_that_comes_back_larger_is_refused_everywhere(tmp_path):
    nodes = [helper.make_node("Concat", ["s", "s"], ["s2"], axis=0), helper.make_node("Identity", ["x"], ["y"])]
    path = write(tmp_path / "grows.onnx", nodes, states=[("s", "s2", (4,))])
    with pytest.raises(ModelError, match=r'state "s2" comes back as \[8\], .*grows with every call; keep its newest'):
        rtspec.OnnxProcessor(path)(SOUND, 48000)
    model = rtspec.models.FrameModel(path)
    with pytest.raises(ModelError, match="a state keeps its shape"):
        model.process(np.zeros((1, K, 4), np.float32))
    report = validate(path)
    assert [check.ok for check in report.checks] == [True, False]


def test_a_loop_that_never_ends_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(ort_api, "TRIAL_S", 1.0)
    flag, number = (
        helper.make_tensor_value_info(n, t, []) for n, t in (("go", TensorProto.BOOL), ("i", TensorProto.INT64))
    )
    value = helper.make_tensor_value_info("v", TensorProto.FLOAT, None)
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["v"], ["w"])],
        "body",
        [number, flag, value],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, None),
        ],
    )
    nodes = [helper.make_node("Loop", ["", "true", "x"], ["y"], body=body)]
    path = write(tmp_path / "loop.onnx", nodes, [helper.make_tensor("true", TensorProto.BOOL, [], [True])])
    for session_path in ("c-api", "binding"):
        start = time.perf_counter()
        with pytest.raises(ModelError, match="took longer than 1 s and was ended"):
            model_stage(load(path), K, session_path=session_path)
        assert time.perf_counter() - start < 8


def test_data_of_other_files_is_refused_wherever_it_stands(tmp_path):
    tensor = TensorProto(name="secret", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "secret.bin"
    constant = helper.make_node("Constant", [], ["k"], value=tensor)
    add = helper.make_node("Add", ["x", "k"], ["y"])
    branch = helper.make_graph(
        [constant, helper.make_node("Add", ["x", "k"], ["b"])],
        "b",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)],
    )
    chosen = helper.make_node("If", ["true"], ["y"], then_branch=branch, else_branch=branch)
    true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    for i, (nodes, inits) in enumerate((([constant, add], []), ([chosen], [true]), ([add], [tensor]))):
        path = write(tmp_path / f"{i}.onnx", nodes, inits)
        with pytest.raises(ModelError, match="lies in another file"):
            load(path)


def test_what_is_far_too_large_is_refused_in_one_line(tmp_path):
    many = [helper.make_node("Identity", ["x" if i == 0 else f"n{i}"], [f"n{i + 1}"]) for i in range(20_000)]
    path = write(tmp_path / "many.onnx", [*many, helper.make_node("Identity", ["n20000"], ["y"])])
    with pytest.raises(ModelError, match="the graph has 20001 nodes, at most 10000"):
        load(path)
    one = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Identity", ["s"], ["s2"])]
    path = write(tmp_path / "state.onnx", one, states=[("s", "s2", (1 << 27,))])
    with pytest.raises(ModelError, match="must take at most 67108864 bytes"):
        load(path)
    with (tmp_path / "sparse.onnx").open("wb") as file:
        file.truncate(30 << 30)
    for read in (load, rtspec.models.make_streaming):
        with pytest.raises(ModelError, match="is larger than the 512 MiB"):
            read(tmp_path / "sparse.onnx")


def test_validate_never_raises_and_says_how_a_model_ended(tmp_path):
    for name, content in (("empty.onnx", b""), ("noise.onnx", bytes(range(256)) * 40), ("text.onnx", b"not a model")):
        (tmp_path / name).write_bytes(content)
        report = validate(tmp_path / name)
        assert not report.ok and len(report.checks) == 1
    huge = helper.make_node("ConstantOfShape", ["size"], ["big"])
    nodes = [
        huge,
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    path = write(tmp_path / "huge.onnx", nodes, [helper.make_tensor("size", TensorProto.INT64, [1], [1 << 31])])
    report = validate(path)
    assert not report.ok and report.to_dict()["checks"][-1]["detail"]


def test_what_a_sandboxed_process_dies_of_is_told(monkeypatch):
    with pytest.raises(ModelError, match="died by SIGKILL"):
        sandbox.sandboxed("tests.unit.models.test_foreign_models:die")
    with pytest.raises(ModelError, match=r'^there is no model "nowhere\.onnx"'):
        sandbox.sandboxed("rtspec.models.adopt.probe:probed", path="nowhere.onnx")
    monkeypatch.setattr(sandbox, "TIME_S", 3.0)
    with pytest.raises(ModelError, match="longer than 3 s"):
        sandbox.sandboxed("tests.unit.models.test_foreign_models:sleep")


def die() -> None:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


def sleep() -> None:
    time.sleep(60)


def looping(path):
    """A model that is well behaved in silence, and loops for ever as soon as it hears something."""
    flag, number = (
        helper.make_tensor_value_info(n, t, []) for n, t in (("go", TensorProto.BOOL), ("i", TensorProto.INT64))
    )
    value, last = (helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("v", "w"))
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["v"], ["w"])],
        *("body", [number, flag, value], [helper.make_tensor_value_info("on", TensorProto.BOOL, []), last]),
    )
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "least"], ["heard"]),
        helper.make_node("Loop", ["", "heard", "x"], ["y"], body=body),
    ]
    return write(path, nodes, [helper.make_tensor("least", TensorProto.FLOAT, [], [1.0])])


@pytest.mark.timeout(60)
@pytest.mark.parametrize("session_path", ["c-api", "binding"])
def test_a_run_that_never_ends_while_it_plays_is_ended_and_counted(tmp_path, monkeypatch, session_path):
    monkeypatch.setattr(watch, "RUN_S", 1.0)
    stage = model_stage(load(looping(tmp_path / "loop.onnx")), K, session_path=session_path)
    loud, silent, heard = np.ones(K, np.float32), np.zeros(K, np.float32), np.ones(K, np.float32)
    stage.run(silent, 1, heard)
    assert stage.counters == {"runs": 1, "failures": 0, "not_finite": 0}
    for number in (1, 2):
        stage.run(loud, 1, heard)
        assert stage.counters["failures"] == number and not heard.any()
    assert "took longer than" in stage.last_error
    stage.reset()
    stage.run(silent, 1, heard)
    assert stage.counters == {"runs": 1, "failures": 0, "not_finite": 0} and stage.last_error == ""
