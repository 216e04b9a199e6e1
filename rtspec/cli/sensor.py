"""A sensor's levels as a source: what a command must do so that the chain's inversion plays them."""

from collections.abc import Callable, Iterable
from pathlib import Path

from ..errors import InvalidValue

PREFIX = "levels:"
"""Of a live source that is a table of levels, or "udp:PORT[:BANDS[:PERIOD_S]]"."""


def hear_levels(chain: Iterable, spec: str, report: Callable[[str], None] | None = None) -> float | None:
    """Let the first inversion of a chain play levels in place of its input.

    Returns
    -------
    float or None
        Their duration in seconds; None for a stream.

    Raises
    ------
    InvalidValue
        The chain has no inversion.
    """
    from ..processors import SpectralInversion

    for processor in chain:
        if isinstance(processor, SpectralInversion):
            processor.hear(spec, report)
            return getattr(processor.levels, "seconds", None)
    raise InvalidValue(f"levels {spec!r} need an inversion in the chain; add --processor inversion")


def is_sensor(source: str | None) -> bool:
    """Whether a live source is a sensor's levels."""
    return source is not None and source.startswith(PREFIX)


def silent_source(chain: Iterable, source: str, rate: float, report: Callable[[str], None]) -> tuple:
    """The silence to play while the chain's inversion sounds, (1, n_samples), and whether it must loop."""
    import numpy as np

    seconds = hear_levels(chain, source.removeprefix(PREFIX), report)
    return np.zeros((1, max(1, round(rate * (seconds or 1.0)))), np.float32), seconds is None


def has_levels(path: Path) -> bool:
    """Whether a file to render is a table of levels."""
    from ..audio.formats import is_levels

    return is_levels(path)
