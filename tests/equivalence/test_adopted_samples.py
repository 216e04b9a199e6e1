"""Networks of samples, adopted by one command, play as their authors' own loops do."""

import re
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


def loop(model: onnx.ModelProto, x: np.ndarray, step: int) -> np.ndarray:
    """What a network makes of every block of `step` samples, states from hand to hand."""
    run: Any = session(model)
    names = [each.name for each in run.get_inputs()]
    states = [np.zeros(each.shape, np.float32) for each in run.get_inputs()[1:]]
    said = []
    for start in range(0, len(x) - step + 1, step):
        feeds = dict(zip(names, [x[start : start + step].reshape(1, 1, step), *states], strict=True))
        made, *states = run.run(None, feeds)
        said.append(made.reshape(-1))
    return np.concatenate(said)


def authors_dtln(first: onnx.ModelProto, second: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """The authors' loop: 512 samples every 128, mask times magnitude with the phase as it was, blocks added."""
    runs: list[Any] = [session(model) for model in (first, second)]
    states = [np.zeros((1, 2, 16, 2), np.float32) for _ in runs]
    heard, total, made = np.zeros(512, np.float32), np.zeros(512, np.float32), []
    for start in range(0, len(x) - 127, 128):
        heard = np.concatenate([heard[128:], x[start : start + 128]])
        spectrum = np.fft.rfft(heard)
        magnitude = np.abs(spectrum).astype(np.float32)[None, None]
        mask, states[0] = runs[0].run(None, {"input_2": magnitude, "input_3": states[0]})
        block = np.fft.irfft(magnitude[0, 0] * mask[0, 0] * np.exp(1j * np.angle(spectrum))).astype(np.float32)
        out, states[1] = runs[1].run(None, {"input_4": block[None, None], "input_5": states[1]})
        total = np.concatenate([total[128:], np.zeros(128, np.float32)]) + out[0, 0]
        made.append(total[:128])
    return np.concatenate(made)


def test_the_two_files_of_a_dtln_play_as_the_authors_loop(tmp_path, capsys):
    pair = strangers.dtln()
    for k, model in enumerate(pair):
        onnx.save(model, tmp_path / f"model_{k + 1}.onnx")
    target = tmp_path / "dtln.onnx"
    assert main(["adopt", str(tmp_path / "model_1.onnx"), str(target), "--json"]) == 0, capsys.readouterr().err
    assert "by order alone" not in capsys.readouterr().out
    assert right(target)
    x = sound()
    wanted = authors_dtln(*pair, x)[384:]  # the block is out 384 samples after it is complete
    given = rtspec.OnnxProcessor(target)(x, RATE)[: len(wanted)]
    assert snr_db(x[: len(wanted)], wanted) < 20
    assert snr_db(wanted, given) >= 100


def test_half_of_a_pair_is_told_what_is_missing(tmp_path, capsys):
    onnx.save(strangers.dtln()[0], tmp_path / "model_1.onnx")
    said = refusal(capsys, str(tmp_path / "model_1.onnx"), "--like", "dtln")
    assert "model_1.onnx, model_2.onnx belong together, and model_2.onnx is not in" in said


def test_a_network_of_hops_plays_as_its_loop(tmp_path, capsys):
    model = strangers.hop_wave()
    words = ("--set", "input.representation=samples", "--sample-rate", "16000")
    path, report = adopted(tmp_path, capsys, model, *words)
    assert report["fields"]["hop"] == report["fields"]["n_fft"] == 256
    assert report["heard"]["stated_samples"] == 256
    assert right(path)
    x = sound()
    wanted = loop(model, x, 256)
    given = rtspec.OnnxProcessor(path)(x, RATE)[: len(wanted)]
    assert snr_db(wanted, given) >= 120


@pytest.mark.parametrize("slides", [False, True])
def test_what_comes_a_block_late_is_stated_and_waits_no_longer(tmp_path, capsys, slides):
    words = ("--set", "input.representation=samples", "--sample-rate", "16000") if slides else ()
    path, report = adopted(tmp_path, capsys, strangers.late_wave(slides), *words)
    if slides:  # nobody told; the test sound did, and how to say it
        assert any("if it is, say it: --set delay_frames=1" in doubt for doubt in report["doubts"])
        path, report = adopted(tmp_path, capsys, strangers.late_wave(slides), *words, "--set", "delay_frames=1")
    assert report["recipe"] == (None if slides else "fastenhancer-wave")
    assert not any("late" in doubt for doubt in report["doubts"])
    processor, x = rtspec.OnnxProcessor(path), sound()
    assert np.array_equal(processor(x, RATE), 0.5 * x) and processor.latency_samples == 512


@pytest.mark.parametrize("form", ["two rates", "one block", "sequence"])
def test_a_probability_of_voice_is_a_gate(tmp_path, capsys, form):
    model = strangers.silero() if form == "two rates" else strangers.silero_at_16k(form == "sequence")
    path, report = adopted(tmp_path, capsys, model)
    assert report["recipe"] == "silero" and "a gate" in " ".join(report["found"])
    assert not any("the level changes by -" in doubt for doubt in report["doubts"])
    x = sound()
    run: Any = session(model)
    state, buffer, wanted = np.zeros((2, 1, 128), np.float32), np.zeros(576, np.float32), []
    for start in range(0, len(x) - 511, 512):
        buffer = np.concatenate([buffer[512:], x[start : start + 512]])
        rate = {"sr": np.array(16000)} if form == "two rates" else {}
        said, state = run.run(None, {"input": buffer[None], "state": state, **rate})
        wanted.append(float(said.reshape(-1)[0]))
    assert np.ptp(wanted) > 0.1
    gate = rtspec.OnnxProcessor(path)
    given = gate(x, RATE)
    assert gate.latency_samples == 512  # the newest samples wait for no other block
    n = 512 * len(wanted)
    assert np.allclose(given[:n], x[:n] * np.repeat(np.array(wanted, np.float32), 512), atol=1e-6)


def test_a_block_of_no_known_length_is_asked_for(tmp_path, capsys):
    source, model = tmp_path / "wave.onnx", strangers.hop_wave()
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[2].dim_param = "samples"
    source.write_bytes(model.SerializeToString())
    said = refusal(capsys, str(source), "--set", "input.representation=samples", "--sample-rate", "16000")
    assert "takes any number of samples; say how many a call: --n-fft 512" in said


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a_pair_of_networks", r"like DTLN[\s\S]*nothing is unsure[\s\S]*in, 0\.\d+ out, 512 samples"),
        ("a_network_of_samples", r"a second of noise: 0\.100 in, 0\.\d+ out, 256 samples"),
        ("a_voice_detector", r"what is soft passes by 0\.00\d+, what is loud by 1\.0000"),
        ("three_files_of_deepfilternet", r"like DeepFilterNet[\s\S]*0\.\d+ out, 1920 samples"),
    ],
)
def test_an_example_adopts_its_own_networks(tmp_path, monkeypatch, capsys, name, says):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
    assert import_module(name).main(tmp_path / "out") == 0
    assert re.search(says, capsys.readouterr().out)
