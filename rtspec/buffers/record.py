"""Records: the state of a compiled kernel, declared once, checked when it is made, and seen by field in the kernel.

A kernel reads a record and the arrays that it points to without asking: a field that nobody gave would be address 0, a
float64 array garbage. So a declaration names every field with its kind, element and shape; what is made from it holds
all of them, or is refused; and the kernel gets numbers and arrays of exactly these kinds, from the same declaration.

Examples
--------
>>> from rtspec.buffers.memory import aligned
>>> SCALING = Record("Scaling", counts="n", reals="gain=1", arrays="held:f4[n]", constants="table:f4[n]")
>>> made = SCALING.make(n=8, held=aligned(8), table=aligned(8))
>>> float(made.record["gain"][0])
1.0

In compiled code ``s = SCALING(state)`` is the record at the address `state`; then ``s.held[i] = s.gain * s.table[i]``.
"""

import ast
import difflib
import re
from collections.abc import Iterator, Mapping
from numbers import Integral, Real
from types import CodeType
from typing import Any, NamedTuple

import numpy as np
from numba.extending import typeof_impl

from ..errors import InvalidValue
from .atomics import publish, read
from .memory import ALIGNMENT, address, aligned
from .views import Field, Maker, View

_LINE = ALIGNMENT
_FIRST_PAGE = 4096
"""Below it lies no memory: a smaller number where an address belongs is something else."""

_TOKEN = re.compile(r"(\w+)(?::(\w+)(?:\[([^\]]*)\])?)?(?:=([-+.\w]+))?(\?)?")
_KINDS = ("words", "counts", "addresses", "arrays", "constants", "shared", "transformed", "reals", "singles")
_KINDS_OF_NUMBERS = {
    "words": "word",
    "counts": "count",
    "addresses": "address",
    "reals": "real",
    "singles": "single",
}
_FORMATS = {"reals": "f8", "singles": "f4"}


class _Member(NamedTuple):
    """A field as declared."""

    name: str
    group: str
    element: np.dtype | None
    shape: tuple[CodeType | None, ...]
    text: str
    default: float | None
    is_optional: bool

    @property
    def is_array(self) -> bool:
        return self.element is not None


