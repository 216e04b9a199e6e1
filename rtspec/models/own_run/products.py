"""A row times weights, 64 outputs at a time, for one lane, two or four: a weight is read once for all of them, and a
lane's sums are made in the same order whether it is alone or not.

Weights lie as blocks of 64 outputs, each block as strips (inputs, 16), float32 or float16, so that a loop over the
inputs reads all of what it fetches; sums are float32.
"""

import platform
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils

from ...buffers.memory import intrinsic
from .program import BLOCK

WIDTH = 16
"""Numbers of a vector; LLVM splits it where the processor's are shorter."""
_I64, _I32, _FLOAT = ir.IntType(64), ir.IntType(32), ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, WIDTH)


def has_halves() -> bool:
    """Whether this processor reads float16 by an instruction."""
    return platform.machine() in ("aarch64", "arm64") or bool(binding.get_host_cpu_features().get("f16c"))


def packed(weights: np.ndarray, half: bool) -> np.ndarray:
    """Weights of shape (inputs, outputs) in blocks of strips, filled up with zeros. Float16 of shape (n_blocks,
    BLOCK / WIDTH, n_inputs, WIDTH) where `half`, else float32."""
    n_in, n_out = weights.shape
    blocks = -(-n_out // BLOCK)
    padded = np.zeros((n_in, blocks * BLOCK), np.float16 if half else np.float32)
    padded[:, :n_out] = weights
    strips = padded.reshape(n_in, blocks, BLOCK // WIDTH, WIDTH).transpose(1, 2, 0, 3)
    return np.ascontiguousarray(strips)


def _products(element: ir.Type) -> dict[int, Any]:
    """Intrinsics by their number of lanes: ``y[:64] = x[:n] @ w``, addresses; lanes are `x_lane` and `y_lane` bytes
    apart."""

    def product_of(lanes: int) -> Any:
        @intrinsic
        def product(typingctx, x, x_lane, w, n, y, y_lane):
            return types.void(*[types.int64] * 6), _codegen(lanes, element)

        return product

    return {lanes: product_of(lanes) for lanes in (1, 2, 4)}


product_1, product_2, product_4 = _products(_FLOAT).values()
half_product_1, half_product_2, half_product_4 = _products(ir.HalfType()).values()


def _at_once(lanes: int) -> int:
    """Vectors of sums of each lane that a loop makes: as many as there are registers for, and no fewer than hide how
    long a sum takes."""
    return BLOCK // WIDTH if lanes == 1 or binding.get_host_cpu_features().get("avx512f") else BLOCK // WIDTH // lanes


def _codegen(lanes: int, element: ir.Type):
    def codegen(context, builder: Any, signature, args):
        for first in range(0, BLOCK // WIDTH, _at_once(lanes)):
            _sums(builder, args, lanes, element, range(first, first + _at_once(lanes)))
        return context.get_dummy_value()

    return codegen


def _sums(builder: Any, args: list, lanes: int, element: ir.Type, vectors: range) -> None:
    """Some of the 64 outputs of all lanes: a loop over the inputs, its sums in registers."""
    x, x_lane, w, n, y, y_lane = args
    before, loop, end = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("end")
    builder.branch(loop)
    builder.position_at_end(loop)
    i = _phi(builder, _I64, ir.Constant(_I64, 0), before)
    nothing = ir.Constant(_VECTOR, [0.0] * WIDTH)
    sums = {j: [_phi(builder, _VECTOR, nothing, before) for _ in range(lanes)] for j in vectors}
    spread = [_spread(builder, _at(builder, x, (i, 4), (x_lane, lane))) for lane in range(lanes)]
    size = 4 if element is _FLOAT else 2
    for j, row in sums.items():
        place = _at(builder, w, (i, WIDTH * size), (n, j * WIDTH * size))
        weights = _load(builder, place, ir.VectorType(element, WIDTH), size * WIDTH)
        weights = weights if element is _FLOAT else builder.fpext(weights, _VECTOR)
        for lane, total in enumerate(row):
            total.add_incoming(_fma(builder, spread[lane], weights, total), loop)
    following = builder.add(i, ir.Constant(_I64, 1))
    i.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, n), loop, end)
    builder.position_at_end(end)
    for j, row in sums.items():
        for lane, total in enumerate(row):
            place = _at(builder, y, (ir.Constant(_I64, 4 * WIDTH), j), (y_lane, lane))
            builder.store(total.incomings[1][0], builder.inttoptr(place, _VECTOR.as_pointer()), align=4)


def _phi(builder: Any, kind: ir.Type, start: ir.Value, block: ir.Block) -> Any:
    made = builder.phi(kind)
    made.add_incoming(start, block)
    return made


def _at(builder: Any, base: ir.Value, *terms: tuple[ir.Value, int]) -> ir.Value:
    """An address: the base and products of a value and a number."""
    for value, times in terms:
        base = builder.add(base, builder.mul(value, ir.Constant(_I64, times)))
    return base


def _load(builder: Any, place: ir.Value, kind: ir.Type, align: int) -> ir.Value:
    return builder.load(builder.inttoptr(place, kind.as_pointer()), align=align)


def _spread(builder: Any, place: ir.Value) -> ir.Value:
    """One number in all places of a vector."""
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, _load(builder, place, _FLOAT, 4), ir.Constant(_I32, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_I32, WIDTH), [0] * WIDTH))


def _fma(builder: Any, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{WIDTH}f32"), [a, b, c])
