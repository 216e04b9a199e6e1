"""Between presets: two, or four on a square."""

from collections.abc import Sequence
from typing import Any

from .. import checks
from ..errors import InvalidValue
from .curves import to_position, to_value
from .directory import Directory, as_directory
from .parameters import Parameter
from .presets import Preset, resolved, set_values


class Morph:
    """Moves a chain between two presets, or over the square between four.

    Parameters
    ----------
    target : Directory, Pedalboard, processor or sequence of processors
    corners : sequence of Preset
        Two: at x = 0 and x = 1. Four: at (x, y) = (0, 0), (1, 0), (0, 1), (1, 1). Parameters that are not in all of
        them stay as they are.

    Notes
    -----
    Each parameter goes along its own curve, so that a frequency moves by equal ratios. Corners are exact.
    """

    def __init__(self, target: Any, corners: Sequence[Preset]):
        if len(corners) not in (2, 4):
            raise InvalidValue(f"{len(corners)} presets cannot be morphed; give 2, or 4 for an XY pad")
        self.directory = as_directory(target)
        directory = self.directory.still()
        found = [resolved(directory, corner)[0] for corner in corners]
        common = [address for address in found[0] if all(address in values for values in found)]
        shared = [address for address in common if not directory[address].spec.setup]
        self._values = {a: [directory[a].spec.check(values[a]) for values in found] for a in shared}
        self._n_corners = len(corners)

    def at(self, x: float, y: float = 0.0) -> dict[str, float]:
        """Values by address at a place from 0 to 1; of `y` too with four corners."""
        return self._at(self.directory.still(), x, y)

    def _at(self, directory: Directory, x: float, y: float) -> dict[str, float]:
        weights = _weights(_share("x", x), _share("y", y))[: self._n_corners]
        if self._n_corners == 2 and y:
            checks.fail("y", y, "must be 0 between two presets", "give four for an XY pad")
        here = {a: values for a, values in self._values.items() if a in directory}
        return {a: _mixed(directory[a], values, weights) for a, values in here.items()}

    def move(self, x: float, y: float = 0.0) -> None:
        """Go there."""
        directory = self.directory.still()  # the chain may be edited meanwhile
        set_values(directory, self._at(directory, x, y))


def _share(name: str, value: float) -> float:
    return checks.number(f"morph: {name}", value, 0.0, 1.0)


def _weights(x: float, y: float) -> list[float]:
    return [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y]


def _mixed(parameter: Parameter, values: list[float], weights: list[float]) -> float:
    """A weighted mean on the parameter's own curve; exact where all weight is on equal values."""
    weighty = {value for value, weight in zip(values, weights, strict=True) if weight}
    if len(weighty) == 1:
        return weighty.pop()
    spec = parameter.spec
    places = [to_position(spec.curve, value, spec.minimum, spec.maximum) for value in values]
    place = sum(p * w for p, w in zip(places, weights, strict=True))
    return to_value(spec.curve, place, spec.minimum, spec.maximum)
