"""How arithmetic is compiled that may be reordered, and the bits of a number: for kernels of vector instructions."""

from typing import Any

from llvmlite import ir
from numba import njit, types

from .memory import intrinsic

LOOSE = {"contract", "reassoc", "nsz", "arcp", "afn"}
"""Fast arithmetic that leaves NaN and infinity alone."""

_OPTIONS: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
kernel = njit(fastmath=LOOSE, **_OPTIONS)
"""Compile a function for other compiled code alone: without the wrappers for Python, a fifth faster to compile."""

in_order = njit(fastmath=LOOSE - {"reassoc"}, **_OPTIONS)
"""As `kernel`, for arithmetic that must be done in the order in which it is written, lest it leave float32's range."""


@intrinsic
def bits_of(typingctx, value):
    """The bits of a float32 as int32."""
    return types.int32(types.float32), lambda context, builder, sig, args: builder.bitcast(args[0], ir.IntType(32))


@intrinsic
def float_of(typingctx, bits):
    """The float32 of these int32 bits."""
    return types.float32(types.int32), lambda context, builder, sig, args: builder.bitcast(args[0], ir.FloatType())
