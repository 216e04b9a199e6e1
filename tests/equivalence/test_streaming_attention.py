"""Attention over frames: limited ones stream exactly, whatever their masks look like; others are refused or bounded."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import networks  # noqa: E402
from torch import nn  # noqa: E402

from rtspec.models.streaming import NotStreamable, make_streaming  # noqa: E402
from rtspec.models.streaming.load import inputs_of  # noqa: E402
from rtspec.models.streaming.look_ahead import look_ahead  # noqa: E402
from rtspec.models.streaming.run import StreamingRun, difference, random_clip, run_offline  # noqa: E402

TOLERANCE = 1e-5
N_FRAMES = 61


class Attention(nn.Module):
    """[1, channels, frames]: each frame attends to `before` frames before and `ahead` frames after it."""

    def __init__(self, before=None, ahead=0, heads=1, mask="fill", conv=0, bias=False, channels=4):
        super().__init__()
        self.before, self.ahead, self.heads, self.mask, self.bias = before, ahead, heads, mask, bias
        self.conv = nn.Conv1d(channels, channels, 2 * conv + 1, padding=conv)
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)

    def forward(self, x):
        frames, channels = x.shape[2], x.shape[1]
        h = self.conv(x).transpose(1, 2)
        q, k, v = (
            part.reshape(1, frames, self.heads, channels // self.heads).transpose(1, 2)
            for part in self.qkv(h).chunk(3, -1)
        )
        scores = q @ k.transpose(2, 3) * 0.7
        i = torch.arange(frames)
        apart = i[None, :] - i[:, None]
        wrong = apart > self.ahead if self.ahead is not None else apart > frames
        if self.before is not None:
            wrong = wrong | (apart < -self.before)
        if self.bias:
            scores = scores + 0.1 * apart.clamp(-5, 5)
        if self.mask == "fill":
            scores = scores.masked_fill(wrong, float("-inf"))
        elif self.mask == "large":
            scores = scores.masked_fill(wrong, -1e9)
        else:
            scores = scores + wrong.float() * -1e9
        y = (torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(1, frames, channels)
        return x + torch.tanh(self.out(y)).transpose(1, 2)


def exported(**options):
    torch.manual_seed(0)
    dynamo = options.pop("dynamo", False)
    return networks.export(Attention(**options), torch.randn(1, 4, 40), 2, dynamo=dynamo)


def assert_streams(model, delay: int, **options):
    run = StreamingRun(make_streaming(model, {"x": 2}, **options))
    clip = random_clip(model, inputs_of(model, {"x": 2}, None), N_FRAMES, np.random.default_rng(3))
    wanted = run_offline(model, clip)["y"]
    for frames in (1, 3, 64):
        given = run.clip(clip, frames)["y"]
        assert given.shape == wanted.shape and difference(wanted, given)[0] <= TOLERANCE
    assert run.manifest["delay_frames"] == look_ahead(run, clip) == delay
    return run


@pytest.mark.parametrize("mask", ["fill", "large", "add"])
@pytest.mark.parametrize(("before", "ahead"), [(8, 0), (3, 2), (0, 1)])
def test_attention_to_some_frames_streams(before, ahead, mask):
    assert_streams(exported(before=before, ahead=ahead, mask=mask), ahead)


@pytest.mark.parametrize(
    "options",
    [{"heads": 2}, {"conv": 1}, {"bias": True}, {"conv": 2, "heads": 4, "bias": True}, {"heads": 2, "dynamo": True}],
)
def test_attention_streams_in_its_surroundings(options):
    delay = options.get("conv", 0) + 1
    assert_streams(exported(before=5, ahead=1, **options), delay)


@pytest.mark.parametrize("before", [119, 130])
def test_attention_far_back_streams(before):
    assert_streams(exported(before=before), 0)


def test_states_of_attention_may_be_appended_to_a_ring_of_the_host():
    run = assert_streams(exported(before=8), 0, states="append")
    assert {entry.get("append_axis") for entry in run.manifest["states"]} >= {2}


def test_attention_to_all_frames_so_far_asks_for_a_bound():
    with pytest.raises(NotStreamable, match=r"attends to all frames so far.*attention_frames=250") as refusal:
        make_streaming(exported(), {"x": 2})
    assert "MatMul" in str(refusal.value)


def test_bounded_attention_is_equal_up_to_its_bound_and_says_so():
    run = assert_streams(exported(), 0, attention_frames=N_FRAMES)
    assert run.manifest["inexact"] == {"method": "attention bound", "attention_frames": N_FRAMES}


def test_attention_to_the_whole_clip_is_refused():
    with pytest.raises(NotStreamable, match="all frames against all frames"):
        make_streaming(exported(ahead=None), {"x": 2}, attention_frames=8)


def test_the_command_takes_the_bound(tmp_path, capsys):
    from rtspec.cli import main

    source, target = tmp_path / "a.onnx", tmp_path / "b.onnx"
    source.write_bytes(exported().SerializeToString())
    assert main(["stream-model", str(source), str(target), "--attention-frames", "50", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["inexact"]["attention_frames"] == 50
