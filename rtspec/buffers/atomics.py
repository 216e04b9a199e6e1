"""Acquire loads, release stores and exchanges for compiled code.

A plain load may be hoisted out of a loop by the compiler, so every value that another thread writes goes through these.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types

from .memory import address, intrinsic


def _load(kind, llvm_type):
    @intrinsic
    def load(typingctx, location):
        def codegen(context, builder, signature, args):
            place = builder.inttoptr(args[0], llvm_type.as_pointer())
            return builder.load_atomic(place, "acquire", 8)

        return kind(types.int64), codegen

    return load


def _store(kind, llvm_type):
    @intrinsic
    def store(typingctx, location, value):
        def codegen(context, builder, signature, args):
            place = builder.inttoptr(args[0], llvm_type.as_pointer())
            value = context.cast(builder, args[1], signature.args[1], kind)
            builder.store_atomic(value, place, "release", 8)
            return context.get_dummy_value()

        return types.void(types.int64, kind), codegen

    return store


@intrinsic
def exchange(typingctx, location, value):
    """Store an int64 at a location and give what was there, in one step that no other thread comes between."""

    def codegen(context, builder, signature, args):
        place = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        value = context.cast(builder, args[1], signature.args[1], types.int64)
        return builder.atomic_rmw("xchg", place, value, "acq_rel")

    return types.int64(types.int64, types.int64), codegen


load_acquire = _load(types.int64, ir.IntType(64))
store_release = _store(types.int64, ir.IntType(64))
load_double = _load(types.float64, ir.DoubleType())
store_double = _store(types.float64, ir.DoubleType())


@njit(cache=True)
def _publish(location, value):
    store_release(location, value)


@njit(cache=True)
def _read(location):
    return load_acquire(location)


@njit(cache=True)
def _publish_double(location, value):
    store_double(location, value)


def publish(array: np.ndarray, index: int, value: int) -> None:
    """Release-store `value` into an int64 array, so that all that was written before is seen by who acquires it. Its
    shape is (n,)."""
    _publish(address(array) + 8 * index, value)


def publish_double(array: np.ndarray, index: int, value: float) -> None:
    """Release-store `value` into a float64 array. Its shape is (n,)."""
    _publish_double(address(array) + 8 * index, value)


def read(array: np.ndarray, index: int) -> int:
    """Acquire-load from an int64 array. Its shape is (n,)."""
    return _read(address(array) + 8 * index)
