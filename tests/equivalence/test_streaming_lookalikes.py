"""Small networks built as well-known public enhancers are: stream equal to offline, with their true look-ahead."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import networks  # noqa: E402
from lookalikes import LOOK_ALIKES  # noqa: E402

from rtspec.models.streaming import make_streaming  # noqa: E402
from rtspec.models.streaming.load import inputs_of  # noqa: E402
from rtspec.models.streaming.look_ahead import look_ahead  # noqa: E402
from rtspec.models.streaming.run import StreamingRun, difference, random_clip, run_offline  # noqa: E402

TOLERANCE = 1e-5
N_FRAMES = 61
# Exported by both; all thirteen by both: python bench/exporters.py.
BOTH = ("Conv-TasNet cLN", "MTFAA", "MP-SENet")
CASES = [(name, dynamo) for name in LOOK_ALIKES for dynamo in (False, True) if not dynamo or name in BOTH]


def exported(name: str, dynamo: bool):
    case = LOOK_ALIKES[name]
    torch.manual_seed(0)
    return networks.export(case.make(), torch.randn(case.shape), case.time, dynamo=dynamo)


@pytest.mark.parametrize(("name", "dynamo"), CASES)
def test_a_look_alike_streams_with_its_true_look_ahead(name: str, dynamo: bool):
    case, model = LOOK_ALIKES[name], exported(name, dynamo)
    run = StreamingRun(make_streaming(model, {"x": case.time}))
    inputs = inputs_of(model, {"x": case.time}, None)
    clip = random_clip(model, inputs, N_FRAMES, np.random.default_rng(3))
    wanted = run_offline(model, clip)["y"]
    for frames in (1, 3, 64):
        given = run.clip(clip, frames)["y"]
        assert given.shape == wanted.shape
        assert difference(wanted, given)[0] <= TOLERANCE
    assert run.manifest["delay_frames"] == look_ahead(run, clip) == case.look_ahead


def test_a_file_that_keeps_the_examples_length_streams_clips_of_any():
    case = LOOK_ALIKES["DTLN"]
    model = exported("DTLN", True)
    assert not takes(model, 61)
    run = StreamingRun(make_streaming(model, {"x": case.time}))
    assert run.manifest["clip_frames"] == case.shape[case.time]
    torch.manual_seed(0)
    network, clip = case.make().eval(), torch.randn(1, 61, 17)
    with torch.no_grad():
        wanted = network(clip).numpy()
    for frames in (1, 7):
        assert difference(wanted, run.clip({"x": clip.numpy()}, frames)["y"])[0] <= TOLERANCE
    assert run.manifest["delay_frames"] == case.look_ahead


def takes(model, n_frames: int) -> bool:
    try:
        run_offline(model, {"x": np.zeros((1, n_frames, 17), np.float32)})
    except Exception:  # onnxruntime's errors share no base class of their own
        return False
    return True
