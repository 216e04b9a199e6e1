"""Everything at once, and each fault, on a real JACK server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from punctual import check_in_time, tried_twice

from rtspec.audio.jack import JackServer, why_unavailable
from rtspec.benchmarks import soak as soak_benchmark

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))

OF_TIME = {"no late callback", "no underrun", "no MIDI message lost"}
"""What a machine too busy for a period breaks: JACK drops the MIDI in it."""


@tried_twice(150)
def test_midi_osc_edits_swaps_and_a_burnt_gil_at_once_lose_nothing():
    row = soak_benchmark.run(25.0)  # ten minutes of it: rtspec benchmark soak
    assert row["edits"] >= 20 and row["swaps"] >= 2
    broken = {promise for promise, kept in row["promises"].items() if not kept}
    assert broken <= OF_TIME, row
    check_in_time({"broken": broken, **row}, "broken")


@pytest.mark.timeout(200)
def test_other_programs_that_use_all_processors_change_no_delay_and_lose_nothing_unsaid():
    row = soak_benchmark.run(10.0, busy=True)
    assert all(row["promises"].values()), row
    assert {"late_events", "underruns", "concealed_frames"} <= row.keys() and row["edits"] >= 8


FAULTS = """
import json, sys, time
sys.path.insert(0, {tests!r})
import numpy as np
import rtspec
from faulty import Faulty

processor, tone = Faulty(), 0.5 * np.sin(2 * np.pi * 480 / 48000 * np.arange(48000))
source = tone.astype(np.float32)[np.newaxis]
with rtspec.AudioStream(
    plugins=[processor], source=rtspec.Loop(source), measuring=rtspec.Measuring(tape_seconds=10)
) as stream:
    time.sleep(0.5)
    processor.{fault}
    time.sleep(0.2)
    processor.nan = 0.0
    time.sleep(0.8)
    seen, heard = stream.statistics.as_dict(), stream.recorded[1][0]
    delay = stream.latency.total_samples - stream.latency.items["device"]
wanted = np.tile(source[0], 4)[: len(heard) - delay]
print(json.dumps({{
    "finite": bool(np.all(np.isfinite(heard))),
    "step": float(np.abs(np.diff(heard[delay:])).max() / np.abs(np.diff(wanted)).max()),
    "back": bool(np.array_equal(heard[delay:][-9600:], wanted[-9600:])),
    **seen,
}}))
"""


def played(fault):
    with JackServer(48000, 128) as server:
        code = FAULTS.format(tests=str(Path(__file__).parents[1] / "support"), fault=fault)
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=server.environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@tried_twice(90)
def test_a_model_that_sleeps_fifty_ms_for_one_frame_is_bridged():
    seen = played("sleep_ms = 50.0")
    check_in_time(seen, "late_callbacks", "overruns")
    assert 0 < seen["concealed_frames"] < 9600
    assert seen["step"] < 1.5
    assert seen["back"]


@tried_twice(90)
def test_a_model_that_gives_nan_is_never_heard_and_holds_nothing_up():
    seen = played("nan = 1.0")
    check_in_time(seen, "underruns", "late_callbacks")
    assert seen["finite"] and seen["back"]
