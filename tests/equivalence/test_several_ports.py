"""Networks with several ports, phases and bands among them, play as a pipeline in numpy around them does."""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import strangers  # noqa: E402
from adopting import RATE, adopted, refusal, snr_db, sound  # noqa: E402
from torch import nn  # noqa: E402

import rtspec  # noqa: E402
from rtspec.errors import ModelError  # noqa: E402
from rtspec.frames.plan import FramePlan  # noqa: E402
from rtspec.models.compose.bands import band_weights  # noqa: E402
from rtspec.models.manifest.fields import Bands  # noqa: E402
from rtspec.models.streaming.run import session  # noqa: E402

N_FFT, HOP, BINS = 256, 128, 129
PLAN: dict[str, Any] = {"sample_rate": RATE, "n_fft": N_FFT, "hop": HOP, "window": "sqrt-hann"}
FILTERS = {"kind": "erb", "n_bands": 20}


class MagnitudeAndPhase(nn.Module):
    """MP-SENet's ports: |X|^0.3 and phases [1, bins, frames] in, the same out; looks back one frame."""

    def __init__(self):
        super().__init__()
        self.over = nn.Conv1d(2 * BINS, 2 * BINS, 1)

    def forward(self, mag, pha):
        h = self.over(torch.cat([mag, torch.cos(pha)], 1))
        before = nn.functional.pad(h, [1, 0])[..., :-1]
        mask, turn = torch.chunk(h + 0.5 * before, 2, 1)
        return mag * torch.sigmoid(mask), pha + 0.3 * torch.tanh(turn)


class BandsAndBins(nn.Module):
    """ERB levels in dB and complex bins [1, frames, bins, 2] in; band gains and a complex ratio mask out."""

    def __init__(self):
        super().__init__()
        self.gru, self.gain = nn.GRU(20, 12, batch_first=True), nn.Linear(12, 20)
        self.mask = nn.Conv2d(2, 2, 1)

    def forward(self, erb, spec):
        gain = torch.sigmoid(self.gain(self.gru(erb[:, 0] / 40)[0]))
        return gain[:, None], torch.tanh(self.mask(spec.permute(0, 3, 1, 2)))


def spectra(x: np.ndarray) -> np.ndarray:
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT))
    padded = np.concatenate([np.zeros(N_FFT - HOP), x, np.zeros(4 * N_FFT)])
    return np.array([np.fft.rfft(padded[s : s + N_FFT] * window) for s in range(0, len(padded) - N_FFT + 1, HOP)])


def played(frames: np.ndarray, n: int) -> np.ndarray:
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT))
    out = np.zeros(HOP * len(frames) + N_FFT)
    for k, frame in enumerate(frames):
        out[k * HOP : k * HOP + N_FFT] += np.fft.irfft(frame) * window
    return out[N_FFT - HOP :][:n]


def test_magnitudes_and_phases_in_and_out(tmp_path):
    torch.manual_seed(0)
    example = torch.rand(1, BINS, 30), torch.randn(1, BINS, 30)
    dynamic = {name: {2: "frames"} for name in ("mag", "pha", "made", "turned")}
    model = strangers.exported(MagnitudeAndPhase(), example, ["mag", "pha"], ["made", "turned"], dynamic)
    layout = {"layout": ["batch", "bins", "time"]}
    path = rtspec.models.package(
        *(model, tmp_path / "mp.onnx"),
        name="mp",
        **PLAN,
        input=[
            {"name": "mag", "representation": "magnitude", "exponent": 0.3, **layout},
            {"name": "pha", "representation": "phase", **layout},
        ],
        output=[
            {"name": "made", "representation": "magnitude", "exponent": 0.3, **layout},
            {"name": "turned", "representation": "phase", **layout},
        ],
    )
    x = sound()
    s = spectra(x).T[None]
    feeds = {"mag": (np.abs(s) ** 0.3).astype(np.float32), "pha": np.angle(s).astype(np.float32)}
    run: Any = session(model)
    size, phase = run.run(None, feeds)
    wanted = played(
        (np.abs(size[0].astype(np.float64)) ** (1 / 0.3) * np.exp(1j * phase[0].astype(np.float64))).T, len(x)
    )
    assert snr_db(x, wanted) < 20
    # Phases of what is next to nothing turn with the last bit.
    assert snr_db(wanted, rtspec.OnnxProcessor(path)(x, RATE)) >= 80


