"""Aligned arrays and their addresses, seen from Python and from compiled code.

Compiled stages get integer addresses instead of arrays, so that one compiled loop can walk any chain.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import carray, extending, njit, types


def intrinsic(function: Callable) -> Any:
    """numba's decorator of this name, typed: its first argument, the typing context, is none that a caller gives."""
    return extending.intrinsic(function)


ALIGNMENT = 64
"""Bytes: one cache line, and enough for the widest vector instructions of FFTW."""


def aligned(shape: int | tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> np.ndarray:
    """A zeroed, C-contiguous array whose first byte lies on a 64-byte boundary.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : numpy dtype

    Returns
    -------
    ndarray of `shape` and `dtype`
    """
    dtype = np.dtype(dtype)
    shape = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    n_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = np.zeros(n_bytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + n_bytes].view(dtype).reshape(shape)


def aligned_copy(values: np.ndarray, dtype: npt.DTypeLike | None = None) -> np.ndarray:
    """`values` copied into an :func:`aligned` array. Of any shape; of `dtype`, or the values' own."""
    out = aligned(values.shape, dtype or values.dtype)
    out[...] = values
    return out


def address(array: np.ndarray) -> int:
    """The address of the array's first byte; the caller keeps the array alive. Of any shape and dtype."""
    return array.ctypes.data


memmove = types.ExternalFunction("memmove", types.int64(types.int64, types.int64, types.int64))
"""By address: ``memmove(target, source, n_bytes)``; they may overlap. Assigning slices may allocate, this never
does."""

memset = types.ExternalFunction("memset", types.int64(types.int64, types.int32, types.int64))
"""By address: ``memset(target, 0, n_bytes)``."""


@intrinsic
def pointer(typingctx, location):
    """An integer address as the untyped pointer that :func:`numba.carray` takes."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), codegen


@njit(inline="always")
def floats(location, n):
    """The `n` float32 values at an address, as an array that shares them."""
    return carray(pointer(location), (n,), np.float32)


@njit(inline="always")
def doubles(location, n):
    """The `n` float64 values at an address, as an array that shares them."""
    return carray(pointer(location), (n,), np.float64)


@njit(inline="always")
def complexes(location, n):
    """The `n` complex64 values at an address, as an array that shares them."""
    return carray(pointer(location), (n,), np.complex64)


@njit(inline="always")
def integers(location, n):
    """The `n` int64 values at an address, as an array that shares them."""
    return carray(pointer(location), (n,), np.int64)
