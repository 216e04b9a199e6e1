"""What compiled code sees of memory: records by field name, arrays as arrays, and no byte offset written by hand.

A *view* is a record at an address. Its numbers are read and set by name, its shared words by acquire and release, and
its arrays are numba's own, with the shape that they were given at construction; NUMBA_BOUNDSCHECK=1 checks every index
into them. A view of a constant array refuses to compile what writes to it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate, infer_getattr, signature
from numba.extending import lower_builtin, lower_getattr_generic, lower_setattr_generic, models, register_model
from numba.np.arrayobj import make_array, populate_array

from .memory import intrinsic

_I8, _BYTE = ir.IntType(64), ir.IntType(8)


class Field(NamedTuple):
    """One field of a record.

    Attributes
    ----------
    kind : str
        "count", "word" (shared with another thread), "address", "real", "single" or "array".
    offset : int
        Bytes from the record's start; of an array the place of its address, which its shape follows, all int64.
    element : numpy dtype or None
        Of an array.
    ndim : int
    constant : bool
        Compiled code only reads the array.
    """

    kind: str
    offset: int
    element: np.dtype | None = None
    ndim: int = 0
    constant: bool = False

    @property
    def numba_type(self) -> types.Type:
        """What compiled code gets."""
        if self.element is None:
            return {"real": types.float64, "single": types.float32}.get(self.kind, types.int64)
        return types.Array(from_dtype(self.element), self.ndim, "C", readonly=self.constant)


class View(types.Type):
    """The numba type of a record at an address; `fields` by name, told apart by the layout."""

    def __init__(self, name: str, layout: Mapping[str, Field]):
        self.layout = layout
        marks = (f"{n}{f.kind[0]}{f.offset}{f.element or ''}{f.ndim}{f.constant:d}" for n, f in layout.items())
        super().__init__(f"{name}({','.join(marks)})")


class Maker(types.Callable, types.Opaque):
    """The numba type of a record's declaration: calling it with an address gives the view."""

    def __init__(self, view: View):
        self.view = view
        super().__init__(f"record {view.name}")

    def get_call_type(self, context, args, kws):
        return signature(self.view, types.int64)

    def get_call_signatures(self):
        return [signature(self.view, types.int64)], False

    def get_impl_key(self, sig):
        return type(self)


@register_model(View)
class _ViewModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, _I8)


register_model(Maker)(models.OpaqueModel)


@lower_builtin(Maker, types.int64)
def _view_at(context, builder, sig, args):
    return args[0]


@infer_getattr
class _Fields(AttributeTemplate):
    key = View

    def generic_resolve(self, value, attr):
        field = value.layout.get(attr)
        return None if field is None else field.numba_type


def _place(builder, value, offset: int, kind: ir.Type):
    at = builder.inttoptr(value, _BYTE.as_pointer())
    return builder.bitcast(builder.gep(at, [ir.Constant(_I8, offset)]), kind.as_pointer())


@lower_getattr_generic(View)
def _get(context, builder, typ, value, attr):
    field = typ.layout[attr]
    if field.kind == "array":
        words = [builder.load(_place(builder, value, field.offset + 8 * i, _I8)) for i in range(1 + field.ndim)]
        return _array(context, builder, field.numba_type, words[0], words[1:])
    place = _place(builder, value, field.offset, context.get_data_type(field.numba_type))
    return builder.load_atomic(place, "acquire", 8) if field.kind == "word" else builder.load(place)


@lower_setattr_generic(View)
def _set(context, builder, sig, args, attr):
    target, value = args
    field = sig.args[0].layout[attr]
    if field.kind == "array":
        raise TypeError(f"{attr} is an array of the record and stays where it is; set its items")
    value = context.cast(builder, value, sig.args[1], field.numba_type)
    place = _place(builder, target, field.offset, context.get_data_type(field.numba_type))
    if field.kind == "word":
        builder.store_atomic(value, place, "release", 8)
    else:
        builder.store(value, place)


# Arrays ---------------------------------------------------------------------------------------------------------------


def _array(context, builder, typ, location, shape):
    """A C-contiguous array of numba's over the memory at `location` (i64 or pointer)."""
    made = make_array(typ)(context, builder)
    itemsize = context.get_abi_sizeof(context.get_data_type(typ.dtype))
    strides, step = [], ir.Constant(_I8, itemsize)
    for n in reversed(shape):
        strides.insert(0, step)
        step = builder.mul(step, n)
    pointer = context.get_data_type(typ.dtype).as_pointer()
    cast = builder.inttoptr if isinstance(location.type, ir.IntType) else builder.bitcast
    populate_array(made, cast(location, pointer), shape, strides, ir.Constant(_I8, itemsize), None)
    return made._getvalue()


def _check(context, builder, good, message: str) -> None:
    """With NUMBA_BOUNDSCHECK=1 an IndexError where `good` does not hold."""
    if context.enable_boundscheck:
        with builder.if_then(builder.not_(good), likely=False):
            context.call_conv.return_user_exc(builder, IndexError, (message,))


def _is_between(builder, low, value, high):
    return builder.and_(builder.icmp_signed("<=", low, value), builder.icmp_signed("<=", value, high))


