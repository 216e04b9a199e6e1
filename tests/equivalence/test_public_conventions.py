"""Packages in the conventions of public models play as their authors' own pipelines, here in plain numpy, would."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from scipy.signal import get_window
from small_models import graph, tensor

import rtspec
from rtspec.errors import ModelError, RtspecError
from rtspec.models import FrameModel, load, package
from rtspec.models.validation import validate

N_FFT, HOP, RATE = 64, 16, 16000
BINS = N_FFT // 2 + 1
SOUND = (0.2 * np.random.default_rng(3).standard_normal(1600)).astype(np.float32)
WEIGHTS = np.random.default_rng(4).uniform(0.2, 1.0, (BINS, 2)).astype(np.float32)


def scipys(name: str, length: int, fftbins: bool = True) -> np.ndarray:
    return np.asarray(get_window(name, length, fftbins))


@dataclass
class Convention:
    """A package whose graph multiplies by :data:`WEIGHTS`, and what its author computes around it."""

    axes: str
    """Of the tensors: "F" bins, "T" time, "2" parts; a batch of 1 comes before."""
    port: dict[str, Any]
    answer: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    window: Any = None
    synthesis: Any = None
    centred: bool = False
    plain: bool = False
    frames: int | str = "t"


def centred_hann(length):
    return scipys("hann", length, fftbins=False)


def vorbis(length):
    return np.sin(np.pi / 2 * np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2)


GIVEN = tuple(np.random.default_rng(5).uniform(0.1, 1, N_FFT).tolist())
SQRT = np.sqrt(scipys("hann", N_FFT))
CONVENTIONS = {
    "view_as_real, |X|^.3": Convention(
        "FT2", {"representation": "complex", "exponent": 0.3}, plan={"window": "sqrt-hann"}, window=SQRT
    ),
    "view_as_real, time first, one frame a call": Convention(
        "TF2", {"representation": "complex"}, plan={"window": "sqrt-hann"}, window=SQRT, frames=1
    ),
    "time, parts, bins": Convention("T2F", {"representation": "complex"}, plan={"window": "hann"}),
    "complex ratio mask of the compressed spectrum": Convention(
        *("F2T", {"representation": "complex", "exponent": 0.5}, "complex-gain", {"exponent": 0.5}),
        plan={"window": "sine"},
        window=np.sin(np.pi * (np.arange(N_FFT) + 0.5) / N_FFT),
    ),
    "no DC, short centred symmetric window": Convention(
        *("2FT", {"representation": "complex", "first_bin": 1, "n_bins": BINS - 1}),
        plan={"window": "hann", "symmetric": True, "centred": True, "window_length": 48},
        window=centred_hann(48),
        centred=True,
    ),
    "magnitudes to .5, Nyquist dropped, Vorbis": Convention(
        "FT", {"representation": "magnitude", "exponent": 0.5, "n_bins": BINS - 1}, plan={"window": "vorbis"},
        window=vorbis(N_FFT),
    ),
    "gains of the lower bins, the rest as it was": Convention(
        *("TF", {"representation": "magnitude", "n_bins": 20}, "gain", {"n_bins": 20, "rest": "input"}),
        plan={"window": "hann"},
    ),
    "rectangular, plain overlap-add": Convention(
        "2FT", {"representation": "complex"}, plan={"window": "rectangular", "overlap_add": "plain"},
        window=np.ones(N_FFT), plain=True,
    ),
    "windows given by their values": Convention(
        *("2FT", {"representation": "complex"}),
        plan={"window": GIVEN, "synthesis_window": "hann"}, window=np.array(GIVEN), synthesis=scipys("hann", N_FFT),
    ),
}  # fmt: skip


def used(port) -> slice:
    first = port.get("first_bin", 0)
    return slice(first, first + port.get("n_bins", BINS - first))


def packaged(path, c: Convention):
    letters = {"F": "bins", "T": "time", "2": "channels"}
    layout = ["batch", *(letters[each] for each in c.axes)]
    bins = used(c.port)
    weights = WEIGHTS[bins] if "2" in c.axes else WEIGHTS[bins, :1]
    shape = {"F": len(weights), "T": 1, "2": 2}
    order = [each for each in "F2" if each in c.axes]
    moved = np.transpose(
        weights if len(order) == 2 else weights[:, 0], [order.index(e) for e in c.axes if e in order]
    ).reshape([1, *(shape[e] for e in c.axes)])
    sizes = [1, *(c.frames if e == "T" else shape[e] for e in c.axes)]
    model = graph([("Mul", ["x", "w"], ["y"], {})], [tensor("x", sizes)], [tensor("y", sizes)], [("w", moved)])
    answer = {"representation": c.answer or c.port["representation"], **(c.answers if c.answer else {})}
    if not c.answer:
        answer |= {key: value for key, value in c.port.items() if key != "representation"}
    ports = {
        "input": {"name": "x", "layout": layout, **c.port},
        "output": {"name": "y", "layout": layout, **answer},
    }
    return package(model, path, name="c", sample_rate=RATE, n_fft=N_FFT, hop=HOP, **ports, **c.plan)


def author(c: Convention, spectrum):
    """What the graph and the code around it make of one frame."""
    p, q = c.port.get("exponent", 1), (c.answers if c.answer else c.port).get("exponent", 1)
    part, made = spectrum[used(c.port)], np.zeros(BINS, complex)
    if c.answers.get("rest") == "input":
        made[:] = spectrum
    weights = WEIGHTS[used(c.port)]
    if "2" not in c.axes:
        given = abs(part) ** p * weights[:, 0]
        size = given ** (1 / q) * (abs(part) if c.answer == "gain" else 1)
        made[used(c.port)] = size * np.exp(1j * np.angle(part))
        return made
    seen = abs(part) ** p * np.exp(1j * np.angle(part))
    given = seen.real * weights[:, 0] + 1j * seen.imag * weights[:, 1]
    given = abs(given) ** (1 / q) * np.exp(1j * np.angle(given))
    made[used(c.port)] = given * part if c.answer == "complex-gain" else given
    return made


def pipeline(c: Convention, sound):
    window = scipys("hann", N_FFT) if c.window is None else c.window
    length, shape = len(window), window if c.synthesis is None else c.synthesis
    offset = (N_FFT - length) // 2 if c.centred else 0
    padded = np.concatenate([np.zeros(length - HOP), sound, np.zeros(length)])
    made, total = np.zeros(len(padded) + N_FFT), np.zeros(len(padded) + N_FFT)
    for start in range(0, len(padded) - length, HOP):
        frame = np.zeros(N_FFT)
        frame[offset : offset + length] = padded[start : start + length] * window
        back = np.fft.irfft(author(c, np.fft.rfft(frame)))[offset : offset + length]
        made[start : start + length] += back * shape
        total[start : start + length] += window * shape
    made = made if c.plain else made / np.where(total > 1e-9, total, 1)
    return made[length - HOP :][: len(sound)]


@pytest.mark.parametrize("name", CONVENTIONS)
def test_it_plays_as_its_author_plays_it(tmp_path, name):
    convention = CONVENTIONS[name]
    path = packaged(tmp_path / "model.onnx", convention)
    wanted, given = pipeline(convention, SOUND), rtspec.OnnxProcessor(path)(SOUND, RATE)
    inside = slice(N_FFT, -N_FFT)
    error = np.sqrt(np.mean((wanted - given)[inside] ** 2) / np.mean(wanted[inside] ** 2))
    assert 20 * np.log10(error) < -100
    report = validate(path)
    assert report.ok, str(report)


def test_constants_go_in_at_every_call(tmp_path):
    nodes = [("Cast", ["rate"], ["r"], {"to": TensorProto.FLOAT}), ("Mul", ["x", "r"], ["z"], {}),
             ("Mul", ["z", "two"], ["y"], {})]  # fmt: skip
    inputs = ["x", tensor("rate", [1], TensorProto.INT64), tensor("two", [])]
    constants = [{"input": "rate", "values": 3, "shape": [1], "dtype": "int64"}, {"input": "two", "values": 0.5}]
    model = graph(nodes, inputs, ["y"])
    ports = {"input": {"name": "x", "representation": "magnitude"}, "output": {"name": "y", "representation": "gain"}}
    path = package(model, tmp_path / "c.onnx", name="c", **ports, constants=constants)
    frames = np.ones((1, 5, 4), np.float32)
    np.testing.assert_array_equal(FrameModel(path).process(frames), 1.5 * frames)
    assert validate(path).ok
    wrong = [{**constants[0], "dtype": "int32"}, constants[1]]
    with pytest.raises(ModelError, match=r'constants\[0\].dtype="int32" must be that of "rate": int64'):
        package(model, tmp_path / "d.onnx", name="c", **ports, constants=wrong)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"n_bins": 40}, "input.n_bins=.* must lie in the 33 bins of n_fft=64"),
        ({"n_bins": 20}, "input.n_bins=20 must be the tensor's 33 bins"),
        ({"representation": "power", "exponent": 0.5}, "input.exponent=0.5 must be 1"),
        ({"rest": "noise"}, "input.rest=.* must be one of zero, input"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, change, text):
    model = graph([("Identity", ["x"], ["y"], {})], [tensor("x", [1, BINS, "t"])], [tensor("y", [1, BINS, "t"])])
    port = {"name": "x", "representation": "magnitude", **change}
    output = {"name": "y", "representation": "magnitude"}
    with pytest.raises(RtspecError, match=text):
        package(model, tmp_path / "m.onnx", name="c", n_fft=N_FFT, hop=HOP, input=port, output=output)


def test_a_window_must_have_as_many_values_as_the_frame(tmp_path):
    model = graph([("Identity", ["x"], ["y"], {})], ["x"], ["y"])
    ports = {side: {"name": name, "representation": "magnitude"} for side, name in (("input", "x"), ("output", "y"))}
    with pytest.raises(ModelError, match='window="3 values" must have the window\'s 64 values'):
        package(model, tmp_path / "m.onnx", name="c", n_fft=N_FFT, hop=HOP, window=[1, 2, 3], **ports)
    made = load(package(model, tmp_path / "m.onnx", name="c", n_fft=N_FFT, hop=HOP, window=list(GIVEN), **ports))
    np.testing.assert_allclose(made.plan().analysis, GIVEN, rtol=1e-6)
    assert 0 < made.plan().gamma < N_FFT**2


@pytest.mark.parametrize("phase", ["rtpghi", "rtisi-la"])
def test_phases_that_are_made_anew_do_not_depend_on_where_the_window_lies(tmp_path, phase):
    model = graph([("Identity", ["x"], ["y"], {})], ["x"], ["y"])
    port = {"representation": "magnitude", "exponent": 0.5}
    made = []
    for centred in (False, True):
        plan = {"n_fft": N_FFT, "hop": HOP, "window": "sine", "window_length": 48, "centred": centred}
        ports = {"input": {"name": "x", **port}, "output": {"name": "y", **port}}
        path = package(model, tmp_path / f"{centred}.onnx", name="c", sample_rate=RATE, **ports, **plan)
        made.append(rtspec.OnnxProcessor(path, phase=phase)(SOUND, RATE))
    assert np.sqrt(np.mean(made[0] ** 2)) > 0.1  # as loud as the noise that went in
    assert np.sqrt(np.mean((made[0] - made[1]) ** 2)) < 1e-3
