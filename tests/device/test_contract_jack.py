"""Every processor of the catalogue on a real device: an effect plays what it renders, to the bit; notes sound."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from contracted import HEAVY, SPECS
from punctual import check_in_time, tried_twice

from rtspec.audio.jack import JackServer, why_unavailable

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))

CHILD = """
import json, sys, time
sys.path.insert(0, sys.argv[2])
import mido, numpy as np, rtspec
from contracted import is_instrument, make

source = (0.1 * np.random.default_rng(1).standard_normal((2, 24000))).astype(np.float32)
tape = rtspec.Measuring(tape_seconds=1.5)
for spec in json.loads(sys.argv[1]):
    plays_notes, made = is_instrument(spec), make(spec)
    with rtspec.AudioStream(plugins=[made], buffer_size=128, source=source, measuring=tape) as stream:
        if plays_notes:
            stream.send(mido.Message("note_on", note=60, velocity=100))
        assert stream.wait(20)
        out, latency, statistics = stream.recorded[1], stream.latency, stream.statistics
    delay = latency.total_samples - latency.items["device"]
    heard = out[:, delay : delay + source.shape[1]]
    equal = plays_notes or bool(np.array_equal(heard, make(spec)(source, 48000)))
    counts = {"underruns": statistics.underruns, "bad_samples": statistics.bad_samples}
    print(json.dumps({"spec": spec, "equal": equal, "level": float(np.abs(heard).max()), **counts}), flush=True)
"""


@tried_twice(240)  # where its kernels are not compiled yet
def test_every_processor_plays_live_what_it_renders():
    specs = [spec for spec in SPECS if spec != HEAVY]  # it has a test of its own, where the engine is given time
    command = [sys.executable, "-c", CHILD, json.dumps(specs), str(Path(__file__).parents[1] / "support")]
    with JackServer(48000, 128) as server:
        done = subprocess.run(command, env=server.environment, capture_output=True, text=True, timeout=230, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["spec"] for row in rows] == specs
    for row in rows:
        check_in_time(row, "underruns")
        assert row["equal"] and row["level"] > 0.01 and row["bad_samples"] == 0, row