def _sizes(context, builder, typ, value):
    """Address of the first item and number of items."""
    array = make_array(typ)(context, builder, value)
    return array.data, array.nitems


def _items(kind: types.Type, also: tuple[types.Type, ...] = ()) -> Any:
    """An intrinsic ``(place, n)`` that gives `n` items of this kind at an address, or at the start of an array."""

    @intrinsic
    def items(typingctx, place, n):
        accepted = isinstance(place, types.Array) and place.layout == "C" and place.dtype in (kind, *also)
        if not (accepted or isinstance(place, types.Integer)):
            return None
        typ = types.Array(kind, 1, "C", readonly=isinstance(place, types.Array) and not place.mutable)

        def codegen(context, builder, sig, args):
            if isinstance(sig.args[0], types.Integer):
                return _array(context, builder, typ, args[0], [args[1]])
            data, size = _sizes(context, builder, sig.args[0], args[0])
            share = 2 if place.dtype != kind else 1
            most = builder.mul(size, ir.Constant(_I8, share))
            good = _is_between(builder, ir.Constant(_I8, 0), args[1], most)
            _check(context, builder, good, "more items than the array holds")
            return _array(context, builder, typ, data, [args[1]])

        return typ(types.int64 if isinstance(place, types.Integer) else place, types.int64), codegen

    return items


floats = _items(types.float32, (types.complex64,))
"""``floats(place, n)``: `n` float32 at an address, or the first of an array, as an array that shares them; a complex64
array gives real and imaginary parts in turn."""

doubles = _items(types.float64)
"""The same of float64."""

complexes = _items(types.complex64)
"""The same of complex64."""

integers = _items(types.int64)
"""The same of int64."""


def _rows(kind: types.Type) -> Any:
    @intrinsic
    def rows(typingctx, location, n, width):
        typ = types.Array(kind, 2, "C")

        def codegen(context, builder, sig, args):
            return _array(context, builder, typ, args[0], [args[1], args[2]])

        return typ(types.int64, types.int64, types.int64), codegen

    return rows


float_rows = _rows(types.float32)
"""``float_rows(location, n, width)``: `n` frames of `width` float32 at an address, shape (n, width)."""

complex_rows = _rows(types.complex64)
"""The same of complex64."""

octet_rows = _rows(types.uint8)
"""The same of bytes."""


@intrinsic
def part(typingctx, array, start, n):
    """``part(array, start, n)``: `n` items from the flat index `start` on, as a 1-D array that shares them."""
    if not (isinstance(array, types.Array) and array.layout == "C"):
        return None
    typ = types.Array(array.dtype, 1, "C", readonly=not array.mutable)

    def codegen(context, builder, sig, args):
        data, size = _sizes(context, builder, sig.args[0], args[0])
        zero, (start, n) = ir.Constant(_I8, 0), args[1:]
        good = builder.and_(_is_between(builder, zero, start, size), _is_between(builder, zero, n, size))
        good = builder.and_(good, builder.icmp_signed("<=", builder.add(start, n), size))
        _check(context, builder, good, "part beyond the array's end")
        return _array(context, builder, typ, builder.gep(data, [start]), [n])

    return typ(array, types.int64, types.int64), codegen


@intrinsic
def copy(typingctx, target, source):
    """``copy(target, source)``: all items of `target` from the start of `source`, of the same kind; they may overlap.
    Assigning slices may allocate, this never does."""
    arrays = all(isinstance(a, types.Array) and a.layout == "C" for a in (target, source))
    if not arrays or target.dtype != source.dtype or not target.mutable:
        return None

    def codegen(context, builder, sig, args):
        (into, n), (out_of, most) = (_sizes(context, builder, t, a) for t, a in zip(sig.args, args, strict=True))
        _check(context, builder, builder.icmp_signed("<=", n, most), "copy of more than the source holds")
        width = ir.Constant(_I8, context.get_abi_sizeof(context.get_data_type(target.dtype)))
        cgutils.raw_memmove(builder, into, out_of, n, width)
        return context.get_dummy_value()

    return types.void(target, source), codegen


@intrinsic
def clear(typingctx, array):
    """``clear(array)``: zeros."""
    if not (isinstance(array, types.Array) and array.layout == "C" and array.mutable):
        return None

    def codegen(context, builder, sig, args):
        data, n = _sizes(context, builder, sig.args[0], args[0])
        width = ir.Constant(_I8, context.get_abi_sizeof(context.get_data_type(array.dtype)))
        cgutils.memset(builder, data, builder.mul(n, width), 0)
        return context.get_dummy_value()

    return types.void(array), codegen


def location(context, builder, typ, value):
    """For intrinsics: the address, i64, of an array's first item; an address as it is."""
    if isinstance(typ, types.Integer):
        return value
    return builder.ptrtoint(_sizes(context, builder, typ, value)[0], _I8)


@intrinsic
def place_of(typingctx, place):
    """The address of an array's first item; an address as it is."""
    if not isinstance(place, types.Integer) and not (isinstance(place, types.Array) and place.layout == "C"):
        return None
    typ = types.int64 if isinstance(place, types.Integer) else place
    return types.int64(typ), lambda context, builder, sig, args: location(context, builder, typ, args[0])
