"""Files of strangers through `rtspec adopt`, a sound to play and the measure of equality."""

import json

import numpy as np
import onnx

from rtspec.cli import main
from rtspec.models.validation import validate

RATE = 16000


def sound(seconds: float = 2.0) -> np.ndarray:
    rng = np.random.default_rng(3)
    t = np.arange(int(seconds * RATE)) / RATE
    tone = 0.2 * np.sin(2 * np.pi * 220 * t) * (np.sin(2 * np.pi * 3 * t) > 0)
    return (tone + 0.05 * rng.standard_normal(t.size)).astype(np.float32)


def snr_db(wanted: np.ndarray, given: np.ndarray) -> float:
    error = float(np.sum((wanted.astype(np.float64) - given) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(np.sum(wanted.astype(np.float64) ** 2) / error))


def adopted(tmp_path, capsys, model: onnx.ModelProto, *flags: str) -> tuple[str, dict]:
    source, target = tmp_path / "theirs.onnx", tmp_path / "ours.onnx"
    source.write_bytes(model.SerializeToString())
    assert main(["adopt", str(source), str(target), "--json", *flags]) == 0, capsys.readouterr().err
    return str(target), json.loads(capsys.readouterr().out)


def refusal(capsys, *words: str) -> str:
    assert main(["adopt", *words]) == 1
    return capsys.readouterr().err


def right(path, offline=None) -> bool:
    """Whether a package is valid in all that does not depend on how busy the machine is."""
    return all(check.ok for check in validate(path, offline).checks if check.name != "speed")
