"""Parameters of native pedalboard plugins: their properties, with the units and ranges that pedalboard does not tell.

What changes a plugin's latency (look-ahead, a resampler's rate and quality) is none: the budget would be untrue.
"""

import sys
import weakref
from typing import Any

from ..errors import InvalidValue
from .parameters import Parameter, ParameterSpec, ParameterTable

_HOME = "pedalboard_native"
_SHARE = ("", 0.0, 1.0, "linear")
_HZ = ("Hz", 20.0, 20000.0, "log")
_RANGES: dict[str, tuple[str, float, float, str]] = {
    "attack_ms": ("ms", 0.1, 1000.0, "log"),
    "bit_depth": ("bit", 1.0, 32.0, "linear"),
    "ceiling_db": ("dB", -60.0, 0.0, "linear"),
    "centre_delay_ms": ("ms", 1.0, 100.0, "log"),
    "centre_frequency_hz": _HZ,
    "cutoff_frequency_hz": _HZ,
    "cutoff_hz": _HZ,
    "damping": _SHARE,
    "delay_seconds": ("s", 0.0, 5.0, "exp"),
    "depth": _SHARE,
    "drive": ("", 1.0, 20.0, "log"),
    "drive_db": ("dB", 0.0, 60.0, "linear"),
    "dry_level": _SHARE,
    "feedback": ("", 0.0, 0.95, "linear"),
    "freeze_mode": ("", 0.0, 1.0, "switch"),
    "gain_db": ("dB", -60.0, 24.0, "linear"),
    "mix": _SHARE,
    "q": ("", 0.1, 20.0, "log"),
    "rate_hz": ("Hz", 0.01, 20.0, "log"),
    "ratio": ("", 1.0, 100.0, "log"),
    "release_ms": ("ms", 1.0, 5000.0, "log"),
    "resonance": _SHARE,
    "room_size": _SHARE,
    "semitones": ("semitones", -24.0, 24.0, "linear"),
    "threshold_db": ("dB", -100.0, 0.0, "linear"),
    "true_peak": ("", 0.0, 1.0, "switch"),
    "vbr_quality": ("", 0.0, 9.9, "linear"),
    "wet_level": _SHARE,
    "width": _SHARE,
}
"""By name: unit, range, curve. A value that was set outside it before widens it."""


def native_table(plugin: Any) -> ParameterTable | None:
    """The parameters of a native plugin, the same table each time; None of anything else, and of one that has none."""
    if _HOME not in sys.modules or not any(kind.__module__ == _HOME for kind in type(plugin).__mro__):
        return None
    if plugin not in _TABLES:
        _TABLES[plugin] = NativeTable(plugin)
    return _TABLES[plugin] or None


class NativeParameter(Parameter):
    """A property of a native plugin: the plugin itself has the value, whoever sets it."""

    _table: "NativeTable"

    @property
    def value(self) -> float:
        """Value in physical units; within the range, even where the plugin was given another."""
        low, high = self.spec.minimum, self.spec.maximum
        return min(max(self._table.read(self.name), low), high)

    @value.setter
    def value(self, value: float) -> None:
        self._table.store(self.index, self.spec.check(value))

    def event(self, time: int, value: float) -> Any:
        """Not for native plugins: no compiled code reads their values."""
        raise InvalidValue(
            f"{self.name} belongs to a native plugin, whose values cannot be moved at a sample of time; set it"
            " directly, or use a plugin of rtspec"
        )


class NativeTable(ParameterTable):
    """The properties of a native plugin as a table.

    Parameters
    ----------
    plugin : pedalboard.Plugin
    """

    is_timed = False
    _kind = NativeParameter

    def __init__(self, plugin: Any):
        self._plugin = weakref.ref(plugin)
        super().__init__(_specs(plugin))

    def _begin(self) -> None:
        """The plugin keeps the values that it has."""

    def read(self, name: str) -> float:
        """A value of the plugin."""
        plugin = self._plugin()
        return self[name].spec.default if plugin is None else _number(getattr(plugin, name))

    def store(self, index: int, value: float) -> None:
        """Set a value of the plugin."""
        plugin, name = self._plugin(), list(self)[index]
        if plugin is None:
            return
        now = getattr(plugin, name)
        setattr(plugin, name, type(now)(round(value)) if isinstance(now, bool) or _is_choice(now) else value)


_TABLES: weakref.WeakKeyDictionary[Any, NativeTable] = weakref.WeakKeyDictionary()


def _specs(plugin: Any) -> list[ParameterSpec]:
    usual = _usual(type(plugin))
    return [spec for name in _properties(type(plugin)) if (spec := _spec(plugin, name, usual)) is not None]


def _properties(kind: type) -> list[str]:
    """Properties that can be set, in the order of the classes."""
    found = {n: v for c in kind.__mro__ if c.__module__ == _HOME for n, v in vars(c).items()}
    return sorted(n for n, v in found.items() if isinstance(v, property) and v.fset is not None)


def _usual(kind: type) -> Any:
    """A plugin of this kind as it comes; None where it takes more than nothing to make one."""
    try:
        return kind()
    except Exception:
        return None


def _spec(plugin: Any, name: str, usual: Any) -> ParameterSpec | None:
    """What a property is; None where it is none to move."""
    now = getattr(plugin, name)
    default = _number(getattr(usual, name)) if usual is not None else _number(now)
    if name == "mode" and _is_choice(now):
        choices = tuple(type(now).__members__)
        return ParameterSpec(name, "", 0.0, len(choices) - 1.0, default, choices=choices)
    if name not in _RANGES:
        return None
    unit, low, high, curve = _RANGES[name]
    low, high = min(low, default, _number(now)), max(high, default, _number(now))
    return ParameterSpec(name, unit, low, high, default, curve="linear" if curve == "log" and low <= 0 else curve)


def _is_choice(value: Any) -> bool:
    """pybind's enumerations are not Python's."""
    return hasattr(type(value), "__members__")


def _number(value: Any) -> float:
    """A float, true or false, or the number of a choice."""
    return float(value.value if _is_choice(value) else value)
