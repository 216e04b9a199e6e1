"""What cannot be streamed is refused in one line: the node, the reason, the remedy. So is what is wrong with a file."""

from pathlib import Path

import onnx
import pytest
from onnx import ModelProto, helper
from refused import FLOAT, REFUSED, TIME, build, node, noise

from rtspec.errors import InvalidValue, ModelError
from rtspec.models.streaming import NotStreamable, make_streaming


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_a_node_that_needs_the_whole_clip_is_refused_by_name_reason_and_remedy(make):
    with pytest.raises(NotStreamable, match=REFUSED[make]) as refusal:
        make_streaming(make(), {"x": TIME.get(make, 2)})
    assert refusal.value.node == "culprit"
    assert "\n" not in str(refusal.value)


def relu(shape=(1, 4, "frames"), **options) -> ModelProto:
    return build([node("Relu")], shape=shape, **options)


def test_a_missing_file_is_named():
    with pytest.raises(ModelError, match=r'no model file "nowhere.onnx"'):
        make_streaming("nowhere.onnx")


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x08\x09" + bytes(40)])
def test_a_corrupt_file_is_named(tmp_path: Path, content: bytes):
    (tmp_path / "broken.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"broken.onnx.* is not an ONNX file or is damaged"):
        make_streaming(tmp_path / "broken.onnx")


def test_a_truncated_file_is_named(tmp_path: Path):
    whole = relu().SerializeToString()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"damaged|not valid ONNX"):
        make_streaming(tmp_path / "cut.onnx")


def test_missing_external_data_is_named(tmp_path: Path):
    model = build([node("Add", "x w")], w=noise(1, 4, 1))
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"keeps weights in another file that cannot be read.*put it beside this one"):
        make_streaming(path)


def test_external_data_beside_the_model_is_read(tmp_path: Path):
    path = tmp_path / "model.onnx"
    model = build([node("Add", "x w")], w=noise(1, 4, 1))
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert make_streaming(path).graph.initializer[0].raw_data


def test_a_model_without_a_time_axis_is_named():
    with pytest.raises(InvalidValue, match=r'no input has a time axis.*time_axes=\{"x": 2\}'):
        make_streaming(relu((1, 4, 32)))


def test_two_dynamic_axes_need_a_choice():
    with pytest.raises(InvalidValue, match=r'input "x" has 2 dynamic axes \(0, 2\).*--time-axis x=2\).*--size ears=1'):
        make_streaming(relu(("ears", 4, "frames")))


def test_a_dynamic_size_beside_time_is_named():
    with pytest.raises(
        ModelError, match=r'dynamic axis 0 \("ears"\) that is not time.*sizes=\{"ears": 1\} \(--size ears=1'
    ):
        make_streaming(relu(("ears", 4, "frames")), {"x": 2})


def test_a_dynamic_size_may_be_fixed():
    made = make_streaming(relu(("ears", 4, "frames")), sizes={"ears": 2})
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 2


@pytest.mark.parametrize("name", ["batch", "batch_size", "N", "unk__0"])
def test_a_batch_is_one_clip_and_never_time(name):
    made = make_streaming(relu((name, 4, "frames")))
    assert [d.dim_value for d in made.graph.input[0].type.tensor_type.shape.dim][:2] == [1, 4]
    with pytest.raises(InvalidValue, match=r"no input has a time axis.*--time-axis"):
        make_streaming(relu((name, 4, 32)))


@pytest.mark.parametrize("axis", [3, -4, 1.5])
def test_a_wrong_axis_is_named(axis):
    with pytest.raises(InvalidValue, match=r'time_axes\["x"\]=.* must be an axis of a tensor with 3 axes'):
        make_streaming(relu(), {"x": axis})


def test_an_unknown_input_is_answered_with_the_known_ones():
    with pytest.raises(InvalidValue, match='names "sound", which is no input; the inputs are x'):
        make_streaming(relu(), {"sound": 2})


def test_a_wrong_time_axis_is_refused_by_the_first_node_that_shows_it():
    model = build([node("Conv", "x w")], shape=(1, 32, "frames"), w=noise(4, 32, 3))
    with pytest.raises(ModelError, match=r"culprit|dynamic axis 2"):
        make_streaming(model, {"x": 1})


@pytest.mark.parametrize(("opset", "age"), [(8, "old"), (99, "new")])
def test_an_opset_that_is_not_supported_is_named(opset: int, age: str):
    with pytest.raises(ModelError, match=rf"opset {opset} is too {age}: 9 to \d+ are supported; export with opset 17"):
        make_streaming(relu(opset=opset))


def test_a_wrong_choice_lists_the_right_ones():
    with pytest.raises(InvalidValue, match="states='ring' is not known; choose one of replace, append"):
        make_streaming(relu(), states="ring")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidValue, match="cut='some' is not known; choose one of best, truncate, shift"):
        make_streaming(relu(), cut="some")  # pyright: ignore[reportArgumentType]


def test_an_output_without_frames_is_named():
    model = build([node("Relu"), node("Relu", "c", "still", "z")], c=noise(3))
    model.graph.output.append(helper.make_tensor_value_info("z", FLOAT, [3]))
    with pytest.raises(ModelError, match='output "z" has no time axis'):
        make_streaming(model)
