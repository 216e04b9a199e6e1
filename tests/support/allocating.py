"""How often compiled code allocates, as numba's runtime counts; for children with NUMBA_NRT_STATS=1 around them."""

import os
from pathlib import Path

import numba
import numpy as np
from numba.core.runtime import rtsys

SURROUNDINGS = {**os.environ, "NUMBA_NRT_STATS": "1", "PYTHONPATH": str(Path(__file__).parent)}
"""Of a child that counts."""


@numba.njit
def allocate(n):
    """One allocation: what shows that they are counted."""
    return np.zeros(n).sum()


def allocations(function, *arguments):
    """How many a call makes."""
    before = rtsys.get_allocation_stats().alloc
    function(*arguments)
    return rtsys.get_allocation_stats().alloc - before


def allocations_of_playing(program) -> int:
    """How many a program makes in 150 blocks of 128 samples, once it plays; an instrument plays a note."""
    from rtspec.buffers.events import send_event

    sound = np.random.default_rng(0).standard_normal((2, 128 * 150)).astype(np.float32)
    notes = [send_event(1000, inbox, (0x90, 60, 100)) for inbox in program.inboxes]
    program.run(sound[:, :9600], 128, notes)
    return allocations(program.run, sound, 128)
