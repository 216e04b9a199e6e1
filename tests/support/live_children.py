"""Live streams in child processes with a time limit: code that says what it measured as JSON."""

import json
import subprocess
import sys

LIMIT_S = 60

PRELUDE = """
import json, sys, time
import numpy as np
import rtspec
from rtspec.errors import RtspecError
rng = np.random.default_rng(1)
def noise(channels, seconds):
    return (0.1 * rng.standard_normal((channels, int(48000 * seconds)))).astype(np.float32)
"""

EQUAL_TO_RENDER = """
processor = {processor}
source = noise({channels}, 2)
with rtspec.AudioStream(
    plugins=[processor], buffer_size={block}, source=source, measuring=rtspec.Measuring(tape_seconds=4)
) as stream:
    assert stream.wait(20)
    out, latency, statistics = stream.recorded[1], stream.latency, stream.statistics
delay = latency.total_samples - latency.items["device"]
whole = processor(source, 48000)
equal = bool(np.array_equal(out[:, delay : delay + source.shape[1]], whole))
print(json.dumps({{"equal": equal, "level": float(np.abs(whole).max()), **statistics.as_dict()}}))
"""


def run_child(server, code, limit=LIMIT_S):
    """What a child on this server printed last, as JSON, and its exit code."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])
