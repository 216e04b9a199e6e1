"""The compiled path allocates nothing of its own: numba's runtime counts every allocation that compiled code makes."""

import json
import subprocess
import sys

import pytest
from allocating import SURROUNDINGS

PROBE = """
import json, sys
import numpy as np
import rtspec
from allocating import allocate, allocations
from rtspec.chain.board import Pedalboard
from rtspec.chain.player import Player

program = Player(Pedalboard([eval(sys.argv[1])]).flat, 48000, 2).program
sound = np.random.default_rng(0).standard_normal((2, 128 * 3000)).astype(np.float32)
program.run(sound[:, :12800], 128), allocate(3)
print(json.dumps({"control": allocations(allocate, 1000), "program": allocations(program.run, sound, 128)}))
"""
CHAINS = [
    "rtspec.SpectralInversion(phase='rtpghi')",
    "rtspec.SpectralInversion(method='nnls')",
    "rtspec.OnnxProcessor('tilt-gate', mix=0.5)",
]


@pytest.mark.parametrize("chain", CHAINS)
def test_three_thousand_blocks_allocate_nothing(chain):
    command = [sys.executable, "-c", PROBE, chain]
    done = subprocess.run(command, env=SURROUNDINGS, capture_output=True, text=True, check=True, timeout=100)
    counted = json.loads(done.stdout.splitlines()[-1])
    assert counted["control"] == 1, "the counter does not count"
    assert counted["program"] == 0


LIVE_PROBE = """
import json, time
import numpy as np
from numba.core.runtime import rtsys
import rtspec
sound = np.random.default_rng(0).standard_normal((2, 48000)).astype(np.float32)
with rtspec.AudioStream(
    plugins=[rtspec.SpectralInversion()], source=rtspec.Loop(sound), devices=rtspec.Devices(virtual=True)
) as stream:
    time.sleep(0.5)
    before, first = rtsys.get_allocation_stats().alloc, stream.statistics.callbacks
    time.sleep(2.0)
    after, last = rtsys.get_allocation_stats().alloc, stream.statistics.callbacks
print(json.dumps({"callbacks": last - first, "allocations": after - before}))
"""


def test_engine_and_callback_allocate_nothing_while_they_play():
    command = [sys.executable, "-c", LIVE_PROBE]
    done = subprocess.run(command, env=SURROUNDINGS, capture_output=True, text=True, check=True, timeout=100)
    counted = json.loads(done.stdout.splitlines()[-1])
    assert counted["callbacks"] > 500
    assert counted["allocations"] == 0