def test_bands_beside_complex_bins_by_one_command(tmp_path, capsys):
    torch.manual_seed(0)
    example = torch.randn(1, 1, 30, 20), torch.randn(1, 30, BINS, 2)
    dynamic = {"erb": {2: "frames"}, "spec": {1: "frames"}, "gain": {2: "frames"}, "mask": {2: "frames"}}
    model = strangers.exported(BandsAndBins(), example, ["erb", "spec"], ["gain", "mask"], dynamic)
    ports = {
        "input": """[{"name": "erb", "representation": "bands", "layout": ["batch", "channels", "time", "bins"],
            "log": "db", "floor": 1e-5, "bands": {"kind": "erb", "n_bands": 20}},
            {"name": "spec", "representation": "complex", "layout": ["batch", "time", "bins", "channels"]}]""",
        "output": """[{"name": "gain", "representation": "gain", "layout": ["batch", "channels", "time", "bins"],
            "bands": {"kind": "erb", "n_bands": 20}},
            {"name": "mask", "representation": "complex-gain", "layout": ["batch", "channels", "time", "bins"]}]""",
    }
    words = [word for side, value in ports.items() for word in ("--set", f"{side}={value}")]
    plan = ("--sample-rate", "16000", "--n-fft", "256", "--hop", "128", "--window", "sqrt-hann")
    path, _ = adopted(tmp_path, capsys, model, *plan, *words, "--unheard")
    x = sound()
    s = spectra(x)
    weights = band_weights(Bands(**FILTERS), FramePlan(RATE, N_FFT, HOP)).astype(np.float64)
    level = 10 * np.log10(np.maximum(np.abs(s) ** 2 @ weights.T, 1e-10))
    feeds = {
        "erb": level.astype(np.float32)[None, None],
        "spec": np.stack([s.real, s.imag], -1)[None].astype(np.float32),
    }
    run: Any = session(model)
    gain, mask = (each[0].astype(np.float64) for each in run.run(None, feeds))
    wanted = played(s * (gain[0] @ (weights > 0)) * (mask[0] + 1j * mask[1]), len(x))
    assert snr_db(wanted, rtspec.OnnxProcessor(path)(x, RATE)) >= 100


class RealBesideImaginary(nn.Module):
    """Both parts [1, frames, bins] by themselves, in and out, as Keras files have them."""

    def forward(self, re, im):
        mask = torch.sigmoid(re + im)
        return re * mask - 0.5 * im, im * mask + 0.5 * re


@pytest.mark.parametrize("alone", [False, True])
def test_real_and_imaginary_parts_come_out_apart(tmp_path, alone):
    dynamic = {name: {1: "frames"} for name in ("re", "im", "real", "imag")}
    model = strangers.exported(
        RealBesideImaginary(),
        (torch.randn(1, 30, BINS), torch.randn(1, 30, BINS)),
        ["re", "im"],
        ["real", "imag"],
        dynamic,
    )
    parts = [{"representation": kind, "layout": ["batch", "time", "bins"]} for kind in ("real", "imaginary")]
    outputs = [{"name": name, **part} for name, part in zip(("real", "imag"), parts, strict=True)]
    path = rtspec.models.package(
        *(model, tmp_path / "parts.onnx"),
        name="parts",
        **PLAN,
        input=[{"name": name, **part} for name, part in zip(("re", "im"), parts, strict=True)],
        output=outputs[:1] if alone else outputs,
    )
    x = sound()
    s = spectra(x)
    mask = 1 / (1 + np.exp(-s.real - s.imag))
    real, imag = s.real * mask - 0.5 * s.imag, s.imag * mask + 0.5 * s.real
    wanted = played(real + 1j * (s.imag if alone else imag), len(x))
    assert snr_db(wanted, rtspec.OnnxProcessor(path)(x, RATE)) >= 100


@pytest.mark.parametrize(
    ("port", "frames", "says"),
    [
        ({"exponent": 0.3}, 1, r'"re": exponent=0.3 must be 1 for representation="real"'),
        ({}, 11, r'"re" takes 11 frames a call and "real" gives 1.*as a cache that goes in and comes out'),
    ],
)
def test_what_would_be_ignored_is_refused(tmp_path, port, frames, says):
    class Newest(RealBesideImaginary):
        def forward(self, re, im):
            return super().forward(re[:, -1:], im[:, -1:])

    example = torch.randn(1, frames, BINS), torch.randn(1, frames, BINS)
    model = strangers.exported(Newest(), example, ["re", "im"], ["real", "imag"])
    parts = [{"representation": kind, "layout": ["batch", "time", "bins"]} for kind in ("real", "imaginary")]
    inputs, outputs = (
        [{"name": name, **part} for name, part in zip(names, parts, strict=True)]
        for names in (("re", "im"), ("real", "imag"))
    )
    with pytest.raises(ModelError, match=says):
        rtspec.models.package(
            *(model, tmp_path / "parts.onnx"), name="p", **PLAN, input=[inputs[0] | port, inputs[1]], output=outputs
        )


@pytest.mark.parametrize(("kind", "n_bands"), [("erb", 20), ("bark", 18), ("mel-htk", 20), ("mel-slaney", 20)])
def test_gains_of_bands_that_are_all_one_change_nothing(kind, n_bands):
    from rtspec.models.compose.bands import spread_of

    spread = spread_of(Bands(kind, n_bands), FramePlan(RATE, N_FFT, HOP))
    assert spread.shape == (n_bands, BINS) and np.allclose(spread.sum(0), 1)


def test_what_is_missing_for_several_ports_is_said(tmp_path, capsys):
    torch.manual_seed(0)
    example = torch.rand(1, BINS, 1), torch.randn(1, BINS, 1)
    model = strangers.exported(MagnitudeAndPhase(), example, ["mag", "pha"], ["made", "turned"])
    source = tmp_path / "mp.onnx"
    source.write_bytes(model.SerializeToString())
    words = [word for side in ("input", "output") for word in ("--set", f"{side}.layout=batch,bins,time")]
    said = refusal(capsys, str(source), "--sample-rate", "16000", "--window", "hann", "--n-fft", "256", *words)
    assert "holds frames too, name all ports" in said
    with pytest.raises(ModelError, match=r'input "nothing" must be one of the graph\'s inputs: mag, pha'):
        ports = [{"name": "nothing", "representation": "phase"}]
        rtspec.models.with_ports(model, ports, [], sample_rate=RATE, n_fft=N_FFT)
