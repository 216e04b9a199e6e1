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
