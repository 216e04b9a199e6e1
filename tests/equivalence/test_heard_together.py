"""Networks that hear left and right at once: adopted by the axis "audio", each channel's sound moved by the other's."""

from typing import Any

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
import strangers  # noqa: E402
from adopting import RATE, adopted, refusal, right, snr_db, sound  # noqa: E402
from torch import Tensor, nn  # noqa: E402

import rtspec  # noqa: E402
from rtspec.errors import ModelError  # noqa: E402
from rtspec.models.streaming import make_streaming  # noqa: E402

N_FFT, HOP, BINS = 512, 256, 257
FLAGS = ("--sample-rate", str(RATE), "--window", "hann", "--n-fft", str(N_FFT), "--hop", str(HOP))


def layouts(words: str, other: str | None = None) -> list[str]:
    return ["--set", f"input.layout={words}", "--set", f"output.layout={other or words}"]


def stereo() -> np.ndarray:
    left = sound(1.0)
    return np.stack(
        [left, 0.3 * np.roll(left, 40) + 0.02 * np.random.default_rng(1).standard_normal(left.size)]
    ).astype(np.float32)


class Together(nn.Module):
    """Masks of both channels out of both, with a layer over frames: open-unmix's form, [1, 2, bins, frames]."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows, self.gru = rows, nn.GRU(rows * BINS, 6, batch_first=True)
        self.out = nn.Linear(6, rows * BINS)

    def forward(self, x: Tensor) -> Tensor:
        h = self.out(self.gru(x.permute(0, 3, 1, 2).flatten(2))[0])
        return x * torch.sigmoid(4 * h.reshape(1, -1, self.rows, BINS).permute(0, 2, 3, 1))


def streaming(rows: int):
    torch.manual_seed(1)
    ends = {"x": {3: "frames"}, "y": {3: "frames"}}
    offline = strangers.exported(Together(rows), (torch.rand(1, rows, BINS, 40),), ["x"], ["y"], ends)
    return offline, make_streaming(offline, {"x": 3})


def played_by_hand(offline, heard: np.ndarray, rows) -> np.ndarray:
    """STFT, the network on the whole clip, inverse STFT with the same window; `rows` lays spectra as the network has
    them and takes what it makes back."""
    run = onnxruntime.InferenceSession(offline.SerializeToString(), providers=["CPUExecutionProvider"])
    window = np.hanning(N_FFT + 1)[:-1]
    padded = np.pad(heard.astype(np.float64), ((0, 0), (N_FFT - HOP, N_FFT)))
    count = (padded.shape[1] - N_FFT) // HOP + 1
    frames = np.stack([padded[:, t * HOP : t * HOP + N_FFT] * window for t in range(count)], 2)
    spectra = np.fft.rfft(frames, axis=1)
    given, taken_back = rows(spectra)
    answers: Any = run.run(None, {"x": given[None].astype(np.float32)})
    made = taken_back(answers[0][0])
    out, norm = np.zeros_like(padded), np.zeros(padded.shape[1])
    for t in range(count):
        part = slice(t * HOP, t * HOP + N_FFT)
        out[:, part] += np.fft.irfft(made[:, :, t], axis=1) * window
        norm[part] += window**2
    return (out / np.maximum(norm, 1e-9))[:, N_FFT - HOP : N_FFT - HOP + heard.shape[1]]


def as_magnitudes(spectra):
    return np.abs(spectra), lambda made: made * np.exp(1j * np.angle(spectra))


def parts_of_each(spectra):
    parts = [part for one in spectra for part in (one.real, one.imag)]
    return np.stack(parts), lambda made: made[0::2] + 1j * made[1::2]


def real_parts_first(spectra):
    return np.concatenate([spectra.real, spectra.imag]), lambda made: made[:2] + 1j * made[2:]


@pytest.mark.parametrize(
    ("rows", "axis", "kind", "laid"),
    [
        (2, "audio", "magnitude", as_magnitudes),
        (4, "audio*channels", "complex", parts_of_each),
        (4, "channels*audio", "complex", real_parts_first),
    ],
)
def test_left_and_right_go_in_together_and_come_out_as_by_hand(tmp_path, capsys, rows, axis, kind, laid):
    offline, model = streaming(rows)
    kinds = [word for side in ("input", "output") for word in ("--set", f"{side}.representation={kind}")]
    path, report = adopted(tmp_path, capsys, model, *FLAGS, *layouts(f"batch,{axis},bins,time"), *kinds)
    assert report["fields"]["audio_channels"] == 2 and report["heard"]["not_finite"] == 0
    assert report["heard"]["stated_samples"] == report["heard"]["correlation_samples"]
    assert right(path)
    heard, processor = stereo(), rtspec.OnnxProcessor(path)
    made, wanted = processor(heard, RATE), played_by_hand(offline, heard, laid)
    inner = slice(2 * N_FFT, -2 * N_FFT)
    assert snr_db(wanted[:, inner], made[:, inner]) > 100
    alone = heard * np.array([[1], [0]], np.float32)
    assert snr_db(made[0, inner], processor(alone, RATE)[0, inner]) < 60  # left is moved by right
    processor.reset()
    pieces = [processor.process(part, RATE, reset=False) for part in np.split(heard, [1, 778, 5000], 1)]
    np.testing.assert_array_equal(np.concatenate([*pieces, processor.flush()], 1), made)


def test_another_number_of_channels_is_refused_with_words(tmp_path, capsys):
    model = streaming(2)[1]
    path = adopted(tmp_path, capsys, model, *FLAGS, *layouts("batch,audio,bins,time"))[0]
    for channels in (1, 3):
        with pytest.raises(ModelError, match=f"hears 2 channels together; the sound has {channels}: give it 2"):
            rtspec.OnnxProcessor(path)(np.zeros((channels, 4000), np.float32), RATE)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--set", "input.layout=batch,audio,bins,time"], 'output.layout must name "audio" as input.layout does'),
        (layouts("batch,bins,audio,time"), 'the axis "audio" of "x" has size 257'),
        (layouts("audio,bins,time"), "must name the 4 axes"),
        (layouts("batch,audio*channels,bins,time"), "2 for each of 2 to 64 audio channels"),
    ],
)
def test_layouts_that_do_not_fit_are_refused(tmp_path, capsys, flags, said):
    source = tmp_path / "theirs.onnx"
    source.write_bytes(streaming(2)[1].SerializeToString())
    refused = refusal(capsys, str(source), str(tmp_path / "ours.onnx"), *FLAGS, *flags)
    assert len([line for line in refused.splitlines() if line.strip()]) == 1
    assert said in refused
