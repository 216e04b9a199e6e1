"""Small networks built as well-known public enhancers are: stream equal to offline, with their true look-ahead."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import networks  # noqa: E402
from lookalikes import LOOK_ALIKES  # noqa: E402

from rtspec.errors import ModelError  # noqa: E402
from rtspec.models.streaming import make_streaming  # noqa: E402
from rtspec.models.streaming.load import inputs_of  # noqa: E402
from rtspec.models.streaming.look_ahead import look_ahead  # noqa: E402
from rtspec.models.streaming.run import StreamingRun, difference, random_clip, run_offline  # noqa: E402

TOLERANCE = 1e-5
N_FRAMES = 61
# What the newer exporter gives up on, or writes for clips of the example's length alone (onnxruntime refuses others).
TRACED_ONLY = (
    *("GTCRN", "UL-UNAS", "DPCRN", "DTLN", "FastEnhancer", "FullSubNet", "open-unmix", "DCCRN", "DeepFilterNet"),
    "LiSenNet",
)
CASES = [(name, dynamo) for name in LOOK_ALIKES for dynamo in (False, True) if not (dynamo and name in TRACED_ONLY)]


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


def test_a_layer_that_the_newer_exporter_wrote_out_is_told_how_to_stay_whole():
    case, model = LOOK_ALIKES["DTLN"], exported("DTLN", True)
    with pytest.raises(ModelError, match=r"unrolls a recurrent layer, dynamo=False keeps the layer"):
        make_streaming(model, {"x": case.time})
