"""A processor's parameters: one table of names, units and ranges, and the values that compiled stages read.

Python release-stores a target; the engine acquires it and moves there smoothly. No lock, no message, any thread.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from .. import checks
from ..buffers.atomics import publish_double
from ..buffers.events import Event, store_event
from ..buffers.memory import address, aligned
from ..errors import InvalidValue


@dataclass(frozen=True)
class ParameterSpec:
    """What a parameter is.

    Attributes
    ----------
    name : str
        Python attribute name.
    unit : str
        Physical unit, "" where there is none.
    minimum, maximum, default : float
        In `unit`.
    smoothing_ms : float
        Time in which the sound goes 95 % of the way after a change, 10 to 50.
    description : str
    curve : str
        How a controller's travel maps onto the range: one of :data:`rtspec.control.curves.CURVES`.
    cc : int or None
        MIDI controller number that moves it by default, 0 to 127.
    role : str
        What it is to a player, for maps: "channel.volume", "timbre.morph", "pedal.hold"; "" for nothing of that kind.
    setup : bool
        How an instrument is set up rather than how it sounds: pads, programs and timbre presets leave it alone.
    choices : tuple of str
        What the whole numbers from `minimum` on mean, where the values are a choice.
    """

    name: str
    unit: str
    minimum: float
    maximum: float
    default: float
    smoothing_ms: float = 30.0
    description: str = ""
    curve: str = "linear"
    cc: int | None = None
    role: str = ""
    setup: bool = False
    choices: tuple[str, ...] = ()

    def check(self, value: float) -> float:
        """`value` as a float, or :class:`InvalidValue` naming value, parameter and range."""
        if not checks.is_real(value):
            with suppress(TypeError, ValueError):  # what is no number is said to be none
                value = float(value)
        return checks.number(
            self.name, value, self.minimum, self.maximum, f"the default is {self.default:g}", self.unit
        )


class Parameter:
    """One parameter of one processor, with pedalboard's names: `units`, `range`, `raw_value`, `string_value`."""

    def __init__(self, spec: ParameterSpec, table: "ParameterTable", index: int):
        self.spec, self._table, self._index = spec, table, index

    @property
    def name(self) -> str:
        """Python attribute name."""
        return self.spec.name

    @property
    def table(self) -> "ParameterTable":
        """The table that it is in, at place :attr:`index`."""
        return self._table

    @property
    def index(self) -> int:
        """Its place in the table."""
        return self._index

    @property
    def units(self) -> str:
        """Physical unit."""
        return self.spec.unit

    label = units

    @property
    def range(self) -> tuple[float, float, None]:
        """Smallest and largest value, and the step: None, since all values between are allowed."""
        return self.spec.minimum, self.spec.maximum, None

    @property
    def value(self) -> float:
        """Value in physical units."""
        return float(self._table.targets[self._index])

    @value.setter
    def value(self, value: float) -> None:
        self._table.store(self._index, self.spec.check(value))

    def event(self, time: int, value: float) -> Event:
        """A change to `value` at sample `time`, for a driver's event queue."""
        place = address(self._table.targets) + 8 * self._index
        return store_event(time, place, self.spec.check(value), self._table)

    @property
    def is_timed(self) -> bool:
        """Whether :meth:`event` works: compiled code reads the value, and nothing in Python waits for it."""
        return self._table.is_timed

    @property
    def raw_value(self) -> float:
        """Value from 0 to 1."""
        return (self.value - self.spec.minimum) / (self.spec.maximum - self.spec.minimum)

    @raw_value.setter
    def raw_value(self, value: float) -> None:
        low, high = self.spec.minimum, self.spec.maximum
        self.value = low + checks.number(f"{self.name}: raw_value", value, 0.0, 1.0) * (high - low)

    @property
    def string_value(self) -> str:
        """Value as text, with its unit."""
        return f"{self.value:g} {self.units}".strip()

    def __repr__(self) -> str:
        low, high, _ = self.range
        return f"<rtspec.Parameter {self.name}={self.string_value} range=({low:g}, {high:g})>"


class ParameterTable(Mapping[str, Parameter]):
    """A processor's parameters by name.

    Attributes
    ----------
    targets : ndarray, float64, shape (n_parameters,)
        What compiled stages acquire, by address; every write is a release store.
    """

    is_timed = True
    _kind: "type[Parameter]" = Parameter

    def __init__(self, specs: list[ParameterSpec]):
        self.targets = aligned(max(1, len(specs)), np.float64)
        self._parameters = {spec.name: self._kind(spec, self, i) for i, spec in enumerate(specs)}
        self._begin()

    def _begin(self) -> None:
        """Give every parameter its first value."""
        for parameter in self.values():
            parameter.value = parameter.spec.default

    def __getitem__(self, name: str) -> Parameter:
        if name not in self._parameters:
            raise InvalidValue(f"{name!r} is no parameter; choose one of {', '.join(self._parameters)}")
        return self._parameters[name]

    def __contains__(self, name: object) -> bool:
        return name in self._parameters

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def store(self, index: int, value: float) -> None:
        """Release a target to whoever reads it."""
        publish_double(self.targets, index, value)

    def target_address(self, name: str) -> int:
        """Where compiled code acquires the target of `name`, a float64: one's own, or what a driver puts in its place
        (:func:`redirected`)."""
        replaced = _REPLACED.get()
        targets = self.targets if replaced is None else replaced(self)
        return address(targets) + 8 * list(self._parameters).index(name)

    def own_address(self, name: str) -> int:
        """Where the user's own value of `name` lies, a float64, whatever a driver puts in the place of the target."""
        return address(self.targets) + 8 * list(self._parameters).index(name)


_REPLACED: ContextVar[Callable[[ParameterTable], np.ndarray] | None] = ContextVar("targets", default=None)


@contextmanager
def redirected(targets: Callable[[ParameterTable], np.ndarray]) -> Iterator[None]:
    """What is prepared inside follows the targets that `targets` gives for each table, which the caller keeps up to
    date and alive, and not the table's own. Those are float64 of shape (n_parameters,)."""
    token = _REPLACED.set(targets)
    try:
        yield
    finally:
        _REPLACED.reset(token)
