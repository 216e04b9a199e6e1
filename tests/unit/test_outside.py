"""Nothing is told outside, and nothing is left outside rtspec's own folders."""

import os
import subprocess
import sys
from pathlib import Path

import rtspec
from rtspec import telemetry

PLAY = """
import os, sys
import numpy as np
{first}
import scipy.fft, scipy.linalg  # their threads for matrices
import rtspec.processors, rtspec.models.streaming.run
rtspec.SpectralInversion()(np.zeros((1, 4800), np.float32), 48000)
before = len(os.listdir("/proc/self/task"))
rtspec.OnnxProcessor("tilt-gate")(np.zeros((1, 4800), np.float32), 48000)
print(len(os.listdir("/proc/self/task")) - before)
"""
TIMEOUT_S = 100


def played(home: Path, first: str, **more: str) -> subprocess.CompletedProcess:
    """A process that plays a model, with nothing in its environment that would turn telemetry off."""
    silent = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in silent}
    environment |= {"HOME": str(home), "PYTHONPATH": str(Path(rtspec.__file__).parents[1]), **more}
    code = PLAY.format(first=first)
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
    )


def test_playing_a_model_leaves_no_file_and_no_thread(tmp_path):
    ran = played(tmp_path, "import rtspec")
    never = played(tmp_path, "import rtspec", ORT_DISABLE_TELEMETRY="1", CI="true")
    assert ran.returncode == 0 and ran.stderr == "" and ran.stdout == never.stdout != "", ran
    own = tmp_path / ".cache" / "rtspec"  # the forms in which models are played
    assert {path for path in tmp_path.rglob("*") if own not in path.parents} <= {own.parent, own}


def test_onnxruntime_that_was_there_first_is_told_of(tmp_path):
    ran = played(tmp_path, "import onnxruntime, rtspec")
    assert ran.returncode == 0, ran
    import onnxruntime

    late = telemetry._reports(onnxruntime)
    assert ("onnxruntime was imported before rtspec" in ran.stderr) == late