class Record:
    """A declaration of fields, in words of a string a kind.

    Parameters
    ----------
    name : str
        For messages.
    *parts : mapping of str to str
        Fields by kind that several records have: the keyword arguments below.
    words : str
        int64 that another thread reads or writes: each on a cache line of its own, loaded and stored by acquire and
        release. All start at 0 unless told.
    counts : str
        int64 numbers: ``"hop at=0"``. One with a value after ``=`` need not be given.
    addresses : str
        int64 addresses of functions, objects, or words elsewhere; with ``?`` it may be left out, and is 0.
    arrays : str
        ``"held:f4[n_bands] rows:c8[:,n_bins]"``: element, and the shape in terms of counts (``:`` for any), one
        dimension of any length where none stands. They are state: a reset restores what they held. With ``?`` one may
        be left out, and has no items.
    constants : str
        Arrays that the kernel only reads; the compiler refuses what writes to them.
    shared : str
        Arrays that others write or read too: left alone by a reset.
    transformed : str
        State on a 64-byte boundary, as a Fourier transform needs it.
    reals, singles : str
        float64 and float32 numbers.
    elements : tuple of Record
        Records that arrays hold, by their names.
    """

    def __init__(self, name: str, *parts: Mapping[str, str], elements: tuple["Record", ...] = (), **own: str):
        self.name = name
        groups = {group: " ".join(part.get(group, "") for part in (*parts, own)) for group in _KINDS}
        self._elements = {record.name: record for record in elements}
        self.members = {m.name: m for group in _KINDS for m in self._parsed(group, groups[group])}
        self.layout, self.dtype = self._laid_out()

    def __call__(self, location: int) -> Any:
        """In compiled code: the record at an address. Python uses :meth:`make`."""
        raise TypeError(f"{self.name} at an address is for compiled code; make one with make()")

    def offset(self, name: str) -> int:
        """Bytes from a record's start to a field."""
        return self.layout[name].offset

    def make(self, **values: Any) -> "Made":
        """A record of these values, checked.

        Raises
        ------
        InvalidValue
            A field is missing or unknown, or a value is not of its kind, element, order in memory or shape.
        """
        self._check_names(values)
        made = aligned(1, self.dtype)
        counts = self._counts(values)
        for name, member in self.members.items():
            value = values.get(name, member.default)
            if not member.is_array:
                made[name] = self._number(member, value)
            elif value is not None:
                array = self._array(member, value, counts)
                made[name] = address(array)
                for i, n in enumerate(array.shape):
                    made[f"{name}:{i}"] = n
        return Made(self, made, values)

    # Declaration ------------------------------------------------------------------------------------------------------

    def _parsed(self, group: str, text: str) -> Iterator[_Member]:
        for token in text.split():
            found = _TOKEN.fullmatch(token)
            if found is None:
                raise TypeError(f"{self.name}: {token!r} is no field")
            name, element, shape, default, optional = found.groups()
            start = 0.0 if group == "words" and default is None else default
            yield _Member(
                *(name, group, self._element(element), _axes(shape or ":") if element else (), shape or ":"),
                None if start is None else float(start),
                optional is not None,
            )

    def _element(self, text: str | None) -> np.dtype | None:
        if text is None:
            return None
        return self._elements[text].dtype if text in self._elements else np.dtype(text)

    def _laid_out(self) -> tuple[dict[str, Field], np.dtype]:
        names, formats, offsets, layout, at = [], [], [], {}, 0
        for name, m in self.members.items():
            kind = "array" if m.is_array else _KINDS_OF_NUMBERS[m.group]
            layout[name] = Field(kind, at, m.element, len(m.shape), m.group == "constants")
            for i in range(1 + len(m.shape)):
                names.append(name if i == 0 else f"{name}:{i - 1}")
                formats.append(_FORMATS.get(m.group, "i8"))
                offsets.append(at)
                at += np.dtype(formats[-1]).itemsize
            if m.group == "words":
                at = -(-at // _LINE) * _LINE
        line = _LINE if any(m.group == "words" for m in self.members.values()) else 8
        size = max(8, -(-at // line) * line)
        packed: Any = {"names": names, "formats": formats, "offsets": offsets, "itemsize": size}
        return layout, np.dtype(packed) if names else np.dtype([("unused", "i8")])

    # Checks -----------------------------------------------------------------------------------------------------------

    def _check_names(self, values: dict[str, Any]) -> None:
        for name in values:
            if name not in self.members:
                close = difflib.get_close_matches(name, self.members, 1)
                remedy = f"did you mean {close[0]}?" if close else "leave it out"
                raise InvalidValue(f"{self.name}: unknown field {name}; it has {', '.join(self.members)}; {remedy}")
        needed = (m for m in self.members.values() if m.default is None and not m.is_optional)
        missing = [m.name for m in needed if values.get(m.name) is None]
        if missing:
            raise InvalidValue(
                f"{self.name}: no value for {', '.join(missing)}; a field without a default must be given, else its"
                " kernel reads address 0: pass it"
            )

    def _counts(self, values: dict[str, Any]) -> dict[str, int]:
        members = [m for m in self.members.values() if m.group == "counts"]
        return {m.name: int(self._number(m, values.get(m.name, m.default))) for m in members}

    def _number(self, member: _Member, value: Any) -> int | float:
        if member.group in ("reals", "singles"):
            if not isinstance(value, Real) or np.isnan(float(value)):
                raise self._wrong(member, value, "must be a number; pass one float")
            return float(value)
        if value is None:
            return 0
        if not isinstance(value, Integral | np.bool_) and not (isinstance(value, float) and value == int(value)):
            rule = "must be a whole number; pass an int, or declare the field as an array or real"
            raise self._wrong(member, value, rule)
        whole = int(value)
        if member.group == "addresses" and not (whole >= _FIRST_PAGE or (member.is_optional and whole == 0)):
            raise self._wrong(member, value, f"must be an address, so at least {_FIRST_PAGE}; pass address(array)")
        return whole

    def _wrong(self, member: _Member, value: Any, rule: str) -> InvalidValue:
        return InvalidValue(f"{self.name}.{member.name}={_shown(value)} {rule}")

    def _array(self, member: _Member, value: Any, counts: dict[str, int]) -> np.ndarray:
        where = f"{self.name}.{member.name}"
        if not isinstance(value, np.ndarray):
            wanted = f"an array of {member.element}, shape {self._shape_text(member, counts)}"
            raise InvalidValue(f"{where}={_shown(value)} must be {wanted}; pass the array itself")
        if value.dtype != member.element:
            remedy = f"convert it, or make it by aligned(shape, {_kind_of(member.element)!r})"
            raise InvalidValue(f"{where} of dtype {_kind_of(value.dtype)} must be {_kind_of(member.element)}; {remedy}")
        if not value.flags.c_contiguous or not value.flags.aligned:
            remedy = "pass np.ascontiguousarray(array), or make it by aligned()"
            raise InvalidValue(f"{where} with strides {value.strides} must be contiguous; {remedy}")
        self._check_shape(member, value, counts)
        if member.group == "transformed" and address(value) % ALIGNMENT:
            raise InvalidValue(f"{where} must lie on a {ALIGNMENT}-byte boundary for its transform; use aligned()")
        if member.group in ("arrays", "transformed") and not value.flags.writeable:
            raise InvalidValue(f"{where} is read-only, but the kernel writes to it; pass a copy by aligned_copy()")
        return value

    def _check_shape(self, member: _Member, value: np.ndarray, counts: dict[str, int]) -> None:
        wanted = _sizes(member, counts)
        fits = value.ndim == len(wanted) and all(n in (m, None) for m, n in zip(value.shape, wanted, strict=True))
        if not fits:
            text = self._shape_text(member, counts)
            raise InvalidValue(
                f"{self.name}.{member.name} of shape {value.shape} must be {text}; pass an array of that shape, or"
                " mend the number that it follows from"
            )

    @staticmethod
    def _shape_text(member: _Member, counts: dict[str, int]) -> str:
        sizes = ", ".join("any" if n is None else str(n) for n in _sizes(member, counts))
        return f"[{member.text}] = ({sizes})" if member.text != ":" else f"({sizes})"


class Made:
    """A record in memory, and all that it points to, which lives as long.

    Attributes
    ----------
    record : ndarray, shape (1,)
        Its numbers; of an array its address.
    values : dict
        What it was made of.
    address : int
        What compiled code gets.
    """

    def __init__(self, declared: Record, record: np.ndarray, values: dict[str, Any]):
        self.declared, self.record, self.values = declared, record, values
        self.address = address(record)
        self._words = record.view(np.int64)

    @property
    def state(self) -> list[np.ndarray]:
        """The record itself and the arrays that a reset restores. Record arrays of shape (1,), and arrays of the shapes
        and dtypes that were declared."""
        groups = {name: member.group for name, member in self.declared.members.items()}
        mine = [v for n, v in self.values.items() if groups[n] in ("arrays", "transformed") and v is not None]
        return [self.record, *mine]

    def word(self, name: str) -> int:
        """Acquire-load an int64 field."""
        return read(self._words, self.declared.offset(name) // 8)

    def publish(self, name: str, value: int) -> None:
        """Release-store an int64 field."""
        publish(self._words, self.declared.offset(name) // 8, value)


@typeof_impl.register(Record)
def _typeof(declared: Record, context: Any) -> Maker:
    return Maker(View(declared.name, declared.layout))


def _axes(text: str) -> tuple[CodeType | None, ...]:
    """An expression for each dimension, None where any length will do."""
    free = ",".join("None" if axis == ":" else axis for axis in text.split(","))  # a call's comma splits none of them
    tree: Any = ast.parse(f"({free},)", mode="eval")
    constants = [isinstance(axis, ast.Constant) and axis.value is None for axis in tree.body.elts]
    pairs = zip(tree.body.elts, constants, strict=True)
    return tuple(None if any_length else compile(ast.Expression(axis), text, "eval") for axis, any_length in pairs)


def _sizes(member: _Member, counts: dict[str, int]) -> list[int | None]:
    """The shape that an array must have; None where any length will do."""
    names = {"__builtins__": {}, "max": max, "min": min, **counts}
    return [None if axis is None else int(eval(axis, names)) for axis in member.shape]


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array of {value.dtype}, shape {value.shape}"
    return repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}…"


def _kind_of(dtype: np.dtype | None) -> str:
    return str(dtype) if dtype is None or dtype.names is None else f"record of {', '.join(dtype.names[:3])} …"
