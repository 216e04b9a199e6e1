"""How a controller's travel, 0 to 1, becomes a value and back."""

from math import exp, log, log1p, log10

from .. import checks
from ..errors import InvalidValue

CURVES = ("linear", "log", "exp", "switch", "volume")
"""linear; log: equal ratios for equal travel (frequencies, times); exp: slow first, then fast; switch: either end;
volume: decibels by MIDI's law, 40·log10 of the travel below the top."""

_VOLUME_DB = 40.0
_STEEPNESS = log(100.0)
"""Of "exp": half the travel gives 1/11 of the range."""


def check_curve(curve: str, low: float, high: float) -> str:
    """`curve` if it is known and can run from `low` to `high`, else :class:`InvalidValue`."""
    checks.choice("curve", curve, CURVES)
    if curve == "log" and min(low, high) <= 0:
        raise InvalidValue(f"curve='log' must run between values above 0, not {low:g} to {high:g}; try 'linear'")
    return curve


def to_value(curve: str, position: float, low: float, high: float) -> float:
    """The value at `position`, 0 to 1; `low` may be the larger one."""
    if position >= 1.0 or position <= 0.0:
        return high if position >= 1.0 else low
    if curve == "switch":
        return high if position >= 0.5 else low
    if curve == "log":
        return _between(low * (high / low) ** position, low, high)
    if curve == "volume":
        return _between(max(low, high) + _VOLUME_DB * log10(position if high >= low else 1.0 - position), low, high)
    share = (exp(_STEEPNESS * position) - 1.0) / (exp(_STEEPNESS) - 1.0) if curve == "exp" else position
    return _between(low + share * (high - low), low, high)


def to_position(curve: str, value: float, low: float, high: float) -> float:
    """Where `value` lies, 0 to 1; values outside the range lie at its end."""
    if high == low:
        return 0.0
    value = _between(value, low, high)
    if curve == "log":
        return _between(log(value / low) / log(high / low), 0.0, 1.0)
    if curve == "volume":
        position = 10.0 ** ((value - max(low, high)) / _VOLUME_DB) if value > min(low, high) else 0.0
        return position if high >= low else 1.0 - position
    share = (value - low) / (high - low)
    if curve == "exp":
        return _between(log1p(share * (exp(_STEEPNESS) - 1.0)) / _STEEPNESS, 0.0, 1.0)
    return float(share >= 0.5) if curve == "switch" else share


def logarithm_offset(curve: str, low: float, high: float) -> float | None:
    """The `c` with which log(value + c) runs evenly along the curve; None for curves that are straight lines."""
    if curve == "log":
        return 0.0
    return (high - low) / (exp(_STEEPNESS) - 1.0) - low if curve == "exp" else None


def _between(value: float, a: float, b: float) -> float:
    return min(max(value, min(a, b)), max(a, b))
