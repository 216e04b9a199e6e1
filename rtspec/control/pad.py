"""An XY pad: a place between two presets, or on the square between four, that controllers reach like a parameter."""

import threading
from collections.abc import Sequence
from typing import Any

from .morph import Morph
from .parameters import ParameterSpec, ParameterTable
from .presets import Preset

PLACE = "pad"
"""Where the pad's parameters lie: ``pad/x`` and ``pad/y``."""

_SPECS = [
    ParameterSpec("x", "", 0.0, 1.0, 0.0, description="place between the first preset and the second", role="pad.x"),
    ParameterSpec(
        "y",
        "",
        0.0,
        1.0,
        0.0,
        description="with four presets: place between the first two and the others",
        role="pad.y",
    ),
]


class Pad(ParameterTable):
    """The parameters `x` and `y` of a pad; setting one moves the chain at once.

    Parameters
    ----------
    target : Directory, Pedalboard, processor or sequence of processors
        What the pad moves.

    Examples
    --------
    >>> from rtspec import SpectralInversion
    >>> from rtspec.control.factory import factory_presets
    >>> processor = SpectralInversion()
    >>> pad = Pad(processor)
    >>> pad.set_corners(factory_presets(processor)[:2])  # Default and Dry
    >>> pad["x"].value = 0.25
    >>> processor.mix
    0.75
    """

    is_timed = False

    def __init__(self, target: Any):
        self._target, self._turning = target, threading.RLock()
        self._morph: Morph | None = None
        self.corners: tuple[str, ...] = ()
        super().__init__(_SPECS)

    def set_corners(self, corners: Sequence[Preset]) -> None:
        """Play between these presets from now on, two or four; nothing moves until the pad does."""
        with self._turning:
            self._morph, self.corners = Morph(self._target, corners), tuple(corner.name for corner in corners)

    def store(self, index: int, value: float) -> None:
        with self._turning:  # or who moved x could put the chain where y was before another moved that
            super().store(index, value)
            if self._morph is not None:
                self._morph.move(self["x"].value, self["y"].value if len(self.corners) == 4 else 0.0)
