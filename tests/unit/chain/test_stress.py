"""Many threads, shared objects, everything at random: a short run of bench/stress_threads.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "bench" / "stress_threads.py"


@pytest.mark.timeout(240)
def test_threads_that_call_edit_reset_copy_and_play_shared_objects_get_right_samples():
    command = [sys.executable, str(SCRIPT), "--threads", "6", "--calls", "200"]
    checked = {**os.environ, "MALLOC_CHECK_": "3"}
    done = subprocess.run(command, env=checked, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["wrong"], found["errors"]) == (0, [])
    assert {"call", "call board", "pieces", "reset", "edit", "copy"} <= found["calls"].keys()
