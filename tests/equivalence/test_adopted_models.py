"""Streaming files of strangers, adopted by one command, play as their authors' own pipelines do."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")
import strangers  # noqa: E402
from adopting import RATE, adopted, refusal, right, snr_db, sound  # noqa: E402

import rtspec  # noqa: E402
from rtspec.cli import main  # noqa: E402
from rtspec.models.streaming.run import session  # noqa: E402
from rtspec.models.validation import validate  # noqa: E402


def authors_gtcrn(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """The authors' way: a square-root Hann window, caches from hand to hand, weighted overlap-add."""
    run, n, hop = session(model), 512, 256
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(np.float32)
    names = [each.name for each in run.get_inputs()]
    caches = [np.zeros(each.shape, np.float32) for each in run.get_inputs()[1:]]
    padded = np.pad(x, n // 2, mode="reflect")
    out, weight = np.zeros_like(padded), np.zeros_like(padded)
    for start in range(0, len(padded) - n + 1, hop):
        spectrum = np.fft.rfft(padded[start : start + n] * window).astype(np.complex64)
        mix = np.stack([spectrum.real, spectrum.imag], -1)[None, :, None]
        answers: Any = run.run(None, dict(zip(names, [mix, *caches], strict=True)))
        made, caches = answers[0], answers[1:]
        frame = np.fft.irfft(made[0, :, 0, 0] + 1j * made[0, :, 0, 1])
        out[start : start + n] += (frame * window).astype(np.float32)
        weight[start : start + n] += window**2
    return (out / np.maximum(weight, 1e-8))[n // 2 : n // 2 + len(x)]


@pytest.mark.parametrize(
    ("named", "flags"),
    [(True, ("--like", "gtcrn")), (False, ("--sample-rate", "16000", "--window", "sqrt-hann"))],
)
def test_a_gtcrn_is_adopted_and_plays_as_its_authors_have_it(tmp_path, capsys, named, flags):
    model = strangers.gtcrn(named)
    path, report = adopted(tmp_path, capsys, model, *flags)
    assert report["recipe"] == ("gtcrn" if named else None)
    assert [state["shape"] for state in report["fields"]["states"]] == [[2, 1, 8, 2, 33], [2, 1, 1, 8], [2, 1, 33, 8]]
    assert report["fields"]["input"]["layout"] == ["batch", "bins", "time", "channels"]
    heard = report["heard"]
    assert heard["not_finite"] == 0 and heard["stated_samples"] == 512
    assert heard["impulse_samples"] is None or abs(heard["impulse_samples"] - 512) <= 256
    assert right(path)
    x = sound()
    wanted, given = authors_gtcrn(model, x), rtspec.OnnxProcessor(path)(x, RATE)
    after = slice(RATE // 2, -512)
    # The caches have seen the reflected start; what they remember of it fades.
    assert snr_db(wanted[after], given[after]) >= 100


def test_a_gtcrn_is_known_by_its_names(tmp_path, capsys):
    assert adopted(tmp_path, capsys, strangers.gtcrn(), "--unheard")[1]["recipe"] == "gtcrn"


def test_sizes_that_only_running_shows_are_found(tmp_path, capsys):
    model = strangers.fastenhancer()
    path, report = adopted(tmp_path, capsys, model, "--unheard")
    assert report["recipe"] == "fastenhancer" and report["fields"]["window"] == "hann"
    assert report["fields"]["output"]["layout"] == ["batch", "bins", "time", "channels"]
    x = sound()
    played = rtspec.OnnxProcessor(path)(x, RATE)
    assert snr_db(0.5 * x[512:-512], played[512:-512]) > 20  # its gain follows the level a little


def test_an_ul_unas_is_known_and_takes_its_own_window(tmp_path, capsys):
    model = strangers.gtcrn()  # of the same form but for one name
    for node in model.graph.node:
        node.input[:] = ["tfa_cache" if name == "tra_cache" else name for name in node.input]
    next(value for value in model.graph.input if value.name == "tra_cache").name = "tfa_cache"
    report = adopted(tmp_path, capsys, model, "--unheard")[1]
    assert (report["recipe"], report["fields"]["window"]) == ("ul-unas", "hann")


@pytest.mark.parametrize("told", [False, True])
def test_left_and_right_in_one_frame_are_not_taken_for_real_and_imaginary_without_a_word(tmp_path, capsys, told):
    network = torch.nn.Conv2d(2, 2, 1, bias=False)
    source = tmp_path / "stereo.onnx"
    source.write_bytes(strangers.exported(network, (torch.rand(1, 2, 257, 1),), ["x"], ["y"]).SerializeToString())
    words = [str(source), "--sample-rate", "16000", "--window", "hann", "--unheard"]
    if not told:
        assert main(["adopt", *words]) == 0
        assert "if they are left and right" in capsys.readouterr().out
        return
    said = refusal(capsys, *words, "--set", "input.representation=magnitude")
    assert "holds left and right in one frame" in said
    assert "--set input.layout=batch,audio,bins,time --set output.layout=batch,audio,bins,time" in said


def test_files_that_onnxruntime_takes_and_onnx_does_not_are_adopted(tmp_path, capsys):
    model = strangers.gtcrn()
    model.graph.name, model.ir_version = "", 3
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    path, report = adopted(tmp_path, capsys, model, "--unheard")
    assert report["recipe"] == "gtcrn" and len(report["fields"]["states"]) == 3
    assert right(path)


def test_frames_in_half_precision_are_cast(tmp_path, capsys):
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = strangers.gtcrn()
    halved = convert_float_to_float16(model, keep_io_types=False)
    path, report = adopted(tmp_path, capsys, halved, "--unheard")
    assert {state["dtype"] for state in report["fields"]["states"]} == {"float16"}
    x = sound()
    assert snr_db(authors_gtcrn(model, x)[RATE // 2 : -512], rtspec.OnnxProcessor(path)(x, RATE)[RATE // 2 : -512]) > 45


def test_weights_in_a_file_beside_are_taken_inside(tmp_path, capsys):
    source, target = tmp_path / "theirs.onnx", tmp_path / "ours.onnx"
    onnx.save(strangers.gtcrn(), source, save_as_external_data=True, location="theirs.data", size_threshold=0)
    assert main(["adopt", str(source), str(target), "--unheard", "--json"]) == 0, capsys.readouterr().err
    (tmp_path / "theirs.data").unlink()
    assert right(target)
    assert "keeps weights in another file that cannot be read" in refusal(capsys, str(source))


def test_what_no_graph_says_is_asked_for(tmp_path, capsys):
    source = tmp_path / "theirs.onnx"
    source.write_bytes(strangers.gtcrn(False).SerializeToString())
    said = refusal(capsys, str(source), "--unheard")
    assert "sample_rate or window" in said and "--sample-rate 16000 --window sqrt-hann" in said and "--like" in said
    assert "with as many bins: fastenhancer, gtcrn, ul-unas" in said


def test_an_unconverted_recurrent_model_is_noticed(tmp_path, capsys):
    source = tmp_path / "nsnet.onnx"
    source.write_bytes(strangers.nsnet().SerializeToString())
    said = refusal(capsys, str(source), "--like", "nsnet2")
    assert "recurrent nodes (GRU" in said and "no states" in said and "run stream-model first" in said


def test_a_memory_that_no_state_carries_is_noticed(tmp_path, capsys):
    source = tmp_path / "conv.onnx"
    source.write_bytes(strangers.convolution().SerializeToString())
    said = refusal(capsys, str(source), "--sample-rate", "16000", "--window", "hann")
    assert "frames one by one" in said and "run stream-model first" in said


def test_a_converted_one_is_adopted_with_its_states(tmp_path, capsys):
    offline, streaming = tmp_path / "nsnet.onnx", tmp_path / "streaming.onnx"
    offline.write_bytes(strangers.nsnet().SerializeToString())
    assert main(["stream-model", str(offline), str(streaming), "--json"]) == 0
    capsys.readouterr()
    path, report = adopted(tmp_path, capsys, onnx.load(streaming), "--like", "nsnet2", "--unheard")
    assert report["fields"]["input"] | {"name": "x", "layout": ["batch", "time", "bins"]} == report["fields"]["input"]
    assert report["fields"]["output"]["representation"] == "gain"
    assert right(path, offline)


def test_the_example_adopts_its_file(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
    assert import_module("adopt_a_streaming_file").main(tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert (
        'state "cache" [1, 257, 4] comes back as "cache_out"' in said
        and "valid" in said
        and "a second of noise" in said
    )


def test_validate_says_what_an_unconverted_package_lacks(tmp_path):
    ports = {"layout": ["batch", "time", "bins"]}
    path = rtspec.models.package(
        *(strangers.nsnet(), tmp_path / "as-it-is.onnx"),
        name="as-it-is",
        sample_rate=16000,
        n_fft=320,
        hop=160,
        window="sqrt-hann",
        input={"name": "x", "representation": "log-magnitude", "log": "log10", **ports},
        output={"name": "y", "representation": "gain", **ports},
    )
    report = validate(path)
    assert not report.ok and any("run stream-model first" in check.detail for check in report.checks if not check.ok)


def authors_nsnet2(model: onnx.ModelProto, x: np.ndarray, rate: int) -> np.ndarray:
    """The baseline's feature library: np.hanning's symmetric window on both sides, log power, gains, plain overlap-add;
    at 48 kHz a periodic one of 960 in 1024, put together again by its dual."""
    wide = rate == 48000
    n, length, hop = (1024, 960, 512) if wide else (320, 320, 160)
    window = (
        np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)) if wide else np.sqrt(np.hanning(length))
    )
    x = np.concatenate([np.zeros(length - hop), x])  # the first frame ends with the first hop
    starts = range(0, len(x) - length, hop)
    spectra = np.array([np.fft.rfft(x[s : s + length] * window, n) for s in starts])
    features = np.log10(np.maximum(np.abs(spectra) ** 2, 1e-12)).astype(np.float32)[None]
    run: Any = session(model)
    spectra *= run.run(None, {run.get_inputs()[0].name: features})[0][0]
    after = np.zeros(length)
    for k in range(hop):
        after[k::hop] = window[k::hop] / np.sum(window[k::hop] ** 2)
    made = np.zeros(len(x))
    for start, spectrum in zip(starts, spectra, strict=True):
        made[start : start + length] += np.fft.irfft(spectrum, n)[:length] * (after if wide else window)
    return made[length - hop :]


@pytest.mark.parametrize(("like", "rate", "bins"), [("nsnet2", 16000, 161), ("nsnet2-48k", 48000, 513)])
def test_an_nsnet2_plays_as_its_feature_library_has_it(tmp_path, capsys, like, rate, bins):
    offline, streaming = tmp_path / "nsnet.onnx", tmp_path / "streaming.onnx"
    offline.write_bytes(strangers.nsnet(bins).SerializeToString())
    assert main(["stream-model", str(offline), str(streaming), "--json"]) == 0
    capsys.readouterr()
    path, _ = adopted(tmp_path, capsys, onnx.load(streaming), "--like", like, "--unheard")
    x = sound(2.0 * rate / RATE)
    wanted, given = authors_nsnet2(onnx.load(offline), x, rate), rtspec.OnnxProcessor(path)(x, rate)
    assert snr_db(wanted[:-2048], given[:-2048]) >= 100
