"""The compiled path allocates nothing: glibc's own malloc trace counts what a program does between two marks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DEBUG_LIBRARY = "libc_malloc_debug.so.0"
PROBE = """
import ctypes, sys
import numpy as np
import rtspec
from rtspec.buffers.memory import address
from rtspec.host.program import MAX_BLOCK, _run_blocks

libc = ctypes.CDLL(None)
processor = {processor}
program = processor.prepare(48000, 2)
sound = np.random.default_rng(0).standard_normal((2, 128 * 3000)).astype(np.float32)
out = np.empty_like(sound)
entries = address(program.table), len(program.table), address(program.x), address(program.y), address(sound), address(out)
run = lambda blocks: _run_blocks(*entries, 2, 128 * blocks, 128)
run(100)
libc.mtrace()
run(int(sys.argv[1]))
libc.muntrace()
"""
CHAINS = {
    "inversion-rtpghi": "rtspec.SpectralInversion(phase='rtpghi')",
    "inversion-nnls": "rtspec.SpectralInversion(method='nnls')",
}


def allocations(processor: str, blocks: int, trace: Path) -> int:
    environment = {**os.environ, "LD_PRELOAD": DEBUG_LIBRARY, "MALLOC_TRACE": str(trace)}
    code = PROBE.format(processor=processor)
    subprocess.run([sys.executable, "-c", code, str(blocks)], env=environment, check=True, timeout=100)
    return sum(line.split()[2] in "+>" for line in trace.read_text().splitlines() if line.startswith("@"))


@pytest.mark.skipif(sys.platform != "linux", reason="the malloc trace is glibc's")
@pytest.mark.parametrize("chain", CHAINS)
def test_three_thousand_blocks_allocate_no_more_than_ten(chain, tmp_path):
    few = allocations(CHAINS[chain], 10, tmp_path / "few")
    many = allocations(CHAINS[chain], 3000, tmp_path / "many")
    assert few > 0, "the trace saw nothing, not even the call from Python"
    assert many == few
